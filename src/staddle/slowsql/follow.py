"""Following the logs so that every row becomes one span: none is lost, none is sent twice, whenever this is killed.

Logs are read minute by minute. Of the latest minutes it's known which rows were taken; of older ones (a day back) only how
many, and a minute that has more rows now got some late: an agent was cut off, and drained its queue. Whenever it is not
certain what was sent (after a start, after an answer that didn't come, in a late minute), the trace store is asked: spans
have the same ids each time. So what is kept on disk need not be exact; it only says where to go on.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from staddle.slowsql.spans import Found, Options, convert, is_plan, line, parse_time, resource, session
from staddle.slowsql.stores import MINUTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from staddle.otlp import Span, Value
    from staddle.slowsql.spans import Row

log = logging.getLogger("staddle.slowsql")

SECOND = 1_000_000_000
OVERLAP = 10 * SECOND
"""Rows come in within this time of their own, unless their agent was cut off."""
HOLD = 2 * SECOND
"""A plan waits this long for its statement, which is the next line of the log."""
LOOKBACK = 24 * 60 * MINUTE
"""How far back late rows are looked for, and since when it was away if that is longer."""
AFTERMATH = 6 * 60 * MINUTE
"""For so long after a start, agents may be draining what they kept while this node was off."""
SAVE_EVERY = 100
"""Minutes, when there are many to catch up with."""
SAVE_AFTER = 10 * SECOND
"""When nothing was sent."""
LATE_EVERY = 60 * SECOND
FORMAT = 1


class LogReader(Protocol):
    """What is read from (`stores.Logs`)."""

    def rows(self, start: int, end: int) -> list[Row]: ...

    def counts(self, start: int, end: int) -> dict[int, int]: ...


class TraceWriter(Protocol):
    """What is written to (`stores.Traces`)."""

    def known(self, ids: Iterable[str], start: int, end: int) -> set[str]: ...

    def send(self, groups: Iterable[tuple[Mapping[str, Value], Iterable[Span]]]) -> None: ...


@dataclass
class Progress:
    """Where it is: everything before `until` was taken, as far as it had come in. Nothing before `since` is wanted."""

    since: int
    until: int
    counts: dict[int, int] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, now: int) -> Progress:
        """What was saved; without that, or if it can't be read, everything from now on."""
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["format"] == FORMAT:
                counts = {int(minute): int(rows) for minute, rows in data["counts"].items()}
                return cls(int(data["since"]), int(data["until"]), counts)
            log.warning("%s has format %s, which is not known: starting from now", path, data["format"])
        except FileNotFoundError:
            log.info("%s is not there: starting from now", path)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("%s can't be read (%s): starting from now", path, error)
        return cls(now, now)

    def save(self, path: Path) -> None:
        """In one step, and on disk when it returns. Raises OSError."""
        data = {"format": FORMAT, "since": self.since, "until": self.until, "counts": self.counts}
        new = path.with_name(f".{path.name}.new")
        with new.open("w", encoding="utf-8") as file:
            json.dump(data, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)


@dataclass
class Totals:
    """For metrics."""

    spans: int = 0
    late: int = 0
    already: int = 0
    ignored: int = 0
    failures: int = 0
    behind_seconds: float = 0.0


