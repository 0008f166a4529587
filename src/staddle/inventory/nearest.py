"""The known name that looks most like an unknown one."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def distance(a: str, b: str, limit: int) -> int:
    """Edits (insert, delete, replace, swap neighbours) between a and b, or limit + 1 if there are more than limit."""
    if abs(len(a) - len(b)) > limit:
        return limit + 1
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, char in enumerate(a, 1):
        row = [i]
        for j, other in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (char != other))
            if i > 1 and j > 1 and char == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
        before, last = last, row
    return last[-1]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name within a typo or two of name: one edit in a short name, two in a long one."""
    return _nearest(name, tuple(known))


@lru_cache(maxsize=4096)
def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    if len(name) > 100:
        return None
    limit = 1 if len(name) < 8 else 2
    folded = name.lower().replace("-", "_")
    # A typo is at most half of the name: `a` is not meant to be `db`.
    scored = [(distance(folded, other, limit), other) for other in known if min(len(name), len(other)) > limit]
    best = min(scored, default=(limit + 1, ""))
    return best[1] if best[0] <= limit else None
