"""Packages of a node that no component asks for: kept at their latest version, or only there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Package, Phase
from staddle.components.registry import component
from staddle.manifest.layout import Program
from staddle.manifest.resources import Installed

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node

TOOLS = ("curl", "jq", "less", "lsof", "lz4", "rsync", "unzip", "zstd")
"""What somebody who looks after a host wants to find on it. What its package sources don't have is done without."""


@component
class NodePackages(Component):
    name = "node_packages"
    title = "Packages"
    phase = Phase.NODE
    system_only = True
    packages = tuple(Package(name, {}, optional=True) for name in TOOLS)

    def enabled(self, node: Node) -> bool:
        return bool(self.packages_on(node))

    def packages_on(self, node: Node) -> tuple[Package, ...]:
        tools = node.params.node_default_packages
        wanted = [Package(name, {}) for name in dict.fromkeys([*node.params.node_packages, *(tools or ())])]
        return (*wanted, *(self.packages if tools is None else ()))

    def program_on(self, ctx: Context) -> Program:
        """Tools are not run by us, so that none of them is ever missed."""
        del ctx
        return Program("", "", "")

    def build(self, ctx: Context) -> Draft:
        params, known = ctx.params, ctx.layout.system.candidates
        names = [
            package.name for package in self.packages_on(ctx.node) if not package.optional or package.name in known
        ]
        latest = {name: known.get(name) for name in params.node_packages}
        return Draft(packages=tuple(Installed(name, latest.get(name)) for name in dict.fromkeys(names)))
