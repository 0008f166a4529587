"""The `stats` stage, and `running_stats` and `total_stats`."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import Running, Sort, SortKey, Stats
from staddle.logs.logsql.evaluate.aggregates import make
from staddle.logs.logsql.evaluate.blocks import concat, from_rows, split, with_columns
from staddle.logs.logsql.evaluate.buckets import bucket_column
from staddle.logs.logsql.evaluate.matching import compile_filter
from staddle.logs.logsql.evaluate.sorting import sort
from staddle.logs.logsql.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from staddle.logs.logsql.evaluate.aggregate_base import Aggregate
    from staddle.logs.logsql.evaluate.context import Context, Stage
    from staddle.logs.logsql.source import Block

    Key = tuple[str, ...]

_GROUP = 400
"""About how many bytes a group takes besides what its functions keep."""


def rate_step(pipe: Stats, context: Context) -> float:
    """What rates are divided by, in seconds: the time bucket's length, else the query's time range."""
    for by in pipe.by:
        if by.name == "_time" and by.bucket_size:
            return by.bucket_size / SECOND
    return context.step_seconds


def stats(pipe: Stats, context: Context) -> Stage:
    """`stats`."""
    step = rate_step(pipe, context)
    makers = [make(e.func, step) for e in pipe.entries]
    matchers = [None if e.condition is None else compile_filter(e.condition) for e in pipe.entries]
    conditional = any(m is not None for m in matchers)
    names = (*(b.name for b in pipe.by), *(e.result for e in pipe.entries))

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        groups: dict[Key, list[Aggregate]] = {}
        if not pipe.by:
            groups[()] = [m() for m in makers]
        for block in blocks:
            everything = range(block.rows)
            matching = (
                [None if m is None else frozenset(m(block, everything)) for m in matchers] if conditional else None
            )
            for key, rows in _grouped(block, pipe).items():
                states = groups.get(key)
                if states is None:
                    states = groups[key] = [m() for m in makers]
                    context.budget.charge(_GROUP + 150 * len(states))
                context.budget.charge(_update(states, block, rows, matching))
        made = from_rows(names, ((*key, *(s.result() for s in states)) for key, states in groups.items()))
        yield from split(made, context.limits.block_rows)

    return stage


def _update(
    states: list[Aggregate], block: Block, rows: Sequence[int], matching: list[frozenset[int] | None] | None
) -> int:
    if matching is None:
        return sum(state.update(block, rows) for state in states)
    size = 0
    for state, wanted in zip(states, matching, strict=True):
        size += state.update(block, rows if wanted is None else [i for i in rows if i in wanted])
    return size


def _grouped(block: Block, pipe: Stats) -> dict[Key, Sequence[int]]:
    if not pipe.by:
        return {(): range(block.rows)}
    columns = [bucket_column(block, by) for by in pipe.by]
    groups: defaultdict[Key, list[int]] = defaultdict(list)
    for i, key in enumerate(zip(*columns, strict=True)):
        groups[key].append(i)
    return dict(groups)


def running(pipe: Running, context: Context) -> Stage:
    """`running_stats` and `total_stats`: rows in time order, each with its group's statistics up to it, or
    over all.
    """
    makers: list[Callable[[], Aggregate]] = [make(e.func, context.step_seconds) for e in pipe.entries]
    matchers = [None if e.condition is None else compile_filter(e.condition) for e in pipe.entries]
    in_time_order = sort(Sort((SortKey("_time"),)), context)

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        ordered = list(in_time_order(blocks))
        if not ordered:
            return
        block = concat(ordered)
        matching = [None if m is None else frozenset(m(block, range(block.rows))) for m in matchers]
        groups: dict[Key, list[Aggregate]] = {}
        keys: list[Key] = list(zip(*(block.column(f) for f in pipe.by), strict=True)) if pipe.by else [()] * block.rows
        results: list[list[str]] = [[] for _ in pipe.entries]
        for i, key in enumerate(keys):
            states = groups.get(key)
            if states is None:
                states = groups[key] = [m() for m in makers]
            _update(states, block, (i,), matching)
            if not pipe.total:
                for column, state in zip(results, states, strict=True):
                    column.append(state.result())
        if pipe.total:
            answers = {key: [s.result() for s in states] for key, states in groups.items()}
            results = [[answers[key][n] for key in keys] for n in range(len(pipe.entries))]
        made = with_columns(block, {e.result: r for e, r in zip(pipe.entries, results, strict=True)})
        yield from split(made, context.limits.block_rows)

    return stage
