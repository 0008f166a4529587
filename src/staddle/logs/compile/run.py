"""Runs queries: as much as possible in SQL, the rest in the evaluator."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from staddle.logs.compile.aggregate import plan_stats
from staddle.logs.compile.counts import plan_facets, plan_field_names, plan_top, plan_uniq
from staddle.logs.compile.inner import UnsupportedError
from staddle.logs.logsql import ast
from staddle.logs.logsql.ast import conjunction
from staddle.logs.logsql.evaluate import Limits, apply_pipes, needed_fields, resolve_filter, run
from staddle.store.names import STREAM_ID, TIME, column_of, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.logs.compile.scan import StoreSource
    from staddle.logs.compile.table import Table
    from staddle.logs.logsql.source import Block

MAX_SORTED = 100_000


def run_query(query: ast.Query, source: StoreSource, limits: Limits) -> Iterator[Block]:
    """The query's result."""
    found = _in_sql(query, source, limits)
    return run(query, source, limits) if found is None else found


def _in_sql(query: ast.Query, source: StoreSource, limits: Limits) -> Iterator[Block] | None:
    """The result with the beginning done in SQL, or None."""
    pipes = query.pipes
    at = 0
    parts: list[ast.Filter] = [query.filter]
    while at < len(pipes) and isinstance(pipe := pipes[at], ast.FilterPipe):
        parts.append(pipe.filter)
        at += 1
    if at == len(pipes) or query.options.time_offset_ns or not isinstance(pipes[at], _TERMINALS):
        return None
    start, end = query.time_range()
    where = resolve_filter(conjunction(*parts), source, limits)
    if any(isinstance(node, ast.ValueType) for node in where.walk()):
        return None
    table = source.table(where, start, end)
    if not table.exact:
        return None
    pipe = _resolved(pipes[at], source, limits)
    try:
        blocks = _terminal(pipe, table, query, source, pipes[at + 1] if at + 1 < len(pipes) else None)
    except UnsupportedError:
        return None
    # A sort is only narrowed down in SQL; the evaluator has the last word on the order.
    rest = pipes[at:] if isinstance(pipe, ast.Sort | ast.FirstLast | ast.Limit) else pipes[at + 1 :]
    return apply_pipes(rest, blocks, source, query, limits)


_TERMINALS = (
    ast.Stats,
    ast.Uniq,
    ast.Top,
    ast.FieldValues,
    ast.FieldNames,
    ast.Facets,
    ast.Sort,
    ast.FirstLast,
    ast.Limit,
)


def _resolved(pipe: ast.Pipe, source: StoreSource, limits: Limits) -> ast.Pipe:
    """The pipe with subqueries in conditions replaced by their values."""
    if not isinstance(pipe, ast.Stats):
        return pipe
    entries = tuple(
        e if e.condition is None else replace(e, condition=resolve_filter(e.condition, source, limits))
        for e in pipe.entries
    )
    return replace(pipe, entries=entries)


def _terminal(  # noqa: PLR0911 (a table)
    pipe: ast.Pipe, table: Table, query: ast.Query, source: StoreSource, after: ast.Pipe | None
) -> Iterator[Block]:
    """The result of the first pipe that SQL can do. Raises UnsupportedError."""
    match pipe:
        case ast.Stats():
            return plan_stats(pipe, table, query, after).run()
        case ast.Uniq():
            return plan_uniq(pipe, table)
        case ast.FieldValues(field=field, limit=limit):
            return plan_uniq(ast.Uniq((field,), "hits" if field != "hits" else "hitss", limit), table)
        case ast.Top():
            return plan_top(pipe, table)
        case ast.FieldNames():
            return plan_field_names(pipe, table)
        case ast.Facets():
            return plan_facets(pipe, table)
        case ast.Sort(by=by, desc=desc, limit=limit, partition_by=()) if by and limit >= 0:
            return _first_rows(table, query, source, _order(by, desc, table), pipe.offset + limit)
        case ast.FirstLast(by=by, last=last, limit=limit, partition_by=()) if by:
            return _first_rows(table, query, source, _order(by, last, table), limit)
        case ast.Limit(count=count):
            return _first_rows(table, query, source, "", count)
    raise UnsupportedError(str(pipe))


def _order(by: tuple[ast.SortKey, ...], desc: bool, table: Table) -> str:
    """ORDER BY for keys whose order SQL has: the time, and fields that are all numbers."""
    keys = []
    for key in by:
        down = key.desc != desc
        # Missing values are the lowest.
        direction = "desc nulls last" if down else "asc nulls first"
        if key.name == TIME:
            keys.append(f"{TIME} {direction}")
            continue
        if key.name in {STREAM_ID, "_stream"} or any(not g.scope.only_numbers(key.name) for g in table.groups):
            raise UnsupportedError(key.name)
        if key.name not in table.fields:
            continue
        keys.append(f"try_cast({quoted(column_of(key.name))} as double) {direction}")
    return "order by " + ", ".join(keys) if keys else ""


def _first_rows(table: Table, query: ast.Query, source: StoreSource, order: str, count: int) -> Iterator[Block]:
    if count > MAX_SORTED:
        raise UnsupportedError(f"{count} rows")
    fields = needed_fields(query)
    wanted = [f for f in table.fields if fields.wants(f)]
    return source.rows(
        table,
        wanted,
        with_id=fields.wants(STREAM_ID),
        more=source.needs_more(table, query.filter, fields),
        tail=f"{order} limit {count}",
    )
