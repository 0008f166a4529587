"""Reading ahead on spinning disks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registry import component
from staddle.components.render import NOTE
from staddle.manifest.resources import Command, File

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


PATH = "/etc/udev/rules.d/60-staddle-readahead.rules"
RULE = 'ACTION=="add|change", SUBSYSTEM=="block", ATTR{queue/rotational}=="1", ATTR{bdi/read_ahead_kb}="4096"'
RELOAD = "udevadm control --reload && udevadm trigger --subsystem-match=block --action=change"


@component
class DiskPrefetch(Component):
    name = "disk_prefetch"
    title = "Read-ahead"
    phase = Phase.NODE
    system_only = True

    def enabled(self, node: Node) -> bool:
        return node.params.node_disk_prefetch

    def build(self, ctx: Context) -> Draft:
        apply = ("sh", "-c", RELOAD)
        return Draft(
            resources=(File(ctx.at(PATH), f"# {NOTE}\n{RULE}\n".encode(), on_change="none"),),
            commands=(Command("udev", apply, undo=apply),),
        )
