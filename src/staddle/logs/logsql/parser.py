"""The way into the language: text to `ast.Query`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql.errors import LogsQLError
from staddle.logs.logsql.lexer import Cursor
from staddle.logs.logsql.parse.filters import parse_filter as _filter
from staddle.logs.logsql.parse.query import parse_query

if TYPE_CHECKING:
    from staddle.logs.logsql.ast import Filter, Query

MAX_QUERY_LENGTH = 16 << 20


def parse(text: str, now_ns: int) -> Query:
    """The query in `text`; `now_ns` (Unix nanoseconds) is what `now` and relative times count from.

    Raises LogsQLError.
    """
    c = _cursor(text, now_ns)
    if c.at(""):
        c.fail("missing query")
    try:
        query = parse_query(c)
    except RecursionError:
        raise LogsQLError("the query is nested too deeply", text, c.token.start) from None
    if not c.at(""):
        c.fail(f"unexpected unparsed tail {text[c.token.start :][:64]!r}")
    return query


def parse_filter(text: str, now_ns: int) -> Filter:
    """Only a filter, without pipes (what `extra_filters` are). Raises LogsQLError."""
    c = _cursor(text, now_ns)
    try:
        found = _filter(c, keywords_allowed=True)
    except RecursionError:
        raise LogsQLError("the filter is nested too deeply", text, c.token.start) from None
    if not c.at(""):
        c.fail(f"unexpected tail after the filter: {text[c.token.start :][:64]!r}")
    return found


def _cursor(text: str, now_ns: int) -> Cursor:
    if len(text) > MAX_QUERY_LENGTH:
        raise LogsQLError(f"the query is longer than {MAX_QUERY_LENGTH} characters", text, 0)
    return Cursor(text, now_ns, parse_query)
