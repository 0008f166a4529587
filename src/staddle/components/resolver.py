"""Whom the host asks for names, by whatever manages that on it: systemd-resolved, NetworkManager, or `/etc/resolv.conf`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registry import component
from staddle.components.render import NOTE
from staddle.converge.aside import BEFORE, NETWORK_MANAGER
from staddle.manifest.resources import Command, File, Section

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


LIMIT = 3
"""The C library asks no more servers than that."""
DNS_PORT = 53


@component
class Resolver(Component):
    name = "resolver"
    title = "Name resolution"
    phase = Phase.NODE
    system_only = True

    def enabled(self, node: Node) -> bool:
        return node.params.node_dns_method != "none" and bool(node.params.node_dns_servers)

    def build(self, ctx: Context) -> Draft:
        own = [server for server in ctx.params.node_dns_servers if _answers(ctx, server)]
        # `add`: those that were there stay, as the second choice.
        kept = [s for s in ctx.layout.nameservers if s not in own] if ctx.params.node_dns_method == "add" else []
        if not own:
            return Draft()
        if "systemd-resolved" in ctx.layout.features:
            return _resolved(ctx, own)
        servers = [*own, *kept][:LIMIT]
        # So that the next run can tell them from those of this one, which may have to go.
        note = [f"# {NOTE}", f"{BEFORE}{' '.join(ctx.layout.nameservers)}"]
        if "networkmanager" in ctx.layout.features:
            return _network_manager(ctx, servers, note)
        lines = [*note, *ctx.params.node_dns_options]
        lines += [f"search {' '.join(ctx.layout.search)}"] if ctx.layout.search else []
        lines += [f"nameserver {server}" for server in servers]
        path = File(ctx.at("/etc/resolv.conf"), _text(lines), on_change="none")
        return Draft(resources=(path, *_undisturbed(ctx)))


def _answers(ctx: Context, server: str) -> bool:
    """Whether one of our own servers has been switched off, or listens where nobody would ask."""
    node = next((node for node in ctx.fleet.infra if node.ip == server), None)
    return node is None or (node.params.dns_enabled and node.params.dns_port == DNS_PORT)


def _undisturbed(ctx: Context) -> list[File | Section]:
    """What keeps clients of DHCP from writing `/etc/resolv.conf`, if that is wanted."""
    keep: list[File | Section] = []
    if ctx.params.node_static_network and "dhclient" in ctx.layout.features:
        hook = _text([f"# {NOTE}", "make_resolv_conf() { :; }"])
        keep.append(File(ctx.at("/etc/dhcp/dhclient-enter-hooks.d/staddle"), hook, mode=0o755, on_change="none"))
    if ctx.params.node_static_network and "dhcpcd" in ctx.layout.features:
        keep.append(Section(ctx.at("/etc/dhcpcd.conf"), "resolver", b"nohook resolv.conf\n"))
    return keep


def _resolved(ctx: Context, servers: list[str]) -> Draft:
    """The servers of the host's links stay known to it; those named here come first for every name."""
    path = ctx.at("/etc/systemd/resolved.conf.d/50-staddle.conf")
    content = _text([f"# {NOTE}", "[Resolve]", f"DNS={' '.join(servers)}", "Domains=~."])
    restart = ("systemctl", "restart", "systemd-resolved.service")
    return Draft(
        resources=(File(path, content, on_change="none"),),
        commands=(Command("systemd-resolved", restart, undo=restart),),
    )


def _network_manager(ctx: Context, servers: list[str], note: list[str]) -> Draft:
    path = ctx.at(NETWORK_MANAGER)
    search = [f"searches={','.join(ctx.layout.search)}"] if ctx.layout.search else []
    content = _text([*note, "[global-dns]", *search, "[global-dns-domain-*]", f"servers={','.join(servers)}"])
    reload = ("systemctl", "reload", "NetworkManager.service")
    return Draft(
        resources=(File(path, content, on_change="none"),), commands=(Command("NetworkManager", reload, undo=reload),)
    )


def _text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()
