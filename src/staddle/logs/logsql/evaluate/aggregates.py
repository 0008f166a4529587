"""Statistics functions: the state that each keeps for one group of rows."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from staddle.logs.logsql import jsontext
from staddle.logs.logsql.evaluate.blocks import select
from staddle.logs.logsql.evaluate.ordering import in_order, largest, smallest
from staddle.logs.logsql.evaluate.values import byte_length
from staddle.logs.logsql.numbers import format_number, less, parse_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from staddle.logs.logsql.ast import StatsFunc
    from staddle.logs.logsql.source import Block

_ENTRY = 100
"""About how many bytes one kept value takes besides its text."""


class Aggregate(Protocol):
    """The state of one function for one group."""

    def update(self, block: Block, rows: Sequence[int]) -> int:
        """Takes rows in; returns about how many bytes more are kept."""
        ...

    def result(self) -> str:
        """The answer so far."""
        ...


def make(func: StatsFunc, step_seconds: float) -> Callable[[], Aggregate]:
    """A maker of fresh states. `step_seconds` is what rates are divided by, 0 for not at all."""
    kind = _KINDS[func.name]
    if func.name in {"rate", "rate_sum"}:
        return lambda: kind(func, step_seconds)
    return lambda: kind(func)


class _Base:
    __slots__ = ("fields", "func")

    def __init__(self, func: StatsFunc) -> None:
        self.func = func
        self.fields = func.fields

    def columns(self, block: Block) -> list[Sequence[str]]:
        return [block.column(name) for name in select(block, self.fields)]


def _pick(column: Sequence[str], rows: Sequence[int]) -> Sequence[str]:
    return column if len(rows) == len(column) else [column[i] for i in rows]


class Count(_Base):
    """`count()`: rows, or rows where any of the fields has a value."""

    __slots__ = ("count",)

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.count = 0

    def update(self, block: Block, rows: Sequence[int]) -> int:
        if self.fields == ("*",):
            self.count += len(rows)
        else:
            columns = self.columns(block)
            self.count += sum(1 for i in rows if any(c[i] for c in columns))
        return 0

    def result(self) -> str:
        return str(self.count)


class CountEmpty(Count):
    """`count_empty()`: rows where none of the fields has a value."""

    __slots__ = ()

    def update(self, block: Block, rows: Sequence[int]) -> int:
        columns = self.columns(block)
        self.count += sum(1 for i in rows if not any(c[i] for c in columns))
        return 0


class Rate(Count):
    """`rate()`: rows per second."""

    __slots__ = ("step",)

    def __init__(self, func: StatsFunc, step: float) -> None:
        super().__init__(func)
        self.step = step

    def result(self) -> str:
        return format_number(self.count / self.step if self.step else float(self.count))


class CountUniq(_Base):
    """`count_uniq()` and `count_uniq_hash()`: distinct combinations that are not all empty, at most the
    limit.
    """

    __slots__ = ("seen",)

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.seen: set[str | tuple[str, ...]] = set()

    def update(self, block: Block, rows: Sequence[int]) -> int:
        limit = self.func.limit
        if limit and len(self.seen) >= limit:
            return 0
        before = len(self.seen)
        columns = [_pick(c, rows) for c in self.columns(block)]
        if len(columns) == 1:
            self.seen.update(columns[0])
            self.seen.discard("")
        else:
            self.seen.update(zip(*columns, strict=True))
            self.seen.discard(("",) * len(columns))
        return (len(self.seen) - before) * (_ENTRY + 40 * len(columns))

    def result(self) -> str:
        count = len(self.seen)
        return str(min(count, self.func.limit) if self.func.limit else count)


class Sum(_Base):
    """`sum()`: NaN when there is no number."""

    __slots__ = ("count", "total")

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.total = 0.0
        self.count = 0

    def update(self, block: Block, rows: Sequence[int]) -> int:
        for column in self.columns(block):
            for value, times in Counter(_pick(column, rows)).items():
                number = parse_number(value)
                if number is not None and not math.isnan(number):
                    self.total += number * times
                    self.count += times
        return 0

    def result(self) -> str:
        return format_number(self.total) if self.count else "NaN"


class Avg(Sum):
    """`avg()`."""

    __slots__ = ()

    def result(self) -> str:
        return format_number(self.total / self.count) if self.count else "NaN"


class RateSum(Sum):
    """`rate_sum()`: the sum per second."""

    __slots__ = ("step",)

    def __init__(self, func: StatsFunc, step: float) -> None:
        super().__init__(func)
        self.step = step

    def result(self) -> str:
        if not self.count:
            return "NaN"
        return format_number(self.total / self.step if self.step else self.total)


class SumLen(_Base):
    """`sum_len()`: bytes."""

    __slots__ = ("total",)

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.total = 0

    def update(self, block: Block, rows: Sequence[int]) -> int:
        for column in self.columns(block):
            self.total += sum(map(byte_length, _pick(column, rows)))
        return 0

    def result(self) -> str:
        return str(self.total)


class Extreme(_Base):
    """`min()` and `max()`: empty values count."""

    __slots__ = ("best", "choose")

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.best: str | None = None
        self.choose = largest if func.name == "max" else smallest

    def update(self, block: Block, rows: Sequence[int]) -> int:
        for column in self.columns(block):
            self.best = self.choose(set(_pick(column, rows)), self.best)
        return 0

    def result(self) -> str:
        return self.best or ""


class Quantile(_Base):
    """`quantile()` and `median()`: one of the values, empty ones included."""

    __slots__ = ("counts", "phi")

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.counts: Counter[str] = Counter()
        self.phi = 0.5 if func.name == "median" else func.phi

    def update(self, block: Block, rows: Sequence[int]) -> int:
        before = len(self.counts)
        for column in self.columns(block):
            self.counts.update(_pick(column, rows))
        return (len(self.counts) - before) * _ENTRY

    def result(self) -> str:
        total = self.counts.total()
        place = min(int(self.phi * total), total - 1)
        for value in in_order(self.counts):
            place -= self.counts[value]
            if place < 0:
                return value
        return ""


class UniqValues(_Base):
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
            self.seen.update(dict.fromkeys(_pick(column, rows)))
        self.seen.pop("", None)
        return (len(self.seen) - before) * _ENTRY

    def result(self) -> str:
        values = list(self.seen)
        return jsontext.array(in_order(values[: self.func.limit] if self.func.limit else values))


class Values(_Base):
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
            self.kept.extend(_pick(column, rows))
        return (len(self.kept) - before) * _ENTRY

    def result(self) -> str:
        return jsontext.array(self.kept[: self.func.limit] if self.func.limit else self.kept)


class JSONValues(_Base):
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


class RowAny(_Base):
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


class RowExtreme(_Base):
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


class Histogram(_Base):
    """`histogram()`: counts of values in logarithmic ranges, 18 to a decade, from 1e-9 to 1e18."""

    __slots__ = ("counts",)

    PER_DECADE, LOW, HIGH = 18, -9, 18

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.counts: Counter[int] = Counter()

    def update(self, block: Block, rows: Sequence[int]) -> int:
        for value, times in Counter(_pick(block.column(self.fields[0]), rows)).items():
            number = parse_number(value)
            if number is not None and number >= 0:
                self.counts[self._index(number)] += times
        return 0

    def _index(self, number: float) -> int:
        if number == 0:
            return -1
        if math.isinf(number):
            return (self.HIGH - self.LOW) * self.PER_DECADE
        place = (math.log10(number) - self.LOW) * self.PER_DECADE
        if place < 0:
            return -1
        # The upper end of a range belongs to it.
        index = int(place) - 1 if place == int(place) and place > 0 else int(place)
        return min(index, (self.HIGH - self.LOW) * self.PER_DECADE)

    def result(self) -> str:
        return (
            "["
            + ",".join(f'{{"vmrange":"{_vmrange(i)}","hits":{self.counts[i]}}}' for i in sorted(self.counts))
            + "]"
        )


def _vmrange(index: int) -> str:
    h = Histogram
    if index < 0:
        return f"0...{10.0**h.LOW:.3e}"
    if index >= (h.HIGH - h.LOW) * h.PER_DECADE:
        return f"{10.0**h.HIGH:.3e}...+Inf"
    return f"{10 ** (h.LOW + index / h.PER_DECADE):.3e}...{10 ** (h.LOW + (index + 1) / h.PER_DECADE):.3e}"


_KINDS: dict[str, Callable[..., Aggregate]] = {
    "avg": Avg,
    "count": Count,
    "count_empty": CountEmpty,
    "count_uniq": CountUniq,
    "count_uniq_hash": CountUniq,
    "histogram": Histogram,
    "json_values": JSONValues,
    "max": Extreme,
    "median": Quantile,
    "min": Extreme,
    "quantile": Quantile,
    "rate": Rate,
    "rate_sum": RateSum,
    "row_any": RowAny,
    "row_max": RowExtreme,
    "row_min": RowExtreme,
    "sum": Sum,
    "sum_len": SumLen,
    "uniq_values": UniqValues,
    "values": Values,
}
