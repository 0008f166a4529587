"""`staddle dashboards`: which there are, their JSON, and whether they (or yours) are as they should be."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from staddle.cli.options import Json
from staddle.cli.output import out, print_json, say
from staddle.dashboards import shipped
from staddle.dashboards.lint import lint, shipped_sources, sources_of
from staddle.dashboards.lint.stores import Stores
from staddle.drive.sandbox import SANDBOX, Sandbox

app = typer.Typer(name="dashboards", help="The dashboards: list, export, check (also your own).", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Add the commands to the program."""
    parent.add_typer(app, rich_help_panel="How things are")


@app.command("ls")
def list_dashboards(as_json: Json = False) -> None:
    """Which dashboards there are.

    Examples:

        staddle dashboards ls
    """
    boards = shipped()
    if as_json:
        print_json([{"uid": board.uid, "title": board.title, "folder": board.folder} for board in boards])
        return
    table = Table("folder", "uid", "title", "about", box=None, header_style="bold")
    for board in boards:
        table.add_row(board.folder, board.uid, board.title, escape(board.data().get("description", "")))
    out.print(table)


@app.command("export")
def export(
    directory: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where to. Default: ./dashboards.", show_default=False)
    ] = None,
) -> None:
    """Write their JSON, a directory per folder: to import, or to begin your own with.

    Examples:

        staddle dashboards export /tmp/ours
    """
    base = directory or Path("dashboards")
    for board in shipped():
        path = base / board.folder / board.path.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(board.content)
    say(f"{len(shipped())} dashboards in {base}")


@app.command("lint")
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE|DIR]...", help="Dashboards to look at. Default: those that are shipped.", exists=True
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="URL", help="Try queries on the stores behind this portal."),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option("--ca", help="Certificate of the authority of that portal.", exists=True, dir_okay=False),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Try no queries, even if the sandbox runs.")] = False,
    directory: Annotated[Path, typer.Option("--dir", envvar="STADDLE_DIR", help="Directory of the sandbox.")] = SANDBOX,
    as_json: Json = False,
) -> None:
    """Whether dashboards are as they should be: titles, units, thresholds, places, links, variables, queries.

    With a running stack (the sandbox, or `--against` a portal) every query has to parse and to return something, unless its
    panel says in `noValue` why it may have nothing to show. Exit status: 0 nothing found, 1 something is wrong.

    Examples:

        staddle dashboards lint
        staddle dashboards lint mine.json --against https://i.example.com --ca files/pki/ca/ca.crt
    """
    sources, findings = sources_of(paths) if paths else (shipped_sources(), [])
    stores = Stores.behind(against, ca) if against else None if offline else _running(directory)
    findings = [*findings, *lint(sources, stores)]
    if as_json:
        print_json({"dashboards": len(sources), "queries_tried": stores is not None,
                    "findings": [asdict(finding) for finding in findings]})  # fmt: skip
    else:
        for file, found in groupby(findings, key=lambda finding: finding.file):
            out.print(f"[bold]{escape(file)}[/]")
            for finding in found:
                panel = f"[bold]{escape(finding.panel)}[/]: " if finding.panel else ""
                out.print(f"  [red]{finding.rule}[/] {panel}{escape(finding.message)}")
        tried = "" if stores else "; queries were not tried (no running stack)"
        say(f"{len(sources)} dashboards, {len(findings)} finding{'s' if len(findings) != 1 else ''}{tried}")
    if findings:
        raise typer.Exit(1)


def _running(directory: Path) -> Stores | None:
    """The stores of the sandbox, if there is one and it runs."""
    sandbox = Sandbox(directory)
    if not sandbox.supervision.running():
        return None
    return Stores.of_sandbox(sandbox)
