"""The firewall: the intranet is trusted, some ports are open to everyone, the rest is closed. Or it is switched off.

Where firewalld or ufw is at work, that is told; elsewhere a table of our own for nftables, loaded at boot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Package, Phase
from staddle.components.firewall.firewalld import firewalld
from staddle.components.firewall.nftables import NFTABLES, nftables
from staddle.components.firewall.ufw import ufw
from staddle.components.registry import component
from staddle.converge.aside import SWITCHED_OFF
from staddle.manifest.resources import Command

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node

_ACTIVE = """
firewalld() { systemctl is-active --quiet firewalld.service; }
ufw_on() { grep -qsx 'ENABLED=yes' /etc/ufw/ufw.conf; }
"""
_OFF = f"""set -eu
{_ACTIVE}
if firewalld; then echo firewalld >> "$1"; systemctl disable --quiet --now firewalld.service; fi
if ufw_on; then echo ufw >> "$1"; ufw --force disable; fi
"""
_IS_OFF = f"{_ACTIVE}\n! firewalld && ! ufw_on"
_ON = """set -eu
[ -e "$1" ] || exit 0
if grep -qx firewalld "$1"; then systemctl enable --quiet --now firewalld.service; fi
if grep -qx ufw "$1"; then ufw --force enable; fi
rm "$1"
"""


@component
class Firewall(Component):
    name = "firewall"
    title = "Firewall"
    phase = Phase.NODE
    system_only = True
    packages = (NFTABLES,)

    def enabled(self, node: Node) -> bool:
        return node.params.node_firewall_mode != "none"

    def packages_on(self, node: Node) -> tuple[Package, ...]:
        return self.packages if node.params.node_firewall_mode == "zone" else ()

    def build(self, ctx: Context) -> Draft:
        if ctx.params.node_firewall_mode == "off":
            return _off(ctx)
        networks = sorted(dict.fromkeys(map(str, ctx.params.node_firewall_intranet)))
        if "firewalld-active" in ctx.layout.features:
            return firewalld(ctx, networks, ports(ctx))
        if "ufw-active" in ctx.layout.features:
            return ufw(networks, ports(ctx))
        return nftables(ctx, networks, ports(ctx))


def ports(ctx: Context) -> list[int]:
    """Open to everyone: those of the inventory, and always the one that Staddle itself comes in by."""
    own = ctx.node.connection.get("ansible_port", ctx.node.connection.get("ansible_ssh_port", 22))
    return sorted({*ctx.params.node_firewall_public_port, int(own)})


def _off(ctx: Context) -> Draft:
    # What was switched off is noted, to be switched on again when it is no longer to be off.
    note = ctx.at(SWITCHED_OFF)
    off, on = ("sh", "-c", _OFF, "sh", note), ("sh", "-c", _ON, "sh", note)
    return Draft(commands=(Command("switch-off", off, check=("sh", "-c", _IS_OFF), undo=on),))
