"""Helpers for making blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import matches_any
from staddle.logs.logsql.source import Block

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


def concat(blocks: Sequence[Block]) -> Block:
    """All rows as one block. Columns come in the order in which they are first seen."""
    if len(blocks) == 1:
        return blocks[0]
    keep_stamps = all(b.timestamps is not None for b in blocks)
    names: dict[str, None] = {}
    for b in blocks:
        names.update(dict.fromkeys(b.columns if keep_stamps else b.names()))
    columns: dict[str, Sequence[str]] = {}
    for name in names:
        merged: list[str] = []
        for b in blocks:
            merged.extend(b.column(name))
        columns[name] = merged
    stamps: list[int] | None = None
    if keep_stamps:
        stamps = []
        for b in blocks:
            stamps.extend(b.timestamps or ())
    return Block(columns, sum(b.rows for b in blocks), stamps)


def from_rows(names: Sequence[str], rows: Iterable[Sequence[str]]) -> Block:
    """A block of the given columns."""
    listed = list(rows)
    columns = list(zip(*listed, strict=True)) if listed else [()] * len(names)
    return Block(dict(zip(names, columns, strict=True)), len(listed))


def split(block: Block, rows: int) -> Iterator[Block]:
    """The block in pieces of at most so many rows; nothing of an empty block."""
    if block.rows <= rows:
        if block.rows:
            yield block
        return
    for start in range(0, block.rows, rows):
        yield block.take(range(start, min(start + rows, block.rows)))


def select(block: Block, patterns: tuple[str, ...]) -> list[str]:
    """Names that the patterns stand for in this block: wildcards give those that there are, names always
    count.
    """
    if patterns == ("*",):
        return block.names()
    out: dict[str, None] = {}
    for pattern in patterns:
        if pattern.endswith("*"):
            out.update(dict.fromkeys(n for n in block.names() if n.startswith(pattern[:-1])))
        else:
            out[pattern] = None
    return list(out)


def with_columns(block: Block, changed: dict[str, Sequence[str]]) -> Block:
    """The block with some columns new or replaced."""
    columns = block.materialized() if "_time" in changed else dict(block.columns)
    columns.update(changed)
    stamps = None if "_time" in changed else block.timestamps
    return Block(columns, block.rows, stamps)


def keep(block: Block, patterns: tuple[str, ...]) -> Block:
    """Only the named columns, in the order asked for (names that are missing become empty columns)."""
    stamps = block.timestamps if "_time" in patterns or matches_any("_time", patterns) else None
    columns: dict[str, Sequence[str]] = {}
    for name in select(block, patterns):
        if name != "_time" or stamps is None:
            columns[name] = block.column(name)
    return Block(columns, block.rows, stamps)


def size_of(block: Block) -> int:
    """About how many bytes the block's values take."""
    return sum(57 * block.rows + sum(map(len, column)) for column in block.columns.values()) + 8 * block.rows
