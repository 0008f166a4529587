"""The host's name: that of the node, if the inventory or the PostgreSQL instance on it gave it one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registry import component
from staddle.inventory.identity import named_by_postgres
from staddle.manifest.resources import Command, File

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


@component
class HostName(Component):
    name = "host_name"
    title = "Host name"
    phase = Phase.NODE
    system_only = True

    def enabled(self, node: Node) -> bool:
        named = bool(node.params.nodename) or named_by_postgres(node.params, node.extra)
        return node.params.nodename_overwrite and named

    def build(self, ctx: Context) -> Draft:
        path, name = ctx.at("/etc/hostname"), ctx.node.name
        return Draft(
            resources=(File(path, f"{name}\n".encode(), on_change="none"),),
            commands=(
                Command(
                    "hostname",
                    ("hostname", "--file", path),
                    check=("sh", "-c", '[ "$(hostname)" = "$1" ]', "sh", name),
                    # By then, what had been there is back, if there was anything.
                    undo=("sh", "-c", '[ ! -s "$1" ] || hostname --file "$1"', "sh", path),
                ),
            ),
        )
