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
_RFC5424 = re.compile(r"1 (\S+) (\S+) (\S+) (\S+) (\S+) ?")
_RFC3164_TIME = re.compile(r"([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)\s", re.ASCII)
_TAG = re.compile(r"([^\s:\[]+)(?:\[([^\]]*)\])?:(?:\s|$)")
_PARAMETER = re.compile(r' ?([^ =\]"]+)="((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\\]])')
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def parse(text: str, now_ns: int, offset_ns: int = 0) -> list[tuple[str, str]]:
    """The fields of a message, in the original's order and names.

    RFC 3164 times have neither year nor zone: they are taken to be of the last twelve months before `now_ns`,
    at `offset_ns`
    ahead of UTC.
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
    header = _RFC5424.match(text)
    if header is not None:
        fields.extend(_rfc5424(header, text[header.end() :]))
    else:
        fields.extend(_rfc3164(text, now_ns, offset_ns))
    return fields


def _rfc5424(header: re.Match[str], rest: str) -> Iterator[tuple[str, str]]:
    yield "format", "rfc5424"
    for name, value in zip(
        ("timestamp", "hostname", "app_name", "proc_id", "msg_id"), header.groups(), strict=True
    ):
        if value != "-":
            yield name, value
    if rest.startswith("-"):
        rest = rest[1:]
    else:
        while rest.startswith("["):
            end = 1
            while end < len(rest) and rest[end] not in " ]":
                end += 1
            block = rest[1:end]
            while (m := _PARAMETER.match(rest, end)) is not None:
                yield f"{block}.{m[1]}", _ESCAPED.sub(r"\1", m[2])
                end = m.end()
            if rest[end : end + 1] != "]":
                break
            if rest[1:end] == block:
                yield block, ""
            rest = rest[end + 1 :]
    message = rest.removeprefix(" ").removeprefix("\ufeff")
    if message:
        yield "message", message


def _rfc3164(text: str, now_ns: int, offset_ns: int) -> Iterator[tuple[str, str]]:
    yield "format", "rfc3164"
    rest = text
    stamp, size = _timestamp(text, now_ns, offset_ns)
    if not stamp:
        yield "message", text
        return
    yield "timestamp", stamp
    rest = text[size:]
    host, blank, after = rest.partition(" ")
    if not blank:
        if host:
            yield "hostname", host
        return
    yield "hostname", host
    rest = after
    tag = _TAG.match(rest)
    if tag is not None:
        yield "app_name", tag[1]
        if tag[2] is not None:
            yield "proc_id", tag[2]
        rest = rest[tag.end() :]
    if rest:
        yield "message", rest


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
            at = datetime(
                year, _MONTHS.index(m[1]) + 1, int(m[2]), int(m[3]), int(m[4]), int(m[5]), tzinfo=UTC
            )
        except ValueError:
            continue
        # A day of grace for clocks and zones that are ahead.
        if at <= now + timedelta(days=1):
            return format_time(int(at.timestamp()) * SECOND - offset_ns), m.end()
    return "", 0
