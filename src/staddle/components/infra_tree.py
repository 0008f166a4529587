"""The state tree of an INFRA node: everything that lives there is below `infra_data`, linked as `/infra`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registry import component
from staddle.manifest.resources import Directory, Symlink

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


@component
class InfraTree(Component):
    name = "infra"
    title = "State tree"
    phase = Phase.NODE

    def enabled(self, node: Node) -> bool:
        return node.is_infra

    def build(self, ctx: Context) -> Draft:
        return Draft(
            resources=(
                Directory(ctx.at(ctx.params.infra_data), mode=0o755),
                Symlink(ctx.at("/infra"), ctx.at(ctx.params.infra_data)),
                Directory(ctx.infra("targets")),
                Directory(ctx.infra("rules")),
                Directory(ctx.infra("hosts")),
            )
        )
