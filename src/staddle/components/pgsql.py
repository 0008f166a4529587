"""PostgreSQL clusters: the names that their instances and they themselves are found under, and the ping of their VIPs.

Who watches them is in `postgres_exporter` and `companions`.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registration import DnsRecord, Probe, Registration
from staddle.components.registry import component
from staddle.inventory.modules import member, placed

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


@component
class Pgsql(Component):
    name = "pgsql"
    title = "PostgreSQL"
    phase = Phase.MODULE

    def enabled(self, node: Node) -> bool:
        return member(node, "pgsql") is not None

    def build(self, ctx: Context) -> Draft:
        del ctx
        return Draft()

    def register(self, ctx: Context) -> Registration:
        place = placed(ctx.node, "pgsql")
        names = [DnsRecord(place.ins, ctx.address, (place.ins,))]
        members = [node for node in ctx.fleet.nodes if (at := member(node, "pgsql")) and at.cluster == place.cluster]
        speaker = _primary(members) or members[0]
        if ctx.node is not speaker:
            return Registration(dns=tuple(names))
        if target := _target(ctx, members):
            names.append(DnsRecord(place.cluster, target, (f"{place.cluster}{ctx.params.pg_dns_suffix}",)))
        return Registration(dns=tuple(names), probes=_pings(ctx, place.cluster))


def _primary(members: list[Node]) -> Node | None:
    return next((node for node in members if node.params.pg_role == "primary"), None)


def _target(ctx: Context, members: list[Node]) -> str | None:
    """Where the cluster's name leads to, as the node that speaks for the cluster has it in the inventory."""
    params = ctx.params
    match params.pg_dns_target:
        case "none":
            return None
        case "auto" | "vip" if params.pg_vip_enabled:
            return _vip(ctx)
        case "auto" | "primary" | "vip":
            primary = _primary(members)
            return ctx.layout.address(primary) if primary else None
        case address:
            return address


def _vip(ctx: Context) -> str:
    return str(ipaddress.ip_interface(ctx.params.pg_vip_address).ip)


def _pings(ctx: Context, cluster: str) -> tuple[Probe, ...]:
    if not (ctx.params.pg_vip_enabled and ctx.layout.icmp):
        return ()
    labels = {"cls": cluster, "ins": f"{cluster}-vip", "ip": _vip(ctx)}
    return (Probe(f"{cluster}-vip", "icmp", _vip(ctx), labels, job="ping"),)
