"""How things are, in a sandbox or across a fleet: status, doctor, runbook."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markdown import Markdown
from rich.markup import escape

from staddle.alerting.catalogue import runbooks
from staddle.cli.health_output import print_findings, print_hosts, print_statuses
from staddle.cli.options import Forks, Json, Limit, with_login
from staddle.cli.output import out, print_json, reporting
from staddle.cli.places import Directory, Fleet, place as whom
from staddle.cli.progress import watching
from staddle.drive import doctor as judging, fleet as engine
from staddle.drive.compilation import loaded
from staddle.drive.login import Login
from staddle.drive.rundir import admin_directory
from staddle.drive.sandbox import Sandbox, choose_inventory
from staddle.drive.status import examine, status_of
from staddle.errors import FleetError
from staddle.inventory import load_inventory
from staddle.inventory.nearest import nearest


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(rich_help_panel="How things are")(with_login(status))
    app.command(rich_help_panel="How things are")(with_login(doctor))
    app.command(rich_help_panel="How things are")(runbook)


def status(
    *,
    inventory: Fleet = None,
    directory: Directory = None,
    limit: Limit = None,
    forks: Forks = engine.FORKS,
    as_json: Json = False,
    login: Login,
) -> None:
    """What runs, and is it healthy? Every service is asked over its own protocol.

    Asks the hosts of an inventory with `-i`; otherwise the sandbox here, if there is one, or else the hosts of
    `./staddle.yml`. Exit 0 if all is healthy, 1 otherwise.

    Examples:

        staddle status
        staddle status -i fleet.yml --limit infra
        staddle status --json | jq '.components[] | select(.healthy | not)'
    """
    place = whom(inventory, directory)
    if isinstance(place, Sandbox):
        _sandbox_status(place, as_json=as_json)
        return
    with watching(quiet=as_json) as watch:
        outcome = engine.run(engine.Request(place, "status", limit, forks=forks, login=login), watch)
    if as_json:
        print_json({"hosts": {host.ip: {"error": host.error, **(host.answer or {})} for host in outcome.hosts}})
    else:
        print_hosts(outcome)
    ill = any(not service["healthy"] for host in outcome.hosts for service in (host.answer or {}).get("services", ()))
    if outcome.failed or ill:
        raise typer.Exit(1)


def doctor(
    *,
    inventory: Fleet = None,
    directory: Directory = None,
    limit: Limit = None,
    forks: Forks = engine.FORKS,
    as_json: Json = False,
    login: Login,
) -> None:
    """What is wrong, why, and what to do about it. Changes nothing.

    Looks at services and their logs, who holds their ports, disks, certificates (the CA's, too), clocks, units of others
    that failed, programs that were upgraded and not restarted, changes by hand, and all alerts that fire: dead targets,
    growing queues, failing notifications. Which hosts it asks: see `staddle status`.

    Exit 0: all is well, 2: nothing but warnings, 1: something is wrong.

    Examples:

        staddle doctor
        staddle doctor -i fleet.yml --limit 10.10.10.12
        staddle doctor --json | jq -r '.findings[] | .what + " → " + .remedy'
    """
    place = whom(inventory, directory)
    if isinstance(place, Sandbox):
        with reporting(quiet=as_json):
            found, hosts = examine(place), {"": "sandbox"}
    else:
        found, hosts = _across(engine.Request(place, "doctor", limit, forks=forks, login=login), quiet=as_json)
    errors = [finding for finding in found if finding.severity == "error"]
    if as_json:
        print_json(
            {"ok": not found, "hosts": list(filter(None, hosts)), "findings": [finding.to_data() for finding in found]}
        )
    else:
        print_findings(found, hosts)
    if found:
        raise typer.Exit(1 if errors else 2)


def runbook(
    name: Annotated[str | None, typer.Argument(help="Of an alert.", show_default=False)] = None,
    inventory: Annotated[
        Path | None, typer.Option("-i", "--inventory", help="Whose own alerts to know, too. Default: ./staddle.yml.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What an alert means and how to mend it. Works when the portal, which has the same pages, does not.

    Examples:

        staddle runbook
        staddle runbook NodeDown
    """
    known = runbooks("")
    if name not in known and (chosen := choose_inventory(inventory)):
        known |= load_inventory(chosen).fleet.own_rules.runbooks
    if name is None:
        if as_json:
            print_json({"runbooks": sorted(known)})
        else:
            out.print("\n".join(known))
        return
    if name not in known:
        near = nearest(name, known)
        raise FleetError(
            f"there is no runbook {name!r}", hint=f"did you mean {near}?" if near else f"there are: {', '.join(known)}"
        )
    if as_json:
        print_json({"name": name, "markdown": known[name]})
    elif out.is_terminal:
        out.print(Markdown(known[name]), soft_wrap=False)
    else:
        typer.echo(known[name])


def _sandbox_status(sandbox: Sandbox, *, as_json: bool) -> None:
    applied = sandbox.applied()
    statuses = status_of(sandbox)
    if as_json:
        components = [status.to_data() for status in statuses]
        print_json({"portal_url": applied["portal_url"], "components": components})
    else:
        print_statuses(statuses)
        out.print(f"\nPortal: [link={applied['portal_url']}]{escape(applied['portal_url'])}/[/link]")
    if not all(status.healthy for status in statuses):
        raise typer.Exit(1)


def _across(request: engine.Request, *, quiet: bool) -> tuple[list[judging.Finding], dict[str, str]]:
    """What is wrong in a fleet, and the hosts that were looked at, with their names."""
    with watching(quiet=quiet) as watch:
        outcome = engine.run(request, watch)
    inventory = loaded(request.inventory)
    now = dt.datetime.now(dt.UTC)
    found: list[Any] = judging.look_at_admin(admin_directory(request.inventory), inventory.weak_secrets, now)
    for host in outcome.hosts:
        if host.error:
            found.append(judging.unreachable(host.ip, host.error))
        else:
            found += [judging.Finding.from_data(item) for item in host.answer or ()]
    return judging.merged(found), {host.ip: host.name for host in outcome.hosts}
