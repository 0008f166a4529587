"""Statistics functions that give values and rows: uniq_values, values, json_values, row_any, row_min ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql import jsontext
from staddle.logs.logsql.evaluate.aggregate_base import ENTRY, Base, pick
from staddle.logs.logsql.evaluate.blocks import select
from staddle.logs.logsql.evaluate.ordering import in_order
from staddle.logs.logsql.numbers import less

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.logs.logsql.ast import StatsFunc
    from staddle.logs.logsql.source import Block


class UniqValues(Base):
    """`uniq_values()`: distinct values that are not empty, in order, at most the limit."""

    __slots__ = ("seen",)

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.seen: dict[str, None] = {}

    def update(self, block: Block, rows: Sequence[int]) -> int:
        if self.func.limit and len(self.seen) >= self.func.limit:
            return 0
        before = len(self.seen)
        for column in self.columns(block):
            self.seen.update(dict.fromkeys(pick(column, rows)))
        self.seen.pop("", None)
        return (len(self.seen) - before) * ENTRY

    def result(self) -> str:
        values = list(self.seen)
        return jsontext.array(in_order(values[: self.func.limit] if self.func.limit else values))


class Values(Base):
    """`values()`: all values, empty ones included, at most the limit."""

    __slots__ = ("kept",)

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.kept: list[str] = []

    def update(self, block: Block, rows: Sequence[int]) -> int:
        limit = self.func.limit
        before = len(self.kept)
        for column in self.columns(block):
            if limit and len(self.kept) >= limit:
                break
            self.kept.extend(pick(column, rows))
        return (len(self.kept) - before) * ENTRY

    def result(self) -> str:
        return jsontext.array(self.kept[: self.func.limit] if self.func.limit else self.kept)


class JSONValues(Base):
    """`json_values()`: rows as JSON objects, at most the limit."""

    __slots__ = ("kept",)

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.kept: list[str] = []

    def update(self, block: Block, rows: Sequence[int]) -> int:
        limit = self.func.limit
        taken = rows[: limit - len(self.kept)] if limit else rows
        made = [_row(block, self.fields, i) for i in taken]
        self.kept.extend(made)
        return sum(map(len, made)) + len(made) * 60

    def result(self) -> str:
        return "[" + ",".join(self.kept) + "]"


class RowAny(Base):
    """`row_any()`: some row as a JSON object."""

    __slots__ = ("found",)

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.found = ""

    def update(self, block: Block, rows: Sequence[int]) -> int:
        if not self.found and rows:
            self.found = _row(block, self.fields, rows[0])
        return 0

    def result(self) -> str:
        return self.found or "{}"


class RowExtreme(Base):
    """`row_min()` and `row_max()`: the row with the extreme value, as a JSON object; rows without the field
    don't count.
    """

    __slots__ = ("best", "found")

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.best = ""
        self.found = "{}"

    def update(self, block: Block, rows: Sequence[int]) -> int:
        name, *wanted = self.fields
        column = block.column(name)
        largest_wanted = self.func.name == "row_max"
        best, at = self.best, -1
        for i in rows:
            value = column[i]
            if value and (not best or (less(best, value) if largest_wanted else less(value, best))):
                best, at = value, i
        if at >= 0:
            self.best = best
            self.found = _row(block, tuple(wanted), at)
        return 0

    def result(self) -> str:
        return self.found


def _row(block: Block, fields: tuple[str, ...], i: int) -> str:
    return jsontext.row((name, block.column(name)[i]) for name in select(block, fields))
