"""Portal entries with a template of their own (`conf`), which replaces the built-in one.

`conf: wiki.conf` names `nginx/wiki.conf` beside the inventory: a Jinja template that gets the same values as the built-in
ones (`server`, `listen`, `port`, `tls`, `tls_port`, `routes`, …) and may include nothing else.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from staddle.errors import CompileError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.components.nginx.servers import Server

TEMPLATE_DIRECTORY = "nginx"
"""Below the directory of the inventory."""


def custom_server(
    server: Server, templates: Mapping[str, str], values: Mapping[str, Any], origin: str | None
) -> bytes | None:
    """The server's file from its own template, or None if it has none.

    Raises CompileError that starts with `origin`, the place in the inventory that names the template.
    """
    name = server.entry.conf
    if not name:
        return None
    where = f"{origin}: " if origin else ""
    path = f"{TEMPLATE_DIRECTORY}/{name}"
    if name not in templates:
        raise CompileError(f"{where}infra_portal.{server.name}.conf: there is no template {path} beside the inventory")
    environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    try:
        text = environment.from_string(templates[name]).render(**values)
    except jinja2.TemplateSyntaxError as error:
        raise CompileError(f"{where}infra_portal.{server.name}.conf: {path}:{error.lineno}: {error.message}") from error
    except _FAILURES as error:
        line = _line(error)
        raise CompileError(f"{where}infra_portal.{server.name}.conf: {path}:{line}: {error}") from error
    return (text.rstrip("\n") + "\n").encode()


_FAILURES = (jinja2.TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What the expressions of a template can end in."""


def _line(error: Exception) -> int:
    """The line of the template that failed: Jinja rewrites the traceback so that it says so."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<template>"]
    return lines[-1] or 1 if lines else 1
