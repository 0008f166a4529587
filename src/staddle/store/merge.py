"""Several parts into one, sorted by tenant, stream and time. Runs in a worker process (see `worker`)."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from staddle.store.manifest import sync_folder
from staddle.store.names import MSG, SHAPE, STREAM, TENANT, TIME, literal, quoted
from staddle.store.parts import MERGED_OPTIONS, describe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb

    from staddle.store.manifest import Part

MAX_SHAPES = 100_000
SAMPLE_ROWS = 20_000
_SHAPE = f"regexp_replace({MSG}, '[A-Za-z_]*[0-9][A-Za-z0-9_]*', '0', 'g')"
_WORD = re.compile(r"\w+")


def merge(con: duckdb.DuckDBPyConnection, parts: Sequence[Part], folder: Path, name: str) -> Part:
    """Write all rows of `parts` to the part `name` in `folder`, durably, with its summary.

    The summary says which streams there are and, when messages have few shapes, which words. The *shape* of a message is
    the message with every word that has a digit in it replaced by `0`; it is stored as one more column: there are
    few of them, so that looking for a word without digits in shapes costs little.
    """
    files = [literal(str(folder / f"{p.name}.parquet")) for p in parts]
    source = f"read_parquet([{', '.join(files)}], union_by_name=true)"
    columns = {c for p in parts for c in p.columns}
    plain = f"select * exclude ({quoted(SHAPE)}) from {source}" if SHAPE in columns else f"select * from {source}"
    shape = f", {_SHAPE} as {quoted(SHAPE)}" if MSG in columns and _few_shapes(con, plain) else ""
    path = folder / f"{name}.parquet"
    con.execute(
        f"copy (select *{shape} from ({plain}) order by {quoted(TENANT)}, {STREAM}, {TIME}) "
        f"to {literal(str(path))} {MERGED_OPTIONS}"
    )
    part = describe(con, path, 1 + max(p.level for p in parts), sum(p.raw_bytes for p in parts))
    part = replace(part, level=max(part.level, 1))
    write_summary(con, part, folder)
    return part


def _few_shapes(con: duckdb.DuckDBPyConnection, plain: str) -> bool:
    sample = f"select {MSG} from ({plain}) where {MSG} is not null limit {SAMPLE_ROWS}"
    shapes, rows = con.execute(f"select count(distinct {_SHAPE}), count(*) from ({sample})").fetchall()[0]
    return bool(shapes <= max(rows // 4, 64))


def summary_path(folder: Path, name: str) -> Path:
    """Where a part's summary is, if it has one."""
    return folder / f"{name}.summary.json"


def write_summary(con: duckdb.DuckDBPyConnection, part: Part, folder: Path) -> None:
    """What can rule a part out without opening it: its streams, and the words of its messages without digits."""
    source = f"read_parquet({literal(str(folder / f'{part.name}.parquet'))})"
    streams = con.execute(
        f"select {quoted(TENANT)}, {STREAM}, count(*), min({TIME}), max({TIME}) from {source} group by all order by all"
    ).fetchall()
    words: list[str] | None = None
    if SHAPE in part.columns:
        shapes = con.execute(f"select distinct {quoted(SHAPE)} as s from {source} where s is not null limit {MAX_SHAPES + 1}").fetchall()
        if len(shapes) <= MAX_SHAPES:
            words = sorted({w for (text,) in shapes for w in _WORD.findall(text)})
    path = summary_path(folder, part.name)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps({"streams": streams, "words": words}, ensure_ascii=False, separators=(",", ":")))
    temporary.replace(path)
    sync_folder(folder)
