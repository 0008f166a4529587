"""Statistics functions that give one number or value: counts, sums, extremes, quantiles, histograms."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from staddle.logs.logsql.evaluate.aggregate_base import ENTRY, Base, pick
from staddle.logs.logsql.evaluate.ordering import in_order, largest, smallest
from staddle.logs.logsql.evaluate.values import byte_length
from staddle.logs.logsql.numbers import format_number, parse_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.logs.logsql.ast import StatsFunc
    from staddle.logs.logsql.source import Block


class Count(Base):
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


class CountUniq(Base):
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
        columns = [pick(c, rows) for c in self.columns(block)]
        if len(columns) == 1:
            self.seen.update(columns[0])
            self.seen.discard("")
        else:
            self.seen.update(zip(*columns, strict=True))
            self.seen.discard(("",) * len(columns))
        return (len(self.seen) - before) * (ENTRY + 40 * len(columns))

    def result(self) -> str:
        count = len(self.seen)
        return str(min(count, self.func.limit) if self.func.limit else count)


class Sum(Base):
    """`sum()`: NaN when there is no number."""

    __slots__ = ("count", "total")

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.total = 0.0
        self.count = 0

    def update(self, block: Block, rows: Sequence[int]) -> int:
        for column in self.columns(block):
            for value, times in Counter(pick(column, rows)).items():
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


class SumLen(Base):
    """`sum_len()`: bytes."""

    __slots__ = ("total",)

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.total = 0

    def update(self, block: Block, rows: Sequence[int]) -> int:
        for column in self.columns(block):
            self.total += sum(map(byte_length, pick(column, rows)))
        return 0

    def result(self) -> str:
        return str(self.total)


class Extreme(Base):
    """`min()` and `max()`: empty values count."""

    __slots__ = ("best", "choose")

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.best: str | None = None
        self.choose = largest if func.name == "max" else smallest

    def update(self, block: Block, rows: Sequence[int]) -> int:
        for column in self.columns(block):
            self.best = self.choose(set(pick(column, rows)), self.best)
        return 0

    def result(self) -> str:
        return self.best or ""


class Quantile(Base):
    """`quantile()` and `median()`: one of the values, empty ones included."""

    __slots__ = ("counts", "phi")

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.counts: Counter[str] = Counter()
        self.phi = 0.5 if func.name == "median" else func.phi

    def update(self, block: Block, rows: Sequence[int]) -> int:
        before = len(self.counts)
        for column in self.columns(block):
            self.counts.update(pick(column, rows))
        return (len(self.counts) - before) * ENTRY

    def result(self) -> str:
        total = self.counts.total()
        place = min(int(self.phi * total), total - 1)
        for value in in_order(self.counts):
            place -= self.counts[value]
            if place < 0:
                return value
        return ""


class Histogram(Base):
    """`histogram()`: counts of values in logarithmic ranges, 18 to a decade, from 1e-9 to 1e18."""

    __slots__ = ("counts",)

    PER_DECADE, LOW, HIGH = 18, -9, 18

    def __init__(self, func: StatsFunc) -> None:
        super().__init__(func)
        self.counts: Counter[int] = Counter()

    def update(self, block: Block, rows: Sequence[int]) -> int:
        for value, times in Counter(pick(block.column(self.fields[0]), rows)).items():
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
            "[" + ",".join(f'{{"vmrange":"{_vmrange(i)}","hits":{self.counts[i]}}}' for i in sorted(self.counts)) + "]"
        )


def _vmrange(index: int) -> str:
    h = Histogram
    if index < 0:
        return f"0...{10.0**h.LOW:.3e}"
    if index >= (h.HIGH - h.LOW) * h.PER_DECADE:
        return f"{10.0**h.HIGH:.3e}...+Inf"
    return f"{10 ** (h.LOW + index / h.PER_DECADE):.3e}...{10 ** (h.LOW + (index + 1) / h.PER_DECADE):.3e}"
