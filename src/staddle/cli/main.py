"""The command line: `staddle`. Commands live in modules by topic; this one puts them together."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from staddle import __version__
from staddle.cli import alerts, bundle, fleet, inventory, output, repo, sandbox
from staddle.errors import InventoryError, StaddleError

app = typer.Typer(
    name="staddle",
    help="The foundation a PostgreSQL fleet stands on: portal, metrics, alerts, probes, DNS, time and certificates"
    " from one inventory.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
sandbox.register(app)
inventory.register(app)
fleet.register_commands(app)
repo.register(app)
bundle.register(app)
alerts.register(app)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"staddle {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of every command."""


def main() -> None:
    """Entry point. Exit codes: 0 done or nothing to do, 1 failed, 2 `--plan` found differences (or wrong usage)."""
    try:
        app()
    except InventoryError as error:
        output.print_problems(error)
        sys.exit(1)
    except StaddleError as error:
        output.print_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        output.say("interrupted; run the same command again to finish")
        sys.exit(130)
