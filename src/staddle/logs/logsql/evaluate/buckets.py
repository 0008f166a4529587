"""Rounding of grouping keys: `_time:5m offset 1h`, `size:10KiB`, `ip:/24`, `_time:month`."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from staddle.logs.logsql.numbers import format_number, parse_ipv4, parse_plain
from staddle.logs.logsql.times import (
    SECOND,
    format_duration,
    format_time,
    parse_duration,
    parse_rfc3339,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.logs.logsql.ast import ByField
    from staddle.logs.logsql.source import Block


def bucket_column(block: Block, by: ByField) -> Sequence[str]:
    """The key of each row."""
    if not by.bucket:
        return block.column(by.name)
    if by.name == "_time" and block.timestamps is not None:
        made: dict[int, str] = {}
        out = []
        for stamp in block.timestamps:
            start = bucket_time(stamp, by)
            text = made.get(start)
            if text is None:
                text = made[start] = format_time(start)
            out.append(text)
        return out
    seen: dict[str, str] = {}
    column = block.column(by.name)
    for value in set(column):
        seen[value] = bucket_value(value, by)
    return [seen[v] for v in column]


def bucket_time(time_ns: int, by: ByField) -> int:
    """Start of the bucket, Unix nanoseconds."""
    offset = int(by.offset_size)
    local = time_ns - offset
    if by.bucket in {"month", "year"}:
        day = datetime.fromtimestamp(local // SECOND, UTC)
        first = datetime(day.year, day.month if by.bucket == "month" else 1, 1, tzinfo=UTC)
        return int(first.timestamp()) * SECOND + offset
    size = int(by.bucket_size) or 1
    return local // size * size + offset


def bucket_value(value: str, by: ByField) -> str:
    """The bucket that a value is in; values that are neither number, time, address nor duration stay as
    they are.
    """
    if not value or value[0] not in "0123456789-":
        return value
    number = parse_plain(value)
    if number is not None:
        return _bucket_number(number, by)
    time = parse_rfc3339(value)
    if time is not None:
        return format_time(bucket_time(time, by))
    address = parse_ipv4(value)
    if address is not None:
        size = 1 << (32 - int(by.bucket_size)) if by.bucket.startswith("/") else int(by.bucket_size) or 1
        offset = int(by.offset_size)
        start = (address - offset) // size * size + offset
        return ".".join(str(start >> shift & 255) for shift in (24, 16, 8, 0))
    duration = parse_duration(value)
    if duration is not None and by.bucket not in {"month", "year"}:
        size, offset = int(by.bucket_size) or 1, int(by.offset_size)
        return format_duration((duration - offset) // size * size + offset)
    return value


def _bucket_number(number: float, by: ByField) -> str:
    size = by.bucket_size or 1.0
    steps = math.floor((number - by.offset_size) / size)
    digits = max(len(format_number(x).partition(".")[2]) for x in (size, by.offset_size))
    return format_number(round(steps * size + by.offset_size, digits))
