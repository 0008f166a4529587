"""Times and durations in query arguments."""

from __future__ import annotations

import calendar
import re
import time
from datetime import UTC, datetime

from staddle.logs.http.errors import HTTPError
from staddle.logs.logsql.times import DAY, HOUR, MINUTE, MS, SECOND, format_time, parse_duration

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_ISO = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?)?)?"
    r"(Z|[+-]\d\d:\d\d)?",
    re.ASCII,
)


def parse_time(text: str, now_ns: int) -> int:
    """Unix nanoseconds of a `start`, `end` or `time` argument. Raises ValueError with the reason."""
    if text == "now":
        return now_ns
    text = text.removeprefix("now")
    if _NUMBER.fullmatch(text) and not re.fullmatch(r"\d{4}", text):
        return _unix(text)
    m = _ISO.fullmatch(text)
    if m is not None:
        return _iso(m)
    duration = parse_duration(text.lstrip("+-"))
    if duration is None:
        raise ValueError(f'cannot parse duration "{text}"')
    return now_ns - duration


def _unix(text: str) -> int:
    value = float(text)
    magnitude = abs(value)
    whole = int(text) if re.fullmatch(r"-?\d+", text) else None
    for limit, unit in ((1 << 31, SECOND), ((1 << 31) * 10**3, MS), ((1 << 31) * 10**6, 1000)):
        if magnitude < limit:
            return whole * unit if whole is not None else round(value * unit)
    return whole if whole is not None else int(value)


def _iso(m: re.Match[str]) -> int:
    year, month, day, hour, minute, second, fraction, zone = m.groups()
    parts = (int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0))
    try:
        made = datetime(*parts, tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f'cannot parse "{m[0]}": {error}') from error
    ns = calendar.timegm(made.timetuple()) * SECOND + int((fraction or "").ljust(9, "0"))
    if zone is None and len(m[0]) > 6:
        return ns - _local_offset(parts)
    if zone and zone != "Z":
        offset = int(zone[1:3]) * HOUR + int(zone[4:6]) * MINUTE
        return ns + offset if zone[0] == "-" else ns - offset
    return ns


def _local_offset(parts: tuple[int, int, int, int, int, int]) -> int:
    """How far this machine's time zone is ahead of UTC, at that time."""
    local = time.mktime((*parts, 0, 0, -1))
    return int(calendar.timegm((*parts, 0, 0, 0)) - local) * SECOND


def end_of(time_ns: int) -> int:
    """The last nanosecond that an `end` covers: of its second, or of its millisecond, by the digits it is
    shown with.
    """
    text = format_time(time_ns)
    if "." not in text:
        return time_ns + SECOND - 1
    if len(text) == len("2006-01-02T15:04:05.000Z"):
        return time_ns + MS - 1
    return time_ns


def time_arg(name: str, text: str, now_ns: int) -> int:
    """An argument as Unix nanoseconds; HTTPError 400 when it is no time."""
    try:
        return parse_time(text, now_ns)
    except (ValueError, OverflowError) as error:
        raise HTTPError(400, f"cannot parse {name}={text}: {error}") from None


def duration_arg(name: str, text: str, *, bare_seconds: bool = False) -> int:
    """An argument as nanoseconds; HTTPError 400 when it is no duration."""
    if bare_seconds and _NUMBER.fullmatch(text):
        return int(float(text) * SECOND)
    if text == "0":
        return 0
    duration = parse_duration(text)
    if duration is None:
        raise HTTPError(400, f"cannot parse '{name}' arg: cannot parse duration \"{text}\"")
    return duration


__all__ = ["DAY", "duration_arg", "end_of", "parse_time", "time_arg"]
