"""The CA's certificate on every node, so that programs there can trust what it signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registry import component
from staddle.errors import CompileError
from staddle.manifest.resources import Directory, File

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node

CA_PATH = "/etc/pki/ca.crt"


@component
class CaTrust(Component):
    name = "ca"
    title = "CA certificate"
    phase = Phase.NODE

    def enabled(self, node: Node) -> bool:
        del node
        return True

    def build(self, ctx: Context) -> Draft:
        if ctx.material is None:
            raise CompileError("compiling needs the CA's certificate")
        return Draft(
            resources=(
                Directory(ctx.at("/etc/pki")),
                File(ctx.at(CA_PATH), ctx.material.ca_certificate, on_change="none"),
            )
        )
