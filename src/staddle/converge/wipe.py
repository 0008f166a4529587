"""Deleting data: what the programs kept in directories that we made for them. Only ever done when asked for by name."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from .ledger import Ledger


def wipe(ledger: Ledger, components: Collection[str], roots: Collection[str], *, check: bool) -> list[str]:
    """Deletes with all that is in it what `ledger` (from before the removal) says we made for `components` below one
    of `roots`. Returns what was (or would be) deleted.

    Only innermost directories go with their contents. Those above them go if they are empty then: what somebody
    else keeps beside our data stays.
    """
    made = [
        path
        for path, entry in ledger.paths.items()
        if entry.kind == "directory" and entry.created and entry.component in components and _below(path, roots)
    ]
    inner = [path for path in made if not any(other.startswith(f"{path}/") for other in ledger.paths)]
    deleted = []
    for path in sorted(made, reverse=True):
        if not os.path.isdir(path) or os.path.islink(path):
            continue
        if path in inner:
            deleted.append(path)
            if not check:
                shutil.rmtree(path)
        elif not check and not os.listdir(path):
            os.rmdir(path)
            deleted.append(path)
    return deleted


def forget(state: str) -> list[str]:
    """Deletes the ledger itself, once it has nothing to remember."""
    shutil.rmtree(state)
    return [state]


def _below(path: str, roots: Collection[str]) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in roots)
