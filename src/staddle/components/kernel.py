"""Kernel parameters: those of the inventory, and those that components of the node need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registry import component
from staddle.components.render import NOTE
from staddle.manifest.resources import Command, File

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


PATH = "/etc/sysctl.d/60-staddle.conf"
APPLY = "/usr/lib/systemd/systemd-sysctl"


@component
class Kernel(Component):
    name = "kernel"
    title = "Kernel parameters"
    phase = Phase.NODE
    system_only = True

    def enabled(self, node: Node) -> bool:
        return bool(_parameters(node))

    def build(self, ctx: Context) -> Draft:
        lines = [f"# {NOTE}", *(f"{key} = {value}" for key, value in sorted(_parameters(ctx.node).items()))]
        # It passes over what a container may not set, and says so in the journal.
        apply = Command("sysctl", (APPLY, ctx.at(PATH)))
        return Draft(
            resources=(File(ctx.at(PATH), "".join(f"{line}\n" for line in lines).encode(), on_change="none"),),
            commands=(apply,),
        )


def _parameters(node: Node) -> dict[str, str]:
    needed = {}
    if node.is_infra and node.params.blackbox_enabled:
        # Lets every user send pings, so that the prober needs no capability for that.
        needed["net.ipv4.ping_group_range"] = "0 2147483647"
    return {**needed, **node.params.node_sysctl_params}
