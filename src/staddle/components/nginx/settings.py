"""What nginx and those who talk to it agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from staddle.components.base import Context

STATUS_PATH = "/nginx"
CONFIG = "/etc/nginx"
CERTIFICATE = "nginx"
"""Name of the portal's certificate, in the PKI and in nginx's `cert` directory."""
WORKER = "www-data"
"""Whom its workers run as on a real host, by Debian's custom."""
RESERVED = {"/ui/": "ui", "/vlogs/": "vlogs", "/vtraces/": "vtraces"}
"""Routes of components to come, and the pages that say so."""


def listen_plain(ctx: Context) -> str:
    """The portal over plain HTTP, as reached from its own host."""
    return ctx.local(ctx.params.nginx_port)
