"""The store as one object: append rows, wait until they can be read, read a consistent set of parts."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from staddle.store import compact
from staddle.store.errors import OtherBuildError, ReadOnlyError, StoreError, WorkerError
from staddle.store.manifest import Part
from staddle.store.partset import PartSet
from staddle.store.wal import WriteAheadLog, list_segments, segment_path
from staddle.store.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from staddle.store.manifest import Manifest
    from staddle.store.options import Options
    from staddle.store.partset import Snapshot
    from staddle.store.rowformat import RowFormat
    from staddle.store.wal import Buffer

log = logging.getLogger(__name__)

SECOND_NS = 1_000_000_000
MAX_ATTEMPTS = 3
MAX_JOBS = 4
SWEEP_SECONDS = 300.0
PATIENCE = 5.0
"""Seconds until a folder counts as in use by another process."""


class Store:
    """One folder of events, owned by one process. All methods are thread-safe.

    Layout: `manifest.json`, `wal/` (see `wal`), `parts/` (Parquet, and summaries), `quarantine/` (log segments that could
    not be converted, parts that could not be read), `tmp/`.
    """

    def __init__(self, options: Options, on_facts: Callable[[list[Any]], None] | None = None) -> None:
        """Open or create the store; recovers from whatever an earlier process left. Raises StoreError.

        `on_facts` is told what the codec found out about rows that were just stored.
        """
        self.options = options
        self._on_facts = on_facts
        folder = options.folder
        for sub in ("", "wal", "parts", "tmp"):
            (folder / sub).mkdir(parents=True, exist_ok=True)
        self._lock_file = self._own(folder)
        self._changed = threading.Condition()
        self.counters: Counter[str] = Counter()
        self._parts = PartSet(folder, self._changed, self.counters)
        self._stopping = False
        self._read_only = False
        self._failures = 0
        self._last_append = 0.0
        self._merge_all = False
        self._recover()
        first = max([self.manifest.wal_seq, *list_segments(folder / "wal")]) + 1
        self._wal = WriteAheadLog(
            folder / "wal",
            first,
            segment_bytes=options.segment_bytes,
            fsync_always=options.fsync_interval <= 0,
        )
        for seq in list_segments(folder / "wal"):
            self._wal.adopt(seq, segment_path(folder / "wal", seq).stat().st_size)
        self._converter, self._merger = (
            Worker(folder, memory_bytes=options.memory_bytes, threads=options.threads, codec=options.codec, nice=nice)
            for nice in (0, 10)
        )
        self._check_disk()
        # The first rows should not wait for a process to start; it ends by itself when none come.
        self._converter.start()
        self._threads = [
            threading.Thread(target=self._loop, args=(step,), name=name, daemon=True)
            for name, step in (
                ("convert", self._convert_step),
                ("merge", self._merge_step),
                ("upkeep", self._upkeep_step),
            )
        ]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _own(folder: Path) -> int:
        """Take the lock. Who was just killed may have it for a moment more: in a child that it was about to start."""
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if isinstance(error, BlockingIOError) and time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                os.close(fd)
                raise StoreError(f"{folder}: in use by another process") from error
            return fd

    def _recover(self) -> None:
        """Forget what was begun and not finished: segments that parts have, files that the manifest doesn't name."""
        wal = self.options.folder / "wal"
        for seq in list_segments(wal):
            if seq <= self.manifest.wal_seq:
                segment_path(wal, seq).unlink()
        shutil.rmtree(self.options.folder / "tmp", ignore_errors=True)
        (self.options.folder / "tmp").mkdir(exist_ok=True)
        self._parts.recover()

    # --- writing

    def append(self, tenant: int, row_format: RowFormat, payload: Buffer) -> None:
        """Store JSON lines (each ends in a newline) of a tenant. Raises ReadOnlyError."""
        if self._read_only:
            raise ReadOnlyError("the storage is in read-only mode: too little free disk space")
        self._wal.append(tenant, row_format.dump(), payload)
        self._last_append = time.monotonic()
        closed, _, _ = self._wal.pending()
        if closed:
            with self._changed:
                self._changed.notify_all()
            if closed > 16 * self.options.segment_bytes:
                # Converting can't keep up: slow the sender down rather than fill the disk.
                time.sleep(min(1.0, closed / (64 * self.options.segment_bytes)))

    def flush(self, timeout: float = 300.0) -> bool:
        """Wait until every row appended so far is in a part; False if they are not.

        That is when it takes longer than `timeout` seconds, or is impossible for now, such as with a full
        disk: reads must go on without the newest rows then.
        """
        closed, size, _ = self._wal.pending()
        if not closed and not size:
            return True
        sealed = self._wal.seal()
        if not sealed:
            return True
        target = sealed[-1]
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self.manifest.wal_seq >= target or self._stopping or self._failures > MAX_ATTEMPTS,
                timeout,
            )
            return self.manifest.wal_seq >= target

    # --- reading

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """The parts of this moment; their files stay as long as the context."""
        return self._parts.snapshot()

    @property
    def manifest(self) -> Manifest:
        """What is stored now."""
        return self._parts.manifest

    @property
    def read_only(self) -> bool:
        """Are appends refused because the disk is nearly full?"""
        return self._read_only

    def pending_bytes(self) -> int:
        """Bytes in the log that are not in parts yet."""
        closed, size, _ = self._wal.pending()
        return closed + size

    def worker_pids(self) -> list[int]:
        """Processes that convert and merge, while they run."""
        return [pid for pid in (self._converter.pid, self._merger.pid) if pid is not None]

    def merge_all(self) -> None:
        """Begin to merge into as few parts as possible; returns at once."""
        self._merge_all = True
        with self._changed:
            self._changed.notify_all()

    def report_damaged(self, names: set[str]) -> None:
        """Take parts that can't be read out of service."""
        self._parts.report_damaged(names)

    def close(self) -> None:
        """Stop background work and leave everything durable."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for worker in (self._converter, self._merger):
            worker.close()
        for thread in self._threads:
            thread.join(timeout=60)
        self._wal.close()
        os.close(self._lock_file)

    # --- background work

    def _loop(self, step: Any) -> None:
        while not self._stopping:
            try:
                busy = step()
            except Exception:
                log.exception("background work failed")
                busy = False
                self.counters["background_errors"] += 1
            if not busy and not self._stopping:
                with self._changed:
                    self._changed.wait(0.25)

    def _convert_step(self) -> bool:
        closed, size, age = self._wal.pending()
        if not closed and size and age >= self.options.flush_interval:
            self._wal.seal()
        jobs = compact.group_segments(self._wal.sealed(), self.options.segment_bytes, 1 if self._failures else MAX_JOBS)
        if not jobs:
            return False
        wal = self.options.folder / "wal"
        newest_ns = time.time_ns() + int(self.options.future_retention * SECOND_NS)
        seqs = [seq for job in jobs for seq in job]
        try:
            results = self._converter.call(
                {
                    "do": "convert",
                    "jobs": [
                        {
                            "segments": [str(segment_path(wal, s)) for s in job],
                            "name": self._parts.next_name(),
                            "min_ns": self.oldest_ns(),
                            "max_ns": newest_ns,
                        }
                        for job in jobs
                    ],
                }
            )
        except WorkerError as error:
            self._convert_failed(seqs, error)
            return False
        self._failures = 0
        for done in results:
            for problem in done["problems"]:
                log.error("log: %s; what precedes it was kept", problem)
            self.counters["wal_problems"] += len(done["problems"])
            self.counters.update({f"dropped_{k}": v for k, v in done["dropped"].items() if v > 0})
            self.counters["rows_converted"] += done["rows"]
        self._parts.commit([], [Part.load(p) for done in results for p in done["parts"]], wal_seq=seqs[-1])
        self._wal.forget(seqs)
        if self._on_facts is not None:
            self._on_facts([fact for done in results for fact in done["facts"]])
        return True

    def _convert_failed(self, batch: list[int], error: WorkerError) -> None:
        if self._stopping:
            return
        self._failures += 1
        self.counters["convert_errors"] += 1
        log.error("converting log segments %s failed (attempt %d): %s", batch, self._failures, error)
        innocent = isinstance(error, OtherBuildError) or "No space left" in str(error) or self._read_only
        if self._failures > MAX_ATTEMPTS and len(batch) == 1 and not innocent:
            # Better one segment aside, for a person to look at, than no row ever again.
            path = segment_path(self.options.folder / "wal", batch[0])
            self._parts.quarantine([path])
            log.error("log segment moved to quarantine: %s", path.name)
            # Before the commit wakes those who wait: what they append next has not failed.
            self._failures = 0
            self._parts.commit([], [], wal_seq=batch[0], lost=f"segment {path.name}: {error}")
            self._wal.forget(batch)
        else:
            with self._changed:
                self._changed.notify_all()
            time.sleep(min(2.0, 0.2 * self._failures))

    def _merge_step(self) -> bool:
        idle = time.monotonic() - self._last_append > self.options.merge_delay
        closed, _, _ = self._wal.pending()
        parts = self.manifest.parts
        if (closed and len(parts) < 64) or self._read_only:
            # New rows first: merging can wait.
            return False
        chosen = compact.pick_merge(parts, idle=idle, max_rows=self.options.max_merged_rows)
        if not chosen and self._merge_all:
            chosen = compact.pick_all(parts, self.options.max_merged_rows)
            self._merge_all = bool(chosen)
        if not chosen:
            return False
        self.counters["merges_active"] += 1
        try:
            raw = self._merger.call(
                {"do": "merge", "parts": [_plain(p) for p in chosen], "name": self._parts.next_name()}
            )
        except WorkerError as error:
            if not self._stopping:
                self.counters["merge_errors"] += 1
                log.warning("merging failed: %s", error)
                time.sleep(5)
            return False
        finally:
            self.counters["merges_active"] -= 1
        merged = Part.load(raw)
        if merged.rows != sum(p.rows for p in chosen):
            log.error("merging lost rows: %d of %d; the old parts stay", merged.rows, sum(p.rows for p in chosen))
            self._parts.delete([merged.name])
            return False
        with self._changed:
            still_there = set(chosen) <= set(self.manifest.parts)
        if not still_there:
            # Retention took one of them meanwhile.
            self._parts.delete([merged.name])
            return False
        self._parts.commit(chosen, [merged])
        self.counters["merges"] += 1
        return True

    def oldest_ns(self) -> int:
        """Rows older than this (Unix ns) are not kept."""
        return max(time.time_ns() - int(self.options.retention * SECOND_NS), -(1 << 63) + 1)

    def _upkeep_step(self) -> bool:
        if self.options.fsync_interval > 0:
            self._wal.sync()
        self._check_disk()
        drop = compact.expired(self.manifest.parts, self.oldest_ns())
        dead = set(drop)
        drop += compact.over_budget([p for p in self.manifest.parts if p not in dead], self.options.max_disk_bytes)
        if drop:
            self._parts.commit(drop, [])
            self.counters["parts_dropped"] += len(drop)
        for worker in (self._converter, self._merger):
            worker.stop_if_idle()
        if time.monotonic() - self._parts.swept_at > SWEEP_SECONDS:
            self._parts.sweep()
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, self.options.fsync_interval or 1.0)
        return True

    def _check_disk(self) -> None:
        free = free_bytes(self.options.folder)
        read_only = free < self.options.min_free_bytes
        if read_only != self._read_only:
            log.warning("%d bytes free on disk: %s", free, "read-only" if read_only else "writable again")
        self._read_only = read_only


def free_bytes(folder: Path) -> int:
    """What ordinary users may still write on the folder's file system."""
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


def _plain(part: Part) -> dict[str, Any]:
    return {name: getattr(part, name) for name in Part.__slots__}
