"""Comparisons: `>x`, `<=x` and `range[a, b)`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import Filter, Range, StringRange
from staddle.logs.logsql.ast.text import word
from staddle.logs.logsql.numbers import parse_math_number

if TYPE_CHECKING:
    from staddle.logs.logsql.lexer import Cursor


def next_up(value: float) -> float:
    """The next greater float."""
    return math.nextafter(value, math.inf)


def next_down(value: float) -> float:
    """The next smaller float."""
    return math.nextafter(value, -math.inf)


def parse_greater(c: Cursor, field: str) -> Filter:
    """`>x` or `>=x`."""
    text, number, equal, shown = _compared(c)
    if number is None:
        # The string right after `x` in byte order is `x` with a zero byte.
        return StringRange(field or "_msg", text if equal else text + "\0", None, shown)
    return Range(field or "_msg", number if equal else next_up(number), math.inf, shown)


def parse_less(c: Cursor, field: str) -> Filter:
    """`<x` or `<=x`."""
    text, number, equal, shown = _compared(c)
    if number is None:
        return StringRange(field or "_msg", "", text + "\0" if equal else text, shown)
    return Range(field or "_msg", -math.inf, number if equal else next_down(number), shown)


def _compared(c: Cursor) -> tuple[str, float | None, bool, str]:
    """What stands after `<` or `>`, as number if it is one; whether `=` came first; and all as text."""
    sign = c.advance().text
    equal = c.adjacent("=") and c.accept("=")
    text = c.compound(f"value after {sign!r}")
    return text, parse_math_number(text), equal, f"{sign}{'=' if equal else ''}{word(text)}"


def parse_range(c: Cursor, field: str) -> Filter:
    """`range[a, b)`."""
    c.advance()
    low_open = c.token.text
    c.advance()
    low_text, low = _bound(c)
    c.expect(",", "between the ends of range()")
    high_text, high = _bound(c)
    high_open = c.token.text
    if not c.accept(")", "]"):
        c.fail("missing ')' or ']' after range()")
    shown = f"range{low_open}{word(low_text)}, {word(high_text)}{high_open}"
    if low_open == "(":
        low = next_up(low)
    if high_open == ")":
        high = next_down(high)
    return Range(field or "_msg", low, high, shown)


def _bound(c: Cursor) -> tuple[str, float]:
    text = c.compound("number in range()")
    number = parse_math_number(text)
    if number is None:
        c.reject(f"cannot parse number {text!r} in range()")
    return text, number
