"""Syslog messages (RFC 3164 and RFC 5424) to fields."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from staddle.logs.logsql.times import SECOND, format_time, parse_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterator

LEVELS = ("emerg", "alert", "critical", "error", "warning", "notice", "info", "debug")
FACILITIES = (
    "kern",
    "user",
    "mail",
    "daemon",
    "auth",
    "syslog",
    "lpr",
    "news",
    "uucp",
    "cron",
    "authpriv",
    "ftp",
    "ntp",
    "security",
    "console",
    "solaris-cron",
    *(f"local{i}" for i in range(8)),
)

_PRIORITY = re.compile(r"<(\d{1,3})>", re.ASCII)
_RFC3164_TIME = re.compile(r"([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)\s", re.ASCII)
_TAG = re.compile(r"[^\[: ]*")
_PARAMETER = re.compile(r' ?([^ =\]"]+)="((?:[^"\\]|\\.)*)"', re.DOTALL)
_ELEMENT = re.compile(r"[^ \]]*")
_ESCAPED = re.compile(r'\\(["\\\]])')
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse(text: str, now_ns: int, offset_ns: int = 0) -> list[tuple[str, str]]:
    """The fields of a message, in the original's order and names.

    RFC 3164 times have neither year nor zone: they are taken to be of the last twelve months before
    `now_ns`, at `offset_ns` ahead of UTC.
    """
    if not text:
        return []
    fields: list[tuple[str, str]] = []
    m = _PRIORITY.match(text)
    if m is not None:
        priority = int(m[1])
        facility, severity = divmod(priority, 8)
        keyword = FACILITIES[facility] if facility < len(FACILITIES) else "unknown"
        fields += [
            ("priority", str(priority)),
            ("facility_keyword", keyword),
            ("level", LEVELS[severity]),
            ("facility", str(facility)),
            ("severity", str(severity)),
        ]
        text = text[m.end() :]
    if text.startswith("1 "):
        fields.extend(_rfc5424(text[2:]))
    else:
        fields.extend(_rfc3164(text, now_ns, offset_ns))
    return fields


def _rfc5424(rest: str) -> Iterator[tuple[str, str]]:
    """What comes after the version. A message that is cut off gives the fields up to there."""
    yield "format", "rfc5424"
    for name in ("timestamp", "hostname", "app_name", "proc_id", "msg_id"):
        value, blank, rest = rest.partition(" ")
        yield name, value
        if not blank:
            return
    if rest.startswith("-"):
        rest = rest[1:]
    else:
        elements, rest = _structured_data(rest)
        yield from elements
    message = rest.removeprefix(" ").removeprefix("\ufeff")
    if message:
        yield "message", message


def _structured_data(rest: str) -> tuple[list[tuple[str, str]], str]:
    """The parameters in `[id a="b"][id2 c="d"]`, and what follows.

    An element without parameters has an empty value.
    """
    found: list[tuple[str, str]] = []
    while rest.startswith("["):
        name = _ELEMENT.match(rest, 1)
        end = name.end() if name is not None else 1
        element = rest[1:end]
        parameters = []
        while (m := _PARAMETER.match(rest, end)) is not None:
            parameters.append((f"{element}.{m[1]}", _ESCAPED.sub(r"\1", m[2])))
            end = m.end()
        if rest[end : end + 1] != "]":
            break
        found.extend(parameters or [(element, "")])
        rest = rest[end + 1 :]
    return found, rest


def _rfc3164(text: str, now_ns: int, offset_ns: int) -> Iterator[tuple[str, str]]:
    yield "format", "rfc3164"
    stamp, size = _timestamp(text, now_ns, offset_ns)
    if not stamp:
        if text:
            yield "message", text
        return
    yield "timestamp", stamp
    host, blank, rest = text[size:].partition(" ")
    yield "hostname", host
    if not blank:
        return
    tag = _TAG.match(rest)
    end = tag.end() if tag is not None else 0
    yield "app_name", rest[:end]
    rest = rest[end:]
    if rest.startswith("["):
        process, bracket, after = rest[1:].partition("]")
        if not bracket:
            return
        yield "proc_id", process
        rest = after
    message = rest.removeprefix(":").removeprefix(" ")
    if message:
        yield "message", message


def _timestamp(text: str, now_ns: int, offset_ns: int) -> tuple[str, int]:
    m = _RFC3164_TIME.match(text)
    if m is None:
        word = text.partition(" ")[0]
        if parse_rfc3339(word) is not None and len(word) < len(text):
            return word, len(word) + 1
        return "", 0
    if m[1] not in _MONTHS:
        return "", 0
    now = datetime.fromtimestamp(now_ns // SECOND, UTC)
    for year in (now.year, now.year - 1):
        try:
            at = datetime(year, _MONTHS.index(m[1]) + 1, int(m[2]), int(m[3]), int(m[4]), int(m[5]), tzinfo=UTC)
        except ValueError:
            continue
        # A day of grace for clocks and zones that are ahead.
        if at <= now + timedelta(days=1):
            return format_time(int(at.timestamp()) * SECOND - offset_ns), m.end()
    return "", 0
