"""Log segments to level-0 parts, in bulk with DuckDB. Runs in a worker process (see `worker`)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from staddle.store.codec import Converted
from staddle.store.errors import CorruptError
from staddle.store.names import literal
from staddle.store.parts import COPY_OPTIONS, describe, split_days
from staddle.store.wal import read_segment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import duckdb

    from staddle.store.codec import Codec
    from staddle.store.wal import Record


def convert(
    con: duckdb.DuckDBPyConnection,
    segments: Sequence[Path],
    folder: Path,
    name: str,
    times: tuple[int, int],
    codec: Codec,
) -> Converted:
    """Write the rows of `segments` with times in [times] to parts `<name>...` in `folder`, durably."""
    result = Converted()
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in _records(segments, result):
        groups[record.row_format].append(record)
    sources: list[str] = []
    try:
        for i, (text, records) in enumerate(groups.items()):
            sources.append(codec.select(con, text, records, i, result, times))
            if len(groups) > 1:
                con.execute(f"create or replace temp table g{i} as {sources[-1]}")
                sources[-1] = f"select * from g{i}"
        if sources:
            path = folder / f"{name}.parquet"
            made = con.execute(
                f"copy ({' union all by name '.join(sources)}) to {literal(str(path))} {COPY_OPTIONS}"
            ).fetchone()
            result.rows = int(made[0]) if made else 0
            result.dropped["time"] -= result.rows
            raw_bytes = sum(len(r.payload) for rs in groups.values() for r in rs)
            if result.rows:
                result.parts = split_days(con, describe(con, path, 0, raw_bytes), folder)
                for part in result.parts:
                    codec.index(con, part, folder)
            else:
                path.unlink()
    finally:
        for i in range(len(groups)):
            con.execute(f"drop table if exists g{i}")
        for view in result.registered:
            con.unregister(view)
    return result


def _records(segments: Sequence[Path], result: Converted) -> Iterator[Record]:
    for path in segments:
        try:
            yield from read_segment(path)
        except CorruptError as error:
            result.problems.append(str(error))
