"""Kernel modules, loaded now and at boot. What the kernel doesn't have is passed over, as systemd does at boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registry import component
from staddle.components.render import NOTE
from staddle.manifest.resources import Command, File

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


PATH = "/etc/modules-load.d/50-staddle.conf"
LOAD = 'for m; do ! modinfo "$m" >/dev/null 2>&1 || modprobe "$m" || exit 1; done'
LOADED = 'for m; do [ -d "/sys/module/$m" ] || ! modinfo "$m" >/dev/null 2>&1 || exit 1; done'


@component
class KernelModules(Component):
    name = "kernel_modules"
    title = "Kernel modules"
    phase = Phase.NODE
    system_only = True

    def enabled(self, node: Node) -> bool:
        return bool(node.params.node_kernel_modules)

    def build(self, ctx: Context) -> Draft:
        # A container's kernel is its host's, and so are its modules.
        if "fixed-modules" in ctx.layout.features:
            return Draft()
        names = dict.fromkeys(ctx.params.node_kernel_modules)
        content = "".join(f"{line}\n" for line in (f"# {NOTE}", *names)).encode()
        inside = [name.replace("-", "_") for name in names]
        # Nothing is unloaded when they are no longer wanted: something may use them by now.
        load = Command("modprobe", ("sh", "-c", LOAD, "sh", *inside), check=("sh", "-c", LOADED, "sh", *inside))
        return Draft(resources=(File(ctx.at(PATH), content, on_change="none"),), commands=(load,))
