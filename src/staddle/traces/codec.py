"""Spans in the event store: how OTLP requests in its log become rows (see `store.codec`). Runs in the store's workers."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from staddle.logs.errors import IngestError
from staddle.store.names import MORE, MSG, STREAM, TENANT, TIME, column_of, literal, quoted
from staddle.store.rowformat import RowFormat
from staddle.store.rowsql import MACROS, covered, stream_text
from staddle.traces import red
from staddle.traces.columns import decode
from staddle.traces.names import NAME, SERVICE
from staddle.traces.traceindex import write_index

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb

    from staddle.store.codec import Converted
    from staddle.store.manifest import Part
    from staddle.store.wal import Record

log = logging.getLogger(__name__)

ROW_GROUP_ROWS = 30_720
STREAM_FIELDS = (NAME, SERVICE)
INTERNAL = frozenset({TENANT, TIME, MSG, MORE})


class Spans:
    """Spans are sorted by time: those of one trace are near each other, and so are the newest of a service."""

    order = (TIME,)
    options = f"(format parquet, compression zstd, parquet_version v2, row_group_size {ROW_GROUP_ROWS})"
    shaped = False

    def select(
        self,
        con: duckdb.DuckDBPyConnection,
        row_format: str,
        records: Sequence[Record],
        index: int,
        result: Converted,
        times: tuple[int, int],
    ) -> str:
        """See Codec."""
        con.execute(MACROS)
        try:
            decoded = decode([r.payload for r in records], [r.tenant for r in records], [r.time_ns for r in records])
        except IngestError as error:
            raise ValueError(f"a record of the log is no OTLP request: {error}") from error
        if decoded.bad:
            result.dropped["bad"] += decoded.bad
        result.dropped["time"] += decoded.table.num_rows
        name = f"spans{index}"
        con.register(name, decoded.table)
        result.registered.append(name)
        result.facts += red.count(con, name, times)
        columns = _columns(RowFormat.load(row_format), set(decoded.table.column_names))
        return f"select {', '.join(columns)} from {name} where {TIME} between {times[0]} and {times[1]}"

    def index(self, con: duckdb.DuckDBPyConnection, part: Part, folder: Path) -> None:
        """See Codec: where each trace's spans are."""
        write_index(con, part, folder)


CODEC = Spans()


def _columns(row_format: RowFormat, present: set[str]) -> list[str]:
    """The stored columns, as the request's arguments say: some left out, some added."""
    values = {
        c: quoted(c)
        for c in sorted(present)
        if c.startswith("^0") or c in INTERNAL or not covered(c, row_format.ignore_fields)
    }
    for field, text in row_format.extra_fields:
        if text and field != TIME:
            values[column_of(field)] = literal(text)
    labels = {f: values[column_of(f)] for f in (*STREAM_FIELDS, *row_format.stream_fields) if column_of(f) in values}
    special = " or ".join(f"regexp_matches({e}, {literal(SPECIAL)})" for e in labels.values())
    stream = stream_text(labels, f"coalesce({special}, true)") if labels else "'{}'"
    return [f"{e} as {quoted(c)}" for c, e in values.items()] + [f"{stream} as {STREAM}"]


SPECIAL = r'[\x00-\x1f"\\]'
