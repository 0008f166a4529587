"""The CA among those that the host's programs trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Package, Phase
from staddle.components.machines import CA_PATH
from staddle.components.registry import component
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
        # The link's target may have been replaced since: the store holds a bundle with copies.
        script = 'grep -qF "$(sed -n 2p "$1")" "$2"'
        check = ("sh", "-c", script, "sh", ctx.at(CA_PATH), ctx.at(f"{BUNDLE}/ca-certificates.crt"))
        return Draft(
            resources=(Symlink(ctx.at(f"{STORE}/staddle.crt"), ctx.at(CA_PATH)),),
            commands=(Command(UPDATE, (UPDATE,), check=check, undo=(UPDATE, "--fresh")),),
        )
