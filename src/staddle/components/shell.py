"""Aliases of log-in shells."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registry import component
from staddle.components.render import NOTE
from staddle.manifest.resources import File, Validator

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


PATH = "/etc/profile.d/staddle-aliases.sh"


@component
class Shell(Component):
    name = "shell"
    title = "Shell aliases"
    phase = Phase.NODE
    system_only = True

    def enabled(self, node: Node) -> bool:
        return bool(node.params.node_aliases)

    def build(self, ctx: Context) -> Draft:
        path = ctx.at(PATH)
        lines = [f"# {NOTE}"]
        lines += [f"alias {name}={shlex.quote(words)}" for name, words in sorted(ctx.params.node_aliases.items())]
        return Draft(
            resources=(File(path, "".join(f"{line}\n" for line in lines).encode(), on_change="none"),),
            validators=(Validator("sh -n", ("sh", "-n", f"{{stage}}{path}")),),
        )
