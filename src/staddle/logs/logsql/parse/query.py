"""Whole queries: options, filter, pipes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import Query, QueryOptions
from staddle.logs.logsql.parse.filters import parse_filter
from staddle.logs.logsql.parse.names import count, duration
from staddle.logs.logsql.parse.pipes import parse_pipe

if TYPE_CHECKING:
    from staddle.logs.logsql.ast import Pipe
    from staddle.logs.logsql.lexer import Cursor


def parse_query(c: Cursor) -> Query:
    """The query at the cursor, up to the end or a `)`."""
    options = _options(c)
    f = parse_filter(c)
    found: list[Pipe] = []
    while c.accept("|"):
        found.append(parse_pipe(c))
        if not c.at_end():
            c.fail(f"unexpected token {c.token.raw!r} after the pipe; want '|' or ')'")
    return Query(f, tuple(found), options, c.now_ns)


def _options(c: Cursor) -> QueryOptions:
    if not c.at("options") or c.tokens[c.index + 1].keyword != "(":
        if c.at("options"):
            c.fail("missing '(' after 'options'")
        return QueryOptions()
    c.advance()
    c.advance()
    concurrency, ignore, offset = 0, False, 0
    while not c.accept(")"):
        key = c.compound("option", "=").lower()
        c.expect("=", f"after option {key!r}")
        if key in {"concurrency", "parallel_readers"}:
            value = count(c, f"value of option {key!r}")
            concurrency = value if key == "concurrency" else concurrency
        elif key == "ignore_global_time_filter":
            ignore = _boolean(c)
        elif key == "time_offset":
            offset = duration(c, "time_offset")
        else:
            c.reject(f"unexpected option {key!r}")
        if not c.at(")"):
            c.expect(",", "between options")
    return QueryOptions(concurrency, ignore, offset)


def _boolean(c: Cursor) -> bool:
    text = c.compound("true or false").lower()
    if text in {"true", "1", "t"}:
        return True
    if text in {"false", "0", "f"}:
        return False
    c.reject(f"cannot parse {text!r} as true or false")
    return None
