"""Times and durations: what is one, what it stands for, how it is shown."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from staddle.logs.logsql.ast.text import duration
from staddle.logs.logsql.times import format_duration, format_time, parse_duration, parse_rfc3339

S = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1h", 3600 * S),
        ("1h33m55s", 5635 * S),
        ("-1.5d", -129600 * S),
        ("2w", 14 * 86400 * S),
        ("1y", 365 * 86400 * S),
        ("1.23ms", 1_230_000),
        ("7µs", 7_000),
        ("7us", 7_000),
        ("3ns", 3),
        ("0s", 0),
        ("5", None),
        ("5x", None),
        ("h", None),
        ("", None),
        ("1h ", None),
        ("1.2.3s", None),
    ],
)
def test_durations(text: str, nanoseconds: int | None) -> None:
    assert parse_duration(text) == nanoseconds


@given(st.integers(-(10**17), 10**17))
def test_written_durations_read_back(nanoseconds: int) -> None:
    assert parse_duration(duration(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0"),
        (1, "1ns"),
        (1_500, "1µs500ns"),
        (90 * S, "1m30s"),
        (3 * 60 * S + 30 * S + 123_456_789, "3m30.123456789s"),
        (8 * 86400 * S, "1w1d"),
        (-5 * S, "-5s"),
    ],
)
def test_durations_are_shown_by_unit(nanoseconds: int, text: str) -> None:
    assert format_duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:01Z", S),
        ("1970-01-01 00:00:01Z", S),
        ("1970-01-01T00:00:01.5Z", S + S // 2),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T02:00:00+02:00", 0),
        ("1969-12-31T22:30:00-01:30", 0),
        ("2024-02-30T00:00:00Z", None),
        ("2024-13-01T00:00:00Z", None),
        ("2024-01-01T25:00:00Z", None),
        ("2024-01-01", None),
        ("2024-01-01T00:00:00+2", None),
    ],
)
def test_full_times(text: str, nanoseconds: int | None) -> None:
    assert parse_rfc3339(text) == nanoseconds


@given(st.integers(-(62 * 10**18) // 10, 9 * 10**18))
def test_shown_times_read_back(nanoseconds: int) -> None:
    assert parse_rfc3339(format_time(nanoseconds)) == nanoseconds


def test_shown_times_have_no_more_digits_than_needed() -> None:
    assert format_time(0) == "1970-01-01T00:00:00Z"
    assert format_time(1_500_000) == "1970-01-01T00:00:00.0015Z"
