"""The store as one object, the log under it, and what is merged and dropped."""

import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from staddle.store import compact
from staddle.store.errors import CorruptError, StoreError, WorkerError
from staddle.store.manifest import Manifest, Part
from staddle.store.options import Options
from staddle.store.rowformat import RowFormat
from staddle.store.store import MAX_ATTEMPTS, Store
from staddle.store.wal import WriteAheadLog, read_segment, segment_path

YEARS = 36_500 * 86_400.0
DAY_NS = 86_400_000_000_000


def line(ns: int, text: str = "x") -> bytes:
    return f'{{"_time":"{ns}","_msg":"{text}"}}\n'.encode()


def wait_for(condition: object, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payloads=st.lists(st.binary(max_size=60), min_size=1, max_size=6), cut=st.floats(0, 1), flip=st.booleans())
def test_a_damaged_segment_yields_the_records_before_the_damage(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes], cut: float, flip: bool
) -> None:
    folder = tmp_path_factory.mktemp("wal")
    wal = WriteAheadLog(folder, 1, segment_bytes=1 << 20, fsync_always=False)
    sizes = [0]
    path = segment_path(folder, 1)
    for i, payload in enumerate(payloads):
        wal.append(i, f"format {i}", payload)
        sizes.append(path.stat().st_size)
    wal.close()
    data = bytearray(path.read_bytes())
    at = int(cut * (len(data) - 1))
    if flip:
        data[at] ^= 0x40
    else:
        del data[at:]
    path.write_bytes(data)
    found = []
    try:
        for record in read_segment(path):
            found += [(record.tenant, record.row_format, bytes(record.payload))]
    except CorruptError as error:
        assert str(path) in str(error)
    else:
        assert not flip and at in sizes
    whole = [i for i in range(len(payloads)) if sizes[i + 1] <= at]
    assert found == [(i, f"format {i}", payloads[i]) for i in whole]


