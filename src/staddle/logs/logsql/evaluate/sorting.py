"""Stages that order and cut: sort, first, last, limit, offset, sample."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import FirstLast, Limit, Offset, Sample, Sort, SortKey
from staddle.logs.logsql.evaluate.blocks import concat, size_of, split, with_columns
from staddle.logs.logsql.evaluate.ordering import column_ranks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from staddle.logs.logsql.evaluate.context import Context, Stage
    from staddle.logs.logsql.source import Block

# How many rows more than a limit are kept before the rest is thrown away.
_SLACK = 16384


def limited(pipe: Limit, _context: Context) -> Stage:
    """`limit`: stops what is before it once it has enough."""

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        left = pipe.count
        if left <= 0:
            return
        for block in blocks:
            yield block if block.rows <= left else block.take(range(left))
            left -= block.rows
            if left <= 0:
                return

    return stage


def offset(pipe: Offset, _context: Context) -> Stage:
    """`offset`."""

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        left = pipe.count
        for block in blocks:
            if block.rows > left:
                yield block.take(range(left, block.rows)) if left else block
            left = max(0, left - block.rows)

    return stage


def sampled(pipe: Sample, _context: Context) -> Stage:
    """`sample`."""

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        chance = random.Random()  # noqa: S311  (no secret)
        for block in blocks:
            rows = [i for i in range(block.rows) if chance.random() * pipe.one_of < 1]
            if rows:
                yield block.take(rows)

    return stage


def first_last(pipe: FirstLast, context: Context) -> Stage:
    """`first` and `last`."""
    return sort(Sort(pipe.by, pipe.last, 0, pipe.limit, pipe.partition_by, pipe.rank), context)


def sort(pipe: Sort, context: Context) -> Stage:
    """`sort`. With a limit, only as many rows are kept as can still be among the first."""
    keep = pipe.offset + pipe.limit if pipe.limit >= 0 else -1

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        held: list[Block] = []
        rows = charged = 0
        for block in blocks:
            held.append(block)
            rows += block.rows
            size = size_of(block)
            charged += size
            context.budget.charge(size)
            if keep >= 0 and rows > _SLACK + 2 * keep:
                cut = _first(pipe, concat(held), keep)
                held, rows = [cut], cut.rows
                context.budget.charge(size_of(cut) - charged)
                charged = size_of(cut)
                if pipe.partition_by and rows > _SLACK:
                    # Many partitions: wait until there is as much again.
                    rows = 0
        if not held:
            return
        yield from split(_finished(pipe, concat(held)), context.limits.block_rows)
        context.budget.charge(-charged)

    return stage


def _order(pipe: Sort, block: Block) -> list[int]:
    """Indexes of the rows, sorted. The sort is stable, so the last key goes first."""
    order = list(range(block.rows))
    if not pipe.by:
        names = sorted(block.names())
        columns = [block.column(n) for n in names]
        whole = [
            "\0".join(f"{n}\0{v}" for n, v in zip(names, row, strict=True) if v) for row in zip(*columns, strict=True)
        ]
        places = column_ranks(whole) if columns else [0] * block.rows
        order.sort(key=places.__getitem__, reverse=pipe.desc)
        return order
    for key in reversed(pipe.by):
        order.sort(key=_places(key, block).__getitem__, reverse=key.desc != pipe.desc)
    return order


def _places(key: SortKey, block: Block) -> Sequence[int]:
    if key.name == "_time" and block.timestamps is not None:
        return block.timestamps
    return column_ranks(block.column(key.name))


def _partitions(pipe: Sort, block: Block, order: list[int]) -> Iterator[tuple[int, int]]:
    """Rows in order, each with its place (from 0) within its partition."""
    if not pipe.partition_by:
        for place, i in enumerate(order):
            yield i, place
        return
    columns = [block.column(f) for f in pipe.partition_by]
    counts: dict[tuple[str, ...], int] = {}
    for i in order:
        partition = tuple(c[i] for c in columns)
        place = counts.get(partition, 0)
        counts[partition] = place + 1
        yield i, place


def _first(pipe: Sort, block: Block, keep: int) -> Block:
    # In the order of arrival, so that rows with equal keys stay in it.
    return block.take(sorted(i for i, place in _partitions(pipe, block, _order(pipe, block)) if place < keep))


def _finished(pipe: Sort, block: Block) -> Block:
    end = pipe.offset + pipe.limit if pipe.limit >= 0 else block.rows
    chosen = [(i, p) for i, p in _partitions(pipe, block, _order(pipe, block)) if pipe.offset <= p < end]
    out = block.take([i for i, _ in chosen])
    return with_columns(out, {pipe.rank: [str(p + 1) for _, p in chosen]}) if pipe.rank else out
