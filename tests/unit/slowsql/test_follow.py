"""Every row becomes one span: whatever comes late, whatever fails, whenever it is killed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings, strategies as st
from tests.unit.slowsql.rows import made

from staddle.slowsql.follow import FORMAT, LATE_EVERY, SECOND, Follower, Progress
from staddle.slowsql.spans import Options, parse_time
from staddle.slowsql.stores import MINUTE, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from staddle.otlp import Span, Value
    from staddle.slowsql.spans import Row

BEGIN = 1_700_000_000 * SECOND + 17 * SECOND


class Logs:
    """What has come in so far. Rows come in when they are due, which may be long after their own time."""

    def __init__(self) -> None:
        self.kept: list[Row] = []
        self.down = False

    def rows(self, start: int, end: int) -> list[Row]:
        self._answer()
        return [row for row in self.kept if start <= parse_time(row["_time"]) < end]

    def counts(self, start: int, end: int) -> dict[int, int]:
        self._answer()
        found: dict[int, int] = {}
        for row in self.rows(start, end):
            minute = parse_time(row["_time"]) // MINUTE * MINUTE
            found[minute] = found.get(minute, 0) + 1
        return found

    def _answer(self) -> None:
        if self.down:
            raise StoreUnavailableError("no answer")


class Traces:
    """What was sent. It may fail before it has stored anything, or after."""

    def __init__(self) -> None:
        self.kept: list[Span] = []
        self.fails = ""

    def known(self, ids: Iterable[str], start: int, end: int) -> set[str]:
        wanted = set(ids)
        return {span.span_id for span in self.kept if span.span_id in wanted and start <= span.end < end}

    def send(self, groups: Iterable[tuple[Mapping[str, Value], Iterable[Span]]]) -> None:
        fails, self.fails = self.fails, ""
        if fails != "before":
            self.kept += [span for _, spans in groups for span in spans]
        if fails:
            raise StoreUnavailableError("no answer")


def statement(number: int, at: int) -> Row:
    return made(f"duration: 1.0 ms  statement: select {number}", at=at, sln=number)


def steps(follower: Follower, logs: Logs, pending: list[tuple[int, Row]], begin: int, seconds: int) -> int:
    """A second at a time. Gives the time it ended at."""
    for now in range(begin, begin + seconds * SECOND, SECOND):
        logs.kept += [row for due, row in pending if due <= now]
        pending[:] = [item for item in pending if item[0] > now]
        try:
            follower.step(now)
        except StoreUnavailableError:
            continue
    return begin + seconds * SECOND


def names(traces: Traces) -> list[str]:
    return sorted(span.span_id for span in traces.kept)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_however_it_is_disturbed_every_row_is_sent_once(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    chance = random.Random(seed)
    state = tmp_path_factory.mktemp("slowsql") / "state.json"
    logs, traces = Logs(), Traces()
    pending = []
    for number in range(1, 60):
        at = BEGIN + chance.randrange(240 * SECOND)
        late = chance.choice([0, SECOND, 5 * SECOND, chance.randrange(300 * SECOND)])
        pending.append((at + late, statement(number, at)))
    wanted = len(pending)
    now, follower = BEGIN, Follower(logs, traces, state, Options(), BEGIN)
    for _ in range(12):
        now = steps(follower, logs, pending, now, chance.randrange(1, 60))
        match chance.randrange(5):
            case 0:  # killed, and started again some time later
                now += chance.randrange(90) * SECOND
                follower = Follower(logs, traces, state, Options(), now)
            case 1:  # what it remembers is older than what it did
                saved = state.read_bytes()
                now = steps(follower, logs, pending, now, 5)
                state.write_bytes(saved)
                follower = Follower(logs, traces, state, Options(), now)
            case 2:
                logs.down = not logs.down
            case _:
                traces.fails = chance.choice(["before", "after"])
    logs.down, traces.fails = False, ""
    steps(follower, logs, pending, now, 600)
    assert len(set(names(traces))) == wanted
    assert len(traces.kept) == wanted


def test_a_plan_waits_for_its_statement_over_the_end_of_a_minute(tmp_path: Path) -> None:
    logs, traces = Logs(), Traces()
    end = BEGIN // MINUTE * MINUTE + MINUTE
    plan = made("duration: 1.0 ms  plan:\nQuery Text: select 1\nResult  (cost=0)", at=end - 1_000_000, sln=1)
    follower = Follower(logs, traces, tmp_path / "state.json", Options(), BEGIN)
    pending = [(end, plan), (end + SECOND, statement(2, end + 1_000_000))]
    steps(follower, logs, pending, end - 5 * SECOND, 120)
    (span,) = traces.kept
    assert span.events


def test_a_plan_that_nothing_follows_is_sent_after_a_while(tmp_path: Path) -> None:
    logs, traces = Logs(), Traces()
    plan = made("duration: 1.0 ms  plan:\nQuery Text: select 1\nResult  (cost=0)", at=BEGIN + SECOND)
    follower = Follower(logs, traces, tmp_path / "state.json", Options(), BEGIN)
    steps(follower, logs, [(BEGIN + SECOND, plan)], BEGIN, 5)
    assert len(traces.kept) == 1


def test_rows_from_before_its_first_start_are_not_sent(tmp_path: Path) -> None:
    logs, traces = Logs(), Traces()
    logs.kept = [statement(1, BEGIN - SECOND), statement(2, BEGIN + SECOND)]
    steps(Follower(logs, traces, tmp_path / "state.json", Options(), BEGIN), logs, [], BEGIN, 130)
    assert len(traces.kept) == 1


def test_a_node_that_was_off_for_days_takes_what_agents_kept_for_it(tmp_path: Path) -> None:
    logs, traces, state = Logs(), Traces(), tmp_path / "state.json"
    now = steps(Follower(logs, traces, state, Options(), BEGIN), logs, [], BEGIN, 3)
    days = now + 3 * 24 * 60 * MINUTE
    late = [(days + 200 * SECOND, statement(1, now + MINUTE)), (days + 300 * SECOND, statement(2, days - MINUTE))]
    steps(Follower(logs, traces, state, Options(), days), logs, late, days, 300 + LATE_EVERY // SECOND + 2)
    assert len(traces.kept) == 2


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 99}', b'{"format": 1, "since": "x"}'])
def test_a_broken_state_file_means_from_now_on(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.json").write_bytes(content)
    assert Progress.load(tmp_path / "state.json", 42) == Progress(42, 42)
    assert FORMAT == 1
