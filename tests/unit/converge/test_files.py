"""Files, directories and links: what changes, what is refused, what is said about it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.converge.host import Host, block, resource, result

from staddle.converge.agent import converge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from staddle.converge.report import Report

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes owners")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def as_nobody(action: Callable[[], Report]) -> Report:
    """Runs it in a child without root's rights."""
    from staddle.converge.report import Report

    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os.write(writer, action().to_json().encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    import json

    return Report.from_data(json.loads(text))


def test_it_makes_what_is_missing_and_a_second_run_changes_nothing(host: Host) -> None:
    wanted = block("a", host.directory("d", 0o750), host.file("d/f", "hi\n", mode=0o640), host.symlink("d/l", "f"))
    first = host.converge(wanted)
    assert [(r.action, r.outcome) for r in result(first, "a").resources] == [("create", "changed")] * 3
    assert host.tree() == {"d": ("0o750", None), "d/f": ("0o640", "hi\n"), "d/l": "→ f"}
    stamps = {path: path.lstat().st_mtime_ns for path in host.root.rglob("*") if path.name != "lock"}
    second = host.converge(wanted)
    assert (second.exit_code, second.changes(), second.generation) == (0, [], None)
    assert {path: path.lstat().st_mtime_ns for path in host.root.rglob("*") if path.name != "lock"} == stamps


def test_check_says_what_a_run_does_and_writes_nothing(host: Host) -> None:
    first = (
        block("a", host.directory("d"), host.file("d/f", "1\n"), host.file("d/mode"), host.symlink("d/l", "f")),
        block("gone", host.directory("g"), host.file("g/f")),
    )
    second = (
        block(
            "a",
            host.directory("d", 0o700),
            host.file("d/f", "2\n"),
            host.file("d/mode", mode=0o600),
            host.symlink("d/l", "mode"),
            host.directory("d/sub"),
            host.file("d/sub/f"),
        ),
        block("b", host.directory("d/sub"), host.file("d/sub/g")),
    )
    for wanted in (first, second, ()):
        before = host.tree()
        state = host.state.exists()
        check = host.converge(*wanted, check=True)
        assert (host.tree(), host.state.exists()) == (before, state)
        run = host.converge(*wanted)
        assert check.changes() == run.changes() != []
        assert [r.diff for b in check.blocks for r in b.resources] == [r.diff for b in run.blocks for r in b.resources]
        assert host.converge(*wanted, check=True).exit_code == 0
    assert host.tree() == {}


def test_each_kind_of_change_has_its_name(host: Host) -> None:
    host.converge(block("a", host.file("content", "1\n"), host.file("mode"), host.symlink("link", "mode")))
    changed = (host.file("content", "2\n"), host.file("mode", mode=0o600), host.symlink("link", "content"))
    report = host.converge(block("a", *changed))
    assert {r.path.rsplit("/")[-1]: (r.action, r.note) for r in result(report, "a").resources} == {
        "content": ("update", None),
        "mode": ("mode", "0644 → 0600"),
        "link": ("retarget", "mode → content"),
    }


def test_a_file_may_become_a_link_and_back(host: Host) -> None:
    host.converge(block("a", host.file("x", "1\n"), host.file("y", "2\n")))
    assert host.converge(block("a", host.symlink("x", "y"), host.file("y", "2\n"))).exit_code == 2
    assert host.tree()["x"] == "→ y"
    assert host.converge(block("a", host.file("x", "1\n"), host.file("y", "2\n"))).exit_code == 2
    assert host.tree()["x"] == ("0o644", "1\n")
    assert host.read("y") == "2\n"


@needs_root
def test_owners_are_set_and_an_unspecified_owner_is_kept(host: Host) -> None:
    report = host.converge(block("a", host.file("f", owner="nobody"), host.file("g")))
    assert report.exit_code == 2
    assert (host.base / "f").stat().st_uid == 65534
    os.chown(host.at("g"), 65534, 65534)
    assert host.converge(block("a", host.file("f", owner="root"), host.file("g", "new\n"))).exit_code == 2
    assert ((host.base / "f").stat().st_uid, (host.base / "g").stat().st_uid) == (0, 65534)


class TestDifferences:
    def test_text_is_shown_as_a_unified_diff(self, host: Host) -> None:
        host.converge(block("a", host.file("f", "one\ntwo\n")))
        diff = resource(host.converge(block("a", host.file("f", "one\n2"))), "f").diff
        assert diff is not None
        assert diff.splitlines()[2:] == ["@@ -1,2 +1,2 @@", " one", "-two", "+2", "\\ No newline at end of file"]

    def test_secrets_are_never_shown(self, host: Host) -> None:
        reports = [
            host.converge(block("a", host.file("f", "hunter1\n", secret=True, mode=0o600)), check=True),
            host.converge(block("a", host.file("f", "hunter1\n", secret=True, mode=0o600))),
            host.converge(block("a", host.file("f", "hunter2\n", secret=True, mode=0o600))),
            host.converge(block("a", host.file("f", "harmless\n"))),
            host.converge(block("a", host.file("f", "hunter3\n", secret=True, mode=0o600))),
            host.converge(),
        ]
        for report in reports:
            assert report.exit_code == 2
            assert "hunter" not in report.to_json()
        assert "secret" in (resource(reports[2], "f").diff or "")

    def test_a_private_file_of_others_is_not_shown_either(self, host: Host) -> None:
        (host.base / "f").write_text("hunter2\n")
        (host.base / "f").chmod(0o600)
        assert "hunter2" not in host.converge(block("a", host.file("f"))).to_json()

    def test_other_data_is_told_by_size(self, host: Host) -> None:
        host.converge(block("a", host.file("f", b"\0\1\2")))
        report = host.converge(block("a", host.file("f", b"\0\1")))
        assert resource(report, "f").diff == "(content: 3 bytes → 2 bytes)"


class TestInTheWay:
    """What is not ours is never deleted, and never written through."""

    def test_a_directory(self, host: Host) -> None:
        (host.base / "f" / "precious").mkdir(parents=True)
        report = host.converge(block("a", host.file("f"), host.file("other")))
        assert (report.exit_code, result(report, "a").outcome) == (1, "failed")
        assert "a directory is in the way of this file" in (result(report, "a").message or "")
        assert host.tree() == {"f": ("0o755", None), "f/precious": ("0o755", None)}

    @pytest.mark.parametrize("kind", ["symlink", "fifo", "file"])
    def test_something_else(self, host: Host, kind: str) -> None:
        (host.base / "victim").write_text("precious\n")
        make: dict[str, Callable[[], object]] = {
            "symlink": lambda: (host.base / "x").symlink_to("victim"),
            "fifo": lambda: os.mkfifo(host.base / "x"),
            "file": lambda: (host.base / "x").write_text("precious\n"),
        }
        make[kind]()
        wanted = host.directory("x") if kind == "file" else host.file("x")
        report = host.converge(block("a", wanted))
        assert "is in the way" in (resource(report, "x").note or "")
        assert resource(report, "x").outcome == "failed"
        assert host.read("victim") == "precious\n"

    def test_a_plain_file_of_others_is_replaced_and_kept(self, host: Host) -> None:
        (host.base / "f").write_text("the distribution's\n")
        report = host.converge(block("a", host.file("f", "ours\n")))
        assert (host.read("f"), report.exit_code) == ("ours\n", 2)
        assert "not made by staddle" in (resource(report, "f").note or "")
        kept = [path.read_text() for path in (host.state / "blobs").iterdir()]
        assert "the distribution's\n" in kept

    @needs_root
    def test_a_link_that_somebody_planted_on_the_way(self, host: Host) -> None:
        (host.base / "target").mkdir()
        (host.base / "planted").symlink_to("target")
        os.lchown(host.base / "planted", 65534, 65534)
        report = host.converge(block("a", host.file("planted/f")))
        assert "symbolic link made by user 65534: not followed" in (result(report, "a").message or "")
        assert not (host.base / "target" / "f").exists()

    def test_our_own_link_on_the_way_is_fine(self, host: Host) -> None:
        report = host.converge(block("a", host.directory("real"), host.symlink("way", "real"), host.file("way/f")))
        assert (report.exit_code, host.read("real/f")) == (2, "content\n")
        assert host.converge().exit_code == 2
        assert host.tree() == {}


class TestClearFailures:
    def test_a_missing_parent(self, host: Host) -> None:
        for check in (True, False):
            report = host.converge(block("a", host.file("no/such/f")), block("b", host.file("fine")), check=check)
            assert "its directory" in (resource(report, "no/such/f").note or "")
            assert [b.outcome for b in report.blocks] == ["failed", "changed"]

    def test_a_parent_that_is_a_file(self, host: Host) -> None:
        report = host.converge(block("a", host.file("f")), block("b", host.file("f/g")))
        assert [b.outcome for b in report.blocks] == ["changed", "failed"]

    def test_an_unknown_user(self, host: Host) -> None:
        report = host.converge(block("a", host.file("f", owner="no-such-user")))
        assert "user no-such-user, who does not exist" in (result(report, "a").message or "")

    @needs_root
    def test_no_permission(self) -> None:
        with tempfile.TemporaryDirectory() as name:  # pytest's own are closed to others
            root = Path(name)
            root.chmod(0o755)
            host = Host(root)
            host.state.mkdir()
            os.chown(host.state, 65534, 65534)
            report = as_nobody(lambda: host.converge(block("a", host.file("f"))))
        assert result(report, "a").outcome == "failed"
        assert "permission denied (running as user 65534, not root)" in (result(report, "a").message or "")

    @needs_root
    def test_no_permission_for_the_state_directory(self, host: Host) -> None:
        host.root.chmod(0o755)
        report = as_nobody(lambda: host.converge(block("a", host.file("f"))))
        assert "permission denied" in (report.error or "")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(path)]
    mount = subprocess.run(command, capture_output=True, check=False)
    if mount.returncode != 0:
        pytest.skip("can't mount a small file system here")
    yield path
    subprocess.run(["umount", str(path)], check=True)


