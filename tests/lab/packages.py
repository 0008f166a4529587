"""A small APT repository with what hosts are to install, and with what that needs."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from tests.lab import sources, store
from tests.lab.spec import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_TO_INSTALL = re.compile(r"^Inst (\S+) (?:\[\S+\] )?\((\S+) .*\[(\w+)\]\)", re.MULTILINE)


def fill(repository: Path, release: str, image: Path, names: Sequence[str]) -> list[str]:
    """Add `names`, and all that a fresh host of that release misses for them, to a flat repository.

    They are resolved together, as one `apt-get install` on the host would, without recommendations. Gives the file
    names. The packages come from this machine's apt; what was fetched once is kept for the next lab.
    """
    repository.mkdir(parents=True, exist_ok=True)
    with store.locked(f"apt-{release}"):
        home = store.cache() / "apt" / release
        install = ["install", "--yes", "--no-install-recommends", *names]
        apt = _isolated(home, release, image)
        try:
            plan = _run([*apt, "--simulate", *install])
        except LabError:  # no lists yet, or too old ones
            _run([*apt, "update"])
            plan = _run([*apt, "--simulate", *install])
        files = [_file_name(*match.groups()) for match in _TO_INSTALL.finditer(plan)]
        if any(not (home / "archives" / file).exists() for file in files):
            try:
                _run([*apt, "--download-only", *install])
            except LabError:  # the lists name what the mirror no longer has
                _run([*apt, "update"])
                files = [_file_name(*m.groups()) for m in _TO_INSTALL.finditer(_run([*apt, "--simulate", *install]))]
                _run([*apt, "--download-only", *install])
        for file in files:
            if not (repository / file).exists():
                os.link(home / "archives" / file, repository / file)
    _index(repository, release)
    return files


def _isolated(home: Path, release: str, image: Path) -> list[str]:
    """apt-get that believes to be on a host with that image, and keeps everything it knows below `home`."""
    for part in ("lists/partial", "archives/partial", "empty"):
        (home / part).mkdir(parents=True, exist_ok=True)
    (home / "sources.list").write_text(sources.for_release(release), encoding="utf-8")
    options = {
        "Dir::State": home,
        "Dir::State::lists": home / "lists",
        "Dir::State::status": image / "var/lib/dpkg/status",
        "Dir::State::extended_states": home / "extended_states",
        "Dir::Cache": home,
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
