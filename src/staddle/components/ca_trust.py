"""The CA among those that the host's programs trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Package, Phase
from staddle.components.machines import CA_PATH
from staddle.components.registry import component
from staddle.errors import CompileError
from staddle.manifest.resources import Command, Symlink

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


STORE = "/usr/local/share/ca-certificates"
UPDATE = "update-ca-certificates"
BUNDLE = "/etc/ssl/certs"


@component
class CaStore(Component):
    name = "ca_trust"
    title = "CA trust"
    phase = Phase.NODE
    system_only = True
    packages = (Package("ca-certificates", {}),)
    after = ("ca",)

    def enabled(self, node: Node) -> bool:
        del node
        return True

    def build(self, ctx: Context) -> Draft:
        if ctx.material is None:
            raise CompileError("compiling needs the CA's certificate")
        # The store holds a bundle with copies. The first line of the certificate has its serial number; this is about the one
        # that is to be there, not the one that is: a plan looks at what will be.
        line = ctx.material.ca_certificate.decode().splitlines()[1]
        check = ("grep", "-qF", line, ctx.at(f"{BUNDLE}/ca-certificates.crt"))
        return Draft(
            resources=(Symlink(ctx.at(f"{STORE}/staddle.crt"), ctx.at(CA_PATH)),),
            commands=(Command(UPDATE, (UPDATE,), check=check, undo=(UPDATE, "--fresh")),),
        )
