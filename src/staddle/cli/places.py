"""Whom a command is about: the hosts of an inventory, or a sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from staddle.cli.options import HERE
from staddle.drive.sandbox import SANDBOX, Sandbox
from staddle.errors import FleetError

Fleet = Annotated[
    Path | None, typer.Option("-i", "--inventory", help="Ask the hosts of this inventory.", show_default=False)
]
Directory = Annotated[
    Path | None,
    typer.Option("--dir", help="Ask the sandbox in this directory.", envvar="STADDLE_DIR", show_default=False),
]


def place(inventory: Path | None, directory: Path | None) -> Sandbox | Path:
    """Whom to ask. Raises FleetError."""
    if inventory is not None:
        # STADDLE_DIR may stand in the environment for good: what is said now counts.
        return _existing(inventory)
    if directory is not None:
        return Sandbox(directory)
    here = Sandbox(SANDBOX)
    if here.exists:
        return here
    if HERE.is_file():
        return HERE
    raise FleetError(
        f"there is neither a sandbox in {SANDBOX} nor an inventory {HERE} here",
        hint="`staddle up` makes a sandbox; -i names an inventory, --dir a sandbox elsewhere",
    )


def _existing(inventory: Path) -> Path:
    if not inventory.exists():
        raise FleetError(f"there is no {inventory}", hint="`staddle init` writes one; -i names another")
    return inventory
