"""NUMA switched off from the next boot on, where GRUB boots the host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registry import component
from staddle.components.render import NOTE
from staddle.manifest.resources import Command, File

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


PATH = "/etc/default/grub.d/50-staddle.cfg"


@component
class Numa(Component):
    name = "numa"
    title = "No NUMA"
    phase = Phase.NODE
    system_only = True

    def enabled(self, node: Node) -> bool:
        return node.params.node_disable_numa

    def build(self, ctx: Context) -> Draft:
        if "grub" not in ctx.layout.features:
            return Draft()
        content = f'# {NOTE}\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX numa=off"\n'.encode()
        update = ("update-grub",)
        return Draft(
            resources=(File(ctx.at(PATH), content, on_change="none"),),
            commands=(Command("update-grub", update, undo=update, timeout=300),),
        )
