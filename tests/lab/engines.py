"""Staddle's engines for hosts of the lab, fetched where there is a network: the lab's ADMIN node has none."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tests.lab import sources, store

from staddle.programs.engine import engine_tree

if TYPE_CHECKING:
    from collections.abc import Iterable

PYTHON = {"bookworm": "3.11", "trixie": "3.13"}


def fetch(releases: Iterable[str]) -> None:
    """Fills the cache that the lab's ADMIN node uses (`Lab.admin_popen`). Raises ProgramError."""
    for release in sorted(set(releases)):
        engine_tree(PYTHON[release], sources.architecture(), store.cache().parent, _tell)


def _tell(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)