class TestDisk:
    def test_full(self, host: Host, small_disk: Path) -> None:
        from staddle.manifest.resources import Directory, File

        inside = small_disk / "d"
        first = block("a", Directory(str(inside)), File(str(inside / "small"), b"1\n"))
        assert host.converge(first).exit_code == 2
        second = block(
            "a",
            Directory(str(inside)),
            File(str(inside / "small"), b"2\n"),
            Directory(str(inside / "sub")),
            File(str(inside / "sub" / "large"), b"x" * 100_000),
        )
        report = host.converge(second)
        assert "large: no space left on the device" in (result(report, "a").message or "")
        assert [str(path.relative_to(inside)) for path in sorted(inside.rglob("*"))] == ["small"]
        assert (inside / "small").read_text() == "1\n"
        assert host.converge(first).exit_code == 0

    def test_full_for_the_ledger(self, host: Host, small_disk: Path) -> None:
        manifest = host.manifest(block("a", host.file("f", b"x" * 100_000)))
        report = converge({**manifest, "state": str(small_disk / "state")})
        assert "no space left" in (report.error or "") + (report.blocks[0].message or "" if report.blocks else "")
        assert host.tree() == {}

    def test_read_only(self, host: Host, small_disk: Path) -> None:
        from staddle.manifest.resources import File

        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        report = host.converge(block("a", File(str(small_disk / "f"), b"")))
        assert "the file system is read-only" in (result(report, "a").message or "")
        report = converge({**host.manifest(), "state": str(small_disk / "state")})
        assert "the file system is read-only" in (report.error or "")
