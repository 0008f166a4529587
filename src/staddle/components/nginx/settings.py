"""What nginx and those who talk to it agree on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.machines import PORTAL

if TYPE_CHECKING:
    from staddle.components.base import Context

STATUS_PATH = "/nginx"
CONFIG = "/etc/nginx"
CERTIFICATE = PORTAL
WORKER = "www-data"
"""Whom its workers run as on a real host, by Debian's custom."""
RESERVED = {"/console/": "ui", "/ui/": "ui", "/vlogs/": "vlogs", "/vtraces/": "vtraces"}
"""Routes of components to come, and the pages that say so."""


def listen_plain(ctx: Context) -> str:
    """The portal over plain HTTP, as reached from its own host."""
    return ctx.local(ctx.params.nginx_port)
