"""Several parts into one, sorted as the codec says. Runs in a worker process (see `worker`).

The *shape* of a message is the message with every word that has a digit in it replaced by `0`. Messages have
few shapes,
so the rows of a merged part have the hash of theirs in a column, and the shapes themselves are in a small
file
beside the part: looking for a word without digits means to look at the shapes, then to compare numbers.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from staddle.store.manifest import sync_folder
from staddle.store.names import MSG, SHAPE, STREAM, TENANT, TIME, literal, quoted
from staddle.store.parts import MERGED_OPTIONS, describe, part_path, shapes_path, summary_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb

    from staddle.store.codec import Codec
    from staddle.store.manifest import Part

MAX_SHAPES = 100_000
SAMPLE_ROWS = 20_000
_WORD = re.compile(r"\w+")


def shape_of(expression: str) -> str:
    """SQL for the shape of a message. Only ASCII digits count, so that shapes never lose a word without
    one.
    """
    return f"regexp_replace({expression}, '[A-Za-z_]*[0-9][A-Za-z0-9_]*', '0', 'g')"


def merge(con: duckdb.DuckDBPyConnection, parts: Sequence[Part], folder: Path, name: str, codec: Codec) -> Part:
    """Write all rows of `parts` to the part `name` in `folder`, durably, with its summary and shapes."""
    files = [literal(str(part_path(folder, p.name))) for p in parts]
    source = f"read_parquet([{', '.join(files)}], union_by_name=true)"
    columns = {c for p in parts for c in p.columns}
    plain = f"select * exclude ({quoted(SHAPE)}) from {source}" if SHAPE in columns else f"select * from {source}"
    shaped = codec.shaped and MSG in columns and _few_shapes(con, plain)
    shape = f", case when {MSG} is not null then hash({shape_of(MSG)}) end as {quoted(SHAPE)}" if shaped else ""
    path = folder / f"{name}.parquet"
    con.execute(
        f"copy (select *{shape} from ({plain}) order by {', '.join(map(quoted, (TENANT, *codec.order)))}) "
        f"to {literal(str(path))} {codec.options}"
    )
    part = describe(con, path, 1 + max(p.level for p in parts), sum(p.raw_bytes for p in parts))
    words = _write_shapes(con, part, folder) if shaped else None
    _write_summary(con, part, folder, words)
    codec.index(con, part, folder)
    return replace(part, shapes=words is not None)


def _few_shapes(con: duckdb.DuckDBPyConnection, plain: str) -> bool:
    sample = f"select {MSG} from ({plain}) where {MSG} is not null limit {SAMPLE_ROWS}"
    shapes, rows = con.execute(f"select count(distinct {shape_of(MSG)}), count(*) from ({sample})").fetchall()[0]
    return bool(shapes <= max(rows // 4, 64))


def _write_shapes(con: duckdb.DuckDBPyConnection, part: Part, folder: Path) -> list[str] | None:
    """Write the shapes file; all words in the shapes, or None (and no file) when there are too many
    shapes.
    """
    source = f"read_parquet({literal(str(part_path(folder, part.name)))})"
    path = shapes_path(folder, part.name)
    shape = quoted(SHAPE)
    con.execute(
        f"create or replace temp table shapes as select h, {shape_of('m')} as s from "
        f"(select {shape} as h, any_value({MSG}) as m from {source} where {shape} is not null group by 1 "
        f"limit {MAX_SHAPES + 1})"
    )
    shapes = [s for (s,) in con.execute("select s from shapes").fetchall()]
    words = None
    if len(shapes) <= MAX_SHAPES:
        con.execute(f"copy (select h, s from shapes order by s) to {literal(str(path))} {MERGED_OPTIONS}")
        words = sorted({w for text in shapes for w in _WORD.findall(text)})
    con.execute("drop table shapes")
    return words


def _write_summary(con: duckdb.DuckDBPyConnection, part: Part, folder: Path, words: list[str] | None) -> None:
    """What can rule a part out without opening it: its streams, and the words without digits of its
    messages.
    """
    source = f"read_parquet({literal(str(part_path(folder, part.name)))})"
    streams = con.execute(
        f"select {quoted(TENANT)}, {STREAM}, count(*), min({TIME}), max({TIME}) from {source} group by all order by all"
    ).fetchall()
    path = summary_path(folder, part.name)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps({"streams": streams, "words": words}, ensure_ascii=False, separators=(",", ":")))
    temporary.replace(path)
    sync_folder(folder)
