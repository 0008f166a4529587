"""Where a trace's spans are: beside each part, for every trace the seconds that its spans fall into.

The file has three arrays of little-endian 32-bit numbers, one entry per trace, sorted by the first: hashes of trace ids,
first seconds, last seconds (both counted from the part's first). Different traces may share a hash: the index says
where to look, not what is there.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from staddle.store.manifest import sync_folder
from staddle.store.names import TIME, literal
from staddle.store.parts import index_path, part_path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import duckdb
    from numpy.typing import NDArray

    from staddle.store.manifest import Part
    from staddle.store.partset import Snapshot

SECOND_NS = 1_000_000_000
MAX_OPEN = 512
NEAR_SECONDS = 15
MAX_RANGES = 24
# The last eight digits: the random part of ids that have one. Spread, for those that have none.
HASH = "cast((cast('0x' || right(trace_id, 8) as ubigint) * 2654435761) % 4294967296 as uinteger)"


def hash_of(trace_id: str) -> int:
    """The hash of a trace id (hexadecimal digits)."""
    return int(trace_id[-8:], 16) * 2654435761 % (1 << 32)


def write_index(con: duckdb.DuckDBPyConnection, part: Part, folder: Path) -> None:
    """Make a part's index, durably."""
    source = f"read_parquet({literal(str(part_path(folder, part.name)))})"
    first = part.min_ns // SECOND_NS
    found = con.execute(
        f"select h, cast(min(t) as uinteger) as low, cast(max(t) as uinteger) as high from "
        f"(select {HASH} as h, {TIME} // {SECOND_NS} - {first} as t from {source}) group by h order by h"
    ).fetchnumpy()
    path = index_path(folder, part.name)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        for name in ("h", "low", "high"):
            file.write(np.asarray(found[name], "<u4").tobytes())
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(folder)


@dataclass(frozen=True, slots=True)
class _Index:
    hashes: NDArray[np.uint32]
    low: NDArray[np.uint32]
    high: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Place:
    """A part, and the times in it (Unix ns, both included)."""

    part: Part
    low: int
    high: int


def _together(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges that are near each other as one; at most MAX_RANGES."""
    gap = NEAR_SECONDS
    while True:
        out: list[tuple[int, int]] = []
        for low, high in sorted(ranges):
            if out and low <= out[-1][1] + gap:
                out[-1] = out[-1][0], max(out[-1][1], high)
            else:
                out.append((low, high))
        if len(out) <= MAX_RANGES:
            return out
        gap *= 4


class TraceIndex:
    """Looks traces up in the indexes of parts. Thread-safe."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, _Index | None] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, snapshot: Snapshot, parts: Iterable[Part], trace_ids: Iterable[str]) -> list[Place]:
        """Where spans of the traces may be."""
        hashes = np.array(sorted({hash_of(t) for t in trace_ids}), np.uint32)
        out: list[Place] = []
        for part in parts:
            index = self._of(snapshot, part)
            if index is None:
                out.append(Place(part, part.min_ns, part.max_ns))
                continue
            at = np.searchsorted(index.hashes, hashes)
            at = at[at < len(index.hashes)]
            hits = at[np.isin(index.hashes[at], hashes)]
            base = part.min_ns // SECOND_NS
            for low, high in _together(list(zip(index.low[hits].tolist(), index.high[hits].tolist(), strict=True))):
                out.append(Place(part, (base + low) * SECOND_NS, (base + high + 1) * SECOND_NS - 1))
        return out

    def _of(self, snapshot: Snapshot, part: Part) -> _Index | None:
        with self._lock:
            if part.name in self._open:
                self._open.move_to_end(part.name)
                return self._open[part.name]
        try:
            data = np.memmap(snapshot.index(part), "<u4", "r")
            index = _Index(*data.reshape(3, -1))
        except (OSError, ValueError):
            # Without its index a part is read whole.
            index = None
        with self._lock:
            self._open[part.name] = index
            while len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
        return index
