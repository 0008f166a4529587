"""What is asked for, and what is wrong with it: everything at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from staddle.inventory.nearest import distance
from staddle.repo.model import RepoError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_NEAR = 3


@dataclass(frozen=True, slots=True)
class Wish:
    """A package that is asked for: a name, which may have `*`, and maybe a version. `source` tells who asks.

    What is `optional` is done without if no upstream has it.
    """

    name: str
    op: str = ""
    version: str = ""
    source: str = ""
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.name} {self.op} {self.version}" if self.op else self.name


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong. `what` is the wish or the package it is about; `details` are the steps to it.

    `unknown`: no upstream has the name; `version`: not in that version; `broken`: it needs what nobody has; `conflict`: it
    doesn't go together with the rest.
    """

    kind: Literal["unknown", "version", "broken", "conflict"]
    what: str
    message: str
    source: str = ""
    near: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    target: str = ""


class ResolutionError(RepoError):
    """The packages asked for can't be had together. `troubles` has all reasons, of all targets that were asked about."""

    def __init__(self, troubles: Sequence[Trouble]) -> None:
        self.troubles = tuple(troubles)
        what = f"{len(troubles)} problem{'s' if len(troubles) != 1 else ''}"
        targets = ", ".join(dict.fromkeys(trouble.target for trouble in troubles))
        super().__init__(f"{what} with the packages for {targets}; nothing was downloaded")


def near_names(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """The known names that somebody may have meant: a typo or two away, or with the same words in it."""
    limit = 1 if len(name) < 5 else 2 if len(name) < 12 else 3
    folded = _folded(name)
    words = sorted(folded.split("-"))
    scored: list[tuple[int, int, str]] = []
    for other in known:
        # Cheap tests first: there are a hundred thousand names.
        if abs(len(other) - len(name)) <= limit and (other[:1] == name[:1] or other[-2:] == name[-2:]):
            edits = distance(folded, _folded(other), limit)
            if edits <= limit:
                scored.append((edits, len(other), other))
                continue
        begins = len(folded) >= 4 and other.startswith(folded)
        if begins or (len(words) > 1 and len(other) == len(name) and sorted(_folded(other).split("-")) == words):
            scored.append((limit + 1, len(other), other))
    return tuple(other for _, _, other in sorted(scored)[:_NEAR])


def _folded(name: str) -> str:
    return name.lower().replace("_", "-")
