"""`uniq`, `top`, `field_values`, `field_names` and `facets` in SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.compile.inner import Inner, UnsupportedError, key_column
from staddle.logs.logsql import ast
from staddle.logs.logsql.evaluate.blocks import from_rows
from staddle.logs.streams import stream_id
from staddle.store.names import STREAM, STREAM_ID, TIME, literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from staddle.logs.compile.table import Table
    from staddle.logs.logsql.source import Block

BLOCK_ROWS = 8192
SAMPLE_ROWS = 20_000
SMALL = 20_000


def _grouped(table: Table, by: tuple[str, ...], tail: str) -> Iterator[list[list[str]]]:
    """Batches of key texts with a count."""
    inner = Inner(table)
    keys = [key_column(inner, ast.ByField(name), table) for name in by]
    columns = ", ".join(f"{sql} as k{i}" for i, (sql, _) in enumerate(keys))
    sql = f"select {columns}, count(*) as n from ({inner.sql()}) group by {_numbers(len(keys))}{tail}"
    return _batches(table, sql, [decode for _, decode in keys])


def _first(table: Table, by: tuple[str, ...], limit: int) -> Iterator[list[list[str]]]:
    """As many keys as the limit, where there are more, with a count of 0. As VictoriaLogs finds them, so that they are the
    same each time: it reads stream after stream, by their ids, until it has more than it may; of those the first by text.
    """
    inner = Inner(table)
    keys = [key_column(inner, ast.ByField(name), table) for name in by]
    columns = ", ".join(f"{sql} as k{i}" for i, (sql, _) in enumerate(keys))
    stream = inner.stream()
    known = {known for group in table.groups for known in group.scope.streams()}
    ids = sorted(known, key=lambda known: stream_id(table.tenant, known))
    places = f"unnest([{', '.join(literal(stream) for stream in ids)}]) as s, unnest(range({len(ids)})) as place"
    order = ", ".join("nth" if name == STREAM_ID else f"k{i} nulls first" for i, name in enumerate(by))
    sql = (
        f"with found as (select {columns}, min(place) as nth from (select {places}) join ({inner.sql()}) "
        f"on s = {stream} group by {_numbers(len(keys))}) "
        f"select {', '.join(f'k{i}' for i in range(len(by)))}, 0 from found "
        f"where nth <= (select nth from found order by nth limit 1 offset {limit}) order by {order} limit {limit}"
    )
    return _batches(table, sql, [decode for _, decode in keys])


def _numbers(count: int) -> str:
    return ", ".join(str(i + 1) for i in range(count))


def _batches(table: Table, sql: str, decoders: Sequence[Callable[[object], str]]) -> Iterator[list[list[str]]]:
    """Rows of keys and a count, as text."""
    with table.engine.cursor(table.timer) as cursor:
        cursor.execute(sql)
        while batch := cursor.fetchmany(BLOCK_ROWS):
            yield [[*(d(v) for d, v in zip(decoders, row, strict=False)), str(row[-1])] for row in batch]


def plan_uniq(pipe: ast.Uniq, table: Table) -> Iterator[Block]:
    """`uniq`. Raises UnsupportedError."""
    limit = f" limit {pipe.limit + 1}" if pipe.limit else ""
    batches = _grouped(table, pipe.by, limit)
    names = (*pipe.by, pipe.hits) if pipe.hits else pipe.by

    def blocks() -> Iterator[Block]:
        if pipe.limit:
            rows = [row for batch in batches for row in batch]
            if len(rows) > pipe.limit:
                rows = [row for batch in _first(table, pipe.by, pipe.limit) for row in batch]
            yield from _blocks(names, [rows], hits=bool(pipe.hits))
        else:
            yield from _blocks(names, batches, hits=bool(pipe.hits))

    return blocks()


def _blocks(
    names: tuple[str, ...], batches: Iterator[list[list[str]]] | list[list[list[str]]], *, hits: bool
) -> Iterator[Block]:
    for batch in batches:
        if batch:
            yield from_rows(names, batch if hits else [row[:-1] for row in batch])


def plan_top(pipe: ast.Top, table: Table) -> Iterator[Block]:
    """`top`. Raises UnsupportedError."""
    if STREAM_ID in pipe.by or TIME in pipe.by:
        # Ties are in the order of the text, which SQL doesn't have.
        raise UnsupportedError(str(pipe))
    order = ", ".join(f"k{i} asc nulls first" for i in range(len(pipe.by)))
    batches = _grouped(table, pipe.by, f" order by n desc, {order} limit {pipe.limit}")
    names = (*pipe.by, pipe.hits, pipe.rank) if pipe.rank else (*pipe.by, pipe.hits)

    def blocks() -> Iterator[Block]:
        rank = 0
        for batch in batches:
            if pipe.rank:
                for row in batch:
                    rank += 1
                    row.append(str(rank))
            yield from_rows(names, batch)

    return blocks()


def plan_field_names(pipe: ast.FieldNames, table: Table) -> Iterator[Block]:
    """`field_names`. Raises UnsupportedError."""
    if table.has_more:
        raise UnsupportedError(str(pipe))
    inner = Inner(table)
    stored = [f for f in table.fields if f not in {TIME, STREAM}]
    columns = [f"count({inner.field(f)})" for f in stored]
    total, *counts = table.engine.fetch(
        f"select {', '.join(['count(*)', *columns])} from ({inner.sql()})", table.timer
    )[0]
    rows = [(name, str(n)) for name, n in zip(stored, counts, strict=True) if n]
    if total:
        rows = [(name, str(total)) for name in (TIME, STREAM_ID, STREAM)] + rows
    hits = "hits" if pipe.result != "hits" else "hitss"
    return iter([from_rows((pipe.result, hits), rows)] if rows else [])


def plan_facets(pipe: ast.Facets, table: Table) -> Iterator[Block]:
    """`facets`. Raises UnsupportedError for small sets, which the evaluator does as fast."""
    if table.has_more or sum(p.rows for p in table.parts) < SMALL:
        raise UnsupportedError(str(pipe))
    inner = Inner(table)
    stored = [f for f in table.fields if f not in {TIME, STREAM}]
    columns = {f: inner.field(f) for f in stored}
    fetch, timer = table.engine.fetch, table.timer
    # Fields with too many values show it in few rows: most of the work is not to look at them any longer.
    sampled = fetch(
        f"select {', '.join(f'count(distinct {c}), max(strlen({c}))' for c in columns.values())} "
        f"from (select * from ({inner.sql()}) limit {SAMPLE_ROWS})",
        timer,
    )[0]
    kept = [
        f
        for i, f in enumerate(stored)
        if sampled[2 * i] <= pipe.max_values_per_field and (sampled[2 * i + 1] or 0) <= pipe.max_value_len
    ]
    total = 0
    rows: list[tuple[str, str, str]] = []
    for name in sorted([*kept, STREAM, STREAM_ID]):
        counted = _facet(table, name, pipe)
        if counted is None:
            continue
        total = sum(n for _, n in counted)
        filled = [(v, n) for v, n in counted if v]
        constant = len(filled) == 1 and filled[0][1] == total
        if not filled or (constant and not pipe.keep_const_fields):
            continue
        best = sorted(filled, key=lambda item: (-item[1], item[0]))[: pipe.limit]
        rows.extend((name, v, str(n)) for v, n in best)
    return iter([from_rows(("field_name", "field_value", "hits"), rows)] if rows else [])


def _facet(table: Table, name: str, pipe: ast.Facets) -> list[tuple[str, int]] | None:
    """All values with counts; None when they are too many or too long."""
    out: list[tuple[str, int]] = []
    for batch in _grouped(table, (name,), f" limit {pipe.max_values_per_field + 2}"):
        out.extend((v, int(n)) for v, n in batch)
    filled = [v for v, _ in out if v]
    if len(filled) > pipe.max_values_per_field or any(
        len(v.encode("utf-8", "replace")) > pipe.max_value_len for v in filled
    ):
        return None
    return out
