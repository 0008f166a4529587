"""The write-ahead log: numbered segment files of checksummed records.

A record is a header (magic, lengths, CRC-32, time of arrival), the row format as JSON, and JSON lines. It is
written with one
system call, so that a killed process leaves at most one torn record, at the end of the last segment. What
follows
a torn or corrupt record in a segment is reported and not read.
"""

from __future__ import annotations

import logging
import mmap
import os
import struct
import threading
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.store.errors import CorruptError, ReadOnlyError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

_HEADER = struct.Struct("<4sIIIqQ")
_MAGIC = b"SWR1"
MAX_PAYLOAD = 64 << 20

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Record:
    """One acknowledged batch: when it came (Unix ns), whose it is, how to read it, and its lines (ending in
    a newline).
    """

    time_ns: int
    tenant: int
    row_format: str
    payload: memoryview


def segment_path(folder: Path, seq: int) -> Path:
    """Where segment `seq` is."""
    return folder / f"{seq:016d}.wal"


def list_segments(folder: Path) -> list[int]:
    """The numbers of all segments, ascending."""
    return sorted(int(p.stem) for p in folder.glob("*.wal"))


def read_segment(path: Path) -> Iterator[Record]:
    """The records of a segment. Raises CorruptError after the last good one if something else follows it.

    Payloads point into a memory map that lives as long as they do.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            return
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    at = 0
    while at < size:
        record, end = _read_record(data, at, path)
        yield record
        at = end


def _read_record(data: memoryview, at: int, path: Path) -> tuple[Record, int]:
    if at + _HEADER.size > len(data):
        raise CorruptError(f"{path}: torn record header at offset {at}")
    magic, meta_len, payload_len, crc, time_ns, tenant = _HEADER.unpack_from(data, at)
    if magic != _MAGIC:
        raise CorruptError(f"{path}: no record at offset {at}")
    start = at + _HEADER.size
    middle, end = start + meta_len, start + meta_len + payload_len
    if end > len(data):
        raise CorruptError(f"{path}: torn record at offset {at}")
    head = struct.pack("<qQ", time_ns, tenant)
    if zlib.crc32(data[start:end], zlib.crc32(head)) != crc:
        raise CorruptError(f"{path}: checksum mismatch at offset {at}")
    return Record(time_ns, tenant, str(data[start:middle], "utf-8"), data[middle:end]), end


class WriteAheadLog:
    """Appends records to the newest segment; hands over whole segments for conversion.

    `fsync`: "always" makes `append` return after the bytes are on the disk (one fsync serves all who wait);
    otherwise a number of seconds after which `sync` is to be called by the owner. Thread-safe.
    """

    def __init__(self, folder: Path, first_seq: int, *, segment_bytes: int, fsync_always: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._fsync_always = fsync_always
        self._lock = threading.Lock()
        self._sync_lock = threading.Lock()
        self._fd = -1
        self._seq = first_seq
        self._size = 0
        self._opened_at = 0.0
        self._synced = (first_seq, 0)
        self._sealed: dict[int, int] = {}

    def adopt(self, seq: int, size: int) -> None:
        """Take over a segment that an earlier process left."""
        with self._lock:
            self._sealed[seq] = size

    def append(self, tenant: int, row_format: str, payload: Buffer) -> None:
        """Store one batch. On return it survives a crash of this process. Raises ReadOnlyError if it can't
        be written.
        """
        meta = row_format.encode()
        time_ns = time.time_ns()
        crc = zlib.crc32(payload, zlib.crc32(meta, zlib.crc32(struct.pack("<qQ", time_ns, tenant))))
        header = _HEADER.pack(_MAGIC, len(meta), len(payload), crc, time_ns, tenant)
        total = len(header) + len(meta) + len(payload)
        with self._lock:
            if self._fd < 0:
                self._open()
            self._write([header, meta, payload], total)
            position = (self._seq, self._size)
            if self._size >= self._segment_bytes:
                self._seal()
        if self._fsync_always:
            self._sync_to(position)

    def _open(self) -> None:
        try:
            self._fd = os.open(
                segment_path(self._folder, self._seq),
                os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC,
                0o640,
            )
        except OSError as error:
            raise ReadOnlyError(f"cannot create a log segment: {error}") from error
        self._size = 0
        self._opened_at = time.monotonic()

    def _write(self, parts: list[Buffer], total: int) -> None:
        try:
            written = os.writev(self._fd, parts)
            if written < total:
                rest = memoryview(b"".join(parts))[written:]
                while rest:
                    rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            # Nothing of a batch that is refused may stay: it would be found after a restart.
            os.ftruncate(self._fd, self._size)
            os.lseek(self._fd, self._size, os.SEEK_SET)
            raise ReadOnlyError(f"cannot write to the log: {error}") from error
        self._size += total

    def _seal(self) -> None:
        if self._fd >= 0:
            if self._fsync_always:
                os.fdatasync(self._fd)
                self._synced = (self._seq, self._size)
            os.close(self._fd)
            self._fd = -1
            self._sealed[self._seq] = self._size
            self._seq += 1
            self._size = 0

    def seal(self) -> list[int]:
        """Close the newest segment if it has anything; all closed segments not yet forgotten, ascending."""
        with self._lock:
            self._seal()
            return sorted(self._sealed)

    def sealed(self) -> list[tuple[int, int]]:
        """Closed segments (number, bytes), ascending."""
        with self._lock:
            return sorted(self._sealed.items())

    def forget(self, seqs: list[int]) -> None:
        """Delete segments whose rows are in parts."""
        with self._lock:
            for seq in seqs:
                self._sealed.pop(seq, None)
        for seq in seqs:
            segment_path(self._folder, seq).unlink(missing_ok=True)

    def pending(self) -> tuple[int, int, float]:
        """Bytes in closed segments, bytes in the open one, and the open one's age in seconds."""
        with self._lock:
            age = time.monotonic() - self._opened_at if self._fd >= 0 else 0.0
            return sum(self._sealed.values()), self._size, age

    def sync(self) -> None:
        """Make everything appended so far survive a power failure."""
        with self._lock:
            position = (self._seq, self._size)
        self._sync_to(position)

    def _sync_to(self, position: tuple[int, int]) -> None:
        # Whoever comes second finds the work done by the first: that is the group commit.
        with self._sync_lock:
            if self._synced >= position:
                return
            with self._lock:
                now = (self._seq, self._size)
                fd = os.dup(self._fd) if self._fd >= 0 else -1
            if fd >= 0:
                try:
                    os.fdatasync(fd)
                finally:
                    os.close(fd)
            self._synced = now

    def close(self) -> None:
        """Sync and close; the segment stays."""
        with self._lock:
            if self._fd >= 0:
                os.fdatasync(self._fd)
            self._seal()
