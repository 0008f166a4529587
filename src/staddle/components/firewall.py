"""The firewall: the intranet is trusted, some ports are open to everyone, the rest is closed. Or it is switched off.

Where firewalld or ufw is at work, that is told; elsewhere a table of our own for nftables, loaded at boot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Package, Phase
from staddle.components.registry import component
from staddle.components.render import NOTE
from staddle.manifest.resources import Command, File, Symlink, Validator

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


NFTABLES = Package("nftables", {"nft": "/usr/sbin/nft"}, "1.0")
RULES = "/etc/staddle/firewall.nft"
SCRIPT = "/etc/staddle/firewall.sh"
WANTS = "/etc/systemd/system/sysinit.target.wants"
UNIT = "/etc/systemd/system/staddle-firewall.service"


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
        off = ctx.params.node_firewall_mode == "off"
        if "firewalld-active" in ctx.layout.features:
            return _script(ctx, ["systemctl disable --now firewalld.service"] if off else _firewalld(ctx))
        if "ufw-active" in ctx.layout.features:
            return _script(ctx, ["ufw --force disable"] if off else _ufw(ctx))
        return Draft() if off else _nftables(ctx)


def ports(ctx: Context) -> list[int]:
    """Open to everyone: those of the inventory, and always the one that Staddle itself comes in by."""
    own = ctx.node.connection.get("ansible_port", ctx.node.connection.get("ansible_ssh_port", 22))
    return sorted({*ctx.params.node_firewall_public_port, int(own)})


def _networks(ctx: Context, *, version: int) -> list[str]:
    return sorted(str(n) for n in ctx.params.node_firewall_intranet if (":" in str(n)) == (version == 6))


def _nftables(ctx: Context) -> Draft:
    trusted = [
        f"        {family} saddr {{ {', '.join(networks)} }} accept"
        for family, version in (("ip", 4), ("ip6", 6))
        if (networks := _networks(ctx, version=version))
    ]
    lines = [
        f"# {NOTE}",
        # The table is replaced as a whole, and nobody else's is touched.
        "table inet staddle",
        "delete table inet staddle",
        "table inet staddle {",
        "    chain input {",
        "        type filter hook input priority filter; policy drop;",
        "        ct state established,related accept",
        "        ct state invalid drop",
        '        iifname "lo" accept',
        "        meta l4proto { icmp, ipv6-icmp } accept",
        "        # Addresses by DHCP.",
        "        udp dport { 68, 546 } accept",
        *trusted,
        f"        tcp dport {{ {', '.join(map(str, ports(ctx)))} }} accept",
        "    }",
        "}",
    ]
    rules, nft = ctx.at(RULES), ctx.program("nft").path
    unit = [
        f"# {NOTE}",
        "[Unit]",
        "Description=Firewall (Staddle)",
        "DefaultDependencies=no",
        "Wants=network-pre.target",
        "Before=network-pre.target shutdown.target",
        "Conflicts=shutdown.target",
        "After=nftables.service local-fs.target",
        "",
        "[Service]",
        "Type=oneshot",
        "RemainAfterExit=yes",
        f"ExecStart={nft} -f {rules}",
        f"ExecReload={nft} -f {rules}",
        f"ExecStop=-{nft} delete table inet staddle",
        "",
        "[Install]",
        "WantedBy=sysinit.target",
    ]
    service = UNIT.rpartition("/")[2]
    apply = f"systemctl daemon-reload && systemctl reload-or-restart {service}"
    return Draft(
        resources=(
            File(rules, _text(lines), on_change="none"),
            File(ctx.at(UNIT), _text(unit), on_change="none"),
            Symlink(ctx.at(f"{WANTS}/{service}"), f"../{service}"),
        ),
        validators=(Validator("nft --check", (nft, "--check", "--file", f"{{stage}}{rules}")),),
        commands=(
            Command(
                "firewall",
                ("sh", "-c", apply),
                check=(nft, "list", "chain", "inet", "staddle", "input"),
                undo=("sh", "-c", f"{nft} delete table inet staddle; systemctl daemon-reload"),
            ),
        ),
    )


def _firewalld(ctx: Context) -> list[str]:
    networks = [*_networks(ctx, version=4), *_networks(ctx, version=6)]
    call = "firewall-cmd --quiet --permanent"
    return [
        *(f"{call} --zone=trusted --add-source={network}" for network in networks),
        *(f"{call} --zone=public --add-port={port}/tcp" for port in ports(ctx)),
        "firewall-cmd --quiet --reload",
    ]


def _ufw(ctx: Context) -> list[str]:
    networks = [*_networks(ctx, version=4), *_networks(ctx, version=6)]
    return [*(f"ufw allow from {network}" for network in networks), *(f"ufw allow {port}/tcp" for port in ports(ctx))]


def _script(ctx: Context, lines: list[str]) -> Draft:
    """What the host's own firewall is told, each time that it is something else."""
    path = ctx.at(SCRIPT)
    content = _text(["#!/bin/sh", f"# {NOTE}", "set -e", *lines])
    return Draft(
        resources=(File(path, content, mode=0o755, on_change="none"),), commands=(Command("firewall", ("sh", path)),)
    )


def _text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
