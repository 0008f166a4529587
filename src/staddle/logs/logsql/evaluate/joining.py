"""Stages that bring in rows from elsewhere: join, union, stream_context."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import FieldSelection, Join, StreamContext, StreamID, Union, ValueList
from staddle.logs.logsql.evaluate.blocks import concat, from_rows, size_of, split
from staddle.logs.logsql.evaluate.matching import compile_filter
from staddle.logs.logsql.source import Block
from staddle.logs.logsql.times import parse_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from staddle.logs.logsql.evaluate.context import Context, Stage


def union(pipe: Union, context: Context) -> Stage:
    """`union`."""

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        yield from blocks
        yield from context.run(pipe.query)

    return stage


def join(pipe: Join, context: Context) -> Stage:
    """`join`: a row with several partners becomes several rows; one without stays (or goes, when `inner`)."""

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        partners = _partners(pipe, context)
        for block in blocks:
            made = _joined(pipe, block, partners)
            if made.rows:
                yield made

    return stage


def _partners(pipe: Join, context: Context) -> dict[tuple[str, ...], list[dict[str, str]]]:
    partners: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for block in context.run(pipe.query):
        context.budget.charge(size_of(block))
        keys = list(zip(*(block.column(f) for f in pipe.by), strict=True))
        names = [n for n in block.names() if n not in pipe.by]
        columns = [block.column(n) for n in names]
        for i, key in enumerate(keys):
            row = {pipe.prefix + n: c[i] for n, c in zip(names, columns, strict=True) if c[i]}
            partners.setdefault(key, []).append(row)
    return partners


def _joined(pipe: Join, block: Block, partners: dict[tuple[str, ...], list[dict[str, str]]]) -> Block:
    rows: list[int] = []
    extras: list[dict[str, str]] = []
    nothing: list[dict[str, str]] = [] if pipe.inner else [{}]
    for i, key in enumerate(zip(*(block.column(f) for f in pipe.by), strict=True)):
        for extra in partners.get(key, nothing):
            rows.append(i)
            extras.append(extra)
    names: dict[str, None] = {}
    for extra in extras:
        names.update(dict.fromkeys(extra))
    columns: dict[str, Sequence[str]] = {k: [v[i] for i in rows] for k, v in block.materialized().items()}
    for name in names:
        own = columns.get(name) or [""] * len(rows)
        columns[name] = [extra.get(name, mine) for extra, mine in zip(extras, own, strict=True)]
    return Block(columns, len(rows))


def stream_context(pipe: StreamContext, context: Context) -> Stage:
    """`stream_context`: every row with its neighbours in its stream, chunk by chunk, with `---` rows
    between chunks.
    """

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        wanted: dict[str, set[int]] = {}
        for block in blocks:
            stamps = block.timestamps or [parse_rfc3339(t) or 0 for t in block.column("_time")]
            for stream, stamp in zip(block.column("_stream_id"), stamps, strict=True):
                wanted.setdefault(stream, set()).add(stamp)
            context.budget.charge(80 * block.rows)
        first = True
        for stream in sorted(wanted):
            for chunk, separator in _chunks(pipe, context, stream, sorted(wanted[stream])):
                if not first:
                    yield separator
                first = False
                yield from split(chunk, context.limits.block_rows)

    return stage


def _chunks(pipe: StreamContext, context: Context, stream: str, stamps: list[int]) -> Iterator[tuple[Block, Block]]:
    f = StreamID(ValueList((stream,)))
    matcher = compile_filter(f)
    start, end = stamps[0] - pipe.time_window_ns, stamps[-1] + pipe.time_window_ns
    found = []
    for block in context.source.scan(f, FieldSelection(), start, end):
        times = block.timestamps or ()
        rows = [i for i in matcher(block, range(block.rows)) if start <= times[i] <= end]
        if rows:
            found.append(block.take(rows))
            context.budget.charge(size_of(found[-1]))
    if not found:
        return
    whole = concat(found)
    times = whole.timestamps or ()
    order = sorted(range(whole.rows), key=times.__getitem__)
    ordered = [times[i] for i in order]
    last = -1
    chunk: list[int] = []
    for stamp in stamps:
        at = bisect_left(ordered, stamp)
        while at < len(ordered) and ordered[at] == stamp:
            low = max(at - pipe.before, 0, last + 1)
            high = min(at + pipe.after, len(ordered) - 1)
            while low < at and ordered[low] < stamp - pipe.time_window_ns:
                low += 1
            while high > at and ordered[high] > stamp + pipe.time_window_ns:
                high -= 1
            if chunk and low > last + 1:
                yield whole.take([order[i] for i in chunk]), _separator(whole, order[chunk[-1]])
                chunk = []
            chunk.extend(range(max(low, last + 1), high + 1))
            last = max(last, high)
            at += 1
    if chunk:
        yield whole.take([order[i] for i in chunk]), _separator(whole, order[chunk[-1]])


def _separator(whole: Block, row: int) -> Block:
    values = [whole.column(n)[row] for n in ("_time", "_stream_id", "_stream")]
    return from_rows(("_time", "_stream_id", "_stream", "_msg"), [(*values, "---")])
