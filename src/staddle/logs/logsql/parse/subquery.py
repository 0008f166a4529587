"""Queries within queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import Fields, Uniq

if TYPE_CHECKING:
    from staddle.logs.logsql.ast import Query
    from staddle.logs.logsql.lexer import Cursor


def query_in_parens(c: Cursor) -> Query:
    """`(query)`."""
    c.expect("(", "before the query")
    query = c.parse_query(c)
    c.expect(")", "after the query")
    return query


def single_column(query: Query) -> str | None:
    """The only field that the query's last pipe leaves; None when there may be several."""
    match query.pipes[-1:]:
        case (Fields(fields=(field,)),) if not field.endswith("*"):
            return field
        case (Uniq(by=(field,), hits=""),):
            return field
    return None
