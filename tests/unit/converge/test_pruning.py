"""What the ledger has and the manifest has not is removed; nothing else is."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from tests.unit.converge.host import Host, block, resource, result

from staddle.converge.drift import drift

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_files_links_and_directories_that_are_no_longer_wanted(host: Host) -> None:
    host.converge(
        block(
            "a",
            host.directory("d"),
            host.directory("d/e"),
            host.file("d/e/f"),
            host.symlink("l", "d"),
            host.file("kept"),
        )
    )
    report = host.converge(block("a", host.file("kept")))
    assert {r.path.rsplit("/")[-1]: r.action for r in result(report, "a").resources} == {
        "kept": "none",
        "f": "remove",
        "l": "remove",
        "e": "remove",
        "d": "remove",
    }
    assert host.tree() == {"kept": ("0o644", "content\n")}


def test_a_component_that_is_gone(host: Host) -> None:
    host.converge(block("a", host.file("x")), block("b", host.directory("d"), host.file("d/y")))
    report = host.converge(block("a", host.file("x")))
    assert (result(report, "b").removed, result(report, "b").outcome) == (True, "changed")
    assert list(host.tree()) == ["x"]
    assert [b.component for b in host.converge(block("a", host.file("x"))).blocks] == ["a"]


def test_what_a_program_made_of_an_initial_content_stays_until_the_file_is_no_longer_wanted(host: Host) -> None:
    wanted = block("a", host.directory("d"), host.file("d/f", "first\n", initial=True))
    assert resource(host.converge(wanted), "d/f").action == "create"
    (host.base / "d/f").write_text("the program's\n")
    assert resource(host.converge(wanted), "d/f").action == "none"
    other = block("a", host.directory("d"), host.file("d/f", "second\n", initial=True, mode=0o600))
    assert resource(host.converge(other), "d/f").action == "mode"
    assert host.tree() == {"d": ("0o755", None), "d/f": ("0o600", "the program's\n")}
    assert drift(str(host.state)) == ()
    report = host.converge()
    assert (resource(report, "d/f").action, resource(report, "d/f").note) == ("remove", None)
    assert host.tree() == {}


def test_what_others_put_into_our_directory_stays_and_so_does_the_directory(host: Host) -> None:
    host.converge(block("a", host.directory("d"), host.file("d/ours")))
    (host.base / "d" / "theirs").write_text("precious\n")
    report = host.converge()
    assert list(host.tree()) == ["d", "d/theirs"]
    assert resource(report, "d").note == "left where it is: it still contains theirs"
    assert host.converge().blocks == []


def test_a_directory_that_was_there_before_us_stays(host: Host) -> None:
    (host.base / "d").mkdir()
    host.converge(block("a", host.directory("d"), host.file("d/f")))
    host.converge()
    assert list(host.tree()) == ["d"]


def test_a_file_changed_by_hand_is_removed_but_its_content_kept(host: Host) -> None:
    host.converge(block("a", host.file("f", "ours\n")))
    (host.base / "f").write_text("edited\n")
    report = host.converge()
    sha256 = hashlib.sha256(b"edited\n").hexdigest()
    assert (host.state / "blobs" / sha256).read_text() == "edited\n"
    assert sha256 in (resource(report, "f").note or "")
    assert host.tree() == {}


def test_what_was_there_before_us_comes_back_with_its_mode(host: Host) -> None:
    (host.base / "f").write_text("theirs\n")
    (host.base / "f").chmod(0o640)
    (host.base / "l").symlink_to("there")
    ours = block("a", host.file("f", "ours\n"), host.symlink("l", "here"))
    host.converge(ours)
    host.converge(block("a", host.file("f", "later\n"), host.symlink("l", "here")))
    planned = host.converge(check=True)
    report = host.converge()
    assert report.changes() == planned.changes() == [("a", host.at("f"), "restore"), ("a", host.at("l"), "restore")]
    assert host.tree() == {"f": ("0o640", "theirs\n"), "l": "→ there"}
    assert host.converge().blocks == []
    host.converge(ours)
    assert [action for _, _, action in host.converge().changes()] == ["restore", "restore"], "and so every time"


def test_what_somebody_has_put_back_already_is_left(host: Host) -> None:
    (host.base / "f").write_text("theirs\n")
    host.converge(block("a", host.file("f", "ours\n")))
    (host.base / "f").write_text("theirs\n")
    assert host.converge().changes() == []
    assert host.tree() == {"f": ("0o644", "theirs\n")}


def test_a_file_changed_by_hand_gives_way_to_the_original_and_is_kept(host: Host) -> None:
    (host.base / "f").write_text("theirs\n")
    host.converge(block("a", host.file("f", "ours\n")))
    (host.base / "f").write_text("edited\n")
    assert hashlib.sha256(b"edited\n").hexdigest() in (resource(host.converge(), "f").note or "")
    assert host.tree() == {"f": ("0o644", "theirs\n")}


def test_an_original_that_is_lost_is_told(host: Host) -> None:
    (host.base / "f").write_text("theirs\n")
    host.converge(block("a", host.file("f", "ours\n")))
    (host.state / "blobs" / hashlib.sha256(b"theirs\n").hexdigest()).unlink()
    report = host.converge()
    assert "could not be read" in (resource(report, "f").note or "")
    assert host.tree() == {}


def test_what_is_something_else_now_is_left_alone(host: Host) -> None:
    host.converge(block("a", host.file("f")))
    (host.base / "f").unlink()
    (host.base / "f").mkdir()
    report = host.converge()
    assert (resource(report, "f").action, report.failed) == ("forget", False)
    assert list(host.tree()) == ["f"]


def test_only_never_prunes_others(host: Host) -> None:
    host.converge(block("a", host.file("x"), host.file("x2")), block("b", host.file("y")), block("c", host.file("z")))
    report = host.converge(block("a", host.file("x")), block("c", host.file("z", "new\n")), only=["a"])
    assert report.changes() == [("a", host.at("x2"), "remove")]
    assert sorted(host.tree()) == ["x", "y", "z"]


def test_only_with_an_unknown_name_is_refused(host: Host) -> None:
    report = host.converge(block("a", host.file("x")), only=["aa"])
    assert report.error == "no such component: aa; there are a"
    assert host.tree() == {}


def test_a_path_that_moves_to_another_component_is_not_removed(host: Host) -> None:
    host.converge(block("a", host.file("x")), block("b", host.file("y")))
    assert host.converge(block("b", host.file("x"), host.file("y"))).exit_code in (0, 2)
    assert sorted(host.tree()) == ["x", "y"]
    assert host.converge(block("b", host.file("y"))).changes() == [("b", host.at("x"), "remove")]
