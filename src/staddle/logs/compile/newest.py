"""The newest rows of a query, without reading more than needed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from staddle.logs.logsql.evaluate import Limits, apply_pipes, filter_fields, needed_fields, resolve_filter
from staddle.logs.logsql.evaluate.blocks import concat
from staddle.logs.logsql.evaluate.matching import compile_filter
from staddle.store.names import STREAM_ID, TIME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.logs.compile.scan import StoreSource
    from staddle.logs.compile.table import Table
    from staddle.logs.logsql import ast
    from staddle.logs.logsql.source import Block

GROWTH = 8


def newest_rows(query: ast.Query, source: StoreSource, limit: int, memory_bytes: int) -> Iterator[Block]:
    """The `limit` newest result rows of a query whose pipes work row by row, oldest of them first.

    So many of the newest rows are looked at as turn out to be needed: pipes, and conditions that SQL can't
    say, may drop some.
    """
    limits = Limits(memory_bytes=memory_bytes)
    where = resolve_filter(query.filter, source, limits)
    resolved = replace(query, filter=where)
    start, end = resolved.time_range()
    table = source.table(where, start, end)
    count = limit
    while True:
        blocks = list(_newest_matching(table, resolved, source, count))
        read = sum(b.rows for b in blocks)
        chosen = blocks if table.exact else _filtered(blocks, where)
        found = list(apply_pipes(query.pipes, iter(chosen), source, resolved, limits))
        if sum(b.rows for b in found) >= limit or read < count:
            break
        count *= GROWTH
    if found:
        whole = concat(found)
        order = sorted(range(whole.rows), key=_stamps(whole).__getitem__)
        yield whole.take(order[-limit:])


def _stamps(block: Block) -> list[int] | list[str]:
    return list(block.timestamps) if block.timestamps is not None else list(block.column(TIME))


def _filtered(blocks: list[Block], where: ast.Filter) -> list[Block]:
    matcher = compile_filter(where)
    return [b.take(matcher(b, range(b.rows))) for b in blocks]


def _newest_matching(table: Table, query: ast.Query, source: StoreSource, count: int) -> Iterator[Block]:
    fields = needed_fields(query)
    wanted = [f for f in table.fields if fields.wants(f)]
    helpers = frozenset() if table.exact else filter_fields(query.filter)
    names = sorted({*wanted, *helpers}.intersection(table.fields))
    with_id = fields.wants(STREAM_ID) or STREAM_ID in helpers
    yield from source.rows(
        table, names, with_id=with_id, more=table.has_more, tail=f"order by {TIME} desc limit {count}"
    )
