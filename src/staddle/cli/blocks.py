"""Printing what converge says of one component."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from rich.markup import escape

from staddle.cli.output import OUTCOMES, err, out
from staddle.converge.report import OK

if TYPE_CHECKING:
    from staddle.converge.report import BlockResult, ResourceResult

DIFF_LINES = 40
SERVICE_ACTIONS = {
    "start": "started",
    "restart": "restarted",
    "reload": "reloaded",
    "enable": "enabled",
    "stop": "stopped",
}
_ALIKE = 5
"""Paths that are named of those with the same change."""
_LEAD = 24
"""Characters kept of what is the same at the beginning of two long lines."""
_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_CHANGE = "[yellow]~[/]"
_MARKS = {
    **dict.fromkeys(("create", "install"), "[green]+[/]"),
    **dict.fromkeys(("remove", "forget"), "[red]-[/]"),
    "run": "[magenta]↻[/]",
}


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
    """What a component needs, with diffs. What is the same change in many files is shown once."""
    what = "  [dim]no longer in the inventory[/]" if block.removed else ""
    out.print(f"\n[bold]{block.component}[/]{what}")
    alike: dict[str, list[ResourceResult]] = {}
    for resource in block.resources:
        if resource.outcome != OK:
            shown = resource.diff if resource.action == "update" else None
            alike.setdefault(_essence(shown) if shown else f"{resource.action} {resource.path}", []).append(resource)
    for first, *others in alike.values():
        _print_resource(first)
        if first.diff and first.action == "update":
            print_diff(first.diff)
        if others:
            out.print(f"  [yellow]~[/] [dim]the same in {len(others)} more:[/]")
            for resource in others[:_ALIKE]:
                out.print(f"      {escape(resource.path)}")
            if len(others) > _ALIKE:
                out.print(f"      [dim]… and {len(others) - _ALIKE} more (--json has them)[/]")
    for service in block.services:
        if service.action != "none":
            out.print(f"  [magenta]↻[/] {service.action} {service.name} [dim]service[/]")


def _print_resource(resource: ResourceResult) -> None:
    note = f" [dim]({resource.action})[/]" if resource.action in {"mode", "owner", "retarget"} else ""
    if resource.note and resource.kind in {"package", "tree"}:
        note = f" [dim]({escape(resource.note)})[/]"  # where it comes from, and what it brings
    kind = "" if resource.kind == "file" else f" [dim]{resource.kind}[/]"
    out.print(f"  {_MARKS.get(resource.action, _CHANGE)} {escape(resource.path)}{kind}{note}")


def print_diff(diff: str) -> None:
    """A unified diff in the usual colours. Long ones are cut, and long lines to where they differ: --json has all."""
    lines = _changes(diff)
    width = max(out.width - 6, 40)
    for line in _shortened(lines[:DIFF_LINES], width):
        out.print(f"      {line}", style=_COLOURS.get(line[:1]), markup=False)
    if len(lines) > DIFF_LINES:
        out.print(f"      [dim]… {len(lines) - DIFF_LINES} more lines (--json has them)[/]")


def _changes(diff: str) -> list[str]:
    """The diff without the file's names, which stand above it."""
    lines = [line for line in diff.splitlines() if not line.startswith("\\")]  # no newline at the end of the file
    return lines[2:] if lines[:1] and lines[0].startswith("--- ") else lines


def _essence(diff: str) -> str:
    """What goes and what comes, wherever it is."""
    return "\n".join(line for line in _changes(diff) if line.startswith(("+", "-")))


def _shortened(lines: list[str], width: int) -> list[str]:
    """No line longer than that. Of a line and the one that takes its place, the part from where they differ is kept."""
    found = []
    for line, before, after in zip(lines, ["", *lines], [*lines[1:], ""], strict=False):
        other = after if line.startswith("-") else before
        same = _common(line[1:], other[1:]) if {line[:1], other[:1]} == {"-", "+"} else 0
        start = max(0, same - _LEAD) if len(line) > width else 0
        text = line[1 + start :]
        cut = f"{line[:1]}{'…' if start else ''}{text}"
        found.append(cut if len(cut) <= width else f"{cut[: width - 1]}…")
    return found


def _common(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
