"""A table of our own, loaded before the network at boot. Nobody else's is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Draft, Package
from staddle.components.render import NOTE
from staddle.manifest.resources import Command, File, Symlink, Validator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.components.base import Context

NFTABLES = Package("nftables", {"nft": "/usr/sbin/nft"}, "1.0")
RULES = "/etc/staddle/firewall.nft"
WANTS = "/etc/systemd/system/sysinit.target.wants"
UNIT = "/etc/systemd/system/staddle-firewall.service"
LOADED = "/run/staddle-firewall.nft"
"""The table as the kernel told it when it was loaded: to see whether somebody has changed it since."""


def nftables(ctx: Context, networks: Sequence[str], ports: Sequence[int]) -> Draft:
    """The table with these rules."""
    trusted = [
        f"        {family} saddr {{ {', '.join(chosen)} }} accept"
        for family, six in (("ip", False), ("ip6", True))
        if (chosen := [network for network in networks if (":" in network) is six])
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
        f"        tcp dport {{ {', '.join(map(str, ports))} }} accept",
        "    }",
        "}",
    ]
    rules, nft, loaded = ctx.at(RULES), ctx.program("nft").path, ctx.at(LOADED)
    show = f"{nft} --stateless list table inet staddle"
    load = f"/bin/sh -c '{nft} -f {rules} && {show} >{loaded}'"
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
        f"ExecStart={load}",
        f"ExecReload={load}",
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
                "nftables",
                ("sh", "-c", apply),
                check=("sh", "-c", f"{show} | cmp -s - {loaded}"),
                undo=("sh", "-c", f"{nft} delete table inet staddle; systemctl daemon-reload"),
            ),
        ),
    )


def _text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
