"""Commands of the sandbox: up, down, restart."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from staddle.cli.blocks import SERVICE_ACTIONS, print_failure, print_plan
from staddle.cli.health_output import print_statuses
from staddle.cli.options import Json
from staddle.cli.output import err, out, print_json, reporting, say
from staddle.drive.sandbox import SANDBOX, Outcome, Sandbox, choose_inventory
from staddle.drive.status import ComponentStatus, pick, status_of, wait_until_healthy
from staddle.drive.tracing import traced

if TYPE_CHECKING:
    from staddle.converge.report import Event
    from staddle.programs.provision import Step

Directory = Annotated[Path, typer.Option("--dir", help="Directory that holds the sandbox.", envvar="STADDLE_DIR")]
Names = Annotated[list[str], typer.Argument(help="Components, as `staddle status` names them.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (up, down, restart):
        app.command(rich_help_panel="A sandbox on this machine")(command)


def up(
    inventory: Annotated[
        Path | None,
        typer.Option("-i", "--inventory", help="Inventory. Default: ./staddle.yml if there, else a built-in one."),
    ] = None,
    directory: Directory = SANDBOX,
    port_offset: Annotated[
        int, typer.Option("--port-offset", min=0, max=50000, help="Added to every port, to run several sandboxes.")
    ] = 0,
    node: Annotated[str | None, typer.Option("--node", help="Which INFRA node to be, if there are several.")] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only show what would change; exit 2 if anything would.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring up the foundation on this machine, without root, or bring it up to date.

    Downloads what is missing, starts what isn't running, reloads or restarts only what changed. Run it again at any time.

    Examples:

        staddle up
        staddle up -i fleet.yml --plan
        staddle up --dir /tmp/second --port-offset 1000
    """
    started = time.monotonic()
    sandbox = Sandbox(directory)
    chosen = choose_inventory(inventory)
    if not as_json:
        what = str(chosen) if chosen else "the built-in inventory (`staddle init` writes one of your own)"
        say(f"Staddle {'plans' if plan else 'goes'} by [bold]{escape(what)}[/] in [bold]{escape(str(directory))}[/]")
    with reporting(quiet=as_json) as reporter, traced("staddle up", say) as trace:

        def on_step(step: Step) -> None:
            reporter.step(step)
            trace.step(step)

        def on_event(event: Event) -> None:
            reporter.event(event)
            trace.event(event)

        outcome = sandbox.up(chosen, node=node, port_offset=port_offset, check=plan, on_step=on_step, on_event=on_event)
        trace.failed = outcome.report.failed
    statuses = [] if plan else status_of(sandbox)
    seconds = time.monotonic() - started
    if as_json:
        print_json(_as_data(outcome, statuses, seconds))
    else:
        _print_outcome(outcome, statuses, seconds, plan=plan)
    if outcome.report.failed or any(not status.healthy for status in statuses):
        raise typer.Exit(1)
    if plan and outcome.report.changed:
        raise typer.Exit(2)


def down(directory: Directory = SANDBOX, as_json: Json = False) -> None:
    """Stop everything in the sandbox. Data and configuration stay; `staddle up` goes on from there.

    Examples:

        staddle down
        rm -r .staddle     # after that, to forget the data as well
    """
    sandbox = Sandbox(directory)
    running = len(sandbox.supervision.processes())
    with reporting(quiet=as_json):
        if running and not as_json:
            say(f"stopping {running} components …")
        forced = sandbox.supervision.stop()
    if as_json:
        print_json({"stopped": running, "ended_by_force": forced})
    elif running or forced:
        say(f"stopped{f'; {forced} left-over processes had to be ended by force' if forced else ''}")
    else:
        say(f"nothing is running in {escape(str(directory))}")


def restart(components: Names, directory: Directory = SANDBOX) -> None:
    """Restart components, and wait until they are healthy.

    Examples:

        staddle restart nginx
        staddle restart vmetrics vmalert
    """
    sandbox = Sandbox(directory)
    rows = pick(sandbox, components)
    for row in rows:
        say(f"restarting {row.component} …")
        sandbox.supervision.restart(row.service)
    statuses = [wait_until_healthy(sandbox, row) for row in rows]
    print_statuses(statuses)
    if not all(status.healthy for status in statuses):
        raise typer.Exit(1)


def _as_data(outcome: Outcome, statuses: list[ComponentStatus], seconds: float) -> dict[str, Any]:
    return {
        "portal_url": outcome.portal_url,
        "node": outcome.node.ip,
        "seconds": round(seconds, 2),
        "notes": list(outcome.notes),
        "warnings": list(outcome.warnings),
        "report": outcome.report.to_data(),
        "components": [status.to_data() for status in statuses],
    }


def _print_outcome(outcome: Outcome, statuses: list[ComponentStatus], seconds: float, *, plan: bool) -> None:
    report = outcome.report
    for note in outcome.notes:
        err.print(f"  [dim]·[/] {escape(note)}")
    for warning in outcome.warnings:
        err.print(f"  [yellow]![/] {escape(warning)}")
    if report.error:
        err.print(f"[bold red]error:[/] {escape(report.error)}")
    for block in report.blocks:
        if block.outcome in {"failed", "rolled back"}:
            print_failure(block)
        elif plan and block.outcome == "changed":
            print_plan(block)
    if statuses:
        print_statuses(statuses)
    totals = report.totals()
    restarts = ", ".join(
        f"{totals[f'services_{action}']} {done}"
        for action, done in SERVICE_ACTIONS.items()
        if totals[f"services_{action}"]
    )
    verb = "to change" if plan else "changed"
    failed = totals["blocks_failed"] + totals["blocks_rolled back"]
    out.print(
        f"\n[bold]{totals['changed']} {verb}[/]{', ' + restarts if restarts else ''}"
        f"{f', [bold red]{failed} failed[/]' if failed else ''}"
        f" [dim]({totals['ok']} as they should be; {seconds:.1f} s)[/]"
    )
    if not plan and not report.failed:
        out.print(f"Portal: [bold][link={outcome.portal_url}]{outcome.portal_url}/[/link][/]")
