"""A small APT repository with what hosts are to install, and with what that needs."""

from __future__ import annotations

import os
import re
import subprocess
import time
from typing import TYPE_CHECKING

from tests.lab import sources, store
from tests.lab.spec import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_FRESH_SECONDS = 600  # lists younger than that are as good as they get
_TO_INSTALL = re.compile(r"^Inst (\S+) (?:\[\S+\] )?\((\S+) .*\[(\w+)\]\)", re.MULTILINE)


def fill(repository: Path, release: str, image: Path, names: Sequence[str]) -> list[str]:
    """Add `names`, and all that a fresh host of that release misses for them, to a flat repository.

    They are resolved together, as one `apt-get install` on the host would, without recommendations. Gives the file
    names. The packages come from this machine's apt; what was fetched once is kept for the next lab.
    """
    repository.mkdir(parents=True, exist_ok=True)
    with store.locked(f"apt-{release}"):
        home = store.cache() / "apt" / release
        apt = _isolated(home, release, image)
        install = ["install", "--yes", "--no-install-recommends", *names]

        def fetch() -> list[str]:
            plan = _run([*apt, "--simulate", *install])
            files = [_file_name(*match.groups()) for match in _TO_INSTALL.finditer(plan)]
            if any(not (home / "archives" / file).exists() for file in files):
                _run([*apt, "--download-only", *install])
            return files

        try:
            files = fetch()
        except LabError:
            # There are no lists yet, or they name what the mirror no longer has. Or it is our caller's mistake.
            stamp = home / "updated"
            if stamp.exists() and time.time() - stamp.stat().st_mtime < _FRESH_SECONDS:
                raise
            _run([*apt, "update"])
            stamp.touch()
            files = fetch()
        for file in files:
            if not (repository / file).exists():
                os.link(home / "archives" / file, repository / file)
    _index(repository, release)
    return files


def _isolated(home: Path, release: str, image: Path) -> list[str]:
    """apt-get that believes to be on a host with that image, and keeps everything it knows below `home`."""
    for part in ("lists/partial", "archives/partial", "empty"):
        (home / part).mkdir(parents=True, exist_ok=True)
    wanted, listed = sources.for_release(release), home / "sources.list"
    if not listed.exists() or listed.read_text(encoding="utf-8") != wanted:  # else apt's own cache would be stale
        listed.write_text(wanted, encoding="utf-8")
    options = {
        "Dir::State": home,
        "Dir::State::lists": home / "lists",
        "Dir::State::status": image / "var/lib/dpkg/status",
        "Dir::State::extended_states": home / "extended_states",
        "Dir::Cache": home,
        "Dir::Cache::pkgcache": "pkgcache.bin",  # containers switch off what makes this fast
        "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
        "Dir::Cache::archives": home / "archives",
        "Dir::Etc::sourcelist": home / "sources.list",
        "Dir::Etc::sourceparts": home / "empty",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": home / "empty",
        "APT::Sandbox::User": "root",  # the cache is root's alone
        "APT::Keep-Downloaded-Packages": "true",
    }
    return ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]


def _file_name(name: str, version: str, architecture: str) -> str:
    """As apt names it in its archive."""
    return f"{name}_{version.replace(':', '%3a')}_{architecture}.deb"


def _index(repository: Path, release: str) -> None:
    index = _run(["apt-ftparchive", "packages", "."], repository)
    (repository / "Packages").write_text(index, encoding="utf-8")
    (repository / "Release").unlink(missing_ok=True)
    label = [f"-oAPT::FTPArchive::Release::{key}={value}" for key, value in (("Suite", release), ("Label", "lab"))]
    described = _run(["apt-ftparchive", *label, "release", "."], repository)
    (repository / "Release").write_text(described, encoding="utf-8")


def _run(argv: Sequence[str], directory: Path | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    result = subprocess.run(argv, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        what = " ".join(argument for argument in argv if not argument.startswith("-o"))
        raise LabError(f"`{what}` exited {result.returncode}:\n{result.stderr.strip()}")
    return result.stdout
