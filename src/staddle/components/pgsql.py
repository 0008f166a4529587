"""PostgreSQL clusters: the names that their instances and they themselves are found under, and the ping of their VIPs.

Who watches them is in `postgres_exporter` and `companions`; names that lead to whoever is primary are given by `dns_roles`.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registration import DnsRecord, Probe, Registration
from staddle.components.registry import component
from staddle.inventory.modules import Member, member, placed
from staddle.inventory.parameters.values import is_ip

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.inventory.fleet import Fleet, Node


@dataclass(frozen=True, slots=True)
class PrimaryName:
    """The name of a cluster that leads to whoever is its primary.

    `members` are the addresses of those who may be, by instance; `expected` is who it is by the inventory, if that says.
    """

    cluster: str
    name: str
    members: Mapping[str, str]
    expected: str | None

    @property
    def record(self) -> DnsRecord | None:
        """Where it leads to by the inventory."""
        return DnsRecord(self.cluster, self.members[self.expected], (self.name,)) if self.expected else None


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
        if ctx.node is not _speaker(_clusters(ctx.fleet)[place.cluster]):
            return Registration(dns=tuple(names))
        if address := _address(ctx.node):
            names.append(DnsRecord(place.cluster, address, (_name(place.cluster, ctx.node),)))
        return Registration(dns=tuple(names), probes=_pings(ctx, place.cluster))


def primary_names(ctx: Context) -> tuple[PrimaryName, ...]:
    """The names that lead to whoever is primary, of all clusters of the fleet that have hosts."""
    elsewhere = _elsewhere(ctx.fleet)
    found = []
    for cluster, nodes in sorted(_clusters(ctx.fleet).items()):
        speaker = _speaker(nodes)
        if speaker.params.pg_dns_target == "none" or _address(speaker):
            continue
        members = {placed(node, "pgsql").ins: ctx.layout.address(node) for node in nodes} | elsewhere.get(cluster, {})
        expected = placed(speaker, "pgsql").ins if speaker.params.pg_role == "primary" else None
        found.append(PrimaryName(cluster, _name(cluster, speaker), members, expected))
    return tuple(found)


def _clusters(fleet: Fleet) -> dict[str, list[Node]]:
    """The nodes of each cluster."""
    found: dict[str, list[Node]] = {}
    for node in fleet.nodes:
        if place := member(node, "pgsql"):
            found.setdefault(place.cluster, []).append(node)
    return found


def _elsewhere(fleet: Fleet) -> dict[str, dict[str, str]]:
    """Addresses of instances that are watched from afar, by cluster and instance. A hosts file has no use for names."""
    found: dict[str, dict[str, str]] = {}
    for node in fleet.nodes:
        for remote in node.params.pg_exporters.values():
            if is_ip(remote.pg_host):
                ins = Member(remote.pg_cluster, remote.pg_seq).ins
                found.setdefault(remote.pg_cluster, {})[ins] = remote.pg_host
    return found


def _speaker(nodes: list[Node]) -> Node:
    """The node that speaks for its cluster: the primary, as the inventory has it."""
    return next((node for node in nodes if node.params.pg_role == "primary"), nodes[0])


def _name(cluster: str, speaker: Node) -> str:
    return f"{cluster}{speaker.params.pg_dns_suffix}"


def _address(speaker: Node) -> str | None:
    """Where the cluster's name leads to for good, as the node that speaks for it has it; None if it follows the primary."""
    params = speaker.params
    if is_ip(params.pg_dns_target):
        return params.pg_dns_target
    return _vip(speaker) if params.pg_dns_target in {"auto", "vip"} and params.pg_vip_enabled else None


def _vip(node: Node) -> str:
    return str(ipaddress.ip_interface(node.params.pg_vip_address).ip)


def _pings(ctx: Context, cluster: str) -> tuple[Probe, ...]:
    if not (ctx.params.pg_vip_enabled and ctx.layout.icmp):
        return ()
    vip = _vip(ctx.node)
    labels = {"cls": cluster, "ins": f"{cluster}-vip", "ip": vip}
    return (Probe(f"{cluster}-vip", "icmp", vip, labels, job="ping"),)
