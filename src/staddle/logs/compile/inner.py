"""The rows that an aggregation reads: one SELECT over all parts, with a column for each thing it looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.compile.predicates import compile_filter
from staddle.logs.logsql.times import WEEK, format_time
from staddle.logs.streams import stream_id
from staddle.store.names import STREAM, STREAM_ID, TIME

if TYPE_CHECKING:
    from collections.abc import Callable

    from staddle.logs.compile.predicates import Scope
    from staddle.logs.compile.table import Table
    from staddle.logs.logsql import ast

MAX_TIME_BUCKET = 1 << 62


class UnsupportedError(Exception):
    """SQL can't say this; the evaluator can."""


class Inner:
    """Columns are added as they are needed; `sql` makes the SELECT. Aliases are the same for all groups of
    parts.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self._makers: dict[str, Callable[[Scope], str]] = {}

    def add(self, alias: str, make: Callable[[Scope], str]) -> str:
        """A column made by `make` for every scope; the alias."""
        self._makers.setdefault(alias, make)
        return alias

    def field(self, name: str) -> str:
        """A field's text, NULL where it is empty. For stored fields only."""
        if name in {TIME, STREAM_ID} or name.endswith("*"):
            raise UnsupportedError(name)
        alias = f"f_{len(self._makers)}"
        for known, maker in self._makers.items():
            if getattr(maker, "field", None) == name:
                return known
        make = _FieldMaker(name)
        return self.add(alias, make)

    def condition(self, f: ast.Filter) -> str:
        """A boolean column that says whether a filter matches, never NULL."""
        for group in self.table.groups:
            if not compile_filter(f, group.scope).exact:
                raise UnsupportedError(str(f))
        return self.add(f"c_{len(self._makers)}", lambda scope: f"coalesce({compile_filter(f, scope).sql}, false)")

    def time(self) -> str:
        """The rows' time."""
        return self.add(TIME, lambda _scope: TIME)

    def stream(self) -> str:
        """The rows' stream."""
        return self.add("stream_", lambda _scope: STREAM)

    def all_numbers(self, name: str) -> bool:
        """Are all values of a field plain decimal numbers (or missing)?"""
        return all(g.scope.only_numbers(name) for g in self.table.groups)

    def no_odd_numbers(self, name: str) -> bool:
        """Are all values of a field plain decimal numbers, or text that is no number of any kind?"""
        return all(g.scope.plain_numbers(name) for g in self.table.groups)

    def sql(self) -> str:
        """The SELECT; one without rows when no part is left."""
        if not self._makers:
            self.add("one_", lambda _scope: "1")

        def columns(scope: Scope) -> list[str]:
            return [f'{make(scope)} as "{alias}"' for alias, make in self._makers.items()]

        found = self.table.sql(columns)
        if found:
            return found
        kinds = {TIME: "0::bigint", "one_": "1"}
        nothing = ", ".join(
            f'{kinds.get(a, "false" if a.startswith("c_") else "null::varchar")} as "{a}"' for a in self._makers
        )
        return f"select {nothing} where false"


class _FieldMaker:
    def __init__(self, field: str) -> None:
        self.field = field

    def __call__(self, scope: Scope) -> str:
        return scope.column(self.field) or "null::varchar"


def text(value: object) -> str:
    """A stored value as evaluators see it."""
    return "" if value is None else str(value)


def time_text(value: object) -> str:
    """A time column's value as evaluators see it."""
    return "" if value is None else format_time(int(str(value)))


def key_column(inner: Inner, by: ast.ByField, table: Table) -> tuple[str, Callable[[object], str]]:
    """SQL and decoder of a grouping key."""
    if by.name == TIME:
        t = inner.time()
        if not by.bucket:
            return t, time_text
        size, offset = int(by.bucket_size), int(by.offset_size)
        if (
            by.bucket in {"month", "year"}
            or size <= 0
            or (by.bucket == "week" and size == WEEK)
            or size > MAX_TIME_BUCKET
        ):
            raise UnsupportedError(by.bucket)
        return f"{t} - ((({t} - ({offset})) % {size}) + {size}) % {size}", time_text
    if by.bucket:
        raise UnsupportedError(by.bucket)
    if by.name == STREAM_ID:
        return inner.stream(), lambda s: stream_id(table.tenant, text(s))
    if by.name == STREAM:
        return inner.stream(), text
    return inner.field(by.name), text
