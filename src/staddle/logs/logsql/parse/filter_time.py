"""Filters on `_time`: durations, points, ranges, times of day and days of the week."""

from __future__ import annotations

import calendar
import re
from datetime import datetime
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import MAX_TIME_NS, MIN_TIME_NS, DayRange, Filter, Time, WeekRange
from staddle.logs.logsql.parse.names import duration
from staddle.logs.logsql.times import (
    DAY,
    HOUR,
    MINUTE,
    MS,
    SECOND,
    parse_duration,
    unix_ns,
    zone_offset,
)

if TYPE_CHECKING:
    from staddle.logs.logsql.lexer import Cursor

_PARTIAL = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?)?)?"
    r"(Z|[+-]\d\d:\d\d)?",
    re.ASCII,
)
_CLOCK = re.compile(r"(\d\d):(\d\d)(?::(\d\d))?", re.ASCII)
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


def parse_instant(text: str, now_ns: int) -> tuple[int, int] | None:
    """First and last nanosecond that a time stands for: a whole year for `2024`, one second for
    `...T10:20:40Z`.

    Besides partial RFC 3339 (zone optional: the machine's) there are `now`, durations before now (`5m`,
    `-5m`, `now-5m`) and Unix times in seconds, milli-, micro- or nanoseconds. None when it is none of them.
    """
    if text == "now":
        return now_ns, now_ns
    m = _PARTIAL.fullmatch(text)
    if m is not None:
        return _period(m)
    relative = parse_duration(text.removeprefix("now"))
    if relative is not None:
        at = now_ns - abs(relative)
        return at, at
    unix = unix_ns(text)
    return None if unix is None else (unix, unix)


def _period(m: re.Match[str]) -> tuple[int, int] | None:
    year, month, day, hour, minute, second, fraction, zone = m.groups()
    parts = [int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0)]
    if not (parts[0] >= 1 and 1 <= parts[1] <= 12 and parts[3] < 24 and parts[4] < 60 and parts[5] < 60):
        return None
    days = calendar.monthrange(parts[0], parts[1])[1]
    if not 1 <= parts[2] <= days:
        return None
    start = calendar.timegm((*parts, 0, 0, 0)) * SECOND
    if month is None:
        size = (366 if calendar.isleap(parts[0]) else 365) * DAY
    elif day is None:
        size = days * DAY
    elif hour is None:
        size = DAY
    elif minute is None:
        size = HOUR
    elif second is None:
        size = MINUTE
    elif fraction is None:
        size = SECOND
    else:
        start += int(fraction.ljust(9, "0"))
        size = MS if len(fraction) == 3 else 1
    if zone is None:
        offset = datetime(*parts).astimezone().utcoffset()  # type: ignore[arg-type]
        start -= int(offset.total_seconds()) * SECOND if offset else 0
    else:
        start -= zone_offset(zone)
    return start, start + size - 1


def parse_time(c: Cursor) -> Filter:
    """What stands after `_time:`."""
    following = c.tokens[min(c.index + 1, len(c.tokens) - 1)].keyword
    if c.at("day_range") and following in {"[", "("}:
        return _day_range(c)
    if c.at("week_range") and following in {"[", "("}:
        return _week_range(c)
    begin = c.token.start
    start, end = (MIN_TIME_NS, c.now_ns) if c.at("offset") else _interval(c)
    offset = _offset(c)
    text = c.text[begin : c.tokens[c.index - 1].end]
    if offset:
        start = start if start == MIN_TIME_NS else start - offset
        end = end if end == MAX_TIME_NS else end - offset
    return Time(_clamp(start), _clamp(end), " ".join(text.split()))


def _clamp(time_ns: int) -> int:
    return max(MIN_TIME_NS, min(MAX_TIME_NS, time_ns))


def _offset(c: Cursor) -> int:
    if not c.accept("offset"):
        return 0
    return duration(c, "offset")


def _interval(c: Cursor) -> tuple[int, int]:
    if c.at("[", "("):
        return _bracketed(c)
    if c.at("<", ">"):
        return _comparison(c)
    if c.at("="):
        c.advance()
    text = c.compound("time")
    length = parse_duration(text)
    if length is not None:
        return c.now_ns - abs(length) + 1, c.now_ns
    found = parse_instant(text, c.now_ns)
    if found is None:
        c.reject(f"cannot parse _time filter {text!r}")
    return found


def _comparison(c: Cursor) -> tuple[int, int]:
    sign = c.advance().text
    equal = c.adjacent("=") and c.accept("=")
    text = c.compound("time")
    found = parse_instant(text, c.now_ns)
    if found is None:
        c.reject(f"cannot parse _time filter {text!r}")
    start, end = found
    if parse_duration(text) is not None:
        # A duration is an age: more than it means earlier.
        sign = "<" if sign == ">" else ">"
    if sign == ">":
        return (start if equal else end + 1), MAX_TIME_NS
    return MIN_TIME_NS, (end if equal else start - 1)


def _bracketed(c: Cursor) -> tuple[int, int]:
    opening = c.advance().text
    first = _bound(c)
    c.expect(",", "between the ends of the _time filter")
    last = _bound(c)
    closing = c.token.text
    if not c.accept("]", ")"):
        c.fail("missing ')' or ']' after the _time filter")
    start = first[0] + 1 if opening == "(" else first[0]
    return start, (last[1] if closing == "]" else last[0] - 1)


def _bound(c: Cursor) -> tuple[int, int]:
    text = c.compound("time")
    found = parse_instant(text, c.now_ns)
    if found is None:
        c.reject(f"cannot parse time {text!r}")
    return found


def _range_parts(c: Cursor) -> tuple[str, str, str, str]:
    c.advance()
    opening = c.advance().text
    first = c.compound("start of the range")
    c.expect(",", "between the ends of the range")
    last = c.compound("end of the range")
    closing = c.token.text
    if not c.accept("]", ")"):
        c.fail("missing ')' or ']' after the range")
    return opening, first, last, closing


def _day_range(c: Cursor) -> Filter:
    opening, first, last, closing = _range_parts(c)
    start, end = _clock(c, first), _clock(c, last)
    start += opening == "("
    end -= closing == ")"
    return DayRange(start, min(end, DAY - 1), _offset(c), f"{opening}{first}, {last}{closing}")


def _clock(c: Cursor, text: str) -> int:
    m = _CLOCK.fullmatch(text)
    ns = int(m[1]) * HOUR + int(m[2]) * MINUTE + int(m[3] or 0) * SECOND if m else -1
    if m is None or int(m[2]) > 59 or ns > DAY:
        c.reject(f"cannot parse time of day {text!r}; want hh:mm")
    return ns


def _week_range(c: Cursor) -> Filter:
    opening, first, last, closing = _range_parts(c)
    start, end = _weekday(c, first), _weekday(c, last)
    start += opening == "("
    end -= closing == ")"
    return WeekRange(start, end, _offset(c), f"{opening}{first}, {last}{closing}")


def _weekday(c: Cursor, text: str) -> int:
    lower = text.lower()
    for i, day in enumerate(_DAYS):
        if lower in {day, day[:3]}:
            return i
    c.reject(f"cannot parse day of the week {text!r}")
    return None
