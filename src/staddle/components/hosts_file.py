"""A section of `/etc/hosts`: the portal's name, what the inventory adds, and the names of all nodes if asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registry import component
from staddle.manifest.resources import Section

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


@component
class HostsFile(Component):
    name = "hosts_file"
    title = "Hosts file"
    phase = Phase.NODE
    system_only = True

    def enabled(self, node: Node) -> bool:
        return node.params.node_write_etc_hosts

    def build(self, ctx: Context) -> Draft:
        params = ctx.params
        lines = [*params.node_default_etc_hosts, *params.node_etc_hosts]
        if params.nodename_exchange:
            lines += [f"{node.ip} {node.name}" for node in ctx.fleet.nodes if node.name != node.ip]
        content = "".join(f"{line}\n" for line in dict.fromkeys(lines))
        return Draft(resources=(Section(ctx.at("/etc/hosts"), "hosts", content.encode()),))
