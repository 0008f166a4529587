"""Filters that are written as functions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import (
    AnyCasePhrase,
    AnyCasePrefix,
    ContainsAll,
    ContainsAny,
    EqField,
    Exact,
    ExactPrefix,
    Filter,
    In,
    IPv4Range,
    IPv6Range,
    LeField,
    LenRange,
    MatchAll,
    Regexp,
    Sequence,
    StreamID,
    StringRange,
    ValueList,
    ValueType,
)
from staddle.logs.logsql.ast.text import word
from staddle.logs.logsql.errors import LogsQLError
from staddle.logs.logsql.numbers import parse_ipv4, parse_ipv6
from staddle.logs.logsql.parse.names import parse_count
from staddle.logs.logsql.parse.subquery import single_column
from staddle.logs.logsql.regexps import compile_regexp

if TYPE_CHECKING:
    from collections.abc import Callable

    from staddle.logs.logsql.lexer import Cursor

MAX_LEN = (1 << 64) - 1
_STREAM_ID = re.compile(r"[0-9a-fA-F]{48}")


def arguments(c: Cursor) -> list[str]:
    """`(a, b)`; none, and a comma at the end, are allowed."""
    c.expect("(", "before arguments")
    args: list[str] = []
    while not c.accept(")"):
        args.append(c.compound("argument"))
        if c.at("*"):
            c.fail("unexpected '*' after an argument")
        if not c.at(")"):
            c.expect(",", "between arguments")
    return args


def _one_argument(c: Cursor) -> tuple[str, bool]:
    """`(a)` or `(a*)`: the argument, and whether it is a prefix."""
    name = c.advance().text
    c.expect("(", f"after {name!r}")
    text = "" if c.at("*") else c.compound(f"argument of {name!r}")
    prefix = c.accept("*")
    c.expect(")", f"after the argument of {name!r}")
    return text, prefix


def _plain_argument(c: Cursor) -> str:
    name = c.token.text
    text, prefix = _one_argument(c)
    if prefix:
        c.fail(f"unexpected '*' in the argument of {name!r}")
    return text


def _exact(c: Cursor, field: str) -> Filter:
    text, prefix = _one_argument(c)
    return ExactPrefix(field or "_msg", text) if prefix else Exact(field or "_msg", text)


def _any_case(c: Cursor, field: str) -> Filter:
    text, prefix = _one_argument(c)
    return AnyCasePrefix(field or "_msg", text) if prefix else AnyCasePhrase(field or "_msg", text)


def _regexp(c: Cursor, field: str) -> Filter:
    text, star = _one_argument(c)
    pattern = text + "*" if star else text
    try:
        compile_regexp(pattern)
    except ValueError as e:
        c.reject(str(e))
    return Regexp(field or "_msg", pattern)


def _value_type(c: Cursor, field: str) -> Filter:
    return ValueType(field or "_msg", _plain_argument(c))


def _eq_field(c: Cursor, field: str) -> Filter:
    return EqField(field or "_msg", _plain_argument(c) or "_msg")


def _le_field(c: Cursor, field: str) -> Filter:
    return LeField(field or "_msg", _plain_argument(c) or "_msg", strict=False)


def _lt_field(c: Cursor, field: str) -> Filter:
    return LeField(field or "_msg", _plain_argument(c) or "_msg", strict=True)


def _sequence(c: Cursor, field: str) -> Filter:
    c.advance()
    return Sequence(field or "_msg", tuple(arguments(c)))


def _string_range(c: Cursor, field: str) -> Filter:
    c.advance()
    args = arguments(c)
    if len(args) != 2:
        c.reject(f"unexpected number of args for string_range(): {len(args)}; want 2")
    low, high = args
    return StringRange(field or "_msg", low, high, f"string_range({word(low)}, {word(high)})")


def _len_range(c: Cursor, field: str) -> Filter:
    c.advance()
    args = arguments(c)
    if len(args) != 2:
        c.reject(f"unexpected number of args for len_range(): {len(args)}; want 2")
    low, high = (MAX_LEN if a.lower() in {"inf", "+inf"} else parse_count(a) for a in args)
    if low is None or high is None:
        c.reject(f"cannot parse the args of len_range(): {args}")
    return LenRange(field or "_msg", low, high, f"({word(args[0])}, {word(args[1])})")


def _ipv4_range(c: Cursor, field: str) -> Filter:
    return IPv4Range(field or "_msg", *_addresses(c, parse_ipv4, 32))


def _ipv6_range(c: Cursor, field: str) -> Filter:
    return IPv6Range(field or "_msg", *_addresses(c, parse_ipv6, 128))


def _addresses(c: Cursor, parse: Callable[[str], int | None], width: int) -> tuple[int, int]:
    """First and last address of `(a, b)`, `(network/bits)` or `(a)`; addresses have `width` bits."""
    name = c.advance().text
    args = arguments(c)
    found: tuple[int, int] | None = None
    if len(args) == 1:
        found = _network(args[0], parse, width)
    elif len(args) == 2:
        low, high = map(parse, args)
        found = None if low is None or high is None else (low, high)
    if found is None:
        c.reject(f"cannot parse the args of {name}(): {args}; want an address, a network or two addresses")
    return found


def _network(text: str, parse: Callable[[str], int | None], width: int) -> tuple[int, int] | None:
    address, slash, bits = text.partition("/")
    number = parse(address)
    if number is None or (slash and not (bits.isascii() and bits.isdigit() and int(bits) <= width)):
        return None
    spare = width - int(bits) if slash else 0
    low = number >> spare << spare
    return low, low + (1 << spare) - 1


def _values(c: Cursor) -> ValueList | None:
    """`(a, b)` or `(subquery)`; None for `(*)`."""
    name = c.advance().text
    start = c.index
    if c.tokens[start + 1].keyword == "*" and c.tokens[min(start + 2, len(c.tokens) - 1)].keyword == ")":
        c.index = start + 3
        return None
    try:
        return ValueList(tuple(arguments(c)))
    except LogsQLError as e:
        list_error = e
    c.index = start
    c.expect("(", f"after {name!r}")
    try:
        query = c.parse_query(c)
    except LogsQLError as query_error:
        raise (query_error if "|" in c.text[list_error.position - 1 :] else list_error) from None
    c.expect(")", f"after the query in {name!r}")
    column = single_column(query)
    if column is None:
        c.reject(f"the query in {name}(...) must end with a 'fields' or 'uniq' pipe that leaves one field")
    return ValueList((), query, column)


def _in(c: Cursor, field: str) -> Filter:
    values = _values(c)
    return MatchAll() if values is None else In(field or "_msg", values)


def _contains_all(c: Cursor, field: str) -> Filter:
    values = _values(c)
    return MatchAll() if values is None else ContainsAll(field or "_msg", values)


def _contains_any(c: Cursor, field: str) -> Filter:
    values = _values(c)
    return MatchAll() if values is None else ContainsAny(field or "_msg", values)


def parse_stream_id(c: Cursor) -> Filter:
    """What stands after `_stream_id:`: one identifier or `in(...)`."""
    if c.at("in") and c.tokens[c.index + 1].keyword == "(":
        values = _values(c)
        if values is None:
            return MatchAll()
        if values.query is None and not all(map(_STREAM_ID.fullmatch, values.values)):
            c.reject("cannot parse _stream_id: want 48 hexadecimal digits")
        return StreamID(values)
    text = c.compound("stream id")
    if not _STREAM_ID.fullmatch(text):
        c.reject(f"cannot parse _stream_id {text!r}: want 48 hexadecimal digits")
    return StreamID(ValueList((text,)))


FUNCTIONS: dict[str, Callable[[Cursor, str], Filter]] = {
    "contains_all": _contains_all,
    "contains_any": _contains_any,
    "eq_field": _eq_field,
    "exact": _exact,
    "i": _any_case,
    "in": _in,
    "ipv4_range": _ipv4_range,
    "ipv6_range": _ipv6_range,
    "le_field": _le_field,
    "len_range": _len_range,
    "lt_field": _lt_field,
    "re": _regexp,
    "seq": _sequence,
    "string_range": _string_range,
    "value_type": _value_type,
}
