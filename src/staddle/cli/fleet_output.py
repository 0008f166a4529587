"""What the commands for real hosts print: progress, plans, results."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import Progress as Bar, SpinnerColumn, TextColumn

from staddle.cli.blocks import print_failure, print_plan
from staddle.cli.output import OUTCOMES, err, out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from staddle.drive.fleet import HostResult, Outcome, Progress

STEPS = {
    "facts": "asking the hosts what they are",
    "compile": "compiling",
    "plan": "asking what is to be done",
    "apply": "converging",
    "drift": "looking for drift",
    "status": "asking every service",
    "rollback": "going back",
    "remove": "removing",
}


@contextmanager
def watching(*, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Says what happens as it happens: a spinner with the step on a terminal, a line for each host that changes."""
    if quiet:
        yield lambda _event: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("starting", total=None)

        def watch(event: Progress) -> None:
            if event.event == "task" and event.step in STEPS:
                text = STEPS[event.step] + (f": {event.phase}" if event.phase else "")
                bar.update(task, description=text)
                if not err.is_terminal:
                    err.print(f"  {text}")
            elif event.event == "unreachable":
                err.print(f"  [red]✗[/] {event.host} [red]can't be reached[/]")
            elif event.step in {"apply", "rollback", "remove"} and event.host:
                _print_step(event)

        yield watch


def _print_step(event: Progress) -> None:
    components: dict[str, str] = dict(event.data.get("components") or {})
    if components:
        marked = ", ".join(f"{OUTCOMES[outcome][0]} {name}" for name, outcome in components.items())
        err.print(f"  {event.host} [dim]{event.phase or event.step}[/] {marked}")


def print_outcome(outcome: Outcome, seconds: float, *, check: bool) -> None:
    """Host by host what changed (or would) and what failed; then one line for all."""
    for note in outcome.notes:
        err.print(f"  [dim]·[/] {escape(note)}")
    for warning in outcome.warnings:
        err.print(f"  [yellow]![/] {escape(warning)}")
    for host in outcome.hosts:
        _print_host(host, check=check)
    counts = {"changed": 0, "failed": 0, "ok": 0}
    services: dict[str, int] = {}
    for totals in (report.totals() for host in outcome.hosts for report in host.reports.values()):
        counts["changed"] += totals["changed"]
        counts["ok"] += totals["ok"]
        counts["failed"] += totals["blocks_failed"] + totals["blocks_rolled back"]
        for action in ("start", "restart", "reload", "stop"):
            services[action] = services.get(action, 0) + totals[f"services_{action}"]
    verb = ("{} to {}" if check else "{} × {}").format
    acted = [verb(number, action) for action, number in services.items() if number]
    bad = [f"[bold red]{counts['failed']} components failed[/]"] if counts["failed"] else []
    if undone := sum(host.error is not None for host in outcome.hosts):
        bad.append(f"[bold red]{undone} hosts not done[/]")
    changed = f"[bold]{counts['changed']} {'to change' if check else 'changed'}[/]"
    rest = f"[dim]({len(outcome.hosts)} hosts, {counts['ok']} as they should be; {seconds:.1f} s)[/]"
    out.print(f"\n{', '.join([changed, *acted, *bad])} {rest}")


def _print_host(host: HostResult, *, check: bool) -> None:
    if host.error is None and not host.failed and not (check and host.changed):
        return
    out.print(f"\n[bold]── {host.ip} ({host.name})[/]")
    if host.error:
        err.print(f"[red]{'can not be reached' if host.unreachable else 'not done'}[/]: {escape(host.error)}")
    for report in host.reports.values():
        if report.error:
            err.print(f"[red]{escape(report.error)}[/]")
        for block in report.blocks:
            if block.outcome in {"failed", "rolled back"}:
                print_failure(block)
            elif check and block.outcome == "changed":
                print_plan(block)


def print_drift(outcome: Outcome) -> None:
    """Every difference, with its diff."""
    found = 0
    for host in outcome.hosts:
        if host.error:
            err.print(f"[red]{host.ip}[/]: {escape(host.error)}")
        for item in host.answer or ():
            found += 1
            out.print(
                f"{host.ip} [bold]{item['component']}[/] {item['what']}: {escape(item['path'])} ({escape(item['note'])})"
            )
            for line in (item["diff"] or "").splitlines():
                out.print(f"    {line}", markup=False)
    out.print(f"[bold]{found} differ[/] on {len(outcome.hosts)} hosts")


def print_statuses(outcome: Outcome) -> None:
    """One line a service; the healthy ones of a host together."""
    for host in outcome.hosts:
        if host.error:
            out.print(f"[bold]{host.ip}[/] {host.name}: [red]{escape(host.error)}[/]")
            continue
        services = host.answer["services"]
        healthy = [service["service"] for service in services if service["healthy"]]
        out.print(f"[bold]{host.ip}[/] {host.name}: [green]{len(healthy)} healthy[/] [dim]{' '.join(healthy)}[/]")
        for service in services:
            if not service["healthy"]:
                out.print(f"    [red]{service['service']}[/]: {escape(service['reason'] or 'not healthy')}")


def as_data(outcome: Outcome, seconds: float) -> dict[str, Any]:
    """For --json."""
    return {
        "seconds": round(seconds, 2),
        "notes": list(outcome.notes),
        "warnings": list(outcome.warnings),
        "hosts": {
            host.ip: {
                "name": host.name,
                "error": host.error,
                "unreachable": host.unreachable,
                "changed": host.changed,
                "failed": host.failed,
                "reports": {phase: report.to_data() for phase, report in host.reports.items()},
            }
            for host in outcome.hosts
        },
    }
