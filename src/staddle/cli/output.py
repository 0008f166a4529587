"""How the command line talks: one console for people (stderr for progress and errors), plain JSON for programs."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from staddle.inventory import report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.converge.report import Event
    from staddle.errors import InventoryError, StaddleError
    from staddle.programs.provision import Step

# Without a terminal nobody's lines are cut to fit one.
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True, highlight=False, soft_wrap=True)

OUTCOMES = {"ok": ("[dim]=[/]", "dim"), "changed": ("[green]+[/]", ""), "failed": ("[red]✗[/]", "red"),
            "rolled back": ("[yellow]↶[/]", "yellow")}  # fmt: skip


def say(text: str) -> None:
    """A line for people, on stderr so that it never mixes with data."""
    err.print(text)


def print_json(data: Any) -> None:
    """Data for programs, on stdout."""
    sys.stdout.write(json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def print_error(error: StaddleError) -> None:
    """What went wrong and what to do about it."""
    err.print(f"[bold red]error:[/] {escape(error.message)}")
    if error.hint:
        err.print(f"[bold]hint:[/]  {escape(error.hint)}")


def print_problems(error: InventoryError) -> None:
    """Everything that is wrong with an inventory, with the lines it is about."""
    file = next((problem.position.file for problem in error.problems if problem.position), "")
    source = Path(file).read_bytes().decode("utf-8-sig", errors="replace") if Path(file).is_file() else ""
    sys.stderr.write(report.render(error.problems, source) + "\n")


class Reporter:
    """Progress of a long action: a live bar on a terminal, one line per step elsewhere. `quiet` says nothing."""

    def __init__(self, progress: Progress | None, *, quiet: bool) -> None:
        self._progress = progress
        self._quiet = quiet
        self._task = progress.add_task("", total=None) if progress else None
        self._last = ""
        self._since = time.monotonic()

    def step(self, step: Step) -> None:
        """Something before convergence."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=step.text, completed=step.percent or 0,
                                  total=None if step.percent is None else 100)  # fmt: skip
        elif not self._quiet and step.text.partition(" ")[0] != self._last:
            # Without a terminal one line per kind of step will do: "unpacking …" is not worth a line per package.
            self._last = step.text.partition(" ")[0]
            say(f"  {step.text}")

    def event(self, event: Event) -> None:
        """Something of convergence: a component begins a step, or is done."""
        if event.kind == "step" and self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=f"{event.component}: {event.text}",
                                  completed=event.index - 1, total=event.total)  # fmt: skip
        elif event.kind == "block" and event.outcome != "ok" and not self._quiet:
            mark, style = OUTCOMES[event.outcome]
            line = f"  {mark} {event.component} [dim]{event.seconds:.1f} s[/]"
            err.print(f"{line}: [{style}]{escape(event.text)}[/]" if style and event.text else line)


@contextmanager
def reporting(*, quiet: bool = False) -> Iterator[Reporter]:
    """A Reporter that cleans up after itself."""
    if quiet or not err.is_terminal:
        yield Reporter(None, quiet=quiet)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24))
    with Progress(*columns, console=err, transient=True) as progress:
        yield Reporter(progress, quiet=False)
