"""Rate, errors and duration of each service's operations, as counters under the names that OpenTelemetry gives them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from staddle.store.names import TIME, column_of, quoted
from staddle.traces.names import DURATION, NAME, SERVICE

if TYPE_CHECKING:
    import duckdb

BOUNDS = (0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1, 1.4, 2, 5, 10, 15)
CALLS = "traces_span_metrics_calls_total"
DURATIONS = "traces_span_metrics_duration_seconds"
KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
STATUSES = ("UNSET", "OK", "ERROR")
OTHER = "other"

Key = tuple[str, str, str, str]


def count(con: duckdb.DuckDBPyConnection, table: str, times: tuple[int, int]) -> list[list[Any]]:
    """Service, operation, kind, status, calls, seconds in all, and calls per bucket, of the spans in a table."""
    columns = {r[0] for r in con.execute(f"describe {table}").fetchall()}
    service, name = (
        f"coalesce({quoted(column_of(f))}, '')" if column_of(f) in columns else "''" for f in (SERVICE, NAME)
    )
    place = " + ".join(f"({quoted(DURATION)} > {int(b * 1e9)})::int" for b in BOUNDS)
    rows = con.execute(
        f"select s, n, k, c, sum(calls), sum(seconds), list(b order by b), list(calls order by b) from ("
        f"select {service} as s, {name} as n, kind as k, status_code as c, {place} as b, count(*) as calls, "
        f"sum({quoted(DURATION)}) / 1e9 as seconds from {table} where {TIME} between {times[0]} and {times[1]} "
        "group by all) group by s, n, k, c"
    ).fetchall()
    out = []
    for service_name, operation, kind, status, calls, seconds, places, counts in rows:
        buckets = [0] * (len(BOUNDS) + 1)
        for at, amount in zip(places, counts, strict=True):
            buckets[at] += amount
        out.append([service_name, operation, kind, status, int(calls), float(seconds), buckets])
    return out


class SpanMetrics:
    """The counters. There are at most `max_series` operations; those that come later count as `other`. Thread-safe."""

    def __init__(self, max_series: int) -> None:
        self._max = max_series
        self._lock = threading.Lock()
        self._calls: dict[Key, int] = {}
        self._durations: dict[Key, tuple[float, list[int]]] = {}
        self._operations: set[tuple[str, str]] = set()

    def add(self, facts: list[Any]) -> None:
        """What `count` found about spans that are stored now."""
        with self._lock:
            for service, operation, kind, status, calls, seconds, buckets in facts:
                labels = (*self._bounded(service, operation), _name(KINDS, kind), _name(STATUSES, status))
                self._calls[labels] = self._calls.get(labels, 0) + calls
                total, known = self._durations.get(labels, (0.0, [0] * len(buckets)))
                self._durations[labels] = total + seconds, [a + b for a, b in zip(known, buckets, strict=True)]

    def _bounded(self, service: str, operation: str) -> tuple[str, str]:
        if (service, operation) in self._operations:
            return service, operation
        if len(self._operations) < self._max:
            self._operations.add((service, operation))
            return service, operation
        # A service that puts ids into names costs one series, not one each.
        known = any(s == service for s, _ in self._operations)
        return (service if known else OTHER), OTHER

    def values(self) -> dict[str, float]:
        """For /metrics: series with labels, and values."""
        out: dict[str, float] = {}
        with self._lock:
            for (service, operation, kind, status), calls in self._calls.items():
                labels = (
                    f'service_name="{_escaped(service)}",span_name="{_escaped(operation)}",'
                    f'span_kind="SPAN_KIND_{kind}",status_code="STATUS_CODE_{status}"'
                )
                out[f"{CALLS}{{{labels}}}"] = calls
                seconds, buckets = self._durations[service, operation, kind, status]
                below = 0
                for bound, amount in zip((*(f"{b:g}" for b in BOUNDS), "+Inf"), buckets, strict=True):
                    below += amount
                    out[f'{DURATIONS}_bucket{{{labels},le="{bound}"}}'] = below
                out[f"{DURATIONS}_sum{{{labels}}}"] = seconds
                out[f"{DURATIONS}_count{{{labels}}}"] = calls
        return out


def _name(names: tuple[str, ...], number: str) -> str:
    return names[int(number)] if number.isdigit() and int(number) < len(names) else names[0]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
