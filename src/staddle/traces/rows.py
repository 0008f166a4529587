"""Reading spans: which services there are, which traces match, all spans of a trace."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from staddle.logs.logsql.evaluate.streams import stream_labels
from staddle.store.names import MORE, TENANT, TIME, column_of, literal, pointer, quoted
from staddle.traces.names import DURATION, NAME, SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from staddle.logs.compile.scan import StoreSource
    from staddle.store.manifest import Part
    from staddle.traces.traceindex import Place, TraceIndex

MINUTE_NS = 60 * 1_000_000_000
WIDEN = 5
MAX_SPANS = 200_000
# Calls between services are made by clients and producers, and taken by servers and consumers.
SERVER_KINDS = "('2', '5')"


@dataclass(frozen=True, slots=True)
class Search:
    """What a trace must have a span of. Times and durations are ns; ends of ranges are included, None is no bound."""

    service: str
    operation: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    min_duration: int | None = None
    max_duration: int | None = None
    start: int = 0
    end: int = 0
    limit: int = 20


@dataclass(slots=True)
class _Known:
    """Names in a part: operations by service, for one tenant."""

    operations: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


class Spans:
    """The spans of one tenant, as of now."""

    def __init__(self, source: StoreSource, index: TraceIndex) -> None:
        self._source = source
        self._index = index

    def _parts(self, low: int, high: int) -> list[Part]:
        tenant = self._source.tenant
        return [p for p in self._source.snapshot.parts if p.max_ns >= low and p.min_ns <= high and tenant in p.tenants]

    def operations(self, since: int) -> dict[str, set[str]]:
        """Names of operations by service, of spans that are not older than `since` (or in one part with such)."""
        engine, snapshot = self._source.engine, self._source.snapshot
        streams: set[str] = set()
        for part in self._parts(since, 1 << 62):
            streams.update(engine.summary(snapshot, part).streams.get(self._source.tenant, ()))
        out: dict[str, set[str]] = defaultdict(set)
        for stream in streams:
            labels = stream_labels(stream)
            if SERVICE in labels:
                out[labels[SERVICE]].add(labels.get(NAME, ""))
        return out

    def find(self, search: Search) -> list[str]:
        """Ids of the newest traces that match, newest first. Looks back further and further until there are enough."""
        parts = self._parts(search.start, search.end)
        if not parts:
            return []
        newest = min(max(p.max_ns for p in parts), search.end)
        oldest = max(min(p.min_ns for p in parts), search.start)
        window = MINUTE_NS
        while True:
            low = max(newest - window, oldest)
            found = self._newest(search, [p for p in parts if p.max_ns >= low], low, newest)
            if len(found) >= search.limit or low <= oldest:
                return found
            window *= WIDEN

    def _newest(self, search: Search, parts: Sequence[Part], low: int, high: int) -> list[str]:
        columns = {c for p in parts for c in p.columns}
        conditions = [self._tenant(), f"{TIME} between {low} and {high}"]
        for name, value in self._wanted(search):
            conditions.append(f"{_value(name, columns)} = {literal(value)}")
        if search.min_duration is not None:
            conditions.append(f"{quoted(DURATION)} >= {search.min_duration}")
        if search.max_duration is not None:
            conditions.append(f"{quoted(DURATION)} <= {search.max_duration}")
        source = self._source.engine.source(self._source.snapshot, parts)
        rows = self._fetch(
            f"select trace_id from {source} where {' and '.join(conditions)} "
            f"group by trace_id order by max({TIME}) desc, trace_id limit {search.limit}"
        )
        return [trace for (trace,) in rows]

    @staticmethod
    def _wanted(search: Search) -> list[tuple[str, str]]:
        operation = [(NAME, search.operation)] if search.operation else []
        return [(SERVICE, search.service), *operation, *search.fields]

    def read(self, trace_ids: Sequence[str]) -> pa.Table | None:
        """All spans of some traces, one row each; None when there are none."""
        snapshot = self._source.snapshot
        places = self._index.find(snapshot, self._parts(-(1 << 62), 1 << 62), trace_ids)
        if not places:
            return None
        ids = ", ".join(map(literal, trace_ids))
        selects = [
            f"select * from {self._files(part)} where {self._tenant()} and trace_id in ({ids}) and ({times})"
            for part, times in _by_part(places)
        ]
        with self._source.engine.cursor(self._source.timer) as cursor:
            found = cursor.sql(f"{' union all by name '.join(selects)} limit {MAX_SPANS}")
            return found.to_arrow_table()

    def dependencies(self, start: int, end: int) -> list[tuple[str, str, int]]:
        """Which service called which, and how often, in a time range."""
        parts = self._parts(start, end)
        columns = {c for p in parts for c in p.columns}
        if not {column_of(SERVICE), "parent_span_id"} <= columns:
            return []
        source = self._source.engine.source(self._source.snapshot, parts)
        service = quoted(column_of(SERVICE))
        spans = f"from {source} where {self._tenant()} and {TIME} between {start} and {end}"
        rows = self._fetch(
            f"select p.s, c.s, count(*) as calls from "
            f"(select trace_id as t, parent_span_id as p, {service} as s {spans} and parent_span_id is not null) c "
            f"join (select trace_id as t, span_id as i, {service} as s {spans}) p "
            f"on c.p = p.i and c.t = p.t where c.s <> p.s group by 1, 2 order by calls desc, 1, 2"
        )
        return [(parent, child, int(calls)) for parent, child, calls in rows]

    def _tenant(self) -> str:
        return f"{quoted(TENANT)} = {self._source.tenant}"

    def _files(self, part: Part) -> str:
        return f"read_parquet({literal(str(self._source.snapshot.path(part)))})"

    def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        return self._source.engine.fetch(sql, self._source.timer)


def _by_part(places: Iterable[Place]) -> list[tuple[Part, str]]:
    found: dict[Part, list[str]] = defaultdict(list)
    for place in places:
        found[place.part].append(f"{TIME} between {place.low} and {place.high}")
    return [(part, " or ".join(times)) for part, times in found.items()]


def _value(name: str, columns: set[str]) -> str:
    """SQL for the value of a field."""
    column = column_of(name)
    own = quoted(column) if column in columns else None
    if MORE in columns:
        more = f"json_extract_string({quoted(MORE)}, {literal(pointer(name))})"
        return f"coalesce({own}, {more})" if own else more
    return own or "cast(null as varchar)"


def lookbehind(seconds: float) -> int:
    """Unix ns of so long ago."""
    return time.time_ns() - int(seconds * 1e9)
