"""The log agent loses nothing: not when files are rotated, not when it is killed, not when a receiver is away."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.sandbox.agentbox import AgentBox, Store, programs_of
from tests.sandbox.stack import free_port, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.sandbox.stack import Stack

    from staddle.manifest.layout import Program

ALL = "job:test"


@pytest.fixture(scope="module")
def programs(stack: Stack) -> Mapping[str, Program]:
    return programs_of(stack)


@pytest.fixture
def cleanup() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


class Writer(threading.Thread):
    """Writes numbered lines to a file as supervisord does: kept open, and rotated by renaming, three old ones kept."""

    def __init__(self, path: Path, *, per_second: int, rotate_every: int) -> None:
        super().__init__(daemon=True)
        self.path, self.per_second, self.rotate_every = path, per_second, rotate_every
        self.written = self.rotations = 0
        self._stop_it = threading.Event()
        path.parent.mkdir(parents=True, exist_ok=True)

    def run(self) -> None:
        file = self.path.open("a", buffering=1)
        while not self._stop_it.wait(0.02):
            for _ in range(max(1, self.per_second // 50)):
                file.write(f"line {self.written} {'x' * 60}\n")
                self.written += 1
                if self.written % self.rotate_every == 0:
                    file.close()
                    self.rotate()
                    file = self.path.open("a", buffering=1)
        file.close()

    def rotate(self) -> None:
        self.rotations += 1
        for number in (3, 2, 1):
            old = self.path.with_name(f"{self.path.name}.{number - 1}" if number > 1 else self.path.name)
            if old.exists():
                old.rename(self.path.with_name(f"{self.path.name}.{number}"))

    def finish(self) -> int:
        self._stop_it.set()
        self.join()
        return self.written


def arrived(store: Store, expected: int, timeout: float = 30) -> tuple[int, int]:
    """Rows and different rows, once all are there."""
    wait_for(f"{expected} rows", lambda: store.count(ALL)[1] >= expected, timeout=timeout)
    return store.count(ALL)


def test_every_line_arrives_though_the_receiver_is_away_the_agent_killed_and_files_rotated(
    programs: Mapping[str, Program], tmp_path: Path, cleanup: contextlib.ExitStack
) -> None:
    store = Store(tmp_path / "store")
    box = AgentBox(tmp_path / "box", programs, [store.url], {"app": "plain"})
    cleanup.callback(store.stop)
    cleanup.callback(box.stop)
    store.start()
    writer = Writer(box.log("app"), per_second=2000, rotate_every=7000)
    writer.start()
    box.start()
    wait_for("the first rows", lambda: store.count(ALL)[0] > 0)
    store.stop()
    time.sleep(3)
    box.stop(signal.SIGKILL)
    time.sleep(5)  # rotated at least once while nobody looks
    box.start()
    time.sleep(3)
    box.stop(signal.SIGTERM)
    time.sleep(4)
    box.start()
    time.sleep(2)
    before = writer.written
    store.start()
    written = writer.finish()
    rows, different = arrived(store, written)
    assert different == written
    assert writer.rotations >= 4
    # What was on its way when the agent was killed may be sent again.
    assert rows - different <= 2 * 2000
    assert box.metrics()['log_agent_dropped_rows_total{receiver="url-1"}'] == 0
    print(
        f"{written} lines ({before} before the store was back), {rows - different} twice, {writer.rotations} rotations"
    )


def test_killing_the_agent_again_and_again_loses_nothing(
    programs: Mapping[str, Program], tmp_path: Path, cleanup: contextlib.ExitStack
) -> None:
    store = Store(tmp_path / "store")
    box = AgentBox(tmp_path / "box", programs, [store.url], {"app": "plain"})
    cleanup.callback(store.stop)
    cleanup.callback(box.stop)
    store.start()
    writer = Writer(box.log("app"), per_second=3000, rotate_every=5000)
    writer.start()
    for seconds in (0.3, 1.1, 0.7, 1.7, 0.5, 1.3):
        box.start()
        time.sleep(seconds)
        box.stop(signal.SIGKILL)
    written = writer.finish()
    box.start()
    rows, different = arrived(store, written)
    assert different == written
    print(f"{written} lines, 6 kills, {rows - different} twice, {writer.rotations} rotations")


def test_a_dead_receiver_does_not_keep_another_waiting(
    programs: Mapping[str, Program], tmp_path: Path, cleanup: contextlib.ExitStack
) -> None:
    alive, dead = Store(tmp_path / "alive"), Store(tmp_path / "dead")
    box = AgentBox(tmp_path / "box", programs, [dead.url, alive.url], {"app": "plain"})
    for one in (alive, dead, box):
        cleanup.callback(one.stop)
    alive.start()
    box.start()
    delays = []
    with box.log("app").open("a") as log:
        for number in range(20):
            log.write(f"line {number}\n")
            log.flush()
            began = time.monotonic()
            wait_for("the line", lambda: alive.count(f'{ALL} "line {number}"')[0] == 1, timeout=5, interval=0.02)  # noqa: B023
            delays.append(time.monotonic() - began)
        log.writelines(f"bulk {number} {'x' * 100}\n" for number in range(50_000))
    began = time.monotonic()
    arrived(alive, 50_020)
    seconds = time.monotonic() - began
    metrics = box.metrics()
    assert max(delays) < 2
    assert metrics['log_agent_queue_rows{receiver="url-1"}'] == 50_020
    assert metrics['log_agent_queue_bytes{receiver="url-1"}'] > 5_000_000
    assert metrics['log_agent_queue_rows{receiver="url-2"}'] == 0
    dead.start()
    assert arrived(dead, 50_020) == (50_020, 50_020)
    delays.sort()
    print(f"delay median {delays[10]:.2f} s, worst {delays[-1]:.2f} s; 50,000 lines in {seconds:.1f} s")


def test_a_store_that_refuses_rows_for_now_gets_them_later(
    programs: Mapping[str, Program], tmp_path: Path, cleanup: contextlib.ExitStack
) -> None:
    """With its disk nearly full a store answers 429."""
    store = Store(tmp_path / "store")
    box = AgentBox(tmp_path / "box", programs, [store.url], {"app": "plain"})
    cleanup.callback(store.stop)
    cleanup.callback(box.stop)
    store.start("-storage.minFreeDiskSpaceBytes=1000000GiB")
    box.start()
    box.log("app").write_text("".join(f"line {number}\n" for number in range(500)))
    time.sleep(3)
    assert store.count(ALL) == (0, 0)
    store.stop()
    store.start()
    assert arrived(store, 500) == (500, 500)


def test_a_full_queue_drops_what_is_new_and_says_so(
    programs: Mapping[str, Program], tmp_path: Path, cleanup: contextlib.ExitStack
) -> None:
    store = Store(tmp_path / "store")
    small = {"log_agent_queue_size": "4MiB"}
    box = AgentBox(tmp_path / "box", programs, [store.url], {"app": "plain"}, parameters=small)
    cleanup.callback(store.stop)
    cleanup.callback(box.stop)
    box.start()
    box.log("app").write_text("".join(f"line {number} {'x' * 100}\n" for number in range(50_000)))

    def waiting_and_lost() -> tuple[float, float]:
        metrics = box.metrics()
        return metrics['log_agent_queue_rows{receiver="url-1"}'], metrics[
            'log_agent_dropped_rows_total{receiver="url-1"}'
        ]

    # What was read takes a moment to be queued or dropped.
    queued, dropped = wait_for(
        "all to be counted", lambda: found if sum(found := waiting_and_lost()) == 50_000 else None
    )
    assert dropped > 0
    assert sum(file.stat().st_size for file in (box.data / "queue/url-1").iterdir()) <= 5 * 2**20
    store.start()
    rows, _ = arrived(store, int(queued))
    assert rows == queued


def test_links_go_when_their_files_are_gone_and_read(
    programs: Mapping[str, Program], tmp_path: Path, cleanup: contextlib.ExitStack
) -> None:
    store = Store(tmp_path / "store")
    box = AgentBox(tmp_path / "box", programs, [store.url], {"app": "plain"})
    cleanup.callback(store.stop)
    cleanup.callback(box.stop)
    store.start()
    box.start()
    writer = Writer(box.log("app"), per_second=1000, rotate_every=400)
    writer.start()
    wait_for("rotations", lambda: writer.rotations >= 8)
    written = writer.finish()
    arrived(store, written)
    links = box.data / "follow/app"
    wait_for("links to end", lambda: len(list(links.iterdir())) <= 4, timeout=25)
    assert {link.stat().st_ino for link in links.iterdir()} == {
        file.stat().st_ino for file in box.log("app").parent.iterdir()
    }


def test_reading_can_begin_at_the_end_of_what_is_there(
    programs: Mapping[str, Program], tmp_path: Path, cleanup: contextlib.ExitStack
) -> None:
    store = Store(tmp_path / "store")
    box = AgentBox(tmp_path / "box", programs, [store.url], {"app": "plain"}, parameters={"vector_read_from": "end"})
    cleanup.callback(store.stop)
    cleanup.callback(box.stop)
    store.start()
    box.log("app").parent.mkdir(parents=True)
    box.log("app").write_text("line old\n")
    box.start()
    with box.log("app").open("a") as log:
        log.write("line new\n")
    arrived(store, 1)
    assert [row["_msg"] for row in store.query(ALL)] == ["line new"]


def test_a_reload_takes_up_new_logs_and_keeps_the_process(
    programs: Mapping[str, Program], tmp_path: Path, cleanup: contextlib.ExitStack
) -> None:
    store = Store(tmp_path / "store")
    box = AgentBox(tmp_path / "box", programs, [store.url], {"app": "plain"})
    cleanup.callback(store.stop)
    cleanup.callback(box.stop)
    store.start()
    box.start()
    box.log("app").write_text("line 1\n")
    box.formats = {"app": "plain", "more": "plain"}
    box.write()
    assert box.process
    box.process.send_signal(signal.SIGHUP)
    box.log("more").write_text("line 2\n")
    assert arrived(store, 2) == (2, 2)
    assert box.process.poll() is None
    assert box.metrics()['log_agent_read_rows_total{source="more"}'] == 1


def test_the_agent_and_syslog_ng_end_together(
    programs: Mapping[str, Program], tmp_path: Path, cleanup: contextlib.ExitStack
) -> None:
    import psutil

    box = AgentBox(tmp_path / "box", programs, [f"http://127.0.0.1:{free_port()}"], {"app": "plain"})
    cleanup.callback(box.stop)
    box.start()
    assert box.process
    [child] = psutil.Process(box.process.pid).children()
    child.kill()
    assert box.process.wait(10) != 0
    box.start()
    [child] = psutil.Process(box.process.pid).children()
    box.stop(signal.SIGKILL)
    wait_for("syslog-ng to end", lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, timeout=5)
