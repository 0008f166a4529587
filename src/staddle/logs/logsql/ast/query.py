"""A whole query, and what it needs from storage."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast.filters import And, Filter, MatchAll
from staddle.logs.logsql.ast.filters_special import Time
from staddle.logs.logsql.ast.text import name

if TYPE_CHECKING:
    from staddle.logs.logsql.ast.pipe_base import Pipe

MIN_TIME_NS = -(1 << 63)
MAX_TIME_NS = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """`options(...)` before the query. `concurrency` 0 is unset."""

    concurrency: int = 0
    ignore_global_time_filter: bool = False
    time_offset_ns: int = 0

    def __str__(self) -> str:
        args = []
        if self.concurrency:
            args.append(f"concurrency={self.concurrency}")
        if self.ignore_global_time_filter:
            args.append("ignore_global_time_filter=true")
        if self.time_offset_ns:
            args.append(f"time_offset={self.time_offset_ns}ns")
        return f"options({', '.join(args)}) " if args else ""


@dataclass(frozen=True, slots=True)
class Query:
    """`options(...) filter | pipe | pipe`. `now_ns` is the time that `now` and relative durations were
    resolved with.
    """

    filter: Filter
    pipes: tuple[Pipe, ...] = ()
    options: QueryOptions = QueryOptions()
    now_ns: int = 0

    def __str__(self) -> str:
        return str(self.options) + " | ".join([str(self.filter), *map(str, self.pipes)])

    def time_range(self) -> tuple[int, int]:
        """The [start, end] in Unix nanoseconds outside of which no row can match."""
        return filter_time_range(self.filter)

    def with_filter(self, extra: Filter) -> Query:
        """The query with one more condition on its rows (subqueries are left as they are)."""
        return replace(self, filter=conjunction(extra, self.filter))


def filter_time_range(f: Filter) -> tuple[int, int]:
    """The [start, end] in Unix nanoseconds outside of which `f` matches no row."""
    if isinstance(f, Time):
        return f.start_ns, f.end_ns
    if isinstance(f, And):
        ranges = [filter_time_range(child) for child in f.filters]
        return max(r[0] for r in ranges), min(r[1] for r in ranges)
    return MIN_TIME_NS, MAX_TIME_NS


def conjunction(*filters: Filter) -> Filter:
    """All of `filters`, flattened; `MatchAll` disappears."""
    parts: list[Filter] = []
    for f in filters:
        if isinstance(f, And):
            parts.extend(f.filters)
        elif not isinstance(f, MatchAll):
            parts.append(f)
    if not parts:
        return MatchAll()
    return parts[0] if len(parts) == 1 else And(tuple(parts))


@dataclass(frozen=True, slots=True)
class FieldSelection:
    """Which columns are wanted: allowed by a name or `prefix*` pattern, and not denied by one."""

    allow: frozenset[str] = frozenset({"*"})
    deny: frozenset[str] = frozenset()

    def wants(self, field: str) -> bool:
        """Is the column `field` wanted?"""
        return matches_any(field, self.allow) and not matches_any(field, self.deny)

    @property
    def everything(self) -> bool:
        """No column can be left out."""
        return "*" in self.allow and not self.deny

    def __str__(self) -> str:
        text = ", ".join(sorted(map(name, self.allow)))
        return text + (f" except {', '.join(sorted(map(name, self.deny)))}" if self.deny else "")


def matches(field: str, pattern: str) -> bool:
    """Does a name or `prefix*` pattern cover the field?"""
    return field.startswith(pattern[:-1]) if pattern.endswith("*") else field == pattern


def matches_any(field: str, patterns: frozenset[str] | tuple[str, ...]) -> bool:
    """Does any name or `prefix*` pattern cover the field?"""
    return field in patterns or any(p.endswith("*") and field.startswith(p[:-1]) for p in patterns)
