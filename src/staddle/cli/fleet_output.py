"""What the commands for real hosts print: plans and results."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from staddle.cli.blocks import SERVICE_ACTIONS, print_diff, print_failure, print_plan
from staddle.cli.output import err, out
from staddle.converge.report import CHANGED, FAILED, ROLLED_BACK

if TYPE_CHECKING:
    from staddle.drive.fleet import HostResult, Outcome


def print_outcome(outcome: Outcome, seconds: float, *, check: bool, told: bool = False) -> None:
    """What changed (or, with `check`, would) and what failed; then one line for all. `told`: notes were printed before."""
    if not told:
        _print_notes(outcome)
    if check:
        _print_changes(outcome)
    for host in outcome.hosts:
        _print_failures(host)
    out.print(f"\n{_summary(outcome, check=check)} [dim]in {seconds:.1f} s[/]")


def print_plans(outcome: Outcome) -> None:
    """What would be done, for somebody to say yes to."""
    _print_notes(outcome)
    _print_changes(outcome)
    for host in outcome.hosts:
        _print_failures(host)
    out.print(f"\n{_summary(outcome, check=True)}")


def _print_notes(outcome: Outcome) -> None:
    for note in outcome.notes:
        err.print(f"  [dim]·[/] {escape(note)}")
    for warning in outcome.warnings:
        err.print(f"  [yellow]![/] {escape(warning)}")


def _print_changes(outcome: Outcome) -> None:
    """Host by host; hosts where the very same would be done together."""
    alike: dict[str, list[HostResult]] = {}
    for host in outcome.hosts:
        blocks = [block for report in host.reports.values() for block in report.blocks if block.outcome == CHANGED]
        if blocks:
            alike.setdefault(repr([replace(block, seconds=0.0) for block in blocks]), []).append(host)
    for hosts in alike.values():
        first, *others = hosts
        more = f" and {len(others)} like it: {', '.join(host.ip for host in others)}" if others else ""
        out.print(f"\n[bold]── {first.ip}[/] {first.name}{more}")
        for report in first.reports.values():
            for block in report.blocks:
                if block.outcome == CHANGED:
                    print_plan(block)


def _print_failures(host: HostResult) -> None:
    if not host.failed:
        return
    out.print(f"\n[bold]── {host.ip}[/] {host.name}")
    if host.error:
        err.print(f"[red]{'gives no answer' if host.unreachable else 'not done'}[/]: {escape(host.error)}")
    for report in host.reports.values():
        if report.error:
            err.print(f"[red]{escape(report.error)}[/]")
        for block in report.blocks:
            if block.outcome in {FAILED, ROLLED_BACK}:
                print_failure(block)


def _summary(outcome: Outcome, *, check: bool) -> str:
    counts = {"changed": 0, "failed": 0, "ok": 0}
    services: dict[str, int] = {}
    for totals in (report.totals() for host in outcome.hosts for report in host.reports.values()):
        counts["changed"] += totals["changed"]
        counts["ok"] += totals["ok"]
        counts["failed"] += totals["blocks_failed"] + totals["blocks_rolled back"]
        for action in SERVICE_ACTIONS:
            services[action] = services.get(action, 0) + totals[f"services_{action}"]
    acted = [
        f"{number} to {action}" if check else f"{number} {done}"
        for action, done in SERVICE_ACTIONS.items()
        if (number := services.get(action))
    ]
    bad = [f"[bold red]{counts['failed']} component{_s(counts['failed'])} failed[/]"] if counts["failed"] else []
    if undone := sum(host.error is not None for host in outcome.hosts):
        bad.append(f"[bold red]{undone} host{_s(undone)} not done[/]")
    changed = f"[bold]{counts['changed']} {'to change' if check else 'changed'}[/]"
    hosts = f"{len(outcome.hosts)} host{_s(len(outcome.hosts))}"
    return f"{', '.join([changed, *acted, *bad])} [dim]({hosts}, {counts['ok']} as they should be)[/]"


def _s(number: int) -> str:
    return "" if number == 1 else "s"


def print_drift(outcome: Outcome) -> None:
    """Every difference, with its diff."""
    found = 0
    for host in outcome.hosts:
        if host.error:
            err.print(f"[red]{host.ip}[/]: {escape(host.error)}")
        for item in host.answer or ():
            found += 1
            out.print(
                f"{host.ip} [bold]{item['component']}[/] {item['kind']} {item['what']}:"
                f" {escape(item['path'])} ({escape(item['note'])})"
            )
            if item["diff"]:
                print_diff(item["diff"])
    hosts = len(outcome.hosts)
    out.print(f"[bold]{found} differ{'s' if found == 1 else ''}[/] [dim]({hosts} host{_s(hosts)})[/]")


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
