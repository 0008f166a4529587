"""The host's time zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Package, Phase
from staddle.components.registry import component
from staddle.manifest.resources import Symlink, Validator

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


ZONES = "/usr/share/zoneinfo"


@component
class TimeZone(Component):
    name = "timezone"
    title = "Time zone"
    phase = Phase.NODE
    system_only = True
    packages = (Package("tzdata", {}),)

    def enabled(self, node: Node) -> bool:
        return bool(node.params.node_timezone)

    def build(self, ctx: Context) -> Draft:
        zone = f"{ZONES}/{ctx.params.node_timezone}"
        return Draft(
            resources=(Symlink(ctx.at("/etc/localtime"), zone),),
            validators=(Validator(f"there is a time zone {ctx.params.node_timezone}", ("test", "-f", zone)),),
        )
