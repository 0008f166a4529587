"""What all statistics functions have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from staddle.logs.logsql.evaluate.blocks import select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.logs.logsql.ast import StatsFunc
    from staddle.logs.logsql.source import Block

ENTRY = 100
"""About how many bytes one kept value takes besides its text."""


class Aggregate(Protocol):
    """The state of one function for one group."""

    def update(self, block: Block, rows: Sequence[int]) -> int:
        """Takes rows in; returns about how many bytes more are kept."""
        ...

    def result(self) -> str:
        """The answer so far."""
        ...


class Base:
    """A function with its fields."""

    __slots__ = ("fields", "func")

    def __init__(self, func: StatsFunc) -> None:
        self.func = func
        self.fields = func.fields

    def columns(self, block: Block) -> list[Sequence[str]]:
        """The columns that the fields stand for."""
        return [block.column(name) for name in select(block, self.fields)]


def pick(column: Sequence[str], rows: Sequence[int]) -> Sequence[str]:
    """The values at these rows."""
    return column if len(rows) == len(column) else [column[i] for i in rows]
