"""Printing what converge says of one component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.markup import escape

from staddle.cli.output import OUTCOMES, err, out

if TYPE_CHECKING:
    from staddle.converge.report import BlockResult

DIFF_LINES = 40


def print_failure(block: BlockResult) -> None:
    """What went wrong with a component, and all that helps to mend it."""
    mark, style = OUTCOMES[block.outcome]
    err.print(f"\n{mark} [bold {style}]{block.component} {block.outcome}[/]: {escape(block.message or '')}")
    if block.origin:
        err.print(f"  from the inventory at [bold]{escape(block.origin)}[/]")
    if block.log_tail:
        err.print("  the end of its log:")
        for line in block.log_tail.splitlines():
            err.print(f"    [dim]{escape(line)}[/]")


def print_plan(block: BlockResult) -> None:
    """What a component needs, with diffs."""
    out.print(f"\n[bold]{block.component}[/]")
    if block.message:
        out.print(f"  [yellow]{escape(block.message)}[/]")
    for resource in block.resources:
        if resource.outcome != "ok":
            out.print(f"  {resource.action} {resource.kind} {escape(resource.path)}")
            if resource.diff and resource.action in {"update", "restore"}:
                print_diff(resource.diff.splitlines())
    for service in block.services:
        if service.action != "none":
            out.print(f"  {service.action} service {service.name}")


def print_diff(lines: list[str]) -> None:
    """A unified diff in the usual colours; a long one is cut, since it can be had whole with --json."""
    colours = {"+": "green", "-": "red", "@": "cyan"}
    for line in lines[:DIFF_LINES]:
        out.print(f"    {line}", style=colours.get(line[:1]), markup=False)
    if len(lines) > DIFF_LINES:
        out.print(f"    [dim]… {len(lines) - DIFF_LINES} more lines (--json has them)[/]")
