"""The ledger: exact, private, bounded, and never shared by two runs."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.converge.host import Host, block, resource

from staddle.converge.agent import converge
from staddle.converge.drift import drift
from staddle.converge.ledger import StateError, Store

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_it_is_private(host: Host) -> None:
    host.converge(block("a", host.file("f", "hunter2\n", secret=True, mode=0o600)))
    assert host.state.stat().st_mode & 0o777 == 0o700
    for path in host.state.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_last_ten_generations_are_kept_with_all_their_contents(host: Host) -> None:
    for i in range(15):
        host.converge(block("a", host.file("f", f"content {i}\n"), host.file("same", "same\n")))
    store = Store(str(host.state), readonly=True)
    assert store.generations() == list(range(6, 16))
    for number in store.generations():
        generation = store.read_generation(number)
        entry = generation["paths"][host.at("f")]
        assert store.content(entry["sha256"]) == f"content {number - 1}\n".encode()
        assert generation["components"]["a"]["resources"][0]["sha256"] == entry["sha256"]
        (change,) = [change for change in generation["changes"] if change["path"] == host.at("f")]
        assert store.content(change["before"]["sha256"]) == f"content {number - 2}\n".encode()
    # … and nothing else: content 4 is what generation 6 replaced.
    kept = {path.read_text() for path in (host.state / "blobs").iterdir()}
    assert kept == {f"content {i}\n" for i in range(4, 15)} | {"same\n"}


def test_what_a_run_found_changed_by_hand_can_be_had_back(host: Host) -> None:
    host.converge(block("a", host.file("f", "ours\n")))
    (host.base / "f").write_text("edited\n")
    report = host.converge(block("a", host.file("f", "ours\n")))
    assert resource(report, "f").note == "had been changed by hand"
    store = Store(str(host.state), readonly=True)
    (change,) = store.read_generation(2)["changes"]
    assert store.content(change["before"]["sha256"]) == b"edited\n"


def test_a_damaged_ledger_is_said_so(host: Host) -> None:
    host.converge(block("a", host.file("f")))
    (host.state / "ledger.json").write_text("{")
    report = host.converge(block("a", host.file("f")))
    assert "ledger.json is damaged" in (report.error or "")
    (host.state / "ledger.json").write_text(json.dumps({"format": 99}))
    assert "format 99 is not known" in (host.converge(block("a", host.file("f"))).error or "")


def hold(state: str, holding: Any, done: Any) -> None:
    with Store(state, readonly=False).locked():
        holding.set()
        done.wait(20)


def test_two_runs_at_once_are_impossible(host: Host) -> None:
    host.converge(block("a", host.file("f")))
    fork = multiprocessing.get_context("fork")
    holding, done = fork.Event(), fork.Event()
    other = fork.Process(target=hold, args=(str(host.state), holding, done))
    other.start()
    try:
        assert holding.wait(20)
        for check in (False, True):
            report = host.converge(block("a", host.file("f", "new\n")), check=check)
            assert f"another converge run is under way (pid {other.pid} holds" in (report.error or "")
            assert report.exit_code == 1
        with pytest.raises(StateError, match=f"pid {other.pid}"):
            drift(str(host.state))
    finally:
        done.set()
        other.join()
    assert host.read("f") == "content\n"
    assert host.converge(block("a", host.file("f", "new\n"))).exit_code == 2


def test_drift_tells_everything_that_is_not_as_it_was_left(host: Host) -> None:
    names = ("content", "missing", "mode", "fine", "secret")
    host.converge(
        block(
            "a",
            *(host.file(name, "1\n", secret=name == "secret", mode=0o600) for name in names),
            host.symlink("link", "fine"),
            host.directory("d"),
        )
    )
    assert drift(str(host.state)) == ()
    (host.base / "content").write_text("2\n")
    (host.base / "secret").write_text("2\n")
    (host.base / "missing").unlink()
    (host.base / "mode").chmod(0o644)
    (host.base / "link").unlink()
    (host.base / "link").symlink_to("mode")
    (host.base / "d").rmdir()
    (host.base / "d").write_text("")
    found = {item.path.rpartition("/")[2]: item for item in drift(str(host.state))}
    assert {name: item.what for name, item in found.items()} == {
        "content": "content",
        "secret": "content",
        "missing": "missing",
        "mode": "mode",
        "link": "target",
        "d": "kind",
    }
    assert (found["content"].diff or "").splitlines()[-2:] == ["-1", "+2"]
    assert "secret" in (found["secret"].diff or "")
    assert found["mode"].note == "0600 → 0644"


def test_blobs_are_what_their_names_say(host: Host) -> None:
    host.converge(block("a", host.file("f", "1\n")))
    host.converge(block("a", host.file("f", "2\n")))
    for path in (host.state / "blobs").iterdir():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    path.write_text("damaged")
    with pytest.raises(OSError, match="is damaged"):
        Store(str(host.state), readonly=True).content(path.name)


def test_a_generation_names_the_manifest_by_its_address(host: Host) -> None:
    manifest = host.manifest(block("a", host.file("f")))
    converge(manifest)
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    generation = Store(str(host.state), readonly=True).read_generation(1)
    assert generation["manifest"] == hashlib.sha256(text.encode()).hexdigest()
