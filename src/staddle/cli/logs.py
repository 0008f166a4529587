"""`staddle logs`: what components say, in a sandbox or across a fleet."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from staddle.cli.options import Json
from staddle.cli.places import Directory, Fleet, place as whom
from staddle.drive.logstore import LogStore, as_line, component_filter
from staddle.drive.sandbox import Sandbox
from staddle.drive.status import follow, pick, tail
from staddle.inventory import load_inventory

if TYPE_CHECKING:
    from staddle.drive.sandbox import Row


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(rich_help_panel="How things are")(logs)


def logs(
    component: Annotated[
        str | None, typer.Argument(help="Component, as `staddle status` names it.", show_default=False)
    ] = None,
    logsql: Annotated[
        str | None, typer.Option("-q", "--query", help="LogsQL, asked of the log store.", show_default=False)
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", help="How far back the log store is asked: 30s, 15m, 1d. Default: 1h.")
    ] = None,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="How many of the newest lines.")] = 100,
    follow_on: Annotated[bool, typer.Option("-f", "--follow", help="Go on with new lines as they come.")] = False,
    inventory: Fleet = None,
    directory: Directory = None,
    as_json: Json = False,
) -> None:
    """What components say: the log file of one, or anything in the log store.

    Asks a log store of the inventory given with `-i`, through the portal; otherwise that of the sandbox here, if there is
    one, or else of `./staddle.yml`.

    In a sandbox, with only a component, its own file is read, which works whatever else is down. With `--query`, `--since` or
    `--json`, or without a component, the log store is asked.

    Examples:

        staddle logs vmetrics
        staddle logs nginx -n 20 -f
        staddle logs --since 15m -q 'level:error'
        staddle logs vmalert -q '_time:1d | stats by (level) count()'
        staddle logs -i fleet.yml -q 'job:postgres ins:pg-test-1 level:error'
    """
    place = whom(inventory, directory)
    if isinstance(place, Sandbox):
        [row] = pick(place, [component]) if component else [None]
        if row and not (logsql or since or as_json):
            _print_file(place, row, lines, follow_on=follow_on)
            return
        store = LogStore.of_sandbox(place)
    else:
        store = LogStore.of_fleet(load_inventory(place).fleet, place)
    parts = [component_filter(component)] if component else []
    asked = " ".join([*parts, logsql or ("" if parts else "*")]).strip()
    rows = store.query(asked, since=since or "1h", limit=lines)
    for found in chain(rows, store.tail(asked) if follow_on else ()):
        typer.echo(json.dumps(found, ensure_ascii=False) if as_json else as_line(found))


def _print_file(sandbox: Sandbox, row: Row, lines: int, *, follow_on: bool) -> None:
    files = sandbox.log_files(row.service)
    for line in (line for file in files for line in tail(file, lines)):
        typer.echo(line)
    for line in follow(files) if follow_on else ():
        typer.echo(line)
