"""The state tree of an INFRA node: everything that lives there is below `infra_data`, linked as `/infra`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import INFRA, Component, Context, Draft, Phase
from staddle.components.registry import component
from staddle.manifest.resources import Directory, Group, Symlink

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
        group = ctx.owner(INFRA)
        return Draft(
            resources=(
                Directory(ctx.at(ctx.params.infra_data), mode=0o755, group=group),
                *(
                    []
                    if ctx.params.infra_data == "/infra"
                    else [Symlink(ctx.at("/infra"), ctx.at(ctx.params.infra_data))]
                ),
                Directory(ctx.infra("targets"), group=group),
                Directory(ctx.infra("rules"), group=group),
                Directory(ctx.infra("hosts"), group=group),
            ),
            accounts=(Group(INFRA),),
        )