class Follower:
    """Takes rows from one store to the other. `state` is the file that says how far it got."""

    def __init__(self, logs: LogReader, traces: TraceWriter, state: Path, options: Options, now: int) -> None:
        self._logs, self._traces, self._state, self._options = logs, traces, state, options
        self.progress = Progress.load(state, now)
        self.totals = Totals()
        self._taken: dict[int, set[tuple[str, str, int, str]]] = {}
        self._waits: dict[tuple[str, str], list[Span]] = {}
        self._late_at = self._saved_at = 0
        self._started, self._resumed = now, self.progress.until

    def step(self, now: int) -> None:
        """Take what came in. Raises StoreUnavailableError: then call it again later."""
        self.totals.behind_seconds = max(0, now - self.progress.until) / SECOND
        first = _minute(max(self.progress.since, self.progress.until - OVERLAP))
        sent = self.totals.spans
        for minute in range(first, now, MINUTE):
            held = self._take(minute, now)
            self.progress.until = min(minute + MINUTE, now) if held is None else held
            if held is not None:
                break
            if (minute - first) // MINUTE % SAVE_EVERY == SAVE_EVERY - 1:
                self._save()
        if now - self._late_at >= LATE_EVERY:
            self._take_late(now)
            self._late_at = now
        self._forget(now)
        if self.totals.spans != sent or now - self._saved_at >= SAVE_AFTER:
            self._save()
            self._saved_at = now
        self.totals.behind_seconds = max(0, now - self.progress.until) / SECOND

    def _take(self, minute: int, now: int) -> int | None:
        """The rows of a minute that were not taken yet. Gives the time of a row that has to wait, if there is one."""
        certain = minute in self._taken
        start = max(minute, self.progress.since, self.progress.until - OVERLAP if certain else 0)
        end = min(minute + MINUTE, now)
        rows, after = self._read(start, end, now)
        held = _held(rows + after, now)
        taken = self._taken.get(minute, set())
        new = [row for row in rows if _key(row) not in taken and not (held and parse_time(row["_time"]) >= held)]
        # Until this is over, what happened to these rows is not certain.
        self._taken.pop(minute, None)
        self._send(new, after, ask=not certain)
        self._taken[minute] = taken | {_key(row) for row in new}
        self.progress.counts[minute] = len(self._taken[minute])
        return held

    def _read(self, start: int, end: int, now: int) -> tuple[list[Row], list[Row]]:
        """The rows of a time range, and those after it that a plan at its end may belong to."""
        rows = self._logs.rows(start, min(end + HOLD, now))
        return [r for r in rows if parse_time(r["_time"]) < end], [r for r in rows if parse_time(r["_time"]) >= end]

    def _take_late(self, now: int) -> None:
        """Minutes that have more rows now than when they were taken."""
        oldest = min(self._taken, default=_minute(now))
        begin = _minute(max(self.progress.since, self._reach(now)))
        for minute, rows in sorted(self._logs.counts(begin, oldest).items()):
            if rows > self.progress.counts.get(minute, 0):
                found, after = self._read(max(minute, self.progress.since), minute + MINUTE, now)
                self.totals.late += self._send(found, after, ask=True)
                self.progress.counts[minute] = max(rows, len(found))

    def _reach(self, now: int) -> int:
        away = self._resumed if now - self._started < AFTERMATH else now
        return min(now - LOOKBACK, away)

    def _send(self, rows: list[Row], after: list[Row], *, ask: bool) -> int:
        """Gives how many spans were sent. The statement of a last plan is taken from the rows after."""
        if not rows:
            return 0
        follows = {(*session(row), line(row) + 1) for row in rows if is_plan(row)}
        late = [row for row in after if (*session(row), line(row)) in follows]
        # It will be met again as a row of its own time, where it must not become a second span.
        ask = ask or bool(late)
        for row in late:
            self._taken.pop(_minute(parse_time(row["_time"])), None)
        found = convert(rows + late, self._options, self._waits)
        self.totals.ignored += len(rows) + len(late) - len(found)
        if ask and found:
            times = [item.span.end for item in found]
            known = self._traces.known({item.span.span_id for item in found}, min(times), max(times) + 1)
            self.totals.already += len(known)
            found = [item for item in found if item.span.span_id not in known]
        if found:
            self._traces.send(_by_instance(found))
        self.totals.spans += len(found)
        return len(found)

    def _forget(self, now: int) -> None:
        """What is older than rows can be without being late."""
        for minute in [minute for minute in self._taken if minute < _minute(self.progress.until - OVERLAP)]:
            del self._taken[minute]
        for minute in [minute for minute in self.progress.counts if minute < self._reach(now) - MINUTE]:
            del self.progress.counts[minute]
        for key in [key for key, spans in self._waits.items() if spans[-1].end < now - LOOKBACK]:
            del self._waits[key]

    def _save(self) -> None:
        try:
            self.progress.save(self._state)
        except OSError as error:
            # Nothing is lost by that: after a restart the trace store is asked about more.
            log.warning("how far it got can't be saved in %s: %s", self._state, error)


def _minute(time: int) -> int:
    return time - time % MINUTE


def _key(row: Row) -> tuple[str, str, int, str]:
    return (*session(row), line(row), row["_time"])


def _held(rows: list[Row], now: int) -> int | None:
    """When the first plan was logged that may have its statement in a line that has yet to come."""
    lines = Counter((*session(row), line(row)) for row in rows)
    waiting = [parse_time(row["_time"]) for row in rows if is_plan(row) and not lines[(*session(row), line(row) + 1)]]
    return min((time for time in waiting if time > now - HOLD), default=None)


def _by_instance(found: list[Found]) -> Iterable[tuple[Mapping[str, Value], list[Span]]]:
    groups: dict[tuple[str, ...], list[Span]] = {}
    for item in found:
        groups.setdefault(item.labels, []).append(item.span)
    return [(resource(labels), spans) for labels, spans in sorted(groups.items())]
