"""Dashboards: written in Python (`content`), built to Grafana's JSON (`built`), shown by Grafana and by our console.

The program only reads what was built; Grafana's SDK is needed to build it, and not to run Staddle.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from staddle.errors import StaddleError

BUILT = Path(__file__).parent / "built"
FOLDERS = ("home", "infra", "node", "pgsql", "redis", "etcd")
"""In the order in which people see them."""
HOME = "home"
"""The uid of the dashboard that is shown first."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """A dashboard that comes with Staddle."""

    uid: str
    title: str
    folder: str
    path: Path

    @property
    def content(self) -> bytes:
        """Its JSON, as it was built."""
        return self.path.read_bytes()

    def data(self) -> dict[str, Any]:
        """Its JSON, read."""
        data: dict[str, Any] = json.loads(self.content)
        return data


@cache
def shipped() -> tuple[Shipped, ...]:
    """All of them, by folder and uid. Raises StaddleError in a repository where they were never built."""
    found = [
        Shipped(path.stem, json.loads(path.read_bytes())["title"], path.parent.name, path)
        for path in sorted(BUILT.glob("*/*.json"))
    ]
    if not found:
        raise StaddleError("the dashboards were not built yet", hint="In the repository, run: make dashboards")
    return tuple(sorted(found, key=lambda board: (FOLDERS.index(board.folder), board.uid)))
