"""The `stats` pipe and its functions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import ByField, Pipe, Running, Stats, StatsEntry, StatsFunc
from staddle.logs.logsql.keywords import STATS_NAMES
from staddle.logs.logsql.numbers import parse_math_number, parse_number, parse_plain
from staddle.logs.logsql.parse.filters import parse_condition
from staddle.logs.logsql.parse.names import (
    canonical,
    count,
    field_name,
    patterns_in_parens,
    patterns_until_paren,
)
from staddle.logs.logsql.times import DAY, HOUR, MINUTE, MS, SECOND, US, WEEK

if TYPE_CHECKING:
    from staddle.logs.logsql.lexer import Cursor

NAMED_BUCKETS = {
    "nanosecond": 1,
    "microsecond": US,
    "millisecond": MS,
    "second": SECOND,
    "minute": MINUTE,
    "hour": HOUR,
    "day": DAY,
    "week": WEEK,
    "month": 0,
    "year": 0,
}
_LIMITED = {"count_uniq", "count_uniq_hash", "uniq_values", "values", "json_values"}
_NO_WILDCARDS = {"count_uniq", "count_uniq_hash"}


def parse_stats(c: Cursor) -> Pipe:
    """`stats by (...) f(...) as x, ...`."""
    c.advance()
    return parse_stats_body(c)


def parse_stats_body(c: Cursor) -> Stats:
    """The same without its name."""
    by: tuple[ByField, ...] = ()
    if c.accept("by") or c.at("("):
        by = _by_fields(c)
    return Stats(by, _entries(c, tuple(b.name for b in by)))


def parse_running_stats(c: Cursor) -> Pipe:
    """`running_stats by (...) f(...) as x, ...`."""
    c.advance()
    return _running(c, total=False)


def parse_total_stats(c: Cursor) -> Pipe:
    """`total_stats by (...) f(...) as x, ...`."""
    c.advance()
    return _running(c, total=True)


def _running(c: Cursor, *, total: bool) -> Pipe:
    names: tuple[str, ...] = ()
    if c.accept("by") or c.at("("):
        by = _by_fields(c)
        if any(b.bucket for b in by):
            c.fail("buckets are not supported here")
        names = tuple(b.name for b in by)
    return Running(total, names, _entries(c, names))


def _entries(c: Cursor, taken: tuple[str, ...]) -> tuple[StatsEntry, ...]:
    entries: list[StatsEntry] = []
    names = set(taken)
    while True:
        entry = _entry(c)
        if entry.result in names:
            c.reject(f"the result name {entry.result!r} is used twice or is among the 'by' fields")
        names.add(entry.result)
        entries.append(entry)
        if c.at_end():
            return tuple(entries)
        c.expect(",", "after the stats function")


def _entry(c: Cursor) -> StatsEntry:
    func = parse_func(c)
    condition = parse_condition(c)
    if c.accept("as") or not (c.at_end() or c.at(",")):
        return StatsEntry(func, condition, field_name(c))
    default = str(func) + (f" if ({condition})" if condition is not None else "")
    return StatsEntry(func, condition, default)


def parse_func(c: Cursor) -> StatsFunc:
    """`f(a, b*) limit N`."""
    name = c.token.keyword
    if name not in STATS_NAMES:
        c.fail(f"unknown stats func {c.token.raw!r}")
    c.advance()
    if not c.at("("):
        c.fail(f"missing '(' after {name!r}")
    phi_text, phi = "", 0.0
    if name == "quantile":
        phi_text, phi, fields = _quantile_args(c)
    else:
        fields = patterns_in_parens(c)
    _check(c, name, fields)
    if "*" in fields and name not in {"row_min", "row_max"}:
        fields = ("*",)
    limit = count(c, "limit") if name in _LIMITED and c.accept("limit") else 0
    if not fields or (name in {"row_min", "row_max"} and len(fields) == 1):
        fields = (*fields, "*")
    return StatsFunc(name, fields, limit, phi, phi_text)


def _check(c: Cursor, name: str, fields: tuple[str, ...]) -> None:
    if name in _NO_WILDCARDS and (not fields or any(f.endswith("*") for f in fields)):
        c.reject(f"{name}() needs at least one field name, without wildcards")
    if name == "histogram" and (len(fields) != 1 or fields[0].endswith("*")):
        c.reject("histogram() needs exactly one field name")
    if name in {"row_min", "row_max"} and (not fields or fields[0].endswith("*")):
        c.reject(f"{name}() needs a field name as its first argument")
    if name == "rate" and fields:
        c.reject("rate() has no arguments")


def _quantile_args(c: Cursor) -> tuple[str, float, tuple[str, ...]]:
    c.expect("(", "after 'quantile'")
    text = c.compound("phi of quantile()")
    phi = parse_plain(text)
    if phi is None or not 0 <= phi <= 1:
        c.reject(f"phi of quantile() must be a number from 0 to 1; got {text!r}")
    if c.accept(")"):
        return text, phi, ()
    c.expect(",", "after phi of quantile()")
    return text, phi, patterns_until_paren(c)


def _by_fields(c: Cursor) -> tuple[ByField, ...]:
    c.expect("(", "after 'by'")
    fields: list[ByField] = []
    while not c.accept(")"):
        fields.append(_by_field(c))
        if not c.at(")"):
            c.expect(",", "between the 'by' fields")
    return tuple(fields)


def _by_field(c: Cursor) -> ByField:
    name = canonical(field_name(c, ":"))
    if not c.accept(":"):
        return ByField(name)
    bucket = c.compound("bucket")
    if bucket.lower() in NAMED_BUCKETS:
        bucket = bucket.lower()
        size = float(NAMED_BUCKETS[bucket])
    else:
        size = _bucket_size(bucket) or 0.0
        if size <= 0:
            c.reject(f"cannot parse bucket size {bucket!r} for field {name!r}")
    offset, shift = "", 0.0
    if c.accept("offset"):
        offset = c.compound("offset of the bucket")
        found = parse_math_number(offset)
        if found is None or not math.isfinite(found):
            c.reject(f"cannot parse bucket offset {offset!r} for field {name!r}")
        shift = found
    return ByField(name, bucket, size, offset, shift)


def _bucket_size(text: str) -> float | None:
    if text.startswith("/") and text[1:].isdigit() and text.isascii():
        return float(text[1:]) if int(text[1:]) <= 32 else None
    number = parse_number(text)
    return number if number is not None and math.isfinite(number) else None
