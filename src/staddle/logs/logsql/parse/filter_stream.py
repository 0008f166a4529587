"""Stream selectors: `{label="value", other=~"re" or third!="x"}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import Filter, LabelMatcher, StreamSelector
from staddle.logs.logsql.parse.filter_funcs import arguments
from staddle.logs.logsql.regexps import compile_regexp

if TYPE_CHECKING:
    from staddle.logs.logsql.lexer import Cursor

_OPERATORS = ("=", "!=", "=~", "!~")


def parse_stream_prefix(c: Cursor) -> Filter:
    """What stands after `_stream:`."""
    if not c.at("{"):
        c.fail(f"unexpected token {c.token.raw!r} after '_stream:'; want '{{'")
    return parse_stream(c)


def parse_stream(c: Cursor) -> Filter:
    """The selector at the cursor."""
    c.expect("{", "before the stream selector")
    alternatives: list[tuple[LabelMatcher, ...]] = []
    if c.accept("}"):
        return StreamSelector(())
    while True:
        matchers = [_matcher(c)]
        while c.accept(","):
            if c.at("}"):
                break
            matchers.append(_matcher(c))
        alternatives.append(tuple(matchers))
        if c.accept("}"):
            return StreamSelector(tuple(alternatives))
        if not c.accept("or"):
            c.fail(f"unexpected token {c.token.raw!r} in a stream selector; want ',', 'or' or '}}'")


def _matcher(c: Cursor) -> LabelMatcher:
    label = c.compound("label of a stream", "=", "!=", "=~", "!~", "}", "{")
    if c.at("in", "not_in") and c.tokens[c.index + 1].keyword == "(":
        op = c.advance().text.lower()
        return LabelMatcher(label, op, tuple(arguments(c)))
    if not c.at(*_OPERATORS):
        c.fail(f"unsupported operator {c.token.raw!r} after label {label!r}; want =, !=, =~ or !~")
    op = c.advance().text
    value = c.compound(f"value of label {label!r}", "}", "{")
    if op in {"=~", "!~"}:
        try:
            compile_regexp(value)
        except ValueError as e:
            c.reject(str(e))
    return LabelMatcher(label, op, (value,))
