"""kill -9 at any point, then run again: the host equals the manifest, and nothing is left over.

The crash is a real one: a forked child kills itself with SIGKILL at its n-th file system operation, for every n there
is.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.converge.host import Host, block, python_validator

from staddle.converge.drift import drift

if TYPE_CHECKING:
    from collections.abc import Callable

    from staddle.manifest.resources import Block

OPERATIONS = ("replace", "rename", "unlink", "mkdir", "rmdir", "symlink", "fsync", "fchmod", "fchown", "open", "write")


def die_at(count: int, operations: tuple[str, ...] = OPERATIONS) -> None:
    """From now on, this process kills itself at the `count`-th of these calls of `os`."""
    left = itertools.count(count, -1)

    def wrapped(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if next(left) <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call

    for name in operations:
        setattr(os, name, wrapped(getattr(os, name)))


def crash_at(count: int, action: Callable[[], object]) -> bool:
    """Runs `action` in a child that dies at operation `count`. False if it got through."""
    pid = os.fork()
    if pid == 0:
        try:
            die_at(count)
            action()
            os._exit(0)
        except BaseException:  # noqa: BLE001 - in a child, nothing may reach pytest
            os._exit(99)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def before(host: Host) -> tuple[Block, ...]:
    return (
        block(
            "a",
            host.directory("a"),
            host.file("a/kept", "same\n"),
            host.file("a/changed", "old\n", mode=0o600),
            host.file("a/dropped", "old\n"),
            host.symlink("a/link", "kept"),
        ),
        block("gone", host.directory("gone"), host.directory("gone/deep"), host.file("gone/deep/file", "bye\n")),
    )


def after(host: Host) -> tuple[Block, ...]:
    return (
        block(
            "a",
            host.directory("a", 0o700),
            host.file("a/kept", "same\n"),
            host.file("a/changed", "new\n", mode=0o640),
            host.file("a/added", "new\n"),
            host.symlink("a/link", "changed"),
        ),
        block("b", host.symlink("way", "a"), host.directory("way/through"), host.file("way/through/it", "new\n")),
    )


def assert_whole(host: Host, wanted: dict[str, Any]) -> None:
    assert host.tree() == wanted
    assert not list((host.state / "journal").iterdir())
    ledger = json.loads((host.state / "ledger.json").read_text())
    real = {Path(path).parent.resolve() / Path(path).name for path in ledger["paths"]}
    assert {str(path.relative_to(host.base)) for path in real} == set(wanted)
    for entry in ledger["paths"].values():
        if entry["kind"] == "file":
            content = (host.state / "blobs" / entry["sha256"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert not list(host.root.rglob("*staddle-tmp*"))


@pytest.fixture
def wanted(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "model").mkdir()
    host = Host(tmp_path / "model")
    assert host.converge(*after(host)).exit_code == 2
    return host.tree()


def test_an_interrupted_first_run_is_completed_by_the_next(tmp_path: Path, wanted: dict[str, Any]) -> None:
    for count in itertools.count(1):
        root = tmp_path / f"first{count}"
        root.mkdir()
        host = Host(root)
        crashed = crash_at(count, lambda host=host: host.converge(*after(host)))  # type: ignore[misc]
        report = host.converge(*after(host))
        assert not report.failed, (count, report.to_data())
        assert host.tree() == wanted
        assert host.converge(*after(host)).exit_code == 0
        if not crashed:
            break
    assert count > 40


def test_an_interrupted_change_is_completed_by_the_next(tmp_path: Path, wanted: dict[str, Any]) -> None:
    for count in itertools.count(1):
        root = tmp_path / f"change{count}"
        root.mkdir()
        host = Host(root)
        host.converge(*before(host))
        crashed = crash_at(count, lambda host=host: host.converge(*after(host)))  # type: ignore[misc]
        check = host.converge(*after(host), check=True)
        report = host.converge(*after(host))
        assert not report.failed, (count, report.to_data())
        assert check.changes() == report.changes(), count
        assert_whole(host, wanted)
        assert host.converge(*after(host)).exit_code == 0, count
        if not crashed:
            break
    assert count > 40


def test_an_interrupted_change_can_be_taken_back(tmp_path: Path) -> None:
    """The manifest of before the interrupted run is as good as any: what that run had made and it does not name goes."""
    for count in itertools.count(1):
        root = tmp_path / f"back{count}"
        root.mkdir()
        host = Host(root)
        host.converge(*before(host))
        wanted = host.tree()
        crashed = crash_at(count, lambda host=host: host.converge(*after(host)))  # type: ignore[misc]
        report = host.converge(*before(host))
        assert not report.failed, (count, report.to_data())
        assert_whole(host, wanted)
        assert host.converge(*before(host)).exit_code == 0, count
        if not crashed:
            break


def test_recovery_may_be_interrupted_too(tmp_path: Path, wanted: dict[str, Any]) -> None:
    """Killed again and again, each time a little later: it still gets there."""
    host = Host(tmp_path)
    host.converge(*before(host))
    kills = 0
    for count in itertools.chain(range(5, 60, 3), itertools.count(60, 20)):
        if not crash_at(count, lambda: host.converge(*after(host))):
            break
        kills += 1
    assert kills > 10
    assert host.converge(*after(host)).exit_code == 0
    assert_whole(host, wanted)


def test_an_interrupted_change_is_undone_if_what_comes_next_is_refused(tmp_path: Path) -> None:
    """Half of a change must not stay on the disk while the next configuration is being argued about."""
    for count in itertools.count(1):
        root = tmp_path / f"refused{count}"
        root.mkdir()
        host = Host(root)
        old = block("a", host.file("f", "old\n"), host.file("g", "old\n"), host.file("dropped"))
        new = (host.file("f", "new\n"), host.directory("d"), host.file("d/h", "new\n"), host.file("g", "new\n"))
        host.converge(old)
        wanted = host.tree()
        crashed = crash_at(count, lambda host=host, new=new: host.converge(block("a", *new)))  # type: ignore[misc]
        bad = block("a", *new, host.file("bad"), validators=(python_validator("raise SystemExit('bad')"),))
        report = host.converge(bad)
        assert report.blocks[0].outcome == "failed"
        if not crashed:
            break
        committed = (host.state / "generations" / "000002.json").exists()
        assert committed or host.tree() == wanted, (count, report.to_data())
        assert not list((host.state / "journal").iterdir())
        assert drift(str(host.state)) == ()
    assert count > 30
