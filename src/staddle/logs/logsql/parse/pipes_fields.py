"""Pipes that choose, name and pack fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import (
    Copy,
    Delete,
    DropEmptyFields,
    Fields,
    PackJSON,
    PackLogfmt,
    Pipe,
    Rename,
    Unroll,
)
from staddle.logs.logsql.parse.filters import parse_condition
from staddle.logs.logsql.parse.names import (
    comma_patterns,
    field_pattern,
    fields_maybe_in_parens,
    patterns_in_parens,
    result_name,
)

if TYPE_CHECKING:
    from staddle.logs.logsql.lexer import Cursor


def parse_fields(c: Cursor) -> Pipe:
    """`fields a, b*`."""
    fields = _patterns(c)
    return Fields(("*",) if "*" in fields else fields)


def parse_delete(c: Cursor) -> Pipe:
    """`delete a, b*`."""
    return Delete(_patterns(c))


def _patterns(c: Cursor) -> tuple[str, ...]:
    name = c.advance().text
    patterns = patterns_in_parens(c) if c.at("(") else comma_patterns(c)
    if not patterns:
        c.reject(f"missing fields in {name!r}")
    return patterns


def _pairs(c: Cursor) -> tuple[tuple[str, str], ...]:
    c.advance()
    pairs: list[tuple[str, str]] = []
    while True:
        source = field_pattern(c)
        c.accept("as")
        pairs.append((source, field_pattern(c)))
        if not c.accept(","):
            return tuple(pairs)


def parse_copy(c: Cursor) -> Pipe:
    """`copy a as b, c* as d*`."""
    return Copy(_pairs(c))


def parse_rename(c: Cursor) -> Pipe:
    """`rename a as b, c* as d*`."""
    return Rename(_pairs(c))


def parse_drop_empty_fields(c: Cursor) -> Pipe:
    """`drop_empty_fields`."""
    c.advance()
    return DropEmptyFields()


def _packed(c: Cursor) -> tuple[tuple[str, ...], str]:
    c.advance()
    fields = patterns_in_parens(c) if c.accept("fields") else ("*",)
    return fields or ("*",), result_name(c)


def parse_pack_json(c: Cursor) -> Pipe:
    """`pack_json fields (a, b*) as x`."""
    return PackJSON(*_packed(c))


def parse_pack_logfmt(c: Cursor) -> Pipe:
    """`pack_logfmt fields (a, b*) as x`."""
    return PackLogfmt(*_packed(c))


def parse_unroll(c: Cursor) -> Pipe:
    """`unroll if (...) by (a, b)`."""
    c.advance()
    condition = parse_condition(c)
    c.accept("by")
    fields = fields_maybe_in_parens(c)
    if not fields:
        c.fail("'unroll' needs at least one field")
    return Unroll(fields, condition)
