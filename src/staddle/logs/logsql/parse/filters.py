"""Filters: logical structure, words and phrases, comparisons. Functions such as `in(...)` are in
`filter_funcs`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import (
    And,
    Exact,
    ExactPrefix,
    Filter,
    MatchAll,
    Not,
    Or,
    Phrase,
    Prefix,
    Regexp,
    conjunction,
)
from staddle.logs.logsql.keywords import RESERVED_FIRST_WORDS
from staddle.logs.logsql.parse import filter_funcs, filter_ranges, filter_stream, filter_time
from staddle.logs.logsql.regexps import compile_regexp

if TYPE_CHECKING:
    from staddle.logs.logsql.lexer import Cursor

# What may stand before a filter without a blank between.
_OPENERS = frozenset({"(", "|", "!", "-", ":", "", "=", "*", "}", ")", "]"})


def parse_filter(c: Cursor, *, keywords_allowed: bool = False) -> Filter:
    """The filter that begins a query or follows `filter`: it can't begin with the name of a pipe."""
    if not keywords_allowed and c.token.keyword in RESERVED_FIRST_WORDS:
        c.fail(f"query filter cannot start with pipe keyword {c.token.raw!r}")
    f = parse_or(c, "")
    if not (c.at("|", ")", "")):
        c.fail(f"unexpected token {c.token.raw!r}")
    return f


def parse_condition(c: Cursor) -> Filter | None:
    """`if (...)` where there is one; an empty one matches all."""
    if not c.accept("if"):
        return None
    c.expect("(", "after 'if'")
    if c.accept(")"):
        return MatchAll()
    f = parse_filter(c, keywords_allowed=True)
    c.expect(")", "after the 'if' filter")
    return f


def parse_or(c: Cursor, field: str) -> Filter:
    """Alternatives, up to the end of the pipe or parenthesis. `field` is the one named before the
    parenthesis, or empty.
    """
    parts = [_parse_and(c, field)]
    while c.at("or"):
        c.advance()
        if c.at_end():
            c.fail("missing filter after 'or'")
        parts.append(_parse_and(c, field))
    if not c.at_end():
        c.fail(f"unexpected token {c.token.raw!r}")
    if len(parts) == 1:
        return parts[0]
    flat: list[Filter] = []
    for part in parts:
        flat.extend(part.filters if isinstance(part, Or) else (part,))
    return Or(tuple(flat))


def _parse_and(c: Cursor, field: str) -> Filter:
    parts = [parse_one(c, field)]
    while not c.at("or", "|", ")", ""):
        if c.accept("and") and c.at_end():
            c.fail("missing filter after 'and'")
        parts.append(parse_one(c, field))
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(p, MatchAll) for p in parts):
        return MatchAll()
    return conjunction(*parts)


def parse_one(c: Cursor, field: str) -> Filter:
    """One filter with its operators."""
    _check_blank_before(c)
    keyword = c.token.keyword
    if keyword in {"not", "!", "-"}:
        return _parse_not(c, field)
    sign = _SIGNS.get(keyword)
    if sign is not None:
        return sign(c, field)
    function = filter_funcs.FUNCTIONS.get(keyword)
    if function is not None and c.tokens[c.index + 1].keyword == "(":
        return function(c, field)
    if keyword == "range" and c.tokens[c.index + 1].keyword in {"[", "("}:
        return filter_ranges.parse_range(c, field)
    return _parse_phrase(c, field)


def _check_blank_before(c: Cursor) -> None:
    if c.at(",", "[", "]"):
        c.fail(f"unexpected token {c.token.raw!r}")
    if c.token.spaced or c.index == 0:
        return
    previous = c.tokens[c.index - 1]
    if previous.keyword not in _OPENERS and c.token.keyword not in {
        "!",
        "-",
        "!=",
        "!~",
        "=",
        "~",
        "=~",
        "<",
        ">",
    }:
        c.fail(f"missing whitespace between {previous.raw!r} and {c.token.raw!r}")
    if previous.keyword == ")" and c.token.keyword == "(":
        c.fail("missing whitespace between ')' and '('")


