"""Answers kept for values that come again, as values of logs do."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MAX_ENTRIES = 1 << 14
MAX_VALUE = 1 << 10
"""Longer values are worked out every time, so that what is kept stays small."""


def remembered(work: Callable[[str], T]) -> Callable[[str], T]:
    """The same function, with its latest answers kept. `work` must give no None."""
    seen: dict[str, T] = {}

    def cached(value: str) -> T:
        answer = seen.get(value)
        if answer is not None:
            return answer
        answer = work(value)
        if len(value) <= MAX_VALUE:
            if len(seen) >= MAX_ENTRIES:
                seen.clear()
            seen[value] = answer
        return answer

    return cached
