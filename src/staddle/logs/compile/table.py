"""The parts that a query has to read, as something to select from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from staddle.logs.compile.predicates import Scope, compile_filter, must_have_words, stream_test
from staddle.store.names import MORE, TENANT, TIME, column_of, field_of, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from staddle.logs.compile.engine import Engine, Timer
    from staddle.logs.logsql.ast import Filter
    from staddle.store.manifest import Part
    from staddle.store.partset import Snapshot


@dataclass(slots=True)
class Group:
    """Parts that can be read by one scan: either all have shapes or none."""

    parts: list[Part]
    scope: Scope
    where: str
    exact: bool


class Table:
    """A tenant's rows that may match `where` in [start_ns, end_ns], both included.

    Parts that their summaries rule out are not among them.
    """

    def __init__(
        self,
        engine: Engine,
        snapshot: Snapshot,
        tenant: int,
        where: Filter,
        times: tuple[int, int],
        timer: Timer | None = None,
    ) -> None:
        self.engine = engine
        self.snapshot = snapshot
        self.tenant = tenant
        self.times = times
        self.timer = timer
        words = must_have_words(where)
        test = stream_test(where, tenant)
        parts: list[Part] = []
        self.streams: set[str] = set()
        for part in snapshot.parts:
            if part.max_ns < times[0] or part.min_ns > times[1] or tenant not in part.tenants:
                continue
            if words or test is not None:
                summary = engine.summary(snapshot, part)
                if summary.words is not None and not words <= summary.words:
                    continue
                streams = summary.streams.get(tenant, ())
                matching = streams if test is None else [s for s in streams if test(s)]
                if not matching:
                    continue
            parts.append(part)
        self.parts = parts
        self.groups: list[Group] = []
        for shaped in (True, False):
            chosen = [p for p in parts if p.shapes is shaped]
            if chosen:
                scope = Scope(engine, snapshot, tenant, chosen, shaped=shaped)
                predicate = compile_filter(where, scope)
                if predicate.sql != "false":
                    self.groups.append(Group(chosen, scope, predicate.sql, predicate.exact))

    @property
    def exact(self) -> bool:
        """Do the WHERE clauses say all of the filter?"""
        return all(g.exact for g in self.groups)

    @cached_property
    def columns(self) -> set[str]:
        """All columns of the parts, `^0` ones too."""
        return {c for g in self.groups for p in g.parts for c in self.engine.columns(p)}

    @cached_property
    def fields(self) -> list[str]:
        """All fields in the parts that have columns; `_time` and `_stream` are among them."""
        return sorted(field_of(c) for c in self.columns if not c.startswith("^0"))

    @property
    def has_more(self) -> bool:
        """Are there fields without columns?"""
        return MORE in self.columns

    def sql(self, columns: Callable[[Scope], Iterable[str]], extra: Callable[[Scope], str] | None = None) -> str:
        """A SELECT of expressions (same names for every scope) from all groups; empty if there are none.

        `extra` may add a condition.
        """
        selects = []
        for group in self.groups:
            conditions = [f"{quoted(TENANT)} = {self.tenant}", group.where]
            low, high = self.times
            if any(p.min_ns < low for p in group.parts):
                conditions.append(f"{TIME} >= {low}")
            if any(p.max_ns > high for p in group.parts):
                conditions.append(f"{TIME} <= {high}")
            if extra is not None:
                conditions.append(extra(group.scope))
            if all(p.tenants == (self.tenant,) for p in group.parts):
                conditions = conditions[1:]
            where = " and ".join(f"({c})" for c in conditions if c != "true") or "true"
            selects.append(f"select {', '.join(columns(group.scope))} from {self.source(group)} where {where}")
        if not selects:
            return ""
        return " union all ".join(selects)

    def source(self, group: Group) -> str:
        """FROM for one group."""
        return self.engine.source(self.snapshot, group.parts)


__all__ = ["Group", "Table", "column_of"]
