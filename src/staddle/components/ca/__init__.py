"""On every node: the CA's certificate, so that programs there can trust what it signed, and the node's own ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.machines import CA_PATH, PKI, accounts, requests, resources
from staddle.components.registry import component
from staddle.manifest.resources import Directory, File

if TYPE_CHECKING:
    from staddle.components.material import CertificateRequest
    from staddle.inventory.fleet import Node


@component
class CaTrust(Component):
    name = "ca"
    title = "Certificates"
    phase = Phase.NODE

    def enabled(self, node: Node) -> bool:
        del node
        return True

    def certificates(self, ctx: Context) -> tuple[CertificateRequest, ...]:
        return requests(ctx)

    def build(self, ctx: Context) -> Draft:
        return Draft(
            resources=(
                Directory(ctx.at(PKI)),
                File(ctx.at(CA_PATH), ctx.made.ca_certificate, on_change="none"),
                *resources(ctx),
            ),
            accounts=accounts(ctx),
        )
