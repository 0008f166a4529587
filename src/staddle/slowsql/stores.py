"""The two stores that slow SQL lies between: logs to read, traces to write. Both speak VictoriaLogs' query language."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING

from staddle import otlp
from staddle.errors import StaddleError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from staddle.slowsql.spans import Row

TIMEOUT = 30.0
SELECT_LIMIT = 5000
"""Rows of one answer. A time range that has more is asked for in halves."""
IDS_AT_ONCE = 500
MINUTE = 60_000_000_000
SCOPE = "staddle-slowsql"


class StoreUnavailableError(StaddleError):
    """A store gave no answer, or none that can be used."""


class Logs:
    """Reads the log store at `url`. `selector` is the LogsQL filter for rows of PostgreSQL."""

    def __init__(self, url: str, selector: str) -> None:
        self._url = f"{url.rstrip('/')}/select/logsql"
        # The words are looked up in the store's index; what the rows mean is decided where they are read.
        self._filter = f'({selector}) ("duration" "ms" or "process" "after" "ms")'

    def rows(self, start: int, end: int) -> list[Row]:
        """Rows of `start` ≤ time < `end` (nanoseconds), in no order. Raises StoreUnavailableError."""
        if start >= end:
            return []
        found = [row for row in self._ask("query", start, end, self._filter, limit=SELECT_LIMIT) if row]
        if len(found) < SELECT_LIMIT or end - start == 1:
            return found
        middle = (start + end) // 2
        return self.rows(start, middle) + self.rows(middle, end)

    def counts(self, start: int, end: int) -> dict[int, int]:
        """How many rows each minute has (by its beginning, nanoseconds). Raises StoreUnavailableError."""
        if start >= end:
            return {}
        from staddle.slowsql.spans import parse_time  # noqa: PLC0415 - they know each other's rows

        asked = f"{self._filter} | stats by (_time:1m) count() rows"
        return {parse_time(row["_time"]): int(row["rows"]) for row in self._ask("query", start, end, asked)}

    def _ask(self, what: str, start: int, end: int, query: str, **more: int) -> Iterator[Row]:
        arguments = {"query": query, "start": start, "end": end - 1, **more}
        return _lines(_call(f"{self._url}/{what}", urllib.parse.urlencode(arguments).encode()))


class Traces:
    """Writes to the trace store at `url`, and asks it what it has."""

    def __init__(self, url: str) -> None:
        self._base = url.rstrip("/")

    def known(self, ids: Iterable[str], start: int, end: int) -> set[str]:
        """Which of these spans, which end within `start` ≤ time < `end`, are there. Raises StoreUnavailableError."""
        wanted, found = sorted(ids), set()
        for first in range(0, len(wanted), IDS_AT_ONCE):
            names = ",".join(f'"{name}"' for name in wanted[first : first + IDS_AT_ONCE])
            arguments = {"query": f"span_id:in({names}) | fields span_id", "start": start, "end": end - 1}
            body = urllib.parse.urlencode(arguments).encode()
            found |= {row["span_id"] for row in _lines(_call(f"{self._base}/select/logsql/query", body)) if row}
        return found

    def send(self, groups: Iterable[tuple[Mapping[str, otlp.Value], Iterable[otlp.Span]]]) -> None:
        """Have these spans stored. Raises StoreUnavailableError: then some or all of them may be there all the same."""
        body = otlp.request(groups, SCOPE)
        _call(f"{self._base}/insert/opentelemetry/v1/traces", body, content_type=otlp.CONTENT_TYPE)


def _lines(body: bytes) -> Iterator[Row]:
    for line in body.splitlines():
        row = json.loads(line)
        yield {key: value for key, value in row.items() if isinstance(value, str)}


def _call(url: str, body: bytes, content_type: str = "application/x-www-form-urlencoded") -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": content_type})  # noqa: S310 - the operator's own URL
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            data: bytes = answer.read()
            return data
    except urllib.error.HTTPError as error:
        said = error.read(500).decode("utf-8", "replace").strip()
        raise StoreUnavailableError(f"{url} answered {error.code}: {said}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise StoreUnavailableError(f"{url} gave no answer: {reason}") from error
