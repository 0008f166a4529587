"""No swap, now and at boot, if that is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registry import component
from staddle.manifest.resources import Command, Symlink

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


@component
class Swap(Component):
    name = "swap"
    title = "No swap"
    phase = Phase.NODE
    system_only = True

    def enabled(self, node: Node) -> bool:
        return node.params.node_disable_swap

    def build(self, ctx: Context) -> Draft:
        # Whatever says that there is swap (fstab, partitions, zram), this is what it is started by.
        mask = Symlink(ctx.at("/etc/systemd/system/swap.target"), "/dev/null")
        none = ("sh", "-c", '[ "$(wc -l < /proc/swaps)" -le 1 ]')
        back = ("sh", "-c", "systemctl daemon-reload && swapon --all")
        off = ("sh", "-c", "systemctl daemon-reload && swapoff --all")
        return Draft(resources=(mask,), commands=(Command("swap", off, check=none, undo=back, timeout=600),))
