"""The way into the language: text to `ast.Query`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from staddle.logs.logsql.errors import LogsQLError
from staddle.logs.logsql.lexer import Cursor
from staddle.logs.logsql.parse.filters import parse_filter as _filter
from staddle.logs.logsql.parse.query import parse_query

if TYPE_CHECKING:
    from collections.abc import Callable

    from staddle.logs.logsql.ast import Filter, Query

T = TypeVar("T")

MAX_QUERY_LENGTH = 16 << 20


def parse(text: str, now_ns: int) -> Query:
    """The query in `text`; `now_ns` (Unix nanoseconds) is what `now` and relative times count from.

    Raises LogsQLError.
    """
    return _whole(text, now_ns, parse_query)


def parse_filter(text: str, now_ns: int) -> Filter:
    """Only a filter, without pipes (what `extra_filters` are). Raises LogsQLError."""
    return _whole(text, now_ns, lambda c: _filter(c, keywords_allowed=True))


def _whole(text: str, now_ns: int, parser: Callable[[Cursor], T]) -> T:
    """What the parser makes of all the text."""
    if len(text) > MAX_QUERY_LENGTH:
        raise LogsQLError(f"the query is longer than {MAX_QUERY_LENGTH} characters", text, 0)
    c = Cursor(text, now_ns, parse_query)
    if c.at(""):
        c.fail("missing query")
    try:
        found = parser(c)
    except RecursionError:
        raise LogsQLError("the query is nested too deeply", text, c.token.start) from None
    if not c.at(""):
        c.fail(f"unexpected unparsed tail {text[c.token.start :][:64]!r}")
    return found
