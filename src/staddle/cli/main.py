"""The command line: `staddle`. Commands live in modules by topic; this one puts them together."""

from __future__ import annotations

import inspect
import sys
from importlib import import_module
from typing import Annotated

import typer

from staddle import __version__
from staddle.cli import output
from staddle.errors import DeclinedError, InventoryError, StaddleError

app = typer.Typer(
    name="staddle",
    help="The foundation a PostgreSQL fleet stands on: portal, metrics, alerts, probes, DNS, time and certificates"
    " from one inventory.",
    no_args_is_help=True,
    epilog="Every command has examples: staddle COMMAND --help. Exit codes: 0 done, or as it should be; 1 something is"
    " wrong; 2 something differs (or a wrong option).",
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
TOPICS = {
    "sandbox": ("up", "down", "restart"),
    "health": ("status", "doctor", "runbook"),
    "logs": ("logs",),
    "fleet": ("plan", "apply", "register", "drift", "rollback", "remove", "fleet"),
    "repo": ("repo",),
    "bundle": ("bundle",),
    "alerts": ("alerts",),
    "rules": ("rules",),
    "dashboards": ("dashboards",),
    "inventory": ("check", "init"),
    "pg": ("pg",),
}
"""The modules that bring commands. Only that of the command asked for is loaded: each takes a while."""


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


def load(command: str | None) -> None:
    """Make the command known; all of them, if it is none, for help and completion."""
    known = any(command in names for names in TOPICS.values())
    for topic, names in TOPICS.items():
        if command in names or not known:
            import_module(f"staddle.cli.{topic}").register(app)
    _keep_examples(app)


def _keep_examples(group: typer.Typer) -> None:
    """Typer dedents what follows a summary as one text: examples that follow at once would no longer be lines of their own."""
    for command in group.registered_commands:
        text = inspect.cleandoc(command.help or (command.callback and command.callback.__doc__) or "")
        command.help = text.replace("\n\nExamples:", "\n\n\nExamples:")
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            _keep_examples(inner.typer_instance)


def main() -> None:
    """Entry point. Exit codes: 0 done or nothing to do, 1 failed, 2 `--plan` found differences (or wrong usage)."""
    load(sys.argv[1] if len(sys.argv) > 1 else None)
    try:
        app()
    except InventoryError as error:
        output.print_problems(error)
        sys.exit(1)
    except DeclinedError as error:
        output.say(error.message)
        sys.exit(1)
    except StaddleError as error:
        output.print_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        output.say("interrupted; run the same command again to finish")
        sys.exit(130)
