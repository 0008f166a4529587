"""Options that several commands share, and how to get into hosts."""

from __future__ import annotations

import inspect
import sys
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from staddle.drive.login import Login
from staddle.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Callable

Inventory = Annotated[Path, typer.Option("-i", "--inventory", help="The inventory.")]
Limit = Annotated[str | None, typer.Option("-l", "--limit", help="Only these hosts or groups, in Ansible's patterns.")]
Tags = Annotated[
    str | None, typer.Option("-t", "--tags", help="Only these components, or phases (node, infra, monitor, module).")
]
Forks = Annotated[int, typer.Option("--forks", min=1, help="How many hosts at the same time.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Don't ask.")]
HERE = Path("staddle.yml")

_PANEL = "Getting into hosts (as with ansible-playbook)"
_LOGIN: dict[str, tuple[Any, Any]] = {
    "user": (
        Annotated[str | None, typer.Option("-u", "--user", help="Connect as this user.", rich_help_panel=_PANEL)],
        None,
    ),
    "private_key": (
        Annotated[
            Path | None,
            typer.Option("--private-key", exists=True, dir_okay=False, help="SSH key.", rich_help_panel=_PANEL),
        ],
        None,
    ),
    "ask_pass": (
        Annotated[bool, typer.Option("-k", "--ask-pass", help="Ask for the SSH password.", rich_help_panel=_PANEL)],
        False,
    ),
    "ask_become_pass": (
        Annotated[
            bool,
            typer.Option("-K", "--ask-become-pass", help="Ask for the password of sudo.", rich_help_panel=_PANEL),
        ],
        False,
    ),
    "become_method": (
        Annotated[
            str | None,
            typer.Option("--become-method", help="How to become root: sudo, su, doas, …", rich_help_panel=_PANEL),
        ],
        None,
    ),
    "extra_vars": (
        Annotated[
            list[str] | None,
            typer.Option(
                "-e",
                "--extra-vars",
                help="Variables of Ansible (name=value, JSON, @file), before the inventory's.",
                rich_help_panel=_PANEL,
                show_default=False,
            ),
        ],
        None,
    ),
}


def with_login(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that takes `login` the options that it is made of."""
    signature = inspect.signature(command, eval_str=True)
    own = [parameter for name, parameter in signature.parameters.items() if name != "login"]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in _LOGIN.items()
    ]

    @wraps(command)
    def wrapped(**arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in _LOGIN}
        command(**arguments, login=_login(**given))

    wrapped.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *added]}
    return wrapped


def _login(
    *,
    user: str | None,
    private_key: Path | None,
    ask_pass: bool,
    ask_become_pass: bool,
    become_method: str | None,
    extra_vars: list[str] | None,
) -> Login:
    password = _ask("SSH password") if ask_pass else None
    same = " (nothing: the same)" if password else ""
    return Login(
        user=user,
        private_key=private_key.absolute() if private_key else None,
        become_method=become_method,
        extra=tuple(extra_vars or ()),
        password=password,
        become_password=_ask(f"password of sudo{same}", password) if ask_become_pass else None,
    )


def _ask(what: str, default: str | None = None) -> str:
    if not sys.stdin.isatty():
        raise FleetError(
            f"there is no terminal to ask for the {what} at",
            hint="scripts name a file with ANSIBLE_CONNECTION_PASSWORD_FILE and ANSIBLE_BECOME_PASSWORD_FILE",
        )
    answer: str = typer.prompt(what, default=default or "", hide_input=True, show_default=False, err=True)
    return answer
