"""Commands that make a block's files take effect: run when they are in place, before the block's service is looked at."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from .model import parse_commands

if TYPE_CHECKING:
    from .ledger import Ledger
    from .model import Block, Command
    from .plan import Plan

_OUTPUT_LIMIT = 4000


def due(block: Block, plan: Plan, ledger: Ledger) -> list[Command]:
    """Those that have to run: a file changes, or did so since the command last ended well, or its check says so; and first
    the undoing of those that are no more.
    """
    # What the component had, and has no more.
    old = parse_commands(ledger.components.get(block.component, {}))
    kept = {command.name for command in block.commands}
    undo = [replace(c, argv=c.undo, check=None) for c in old if c.undo and c.name not in kept]
    changes = any(change.touches and change.kind != "directory" for change in plan.changes)
    known = ledger.commands.get(block.component, {})
    wanted = digests(block)
    return undo + [
        command
        for command in block.commands
        if changes or known.get(command.name) != wanted[command.name] or not holds(command)
    ]


def digests(block: Block) -> dict[str, str]:
    """What each command has put into effect once it has run: its words, and all files of the block."""
    files = sorted(
        f"{r.path} {r.content_sha256 or r.sha256 or r.target}" for r in block.resources if r.kind != "directory"
    )
    return {c.name: hashlib.sha256("\n".join([*c.argv, *files]).encode()).hexdigest() for c in block.commands}


def run(command: Command) -> str | None:
    """None if it went well, else what it said."""
    try:
        done = _run(command.argv, command.timeout)
    except FileNotFoundError:
        return f"{command.name}: {command.argv[0]} is not installed"
    except subprocess.TimeoutExpired:
        return f"{command.name}: {command.argv[0]} did not end within {command.timeout:.0f} s"
    except OSError as error:
        return f"{command.name}: {command.argv[0]}: {(error.strerror or str(error)).lower()}"
    if done.returncode == 0:
        return None
    said = (done.stderr.strip() or done.stdout.strip())[-_OUTPUT_LIMIT:]
    return f"{command.name}: {said or f'{command.argv[0]} exited with status {done.returncode}'}"


def holds(command: Command) -> bool:
    """Whether what the command brings about is so, as far as anybody can tell. Changes nothing."""
    if command.check is None:
        return True
    try:
        return _run(command.check, command.timeout).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _run(argv: tuple[str, ...], timeout: float) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LC_ALL": "C", "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    return subprocess.run(
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=timeout,
        check=False,
    )
