"""Fetching the Python packages that Staddle needs, for every Python that a bundle is to serve.

Versions and hashes are those of `requirements/run.txt`; nothing is built but Staddle itself, from its own sources.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import staddle
from staddle.repo.model import RepoError
from staddle.repo.share import shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from staddle.repo.model import Target

PYTHONS = {
    ("debian", "12"): "3.11",
    ("debian", "13"): "3.13",
    ("ubuntu", "24.04"): "3.12",
    ("ubuntu", "26.04"): "3.14",
    ("el", "10"): "3.12",
}
"""The Python of releases that Staddle can run on. The others can be nodes, and need none."""
_GLIBC = range(17, 37)
"""Wheels for an older C library than the release's run there, too; 2.36 is Debian 12's."""


def pythons_of(targets: Iterable[Target]) -> list[str]:
    """The versions of Python that these releases come with, as far as Staddle runs on them."""
    return sorted({PYTHONS[key] for target in targets if (key := (target.family, target.release)) in PYTHONS})


def collect(directory: Path, pythons: Iterable[str], arch: str, progress: Callable[[str], None]) -> list[Path]:
    """All wheels for these Pythons, in `directory`; what is there already is not fetched again. Raises RepoError."""
    directory.mkdir(parents=True, exist_ok=True)
    wanted: set[str] = set()
    for python in pythons:
        progress(f"wheels for Python {python}")
        wanted |= _download(directory, python, arch)
    progress("Staddle's own wheel")
    wanted |= _own(directory)
    for file in directory.glob("*.whl"):
        if file.name not in wanted:
            file.unlink()
    return sorted(directory / name for name in wanted)


def _download(directory: Path, python: str, arch: str) -> set[str]:
    platforms = [f"manylinux_2_{minor}_{arch}" for minor in _GLIBC] + [f"manylinux2014_{arch}", f"linux_{arch}"]
    fit = ["--only-binary=:all:", "--no-deps", "--python-version", python, "--implementation", "cp"]
    fit += [f"--platform={platform}" for platform in platforms]
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        common = ["download", "--quiet", "--disable-pip-version-check", "--dest", scratch, *fit]
        # What is there is as good a source as the registry: hashes decide.
        _pip(
            [*common, "--find-links", str(directory), "--require-hashes", "-r", str(shared("requirements") / "run.txt")]
        )
        _pip([*common, "--find-links", str(directory), f"pip=={version('pip')}"])
        return _move(Path(scratch), directory)


def _own(directory: Path) -> set[str]:
    sources = Path(staddle.__file__).parents[2]
    if not (sources / "pyproject.toml").exists():
        found = {file.name for file in directory.glob(f"staddle-{staddle.__version__}-*.whl")}
        if found:
            return found
        raise RepoError(
            f"there is no wheel of Staddle {staddle.__version__} in {directory}, and no sources to make it from",
            hint="put the wheel there, or run this from a checkout",
        )
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        build = ["wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index"]
        _pip([*build, "--wheel-dir", scratch, str(sources)])
        return _move(Path(scratch), directory)


def _move(source: Path, target: Path) -> set[str]:
    names = {file.name for file in source.glob("*.whl")}
    for name in names:
        known = target / name
        if not known.exists() or known.read_bytes() != (source / name).read_bytes():
            shutil.move(source / name, known)
            known.chmod(0o644)
    return names


def _pip(arguments: list[str]) -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1577836800", "PIP_NO_WARN_SCRIPT_LOCATION": "1"}
    result = subprocess.run(
        [sys.executable, "-m", "pip", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if result.returncode:
        lines = [line for line in result.stderr.splitlines() if line.startswith("ERROR")] or result.stderr.splitlines()[
            -5:
        ]
        raise RepoError(f"pip {arguments[0]} failed: " + "\n".join(lines))
