"""The steps of a run that happen on the ADMIN node: begin, compile, compare with a saved plan, end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from staddle.ansible.hosts import AGAIN, FLEET, REPO
from staddle.drive import plans
from staddle.drive.compilation import compile_run, known_tags, loaded
from staddle.drive.rundir import RunDirectory, admin_directory
from staddle.errors import FleetError, InventoryError, StaddleError
from staddle.inventory.nearest import nearest


def begin(inventory: Path, run: str | None, tags: list[str], *, changing: bool) -> tuple[RunDirectory, list[str]]:
    """Read the inventory and prepare a run: its directory, and what is questionable. Raises StaddleError.

    `run` is a directory that the caller has made. `changing` refuses an inventory with well-known passwords.
    """
    found = loaded(inventory)
    refuse_unknown(tags)
    if changing:
        refuse_weak(inventory)
    admin = admin_directory(inventory)
    # This is one of Ansible's workers; its parent lives as long as the run.
    directory = RunDirectory(Path(run)) if run else RunDirectory.create(admin, os.getppid())
    return directory, [str(problem) for problem in found.warnings]


def refuse_unknown(tags: list[str]) -> None:
    """Raises FleetError if a tag means nothing: doing nothing at all would look like success."""
    known = known_tags()
    unknown = [tag for tag in tags if tag not in known]
    if unknown:
        near = [found for tag in unknown if (found := nearest(tag, known))]
        raise FleetError(
            f"there is no component, and no phase, called {', '.join(unknown)}",
            hint=f"did you mean {', '.join(near)}?" if near else f"there are: {', '.join(sorted(known))}",
        )


def refuse_weak(inventory: Path) -> None:
    """Raises FleetError if one of our own passwords is one that everybody knows."""
    weak = [secret for secret in loaded(inventory).weak_secrets if secret.ours]
    if weak:
        where = "; ".join(f"{secret.path}{f' ({secret.position})' if secret.position else ''}" for secret in weak)
        raise FleetError(
            f"well-known default passwords are not put on real hosts: {where}",
            hint="set passwords of your own; `staddle init` generates some",
        )


def compile_all(run: RunDirectory, inventory: Path) -> dict[str, Any]:
    """Compile the manifests of all hosts that gave their facts. Raises StaddleError."""
    compiled = compile_run(run, inventory, admin_directory(inventory)).to_data()
    run.put("compiled", FLEET, compiled)
    return compiled


def compile_again(run: RunDirectory, inventory: Path) -> dict[str, Any] | None:
    """`compile_all`, if more hosts have other package sources than when that was done last. None if not."""
    switched = run.hosts(REPO)
    if switched == (run.get(AGAIN, FLEET) or []):
        return None
    compiled = compile_all(run, inventory)
    run.put(AGAIN, FLEET, switched)
    return compiled


def gate(run: RunDirectory, inventory: Path, saved: Path) -> None:
    """Raises FleetError unless what would be done now is exactly what the saved plan says."""
    plans.compare(plans.read(saved), plans.of_run(run, inventory))


def explain(error: StaddleError) -> str:
    """An error in one text: an inventory with all its problems, anything else with its hint."""
    if isinstance(error, InventoryError):
        return "\n".join([error.message, *map(str, error.problems)])
    return f"{error.message} ({error.hint})" if error.hint else error.message
