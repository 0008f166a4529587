"""Pipes that make values from values: extract, unpack, format, replace ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import (
    CollapseNums,
    Decolorize,
    Extract,
    Format,
    FormatStep,
    Hash,
    JSONArrayLen,
    Len,
    Pipe,
    Replace,
    Unpack,
    UnpackWords,
)
from staddle.logs.logsql.parse.filters import parse_condition
from staddle.logs.logsql.parse.names import count, duration, field_name, patterns_in_parens, result_name
from staddle.logs.logsql.patterns import parse_extract_steps, parse_steps
from staddle.logs.logsql.regexps import compile_regexp

if TYPE_CHECKING:
    from staddle.logs.logsql.lexer import Cursor


def _keep_skip(c: Cursor) -> tuple[bool, bool]:
    if c.accept("keep_original_fields"):
        return True, False
    return False, c.accept("skip_empty_results")


def _at_field(c: Cursor) -> str:
    return field_name(c) if c.accept("at") else "_msg"


def _function_field(c: Cursor) -> tuple[str, str]:
    """`len(a) as b`, also `len a b`."""
    c.advance()
    if c.accept("("):
        field = field_name(c)
        c.expect(")", "after the field name")
    else:
        field = field_name(c)
    return field, result_name(c)


def parse_len(c: Cursor) -> Pipe:
    """`len(a) as b`."""
    return Len(*_function_field(c))


def parse_hash(c: Cursor) -> Pipe:
    """`hash(a) as b`."""
    return Hash(*_function_field(c))


def parse_json_array_len(c: Cursor) -> Pipe:
    """`json_array_len(a) as b`."""
    return JSONArrayLen(*_function_field(c))


def parse_collapse_nums(c: Cursor) -> Pipe:
    """`collapse_nums if (...) at x prettify`."""
    c.advance()
    condition = parse_condition(c)
    field = _at_field(c)
    return CollapseNums(field, c.accept("prettify"), condition)


def parse_decolorize(c: Cursor) -> Pipe:
    """`decolorize x`."""
    c.advance()
    c.accept("at")
    return Decolorize("_msg" if c.at_end() else field_name(c))


def parse_replace(c: Cursor) -> Pipe:
    """`replace if (...) (old, new) at x limit N`."""
    return _replace(c, regexp=False)


def parse_replace_regexp(c: Cursor) -> Pipe:
    """`replace_regexp if (...) (re, new) at x limit N`."""
    return _replace(c, regexp=True)


def _replace(c: Cursor, *, regexp: bool) -> Pipe:
    c.advance()
    condition = parse_condition(c)
    c.expect("(", "before what to replace")
    old = c.compound("what to replace")
    c.expect(",", "before the replacement")
    new = c.compound("replacement")
    c.expect(")", "after the replacement")
    if regexp:
        try:
            compile_regexp(old)
        except ValueError as e:
            c.reject(str(e))
    field = _at_field(c)
    limit = count(c, "limit") if c.accept("limit") else 0
    return Replace(regexp, old, new, field, limit, condition)


def parse_format(c: Cursor) -> Pipe:
    """`format if (...) "pattern" as x`."""
    c.advance()
    condition = parse_condition(c)
    pattern = c.compound("pattern of 'format'")
    try:
        steps = parse_steps(pattern)
    except ValueError as e:
        c.reject(str(e))
    if any(s.field and s.field.endswith("*") for s in steps):
        c.reject(f"unexpected wildcard in the pattern {pattern!r}")
    result = field_name(c) if c.accept("as") else "_msg"
    keep, skip = _keep_skip(c)
    return Format(pattern, steps, result, keep, skip, condition)


def parse_extract(c: Cursor) -> Pipe:
    """`extract if (...) "pattern" from x`."""
    return _extract(c, regexp=False)


def parse_extract_regexp(c: Cursor) -> Pipe:
    """`extract_regexp if (...) "re" from x`."""
    return _extract(c, regexp=True)


def _extract(c: Cursor, *, regexp: bool) -> Pipe:
    name = c.advance().text
    condition = parse_condition(c)
    if c.at("from"):
        c.fail(f"missing pattern of {name!r}")
    pattern = c.compound(f"pattern of {name!r}")
    steps: tuple[FormatStep, ...] = ()
    try:
        if not regexp:
            steps = parse_extract_steps(pattern)
        elif not compile_regexp(pattern).groupindex:
            c.reject(f"the pattern {pattern!r} must contain at least one named group in the form (?P<name>...)")
    except ValueError as e:
        c.reject(str(e))
    field = field_name(c) if c.accept("from") else "_msg"
    keep, skip = _keep_skip(c)
    return Extract(regexp, pattern, steps, field, keep, skip, condition)


_UNPACK_OPTIONS = ("fields", "result_prefix", "keep_original_fields", "skip_empty_results", "offset")


def _source(c: Cursor) -> str:
    """`from x` or `x`."""
    if c.accept("from"):
        return field_name(c)
    if c.at_end() or c.at(*_UNPACK_OPTIONS):
        return "_msg"
    return field_name(c)


def _unpack(c: Cursor, kind: str) -> Pipe:
    c.advance()
    condition = parse_condition(c)
    field = _source(c)
    fields = patterns_in_parens(c) if c.accept("fields") else ()
    prefix = c.compound("result prefix") if c.accept("result_prefix") else ""
    keep, skip = _keep_skip(c)
    if "*" in fields:
        fields = ()
    return Unpack(kind, field, fields, prefix, keep, skip, 0, condition)


def parse_unpack_json(c: Cursor) -> Pipe:
    """`unpack_json if (...) from x fields (...) result_prefix p`."""
    return _unpack(c, "json")


def parse_unpack_logfmt(c: Cursor) -> Pipe:
    """`unpack_logfmt if (...) from x fields (...) result_prefix p`."""
    return _unpack(c, "logfmt")


def parse_unpack_syslog(c: Cursor) -> Pipe:
    """`unpack_syslog if (...) from x offset d result_prefix p keep_original_fields`."""
    c.advance()
    condition = parse_condition(c)
    field = _source(c)
    offset = duration(c, "offset") if c.accept("offset") else 0
    prefix = c.compound("result prefix") if c.accept("result_prefix") else ""
    keep = c.accept("keep_original_fields")
    return Unpack("syslog", field, (), prefix, keep, False, offset, condition)


def parse_unpack_words(c: Cursor) -> Pipe:
    """`unpack_words from x as y drop_duplicates`."""
    c.advance()
    field = "_msg"
    if c.accept("from") or not (c.at_end() or c.at("as", "drop_duplicates")):
        field = field_name(c)
    result = field
    if c.accept("as") or not (c.at_end() or c.at("drop_duplicates")):
        result = field_name(c)
    return UnpackWords(field, result, c.accept("drop_duplicates"))
