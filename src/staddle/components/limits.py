"""Limits of log-in sessions. (Services of ours have theirs in their units.)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registry import component
from staddle.components.render import NOTE
from staddle.manifest.resources import File

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


PATH = "/etc/security/limits.d/50-staddle.conf"
# Not more files than any kernel's fs.nr_open: who can't be given what stands here can't log in.
LIMITS = (("nofile", "655360"), ("nproc", "655360"), ("memlock", "unlimited"), ("core", "unlimited"))


@component
class Limits(Component):
    name = "limits"
    title = "Limits of sessions"
    phase = Phase.NODE
    system_only = True

    def enabled(self, node: Node) -> bool:
        return node.params.node_limits

    def build(self, ctx: Context) -> Draft:
        # Where root itself may not raise limits, nobody could log in any more.
        if "fixed-limits" in ctx.layout.features:
            return Draft()
        lines = [f"# {NOTE}"]
        lines += [f"{who} {kind} {name} {value}" for who in ("*", "root") for name, value in LIMITS
                  for kind in ("soft", "hard")]  # fmt: skip
        content = "".join(f"{line}\n" for line in lines).encode()
        return Draft(resources=(File(ctx.at(PATH), content, on_change="none"),))
