"""Which parts to merge, and which to drop. Pure functions over the manifest."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from staddle.store.manifest import Part

FAN_IN = 8
MAX_FAN_IN = 64


def tier(part: Part) -> int:
    """Parts of one tier differ in rows by less than the fan-in."""
    return int(math.log(max(part.rows, 1), FAN_IN))


def pick_merge(parts: Iterable[Part], *, idle: bool, max_rows: int) -> list[Part]:
    """The next parts to merge into one: of one day, at most `max_rows` in all; empty when there is nothing
    to do.

    As many parts of a tier as the fan-in are merged at any time. When `idle`, parts that come straight from
    the log are
    too, be it one: merging sorts them and makes what speeds up queries.
    """
    days: dict[int, list[Part]] = defaultdict(list)
    for part in parts:
        days[part.day].append(part)
    for day in sorted(days, reverse=True):
        tiers: dict[int, list[Part]] = defaultdict(list)
        for part in days[day]:
            # A full part is left alone, unless nobody has sorted it yet.
            if part.rows <= max_rows // 2 or part.level == 0:
                tiers[tier(part)].append(part)
        for number in sorted(tiers):
            if len(tiers[number]) >= FAN_IN:
                chosen = _first(tiers[number], max_rows)
                if len(chosen) > 1:
                    return chosen
        fresh = [p for p in days[day] if p.level == 0]
        if idle and fresh:
            return _first(fresh, max_rows)
    return []


def pick_all(parts: Iterable[Part], max_rows: int) -> list[Part]:
    """Parts to merge when as few as possible are wanted; empty when there is nothing to gain."""
    days: dict[int, list[Part]] = defaultdict(list)
    for part in parts:
        days[part.day].append(part)
    for group in days.values():
        chosen = _first([p for p in group if p.rows < max_rows or p.level == 0], max_rows)
        if len(chosen) > 1 or (chosen and chosen[0].level == 0):
            return chosen
    return []


def _first(parts: Sequence[Part], max_rows: int) -> list[Part]:
    """The smallest ones that fit (at least one)."""
    chosen: list[Part] = []
    rows = 0
    for part in sorted(parts, key=lambda p: (p.rows, p.name))[:MAX_FAN_IN]:
        if chosen and rows + part.rows > max_rows:
            break
        chosen.append(part)
        rows += part.rows
    return chosen


def group_segments(sealed: Sequence[tuple[int, int]], job_bytes: int, max_jobs: int) -> list[list[int]]:
    """Log segments (number, bytes) in order, as jobs of about `job_bytes`; what is over `max_jobs` waits.

    With `max_jobs` 1 (after a failure) a job is one segment, so that a bad one is found.
    """
    jobs: list[list[int]] = []
    size = 0
    for seq, amount in sealed:
        if jobs and max_jobs > 1 and size + amount <= job_bytes:
            jobs[-1].append(seq)
            size += amount
        elif len(jobs) == max_jobs:
            break
        else:
            jobs.append([seq])
            size = amount
    return jobs


def expired(parts: Iterable[Part], oldest_ns: int) -> list[Part]:
    """Parts whose rows are all older than `oldest_ns`."""
    return [p for p in parts if p.max_ns < oldest_ns]


def over_budget(parts: Iterable[Part], max_bytes: int) -> list[Part]:
    """The oldest parts that have to go so that the rest takes at most `max_bytes` (0: no limit)."""
    left = sorted(parts, key=lambda p: p.max_ns)
    total = sum(p.bytes for p in left)
    out: list[Part] = []
    while max_bytes and total > max_bytes and len(out) < len(left):
        out.append(left[len(out)])
        total -= out[-1].bytes
    return out
