"""The clock of a regular node: chrony, which asks the INFRA nodes and the sources of the inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.chronyd import CHRONY, chrony
from staddle.components.registry import component

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


@component
class NtpClient(Component):
    name = "ntp_client"
    title = "NTP client"
    phase = Phase.NODE
    packages = (CHRONY,)
    programs = ("chronyd",)
    system_only = True

    def enabled(self, node: Node) -> bool:
        return not node.is_infra and node.params.node_ntp_enabled

    def build(self, ctx: Context) -> Draft:
        servers = [
            f"server {node.ip} port {node.params.node_ntp_port} iburst"
            for node in ctx.fleet.infra
            if node.params.node_ntp_enabled
        ]
        addresses = {node.ip for node in ctx.fleet.infra}
        # Lines of the inventory that name an INFRA node ask the same one again.
        own = [line for line in ctx.params.node_ntp_servers if addresses.isdisjoint(line.split())]
        return chrony(ctx, sources=[*servers, *own], serves=False)