def test_group_commit_serves_all_who_wait(tmp_path: Path) -> None:
    wal = WriteAheadLog(tmp_path, 1, segment_bytes=2000, fsync_always=True)

    def append() -> None:
        for _ in range(20):
            wal.append(0, "{}", b"x" * 50)

    threads = [threading.Thread(target=append) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sum(1 for s in wal.seal() for _ in read_segment(segment_path(tmp_path, s))) == 160


def make_part(name: str, day: int, rows: int, level: int = 1, size: int = 100) -> Part:
    return Part(name, day, level, rows, size, 0, day * DAY_NS, day * DAY_NS + rows, (), (0,))


parts = st.lists(
    st.builds(
        make_part,
        st.uuids().map(str),
        st.integers(0, 3),
        st.integers(1, 5000),
        st.integers(0, 2),
        st.integers(1, 1000),
    ),
    max_size=40,
)


@given(parts, st.booleans())
def test_merging_ends_with_few_sorted_parts_of_one_day_each(found: list[Part], idle: bool) -> None:
    live = list(found)
    for _ in range(200):
        chosen = compact.pick_merge(live, idle=idle, max_rows=20_000)
        if not chosen:
            break
        assert len({p.day for p in chosen}) == 1
        assert len(chosen) == 1 or sum(p.rows for p in chosen) <= 20_000
        rows = sum(p.rows for p in chosen)
        live = [p for p in live if p not in chosen] + [make_part(f"m{rows}{len(live)}", chosen[0].day, rows)]
    else:
        pytest.fail("merging never ends")
    if idle:
        assert all(p.level for p in live)
    assert sum(p.rows for p in live) == sum(p.rows for p in found)


@given(parts, st.integers(0, 20_000))
def test_the_budget_takes_the_oldest_parts_and_no_more(found: list[Part], budget: int) -> None:
    gone = compact.over_budget(found, budget)
    kept = [p for p in found if p not in gone]
    assert not budget or sum(p.bytes for p in kept) <= budget
    assert all(g.max_ns <= k.max_ns for g in gone for k in kept)
    if gone:
        assert sum(p.bytes for p in kept) + gone[-1].bytes > budget


@given(st.lists(st.integers(1, 100), max_size=30), st.integers(1, 5))
def test_segments_are_taken_in_order_without_gaps(sizes: list[int], jobs: int) -> None:
    sealed = list(enumerate(sizes, 1))
    grouped = compact.group_segments(sealed, 120, jobs)
    taken = [s for job in grouped for s in job]
    assert taken == list(range(1, len(taken) + 1))
    assert len(grouped) <= jobs
    assert bool(taken) == bool(sizes)


def test_rows_survive_a_restart_and_old_ones_go(tmp_path: Path) -> None:
    now = time.time_ns()
    store = Store(Options(tmp_path, retention=10 * 86_400.0, flush_interval=60))
    store.append(0, RowFormat(), line(now) + line(now - 5 * DAY_NS) + line(now - 20 * DAY_NS) + line(now + 30 * DAY_NS))
    store.close()
    store = Store(Options(tmp_path, retention=10 * 86_400.0))
    assert store.flush()
    assert sorted(p.rows for p in store.manifest.parts) == [1, 1]
    assert store.counters["dropped_time"] == 2
    store.close()
    store = Store(Options(tmp_path, retention=2 * 86_400.0, fsync_interval=0.05))
    wait_for(lambda: [p.rows for p in store.manifest.parts] == [1])
    store.close()


def test_the_disk_budget_is_kept(tmp_path: Path) -> None:
    store = Store(Options(tmp_path, retention=YEARS, max_disk_bytes=4000, fsync_interval=0.05, merge_delay=1e9))
    for day in range(10, 16):
        store.append(0, RowFormat(), line(day * 1000 * DAY_NS, "y" * 30))
        assert store.flush()
    wait_for(lambda: sum(p.bytes for p in store.manifest.parts) <= 4000)
    assert store.manifest.parts[-1].max_ns == 15_000 * DAY_NS
    store.close()


def test_a_snapshot_keeps_files_that_merging_replaced(tmp_path: Path) -> None:
    store = Store(Options(tmp_path, retention=YEARS, merge_delay=1e9))
    for i in range(3):
        store.append(0, RowFormat(), line(1000 * DAY_NS + i))
        assert store.flush()
    with store.snapshot() as old:
        store.merge_all()
        wait_for(lambda: len(store.manifest.parts) == 1)
        assert all(old.path(p).exists() for p in old.parts)
    assert not any(old.path(p).exists() for p in old.parts)
    assert Manifest.read(tmp_path / "manifest.json").parts == store.manifest.parts
    store.close()


def test_one_folder_has_one_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staddle.store.store.PATIENCE", 0.2)
    store = Store(Options(tmp_path))
    with pytest.raises(StoreError, match="in use"):
        Store(Options(tmp_path))
    store.close()


def test_an_owner_that_is_about_to_be_gone_is_waited_for(tmp_path: Path) -> None:
    store = Store(Options(tmp_path))
    closing = threading.Timer(0.3, store.close)
    closing.start()
    Store(Options(tmp_path)).close()
    closing.join()


def test_a_segment_that_cannot_be_converted_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(Options(tmp_path, retention=YEARS))
    # A row format that no program writes stands for whatever makes conversion fail every time.
    store._wal.append(0, '{"unknown":1,"extra_fields":[]}', line(5))
    assert store.flush(60)
    store.append(0, RowFormat(), line(7))
    assert store.flush()
    assert sum(p.rows for p in store.manifest.parts) == 1
    assert len(list((tmp_path / "quarantine").iterdir())) == 1
    assert "segment" in store.manifest.lost[0]
    store.close()


def test_a_worker_of_another_build_touches_nothing(tmp_path: Path) -> None:
    store = Store(Options(tmp_path, retention=YEARS))
    ours = store._converter._settings["build"]
    store._converter._settings["build"] = "another"
    store._converter.close()
    store.append(0, RowFormat(), line(5))
    wait_for(lambda: not store.flush(1) and store.counters["convert_errors"] > MAX_ATTEMPTS)
    assert not (tmp_path / "quarantine").exists()
    assert not store.manifest.lost
    # The server is restarted with the code that is there now.
    store._converter._settings["build"] = ours
    store._converter.close()
    wait_for(lambda: store.flush(1) and sum(p.rows for p in store.manifest.parts) == 1)
    store.close()


def test_reads_go_on_when_converting_is_impossible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(Options(tmp_path, retention=YEARS))
    store.append(0, RowFormat(), line(5))
    assert store.flush()
    call = store._converter.call

    def full(_request: object) -> object:
        raise WorkerError("IOException: No space left on device")

    monkeypatch.setattr(store._converter, "call", full)
    store.append(0, RowFormat(), line(6))
    store.flush(60)
    assert sum(p.rows for p in store.manifest.parts) == 1
    monkeypatch.setattr(store._converter, "call", call)
    wait_for(lambda: store.flush(1) and sum(p.rows for p in store.manifest.parts) == 2)
    assert not store.manifest.lost
    store.close()
