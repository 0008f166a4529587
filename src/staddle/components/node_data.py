"""The main data directory of a node. It may be a mount point, or lead to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registry import component
from staddle.manifest.resources import Directory

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


@component
class NodeData(Component):
    name = "node_data"
    title = "Data directory"
    phase = Phase.NODE
    system_only = True

    def enabled(self, node: Node) -> bool:
        del node
        return True

    def build(self, ctx: Context) -> Draft:
        return Draft(resources=(Directory(ctx.at(ctx.params.node_data), mode=None),))
