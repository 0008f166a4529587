"""Pipes that need, make or drop whole rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import (
    Facets,
    FieldNames,
    FieldValues,
    FirstLast,
    Join,
    Limit,
    Offset,
    Pipe,
    Sample,
    Sort,
    SortKey,
    StreamContext,
    Top,
    Union,
    Uniq,
)
from staddle.logs.logsql.parse.names import (
    count,
    duration,
    field_name,
    fields_in_parens,
    fields_maybe_in_parens,
)
from staddle.logs.logsql.parse.subquery import query_in_parens

if TYPE_CHECKING:
    from staddle.logs.logsql.lexer import Cursor

_AFTER_RANK = ("limit", "offset", "partition", "by", "hits")


def _sort_keys(c: Cursor) -> tuple[SortKey, ...]:
    c.expect("(", "before the fields to sort by")
    keys: list[SortKey] = []
    while not c.accept(")"):
        name = field_name(c)
        desc = c.accept("desc")
        if not desc:
            c.accept("asc")
        keys.append(SortKey(name, desc))
        if not c.at(")"):
            c.expect(",", "between the fields to sort by")
    return tuple(keys)


def _rank(c: Cursor) -> str:
    """`rank`, `rank x` or `rank as x`."""
    c.advance()
    if c.accept("as"):
        return field_name(c)
    return "rank" if c.at_end() or c.at(*_AFTER_RANK) else field_name(c)


def _partition(c: Cursor) -> tuple[str, ...]:
    c.advance()
    c.accept("by")
    fields = fields_in_parens(c)
    if not fields:
        c.fail("missing fields after 'partition by'")
    return fields


def parse_sort(c: Cursor) -> Pipe:
    """`sort by (...) desc partition by (...) offset N limit N rank as x`."""
    c.advance()
    keys: tuple[SortKey, ...] = ()
    if c.accept("by") or c.at("("):
        keys = _sort_keys(c)
    desc = c.accept("desc")
    if not desc:
        c.accept("asc")
    offset, limit, rank = 0, -1, ""
    partition: tuple[str, ...] = ()
    seen: set[str] = set()
    while not c.at_end():
        option = c.token.keyword
        if option in seen:
            c.fail(f"duplicate {option!r} in 'sort'")
        seen.add(option)
        if option == "offset":
            c.advance()
            offset = count(c, "offset")
        elif option == "limit":
            c.advance()
            limit = count(c, "limit")
        elif option == "partition":
            partition = _partition(c)
        elif option == "rank":
            rank = _rank(c)
        else:
            c.fail(f"unexpected token {c.token.raw!r} in 'sort'")
    if partition and limit < 0:
        c.fail("missing 'limit' for 'partition by' in 'sort'")
    # The original takes `limit 0` for no limit.
    return Sort(keys, desc, offset, limit or -1, partition, rank)


def parse_first(c: Cursor) -> Pipe:
    """`first N by (...) partition by (...) rank as x`."""
    return _first_last(c, last=False)


def parse_last(c: Cursor) -> Pipe:
    """`last N by (...) partition by (...) rank as x`."""
    return _first_last(c, last=True)


def _first_last(c: Cursor, *, last: bool) -> Pipe:
    c.advance()
    limit, rank = 1, ""
    keys: tuple[SortKey, ...] = ()
    partition: tuple[str, ...] = ()
    if not c.at_end() and not c.at("by", "(", "partition", "rank"):
        limit = count(c, "number of rows")
    if c.accept("by") or c.at("("):
        keys = _sort_keys(c)
    seen: set[str] = set()
    while not c.at_end():
        option = c.token.keyword
        if option in seen:
            c.fail(f"duplicate {option!r}")
        seen.add(option)
        if option == "partition":
            partition = _partition(c)
        elif option == "rank":
            rank = _rank(c)
        else:
            c.fail(f"unexpected token {c.token.raw!r} in {'last' if last else 'first'!r}")
    return FirstLast(last, limit, keys, partition, rank)


def parse_limit(c: Cursor) -> Pipe:
    """`limit N`, ten when there is no N."""
    c.advance()
    return Limit(10 if c.at_end() else count(c, "limit"))


def parse_offset(c: Cursor) -> Pipe:
    """`offset N`."""
    c.advance()
    return Offset(count(c, "offset"))


def parse_sample(c: Cursor) -> Pipe:
    """`sample N`."""
    c.advance()
    one_of = count(c, "sample")
    if not one_of:
        c.reject("unexpected zero in 'sample'")
    return Sample(one_of)


def fresh_name(name: str, taken: tuple[str, ...]) -> str:
    """The name, with an `s` more until it is none of the taken ones."""
    while name in taken:
        name += "s"
    return name


def parse_uniq(c: Cursor) -> Pipe:
    """`uniq by (...) with hits limit N`."""
    c.advance()
    c.accept("by")
    if c.at("hits", "with", "limit"):
        c.fail("missing fields in 'uniq'")
    fields = fields_maybe_in_parens(c)
    if not fields:
        c.fail("missing fields in 'uniq'")
    hits, limit = "", 0
    while not c.at_end():
        if c.accept("with"):
            c.expect("hits", "after 'with'")
            hits = fresh_name("hits", fields)
        elif c.accept("hits"):
            hits = fresh_name("hits", fields)
        elif c.accept("limit"):
            limit = count(c, "limit")
        else:
            c.fail(f"unexpected token {c.token.raw!r} in 'uniq'")
    return Uniq(fields, hits, limit)


def parse_top(c: Cursor) -> Pipe:
    """`top N by (...) hits as x rank as y`."""
    c.advance()
    limit = 10
    if c.token.raw[:1].isdigit():
        limit = count(c, "number of values")
    c.accept("by")
    fields = fields_maybe_in_parens(c)
    if not fields:
        c.fail("missing fields in 'top'")
    hits, rank = "", ""
    while not c.at_end():
        if c.accept("hits"):
            c.accept("as")
            hits = field_name(c)
        elif c.at("rank"):
            rank = _rank(c)
        else:
            c.fail(f"unexpected token {c.token.raw!r} in 'top'")
    hits = hits or fresh_name("hits", fields)
    if hits in fields:
        c.fail(f"'hits' field name {hits!r} is among the fields of 'top'")
    return Top(limit, fields, hits, fresh_name(rank, (*fields, hits)) if rank else "")


def parse_facets(c: Cursor) -> Pipe:
    """`facets N max_values_per_field N max_value_len N keep_const_fields`."""
    c.advance()
    limit, values, length, keep = 10, 1000, 128, False
    if not c.at_end() and not c.at("max_values_per_field", "max_value_len", "keep_const_fields"):
        limit = count(c, "number of values")
    while not c.at_end():
        if c.accept("max_values_per_field"):
            values = count(c, "max_values_per_field")
        elif c.accept("max_value_len"):
            length = count(c, "max_value_len")
        elif c.accept("keep_const_fields"):
            keep = True
        else:
            c.fail(f"unexpected token {c.token.raw!r} in 'facets'")
    return Facets(limit, values, length, keep)


def parse_field_names(c: Cursor) -> Pipe:
    """`field_names as x`."""
    c.advance()
    if c.accept("as"):
        return FieldNames(field_name(c))
    return FieldNames() if c.at_end() else FieldNames(field_name(c))


def parse_field_values(c: Cursor) -> Pipe:
    """`field_values x limit N`."""
    c.advance()
    if c.at("limit"):
        c.fail("missing field name in 'field_values'")
    field = field_name(c)
    return FieldValues(field, count(c, "limit") if c.accept("limit") else 0)


def parse_stream_context(c: Cursor) -> Pipe:
    """`stream_context before N after N time_window d`."""
    c.advance()
    before, after, window = -1, -1, 3_600_000_000_000
    while not c.at_end():
        if c.accept("before"):
            before = count(c, "number of rows before")
        elif c.accept("after"):
            after = count(c, "number of rows after")
        elif c.accept("time_window"):
            window = duration(c, "time_window")
            if window <= 0:
                c.reject("time_window must be positive")
        else:
            c.fail(f"unexpected token {c.token.raw!r} in 'stream_context'")
    if before < 0 and after < 0:
        c.fail("missing 'before N' or 'after N' in 'stream_context'")
    return StreamContext(max(before, 0), max(after, 0), window)


def parse_union(c: Cursor) -> Pipe:
    """`union (query)`."""
    c.advance()
    return Union(query_in_parens(c))


def parse_join(c: Cursor) -> Pipe:
    """`join by (...) (query) inner prefix x`."""
    c.advance()
    c.accept("by", "on")
    fields = fields_in_parens(c)
    if not fields:
        c.fail("missing fields in 'join by'")
    query = query_in_parens(c)
    inner, prefix = False, ""
    while not c.at_end():
        if c.accept("inner"):
            inner = True
        elif c.accept("prefix"):
            prefix = c.compound("prefix")
        else:
            c.fail(f"unexpected token {c.token.raw!r} in 'join'")
    return Join(fields, query, inner, prefix)
