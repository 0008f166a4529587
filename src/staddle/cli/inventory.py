"""`staddle check` and `staddle init`: arguments and printing only."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Annotated, Any

import typer

from staddle.errors import InventoryError
from staddle.inventory import load_inventory, report
from staddle.inventory.scaffold import Template, scaffold, write_private

DEFAULT_NAME = "staddle.yml"
_HA_ADDRESSES = ("10.10.10.10", "10.10.10.11", "10.10.10.12")


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.command(rich_help_panel="The inventory")(check)
    app.command(rich_help_panel="The inventory")(init)


def check(
    file: Annotated[Path, typer.Argument(help="The inventory.")] = Path(DEFAULT_NAME),
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
) -> None:
    """Validate an inventory and say what it describes. Exit 0: valid, 1: not.

    Examples:

        staddle check
        staddle check fleet.yml --strict
    """
    try:
        loaded = load_inventory(file, strict=strict)
    except InventoryError as error:
        if as_json:
            problems = [report.as_data(problem) for problem in error.problems]
            _print_json({"ok": False, "problems": problems, "weak_secrets": [], "summary": None})
        else:
            typer.echo(report.render(error.problems, _source(file)))
        raise typer.Exit(1) from None
    if as_json:
        _print_json({
            "ok": True,
            "problems": [report.as_data(problem) for problem in loaded.warnings],
            "weak_secrets": [report.weak_as_data(weak) for weak in loaded.weak_secrets],
            "summary": report.summary_data(loaded),
        })  # fmt: skip
        return
    if loaded.warnings:
        typer.echo(report.render(loaded.warnings, _source(file)) + "\n")
    typer.echo(f"{file} is valid\n\n{report.summary(loaded)}")


def init(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path(DEFAULT_NAME),
    ip: Annotated[
        list[str] | None,
        typer.Option("--ip", help="Address of the INFRA node; several with --template ha. Default: this machine's."),
    ] = None,
    template: Annotated[Template, typer.Option("--template", help="What to start from.")] = "single",
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Write a commented inventory with generated passwords, readable by you only.

    Examples:

        staddle init --ip 10.10.10.10
        staddle init --template ha --ip 10.10.10.10 --ip 10.10.10.11 --ip 10.10.10.12
        staddle init --template laptop mine.yml
    """
    ips = ip or _default_ips(template)
    write_private(path, scaffold(template, ips), force=force)
    run = "staddle up" if template == "laptop" else "staddle plan"
    typer.echo(f"wrote {path} for {', '.join(ips)}\nnext: staddle check {path}, then {run} -i {path}")


def _default_ips(template: Template) -> list[str]:
    if template == "ha":
        return list(_HA_ADDRESSES)
    return ["127.0.0.1" if template == "laptop" else _own_address()]


def _own_address() -> str:
    """The address this machine uses towards others. Sends nothing: connecting UDP only looks up a route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def _source(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError:
        return ""


def _print_json(data: dict[str, Any]) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
