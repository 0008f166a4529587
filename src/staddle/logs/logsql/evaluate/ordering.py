"""The order of values, for whole columns at once."""

from __future__ import annotations

from functools import cmp_to_key
from typing import TYPE_CHECKING

from staddle.logs.logsql.numbers import less, order_key
from staddle.logs.logsql.times import parse_rfc3339

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def _compare(a: str, b: str) -> int:
    return -1 if less(a, b) else 1 if less(b, a) else 0


def _number(value: str) -> float | int | None:
    integer, _, number = order_key(value)
    return number if integer is None else integer


def in_order(values: Iterable[str]) -> list[str]:
    """Distinct values, ascending."""
    distinct = list(values)
    numbers = {v: n for v in distinct if (n := _number(v)) is not None}
    if len(numbers) == len(distinct):
        return sorted(distinct, key=lambda v: (numbers[v], v))
    if not numbers and all(parse_rfc3339(v) is not None for v in distinct):
        return sorted(distinct, key=lambda v: (parse_rfc3339(v), v))
    return sorted(sorted(distinct), key=cmp_to_key(_compare))


def ranks(values: Iterable[str]) -> dict[str, int]:
    """The place of each distinct value; values that are equal in order (`1`, `1.0`) share one."""
    out: dict[str, int] = {}
    place = -1
    previous: str | None = None
    for value in in_order(set(values)):
        if previous is None or less(previous, value):
            place += 1
        out[value] = place
        previous = value
    return out


def column_ranks(column: Sequence[str]) -> list[int]:
    """The place of each row's value among the column's values."""
    table = ranks(column)
    return [table[v] for v in column]


def largest(values: Iterable[str], best: str | None) -> str | None:
    """The last in order of the values and `best`."""
    for value in values:
        if best is None or less(best, value):
            best = value
    return best


def smallest(values: Iterable[str], best: str | None) -> str | None:
    """The first in order of the values and `best`."""
    for value in values:
        if best is None or less(value, best):
            best = value
    return best
