"""Images whose building was interrupted go, and nothing with them that was mounted there."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.lab import LabUnavailableError, image, requirements, store

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
NAME = "trixie-0123abcd.building"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache without any images, yet."""
    try:
        requirements.prepare()
    except LabUnavailableError as error:
        pytest.skip(f"no lab here: {error}")
    monkeypatch.setenv("STADDLE_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache/lab/base"
    image.clear()


@pytest.fixture
def precious(cache: Path, tmp_path: Path) -> Path:
    """A file in a directory that is mounted in what an interrupted build has left, as are others, one below the other."""
    building, own = cache / NAME, tmp_path / "own"
    own.mkdir()
    (own / "file").write_text("precious")
    for folder in ("proc", "dev", "a place"):
        (building / folder).mkdir(parents=True)
    (building / "etc").write_text("")
    _run("mount", "-t", "proc", "proc", building / "proc")
    _run("mount", "-t", "tmpfs", "tmpfs", building / "dev")
    (building / "dev/shm").mkdir()
    for place in ("dev/shm", "a place", "a place"):
        _run("mount", "--bind", own, building / place)
    return own / "file"


def _run(*argv: str | Path) -> None:
    subprocess.run(argv, check=True)


def mounts(path: Path) -> list[str]:
    """Lines about a path, of what is mounted for any process."""
    found = set()
    for table in Path("/proc").glob("[0-9]*/mountinfo"):
        with contextlib.suppress(OSError):
            found |= {line for line in table.read_text().splitlines() if str(path) in line}
    return sorted(found)


def down() -> str:
    argv = [sys.executable, "-m", "tests.lab", "--lab", f"none{os.getpid()}", "down"]
    return subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_what_an_interrupted_build_left_goes_and_what_was_mounted_there_stays(cache: Path, precious: Path) -> None:
    assert len(mounts(cache)) == 5
    assert f"{NAME}: was left over, removed" in down()
    assert not (cache / NAME).exists()
    assert mounts(cache) == []
    assert precious.read_text() == "precious"


def test_a_build_that_goes_on_is_left_alone(cache: Path, precious: Path) -> None:
    with store.locked("image-trixie"):
        assert "removed" not in down()
    assert len(mounts(cache)) == 5
    assert precious.exists()


@pytest.mark.more
def test_a_build_that_is_killed_leaves_nothing_mounted(cache: Path) -> None:
    argv = [sys.executable, "-c", "from tests.lab import image; image.ensure('trixie')"]
    with subprocess.Popen(argv, cwd=ROOT, start_new_session=True) as build:
        deadline = time.monotonic() + 200
        while not mounts(cache):  # in the namespace of the build
            assert build.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert image.clear() == []
        os.killpg(build.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while mounts(cache) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert mounts(cache) == []
    [left] = cache.iterdir()
    assert image.clear() == [left.name]
    assert list(cache.iterdir()) == []
