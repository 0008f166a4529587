"""Filters on the special fields: streams and time. They have no `field`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast.filters import Filter
from staddle.logs.logsql.ast.text import duration, quote, word

if TYPE_CHECKING:
    from staddle.logs.logsql.ast.filters import ValueList


@dataclass(frozen=True, slots=True)
class LabelMatcher:
    """One `label op "value"` of a stream selector; `op` is `=`, `!=`, `=~` or `!~` (regexps are anchored).

    `in(...)` and `not_in(...)` have several values; the other operators have exactly one.
    """

    label: str
    op: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        if self.op in {"in", "not_in"}:
            return f"{word(self.label)} {self.op} ({','.join(quote(v) for v in self.values)})"
        return f"{word(self.label)}{self.op}{quote(self.values[0])}"


@dataclass(frozen=True, slots=True)
class StreamSelector(Filter):
    """`{a="b",c=~"d" or e="f"}`: alternatives, each a conjunction of matchers over the labels in `_stream`.
    No `field`.
    """

    alternatives: tuple[tuple[LabelMatcher, ...], ...]

    def __str__(self) -> str:
        return "{" + " or ".join(",".join(map(str, a)) for a in self.alternatives) + "}"


@dataclass(frozen=True, slots=True)
class StreamID(Filter):
    """`_stream_id:in(...)`: 48 hexadecimal digits each, or a subquery."""

    ids: ValueList

    def __str__(self) -> str:
        if self.ids.query is None and len(self.ids.values) == 1:
            return f"_stream_id:{self.ids.values[0]}"
        return f"_stream_id:in({self.ids})"


@dataclass(frozen=True, slots=True)
class Time(Filter):
    """`_time:...`: start_ns <= time <= end_ns, Unix nanoseconds, both included. `text` is as written. No
    `field`.
    """

    start_ns: int
    end_ns: int
    text: str

    def __str__(self) -> str:
        return f"_time:{self.text}"


@dataclass(frozen=True, slots=True)
class DayRange(Filter):
    """`_time:day_range[...]`: nanoseconds since midnight of (time - offset), both ends included. No
    `field`.
    """

    start_ns: int
    end_ns: int
    offset_ns: int
    text: str

    def __str__(self) -> str:
        offset = f" offset {duration(self.offset_ns)}" if self.offset_ns else ""
        return f"_time:day_range{self.text}{offset}"


@dataclass(frozen=True, slots=True)
class WeekRange(Filter):
    """`_time:week_range[...]`: day of the week of (time - offset), Sunday is 0, both ends included. No
    `field`.
    """

    start_day: int
    end_day: int
    offset_ns: int
    text: str

    def __str__(self) -> str:
        offset = f" offset {duration(self.offset_ns)}" if self.offset_ns else ""
        return f"_time:week_range{self.text}{offset}"
