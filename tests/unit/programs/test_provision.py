"""Packages are unpacked whole or not at all, paths baked into programs are moved, and choices are remembered."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from staddle.components.base import Package
from staddle.errors import ProgramError
from staddle.programs import provision as module
from staddle.programs.apt import Candidate
from staddle.programs.provision import Step, provision

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb to make and unpack packages")

BAKED = "/usr/share/greeter"
GREETER = Package(
    "greeter", {"greet": "/usr/bin/greet"}, minimum="2.0", smoke=("hello",), relocate={BAKED: "/proc/self/cwd////"}
)
SPARE = Package("spare", {"spare": "/usr/bin/spare"}, optional=True)


@pytest.fixture
def deb(tmp_path: Path) -> Path:
    """A real package with one program, which says what it was built with."""
    tree = tmp_path / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "Package: greeter\nVersion: 2.1-1\nArchitecture: all\nMaintainer: me <me@example.org>\nDescription: x\n",
        encoding="utf-8",
    )
    (tree / "usr/bin").mkdir(parents=True)
    program = tree / "usr/bin/greet"
    program.write_text(f"#!/bin/sh\necho {BAKED}/$1\n", encoding="utf-8")
    program.chmod(0o755)
    archive = tmp_path / "greeter.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(archive)], check=True, capture_output=True
    )
    return archive


def test_a_package_is_unpacked_with_its_path_moved(deb: Path, tmp_path: Path) -> None:
    home = tmp_path / "programs/greeter_2.1-1"
    home.parent.mkdir()
    module._unpack(deb, home, GREETER.relocate)
    said = subprocess.run([home / "usr/bin/greet", "x"], capture_output=True, text=True, check=True).stdout
    assert said == "/proc/self/cwd/////x\n"


def test_a_path_can_only_be_moved_to_one_of_the_same_length(deb: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="length"):
        module._unpack(deb, tmp_path / "out", {BAKED: "/short"})
    assert not (tmp_path / "out").exists()


def test_a_broken_archive_leaves_nothing_and_is_fetched_again(tmp_path: Path) -> None:
    archive = tmp_path / "broken.deb"
    archive.write_bytes(b"not a package")
    with pytest.raises(ProgramError, match=r"can't unpack broken\.deb"):
        module._unpack(archive, tmp_path / "out", {})
    assert not archive.exists()
    assert not (tmp_path / "out").exists()


def test_what_was_chosen_stays_chosen_without_asking_apt(deb: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    module._unpack(deb, programs / "greeter_2.1-1", {})
    module._record(programs, [Candidate("greeter", "2.1-1", "host")], {"spare"})
    steps: list[Step] = []
    # The cache can't be made: any attempt to use apt would fail.
    found = provision([GREETER, SPARE], programs, tmp_path / "greeter.deb" / "cache", steps.append)
    assert found["greet"].path == f"{programs}/greeter_2.1-1/usr/bin/greet"
    assert (found["greet"].version, found["greet"].provider) == ("2.1-1", "package")
    assert found.keys() == {"greet"}
    assert steps == []


@pytest.mark.parametrize(
    ("version", "files", "serves"),
    [("2.1-1", True, True), ("1.9-1", True, False), ("2.1-1", False, False)],
    ids=["new enough and there", "too old", "files gone"],
)
def test_a_choice_serves_while_it_is_there_and_new_enough(
    version: str, files: bool, serves: bool, deb: Path, tmp_path: Path
) -> None:
    if files:
        module._unpack(deb, tmp_path / f"greeter_{version}", {})
    assert module._serves(GREETER, [Candidate("greeter", version, "host")], tmp_path) is serves


def test_a_program_that_does_not_start_here_is_refused(deb: Path, tmp_path: Path) -> None:
    home = tmp_path / "greeter_2.1-1"
    module._unpack(deb, home, {})
    (home / "usr/bin/greet").write_text("#!/bin/sh\necho no such library >&2\nexit 127\n", encoding="utf-8")
    programs = module._programs(tmp_path, [GREETER], [Candidate("greeter", "2.1-1", "trixie")])
    with pytest.raises(ProgramError, match=r"greet 2\.1-1 from trixie does not run on this machine: no such library"):
        module._smoke(GREETER, programs)


def test_an_unreadable_record_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / module.RECORD).write_text("{", encoding="utf-8")
    with pytest.raises(ProgramError) as caught:
        provision([], tmp_path, tmp_path / "cache", lambda _: None)
    assert caught.value.hint == "remove the file and try again"


def test_versions_that_nothing_refers_to_are_removed(tmp_path: Path) -> None:
    for name in ("greeter_2.1-1", "greeter_1.0-1"):
        (tmp_path / name).mkdir()
    chosen = [Candidate("greeter", "2.1-1", "host")]
    module._record(tmp_path, chosen, set())
    module._forget_others(tmp_path, chosen)
    assert {path.name for path in tmp_path.iterdir()} == {"greeter_2.1-1", module.RECORD}
    assert json.loads((tmp_path / module.RECORD).read_text(encoding="utf-8"))["packages"][0]["suite"] == "host"
