"""`staddle alerts`: what fires, who is told, silences, test messages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from staddle.alerting.matching import destinations, parse_labels
from staddle.alerting.routing import routing_tree, who
from staddle.cli.options import Json
from staddle.cli.output import out, print_json, say
from staddle.cli.places import Directory, Fleet, place as whom
from staddle.drive.alerts import Alertmanager
from staddle.drive.sandbox import Sandbox, choose_inventory
from staddle.errors import StaddleError
from staddle.inventory import load_inventory
from staddle.inventory.parameters import Duration

app = typer.Typer(
    name="alerts", help="What fires, who is told about it, silences, test messages.", no_args_is_help=True
)

Inventory = Annotated[Path | None, typer.Option("-i", "--inventory", help="Inventory. Default: ./staddle.yml.")]
_COLORS = {"CRIT": "red", "WARN": "yellow", "INFO": "blue"}


def register(parent: typer.Typer) -> None:
    """Add the commands to the program."""
    parent.add_typer(app, rich_help_panel="How things are")


@app.command("ls")
def list_alerts(
    silenced: Annotated[bool, typer.Option("--all", help="Silenced and held back ones, too.")] = False,
    inventory: Fleet = None,
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """What fires now, and which silences there are.

    Asks an Alertmanager of the inventory given with `-i`, through the portal; otherwise that of the sandbox here, if there is
    one, or else of `./staddle.yml`. So do `silence`, `unsilence` and `test`.

    Examples:

        staddle alerts ls
        staddle alerts ls -i fleet.yml
        staddle alerts ls --all --json
    """
    manager = _manager(inventory, directory)
    alerts = [alert for alert in manager.alerts() if silenced or alert["status"]["state"] == "active"]
    silences = manager.silences()
    if as_json:
        print_json({"alerts": alerts, "silences": silences})
        return
    if alerts:
        out.print(_table(alerts))
    else:
        say("nothing fires")
    for silence in silences:
        matchers = ", ".join(_shown(matcher) for matcher in silence["matchers"])
        until, why = f"{silence['endsAt'][:16]}Z", escape(silence["comment"])
        say(f"silence [bold]{silence['id']}[/]: {escape(matchers)}, until {until}, {why}")


@app.command()
def route(
    labels: Annotated[str, typer.Argument(help='Labels of an alert, as in \'{severity="CRIT", job="pgsql"}\'.')],
    inventory: Inventory = None,
    as_json: Json = False,
) -> None:
    """Who would be told about an alert with these labels.

    Examples:

        staddle alerts route '{severity="CRIT", job="pgsql"}'
        staddle alerts route 'alertname="NodeDown", cls="pg-test"' -i fleet.yml
    """
    try:
        asked = parse_labels(labels)
    except ValueError as error:
        raise StaddleError(str(error), hint="""as in '{severity="CRIT", job="pgsql"}'""") from None
    chosen = choose_inventory(inventory)
    if chosen is None:
        raise StaddleError("there is no inventory here", hint="-i FILE names one, `staddle init` writes one")
    params = load_inventory(chosen).fleet.infra[0].params
    names = who(params, asked)
    times = [
        {
            "receivers": found["names"],
            **{key: found[key] for key in ("mute_time_intervals", "active_time_intervals") if key in found},
        }
        for found in destinations(routing_tree(params), asked)
    ]
    if as_json:
        print_json({"labels": asked, "receivers": names, "routes": times})
        return
    out.print(", ".join(names) if names else "nobody; it is seen on the portal only")
    for found in times:
        for key, words in (("mute_time_intervals", "not during"), ("active_time_intervals", "only during")):
            if key in found:
                say(f"{', '.join(found['receivers'])}: {words} {', '.join(found[key])}")


@app.command()
def silence(
    matchers: Annotated[list[str], typer.Argument(help="Which alerts: all of these have to fit.")],
    length: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 1d.")] = "2h",
    comment: Annotated[str, typer.Option("--comment", "-m", help="Why.")] = "no reason given",
    inventory: Fleet = None,
    directory: Directory = None,
) -> None:
    """Tell nobody about some alerts for a while.

    Examples:

        staddle alerts silence ins=pg-test-1 --for 4h -m 'replacing its disk'
        staddle alerts silence 'alertname=~"Node.*"' 'cls="pg-test"'
    """
    try:
        seconds = Duration(length).seconds
    except ValueError:
        raise StaddleError(f"{length!r} is not a length of time", hint=Duration.ALLOWED) from None
    manager = _manager(inventory, directory)
    made = manager.silence(matchers, seconds, comment)
    covered = [alert for alert in manager.alerts() if made in alert["status"]["silencedBy"]]
    say(f"silenced for {length}, {len(covered)} firing now; `staddle alerts unsilence {made}` ends it")


@app.command()
def unsilence(
    silences: Annotated[list[str], typer.Argument(help="Ids, as `staddle alerts ls` shows them.")],
    inventory: Fleet = None,
    directory: Directory = None,
) -> None:
    """End silences.

    Examples:

        staddle alerts unsilence 3f2a7c0e-4a53-4a34-9a1f-6a1f4b3f6f0e
    """
    manager = _manager(inventory, directory)
    for name in silences:
        manager.unsilence(name)
        say(f"{name} is over")


@app.command("test")
def test_receiver(
    receivers: Annotated[list[str], typer.Argument(help="Names from `alert_receivers`.")],
    inventory: Fleet = None,
    directory: Directory = None,
) -> None:
    """Send a marked test message to receivers, and wait until it went out.

    Examples:

        staddle alerts test ops
    """
    manager = _manager(inventory, directory)
    for name in receivers:
        manager.test(name)
        say(f"a test message went out to [bold]{escape(name)}[/]")


def _manager(inventory: Path | None, directory: Path | None) -> Alertmanager:
    place = whom(inventory, directory)
    if isinstance(place, Sandbox):
        return Alertmanager.of_sandbox(place)
    return Alertmanager.of_fleet(load_inventory(place).fleet, place)


def _table(alerts: list[dict[str, Any]]) -> Table:
    table = Table("", "alert", "instance", "since (UTC)", "what", box=None, pad_edge=False)
    for alert in alerts:
        labels, severity = alert["labels"], alert["labels"].get("severity", "")
        state = alert["status"]["state"]
        held = "" if state == "active" else " (silenced)" if alert["status"]["silencedBy"] else " (held back)"
        table.add_row(
            f"[{_COLORS.get(severity, 'default')}]{severity}[/]",
            labels.get("alertname", "") + held,
            labels.get("ins", ""),
            alert["startsAt"][:19].replace("T", " "),
            escape(alert["annotations"].get("summary", "")),
        )
    return table


def _shown(matcher: dict[str, Any]) -> str:
    operator = ("=" if matcher.get("isEqual", True) else "!") + (
        "~" if matcher["isRegex"] else "" if matcher.get("isEqual", True) else "="
    )
    return f'{matcher["name"]}{operator}"{matcher["value"]}"'
