"""How a column of a stored block is encoded, which `value_type` filters and `block_stats` ask for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from staddle.logs.logsql.numbers import format_number, parse_ipv4

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_CONST_SIZE = 256
MAX_DICT_VALUES = 8
MAX_DICT_SIZE = 256

_UINT = re.compile(r"0|[1-9]\d{0,19}", re.ASCII)
_INT = re.compile(r"-[1-9]\d{0,18}|0|[1-9]\d{0,18}", re.ASCII)
_FLOAT = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,17})?", re.ASCII)
_ISO8601 = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z", re.ASCII
)


def column_type(values: Sequence[str]) -> str:
    """`const`, `dict`, `uint8` to `uint64`, `int64`, `float64`, `ipv4`, `iso8601` or `string`; empty when
    all are empty.

    Every encoding must give the same text back, so `007` or `1.50` are no numbers here.
    """
    distinct = set(values)
    if not distinct or distinct == {""}:
        return ""
    if len(distinct) == 1 and len(next(iter(distinct)).encode("utf-8", "surrogateescape")) <= MAX_CONST_SIZE:
        return "const"
    if len(distinct) <= MAX_DICT_VALUES:
        size = sum(len(v.encode("utf-8", "surrogateescape")) for v in distinct)
        if size <= MAX_DICT_SIZE:
            return "dict"
    return _numeric_type(distinct) or _other_type(distinct)


def _numeric_type(distinct: Iterable[str]) -> str:
    if all(map(_UINT.fullmatch, distinct)):
        bits = max(map(int, distinct)).bit_length()
        for width in (8, 16, 32, 64):
            if bits <= width:
                return f"uint{width}"
        return ""
    if all(map(_INT.fullmatch, distinct)):
        numbers = list(map(int, distinct))
        return "int64" if min(numbers) >= -(1 << 63) and max(numbers) < 1 << 63 else ""
    if all(_FLOAT.fullmatch(v) and format_number(float(v)) == v for v in distinct):
        return "float64"
    return ""


def _other_type(distinct: Iterable[str]) -> str:
    if all(parse_ipv4(v) is not None for v in distinct):
        return "ipv4"
    return "iso8601" if all(map(_ISO8601.fullmatch, distinct)) else "string"
