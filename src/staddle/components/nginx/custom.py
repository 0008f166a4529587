"""Portal entries with a template of their own (`conf`), which replaces the built-in one.

`conf: wiki.conf` names `nginx/wiki.conf` beside the inventory: a Jinja template that gets the same values as the built-in
ones (`server`, `listen`, `port`, `tls`, `tls_port`, `routes`, …) and may include nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from staddle.errors import CompileError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.components.nginx.servers import Server

TEMPLATE_DIRECTORY = "nginx"
"""Below the directory of the inventory."""


def custom_server(server: Server, templates: Mapping[str, str], values: Mapping[str, Any]) -> bytes | None:
    """The server's file from its own template, or None if it has none. Raises CompileError, with the position."""
    name = server.entry.conf
    if not name:
        return None
    where = f"{server.origin}: " if server.origin else ""
    path = f"{TEMPLATE_DIRECTORY}/{name}"
    if name not in templates:
        have = ", ".join(sorted(templates)) or "none"
        raise CompileError(
            f"{where}infra_portal.{server.name}.conf: there is no template {path} beside the inventory (there: {have})"
        )
    environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    try:
        text = environment.from_string(templates[name]).render(**values)
    except jinja2.TemplateSyntaxError as error:
        raise CompileError(f"{where}infra_portal.{server.name}.conf: {path}:{error.lineno}: {error.message}") from error
    except jinja2.TemplateError as error:
        raise CompileError(f"{where}infra_portal.{server.name}.conf: {path}: {error.message}") from error
    return (text.rstrip("\n") + "\n").encode()
