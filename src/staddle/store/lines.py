"""Log records as Arrow tables of lines, without looking into the lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.store.wal import Record

BATCH_ROWS = 16_384


def lines_table(records: Sequence[Record], max_line: int) -> tuple[pa.Table, int]:
    """Columns `json` (with its newline), `tenant`, `now` of all lines up to `max_line` bytes, and how many
    were longer.

    Bytes that are not UTF-8 become replacement characters.
    """
    return table_of([r.payload for r in records], [r.tenant for r in records], [r.time_ns for r in records], max_line)


def table_of(
    payloads: Sequence[memoryview | bytes], tenants: Sequence[int], times: Sequence[int], max_line: int
) -> tuple[pa.Table, int]:
    """The same from its ingredients: every payload's tenant and time of arrival."""
    data = payloads[0] if len(payloads) == 1 else b"".join(payloads)
    newlines = np.flatnonzero(np.frombuffer(data, np.uint8) == 10)
    offsets = np.zeros(len(newlines) + 1, np.int64)
    offsets[1:] = newlines
    offsets[1:] += 1
    lines = pa.LargeStringArray.from_buffers(len(newlines), pa.py_buffer(offsets), pa.py_buffer(data))
    try:
        lines.validate(full=True)
    except pa.ArrowInvalid:
        clean = [bytes(p).decode("utf-8", "replace").encode() for p in payloads]
        return table_of(clean, tenants, times, max_line)
    ends = np.cumsum([len(p) for p in payloads])
    counts = np.diff(np.searchsorted(offsets[1:], ends, side="right"), prepend=0)
    table = pa.table(
        {
            "json": lines,
            "tenant": np.repeat(np.array(tenants, np.uint64), counts),
            "now": np.repeat(np.array(times, np.int64), counts),
        }
    )
    lengths = np.diff(offsets)
    too_long = int(np.count_nonzero(lengths > max_line + 1))
    if too_long or bool(np.any(lengths <= 2)):
        # Blank lines (a newline, with or without a carriage return) are no rows.
        table = table.filter(pa.array((lengths > 2) & (lengths <= max_line + 1)))
    return pa.Table.from_batches(table.to_batches(max_chunksize=BATCH_ROWS), table.schema), too_long
