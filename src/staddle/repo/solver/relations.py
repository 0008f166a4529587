"""Debian's versions and relations, as deb-version(7) and deb-control(5) define them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cmp_to_key, lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    _Text = list[tuple[tuple[int, ...], int]]

_ITEM = re.compile(
    r"(?P<name>[^\s(:\[<]+)(?::(?P<arch>[\w-]+))?\s*(?:\(\s*(?P<op><<|<=|=|>=|>>|<|>)\s*(?P<version>[^\s)]+)\s*\))?"
)
_PARTS = re.compile(r"([^0-9]*)([0-9]*)")
_OPS = {"<": "<=", ">": ">="}  # what these two mean, for historical reasons


@dataclass(frozen=True, slots=True)
class Relation:
    """`name (op version)`; without a version, `op` is empty. `arch` is what follows a colon."""

    name: str
    op: str = ""
    version: str = ""
    arch: str = ""

    def __str__(self) -> str:
        return f"{self.name} ({self.op} {self.version})" if self.op else self.name


def parse(text: str) -> tuple[tuple[Relation, ...], ...]:
    """`a, b (>= 1) | c` as groups of alternatives."""
    groups = (_group(group.strip()) for group in text.replace("\n", " ").split(","))
    return tuple(group for group in groups if group)


@lru_cache(maxsize=65_536)
def _group(text: str) -> tuple[Relation, ...]:
    found = (_ITEM.match(item.strip()) for item in text.split("|"))
    return tuple(
        Relation(m["name"], _OPS.get(m["op"] or "", m["op"] or ""), m["version"] or "", m["arch"] or "")
        for m in found
        if m
    )


def compare(one: str, other: str) -> int:
    """Negative if version `one` is older than `other`, 0 if they're the same, positive if it's newer."""
    first, second = _parts(one), _parts(other)
    if first[0] != second[0]:
        return -1 if first[0] < second[0] else 1
    return _compare(first[1], second[1]) or _compare(first[2], second[2])


def ranks(versions: Iterable[str]) -> dict[str, int]:
    """A number for each version, so that numbers compare as the versions do; the same for versions that are equal."""
    found: dict[str, int] = {}
    last: str | None = None
    for version in sorted(versions, key=cmp_to_key(compare)):
        found[version] = found[last] if last is not None and compare(last, version) == 0 else len(found) + 1
        last = version
    return found


@lru_cache(maxsize=65_536)
def _parts(version: str) -> tuple[int, _Text, _Text]:
    """Epoch, upstream version and revision; in the latter two text and numbers take turns."""
    epoch, colon, rest = version.partition(":")
    if not colon or not epoch.isdigit():
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-")
    if not upstream:
        upstream, revision = rest, ""
    return int(epoch), _text(upstream), _text(revision)


def _text(text: str) -> _Text:
    return [((*map(_order, letters), 0), int(digits or 0)) for letters, digits in _PARTS.findall(text)]


def _compare(one: _Text, other: _Text) -> int:
    end: tuple[tuple[int, ...], int] = ((0,), 0)
    for left, right in zip_longest(one, other, fillvalue=end):
        if left != right:
            return -1 if left < right else 1
    return 0


def _order(letter: str) -> int:
    """`~` comes first, before the end even, then letters, then all else."""
    if letter == "~":
        return -1
    return ord(letter) if letter.isalpha() else ord(letter) + 256