def _parse_not(c: Cursor, field: str) -> Filter:
    sign = c.advance()
    if c.at("") or (c.at(")", "|")):
        c.fail(f"missing filter after {sign.raw!r}")
    f = parse_one(c, field)
    return f.filter if isinstance(f, Not) else Not(f)


def _parse_parens(c: Cursor, field: str) -> Filter:
    c.advance()
    f = parse_or(c, field)
    c.expect(")", "after the filter")
    return f


def _parse_star(c: Cursor, field: str) -> Filter:
    c.advance()
    if c.adjacent(":"):
        c.fail("wildcard field names are not supported in filters")
    if not c.token.spaced and not c.at("|", ")", "", ","):
        c.fail(f"missing whitespace after '*', got {c.token.raw!r}")
    return Prefix(field, "") if field else MatchAll()


def _parse_stream(c: Cursor, field: str) -> Filter:
    if field not in {"", "_stream"}:
        c.fail(f"a stream filter can't be applied to field {field!r}")
    return filter_stream.parse_stream(c)


def _value(c: Cursor, what: str) -> tuple[str, bool]:
    """A value after `=`, `~` ..., and whether `*` follows it."""
    if c.at("*") or (c.at("") or c.at(")", "|")):
        text = ""
        if not c.at("*"):
            c.fail(f"missing {what}")
    else:
        text = c.compound(what)
    if c.adjacent("*") or (not text and c.at("*")):
        c.advance()
        return text, True
    return text, False


def _parse_equal(c: Cursor, field: str) -> Filter:
    c.advance()
    text, prefix = _value(c, "value after '='")
    name = field or "_msg"
    return ExactPrefix(name, text) if prefix else Exact(name, text)


def _parse_not_equal(c: Cursor, field: str) -> Filter:
    return Not(_parse_equal(c, field))


def _parse_match(c: Cursor, field: str) -> Filter:
    c.advance()
    token = c.token
    text = c.compound("regexp") if not c.at("*") else ""
    # `~a*` and `~.*` are whole patterns.
    if not token.quoted:
        while not c.token.spaced and not c.at("|", ")", "", ",", "("):
            text += c.advance().raw
    try:
        compile_regexp(text)
    except ValueError as e:
        c.reject(str(e))
    return Regexp(field or "_msg", text)


def _parse_not_match(c: Cursor, field: str) -> Filter:
    return Not(_parse_match(c, field))


def _parse_colon(c: Cursor, field: str) -> Filter:
    """`:word`: the message field, or within `field:(...)` a word that begins with a colon."""
    if field:
        return _parse_phrase(c, field)
    return _parse_field_filter(c, "")


_SIGNS = {
    "{": _parse_stream,
    "(": _parse_parens,
    "*": _parse_star,
    "=": _parse_equal,
    "!=": _parse_not_equal,
    "~": _parse_match,
    "=~": _parse_match,
    "!~": _parse_not_match,
    "<": filter_ranges.parse_less,
    ">": filter_ranges.parse_greater,
    ":": _parse_colon,
}


def _parse_phrase(c: Cursor, field: str) -> Filter:
    quoted = c.token.quoted
    text = c.compound("word or phrase") if field else c.compound("word or phrase", ":")
    if not field and c.at(":"):
        return _parse_field_filter(c, text)
    name = field or "_msg"
    if c.adjacent("*"):
        c.advance()
        return Prefix(name, text)
    if c.adjacent("(", "["):
        c.reject(f"unknown function {text!r}" if not quoted else f"missing whitespace after {text!r}")
    return Phrase(name, text)


def _parse_field_filter(c: Cursor, name: str) -> Filter:
    """What stands after `name:`."""
    c.expect(":", "after the field name")
    if c.at_end():
        c.fail(f"missing filter for field {name!r}")
    if name == "_time":
        return filter_time.parse_time(c)
    if name == "_stream_id":
        return filter_funcs.parse_stream_id(c)
    if name == "_stream":
        f = filter_stream.parse_stream_prefix(c)
        if f is not None:
            return f
    return parse_one(c, name or "_msg")


__all__ = ["And", "parse_condition", "parse_filter", "parse_one", "parse_or"]
