"""Stages that choose, name and pack fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql import jsontext, logfmt
from staddle.logs.logsql.ast import (
    Copy,
    Delete,
    DropEmptyFields,
    Fields,
    FilterPipe,
    PackJSON,
    PackLogfmt,
    Rename,
    Unroll,
    matches,
    matches_any,
)
from staddle.logs.logsql.evaluate.blocks import keep, select, with_columns
from staddle.logs.logsql.evaluate.matching import compile_filter
from staddle.logs.logsql.source import Block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from staddle.logs.logsql.ast import Filter
    from staddle.logs.logsql.evaluate.context import Context, Stage


def per_block(work: Callable[[Block], Block]) -> Stage:
    """A stage that handles each block for itself; blocks without rows are dropped."""

    def stage(blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            made = work(block)
            if made.rows:
                yield made

    return stage


def fields(pipe: Fields, _context: Context) -> Stage:
    """`fields`."""
    return per_block(lambda block: keep(block, pipe.fields))


def delete(pipe: Delete, _context: Context) -> Stage:
    """`delete`."""

    def work(block: Block) -> Block:
        columns = {k: v for k, v in block.columns.items() if not matches_any(k, pipe.fields)}
        stamps = None if matches_any("_time", pipe.fields) else block.timestamps
        return Block(columns, block.rows, stamps)

    return per_block(work)


def filtered(pipe: FilterPipe, _context: Context) -> Stage:
    """`filter`."""
    return filter_stage(pipe.filter)


def filter_stage(f: Filter) -> Stage:
    """Only rows that match."""
    matcher = compile_filter(f)
    return per_block(lambda block: block.take(matcher(block, range(block.rows))))


def _target(name: str, source: str, target: str) -> str:
    if not target.endswith("*"):
        return target
    return target[:-1] + (name[len(source) - 1 :] if source.endswith("*") else "")


def copy(pipe: Copy, _context: Context) -> Stage:
    """`copy`."""

    def work(block: Block) -> Block:
        columns = block.materialized()
        for source, target in pipe.pairs:
            if not source.endswith("*"):
                columns[_target(source, source, target)] = _column(columns, source, block.rows)
                continue
            found = {_target(n, source, target): v for n, v in columns.items() if matches(n, source)}
            columns.update(found)
        return _rebuilt(block, columns, {_target("", s, t) for s, t in pipe.pairs})

    return per_block(work)


def rename(pipe: Rename, _context: Context) -> Stage:
    """`rename`."""

    def work(block: Block) -> Block:
        columns = block.materialized()
        for source, target in pipe.pairs:
            if not source.endswith("*"):
                column = _column(columns, source, block.rows)
                columns.pop(source, None)
                columns[_target(source, source, target)] = column
                continue
            moved = {n: v for n, v in columns.items() if matches(n, source)}
            columns = {n: v for n, v in columns.items() if n not in moved}
            columns.update({_target(n, source, target): v for n, v in moved.items()})
        return Block(columns, block.rows)

    return per_block(work)


def _column(columns: dict[str, Sequence[str]], name: str, rows: int) -> Sequence[str]:
    found = columns.get(name)
    return [""] * rows if found is None else found


def _rebuilt(block: Block, columns: dict[str, Sequence[str]], targets: set[str]) -> Block:
    untouched = block.timestamps is not None and not any(t in {"_time", ""} or "_time".startswith(t) for t in targets)
    return Block(columns, block.rows, block.timestamps if untouched else None)


def drop_empty_fields(_pipe: DropEmptyFields, _context: Context) -> Stage:
    """`drop_empty_fields`: empty values are no fields anyway, so only rows without any field go."""

    def work(block: Block) -> Block:
        if block.timestamps is not None:
            return block
        columns = list(block.columns.values())
        return block.take([i for i in range(block.rows) if any(c[i] for c in columns)])

    return per_block(work)


def _packed(
    patterns: tuple[str, ...], result: str, render: Callable[[Iterable[tuple[str, str]]], str]
) -> Callable[[Block], Block]:
    def work(block: Block) -> Block:
        names = [n for n in select(block, patterns) if block.has(n)]
        columns = [block.column(n) for n in names]
        if columns:
            made = [render(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
        else:
            made = [render(())] * block.rows
        return with_columns(block, {result: made})

    return work


def pack_json(pipe: PackJSON, _context: Context) -> Stage:
    """`pack_json`."""
    return per_block(_packed(pipe.fields, pipe.result, jsontext.row))


def pack_logfmt(pipe: PackLogfmt, _context: Context) -> Stage:
    """`pack_logfmt`."""
    return per_block(_packed(pipe.fields, pipe.result, logfmt.render))


def unroll(pipe: Unroll, _context: Context) -> Stage:
    """`unroll`: as many rows as the longest array has items, one with empty values if there is no array."""
    matcher = None if pipe.condition is None else compile_filter(pipe.condition)

    def work(block: Block) -> Block:
        chosen = set(range(block.rows) if matcher is None else matcher(block, range(block.rows)))
        sources = [block.column(f) for f in pipe.fields]
        rows: list[int] = []
        made: list[list[str]] = [[] for _ in sources]
        for i in range(block.rows):
            if i not in chosen:
                rows.append(i)
                for column, source in zip(made, sources, strict=True):
                    column.append(source[i])
                continue
            arrays = [jsontext.items(source[i]) or [] for source in sources]
            size = max(1, *map(len, arrays))
            rows.extend([i] * size)
            for column, array in zip(made, arrays, strict=True):
                column.extend(array)
                column.extend([""] * (size - len(array)))
        columns: dict[str, Sequence[str]] = {
            k: [v[i] for i in rows] for k, v in block.columns.items() if k not in pipe.fields
        }
        columns.update(zip(pipe.fields, made, strict=True))
        stamps = None
        if block.timestamps is not None and "_time" not in pipe.fields:
            stamps = [block.timestamps[i] for i in rows]
        return Block(columns, len(rows), stamps)

    return per_block(work)
