"""Times and durations as LogsQL reads and writes them. All times are Unix nanoseconds, all durations
nanoseconds.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime, timedelta

NS = 1
US = 1_000
MS = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
YEAR = 365 * DAY

MAX_NUMBER_LENGTH = 64
"""Longer texts are no numbers, sizes or durations, which keeps reading them cheap."""

_UNITS = {
    "ns": NS,
    "µs": US,
    "μs": US,
    "us": US,
    "ms": MS,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
    "d": DAY,
    "w": WEEK,
    "y": YEAR,
}
_DURATION = re.compile(r"-?(?:(?:\d+\.?\d*|\.\d+)(?:ns|[µμu]s|ms|[smhdwy]))+", re.ASCII)
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|[µμu]s|ms|[smhdwy])", re.ASCII)
_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_UNIX = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_time(time_ns: int) -> str:
    """RFC 3339 in UTC with as many fraction digits as needed (none to nine)."""
    seconds, fraction = divmod(time_ns, SECOND)
    try:
        text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    except OverflowError:
        return str(time_ns)
    if len(text) < 19:
        text = text.rjust(19, "0")
    if not fraction:
        return text + "Z"
    return f"{text}.{fraction:09d}".rstrip("0") + "Z"


def parse_duration(text: str) -> int | None:
    """`1h30m`, `-1.5d`, `5ms` ... in nanoseconds; None when it is none (a number without a unit is none)."""
    if len(text) > MAX_NUMBER_LENGTH or not _DURATION.fullmatch(text):
        return None
    total = 0
    for number, unit in _DURATION_PART.findall(text):
        total += int(float(number) * _UNITS[unit]) if "." in number else int(number) * _UNITS[unit]
    if total >= 1 << 63:
        return None
    return -total if text.startswith("-") else total


def format_duration(duration_ns: int) -> str:
    """`1h2m3.5s`, `1.5ms`, `0`: the way durations are shown in results."""
    if duration_ns == 0:
        return "0"
    out = "-" if duration_ns < 0 else ""
    rest = abs(duration_ns)
    for unit, size in (("w", WEEK), ("d", DAY), ("h", HOUR), ("m", MINUTE)):
        count, rest = divmod(rest, size)
        if count:
            out += f"{count}{unit}"
    if rest >= SECOND:
        return out + _decimal(rest, SECOND) + "s"
    for unit, size in (("ms", MS), ("µs", US), ("ns", NS)):
        count, rest = divmod(rest, size)
        if count:
            out += f"{count}{unit}"
    return out


def _decimal(value: int, unit: int) -> str:
    whole, part = divmod(value, unit)
    if not part:
        return str(whole)
    return f"{whole}.{part:0{len(str(unit)) - 1}d}".rstrip("0")


def parse_rfc3339(text: str) -> int | None:
    """A full date and time, `T` or space between, up to nine fraction digits, zone optional (UTC); None
    when it is none.
    """
    if len(text) < 19:
        return None
    m = _RFC3339.fullmatch(text)
    if m is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = m.groups()
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31 and int(hour) < 24 and int(minute) < 60 and int(second) < 60):
        return None
    if int(year) < 1 or int(day) > calendar.monthrange(int(year), int(month))[1]:
        return None
    seconds = calendar.timegm((int(year), int(month), int(day), int(hour), int(minute), int(second)))
    ns = seconds * SECOND
    if fraction:
        ns += int(fraction.ljust(9, "0"))
    return ns - zone_offset(zone)


def zone_offset(zone: str | None) -> int:
    """Nanoseconds that `+hh:mm` is ahead of UTC; 0 for `Z` and nothing."""
    if not zone or zone == "Z":
        return 0
    offset = int(zone[1:3]) * HOUR + int(zone[4:6]) * MINUTE
    return -offset if zone[0] == "-" else offset


def unix_ns(text: str) -> int | None:
    """Nanoseconds of a Unix time whose unit follows from its size; None when it is none or beyond 64 bits."""
    if len(text) > MAX_NUMBER_LENGTH or not _UNIX.fullmatch(text):
        return None
    value = float(text)
    if abs(value) >= 1 << 63:
        return None
    exact = int(text) if text.lstrip("-").isdecimal() else None
    limit = 1 << 31
    for scale in (10**9, 10**6, 10**3):
        if abs(value) < limit:
            return exact * scale if exact is not None else round(value * scale)
        limit *= 1000
    return exact if exact is not None else int(value)
