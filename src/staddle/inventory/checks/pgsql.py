"""PostgreSQL: who belongs to a cluster, and instances that are watched from afar."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from staddle.inventory.checks.ports import listeners
from staddle.inventory.modules import member
from staddle.inventory.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from staddle.inventory.draft import Draft
    from staddle.inventory.problems import Problem
    from staddle.inventory.shape import Shape


def check_clusters(drafts: Sequence[Draft], shape: Shape) -> Iterator[Problem]:  # noqa: ARG001
    """Whoever has a cluster has a number; where roles are told, one instance is the primary; all have one VIP."""
    clusters: dict[str, list[Draft]] = {}
    for draft in drafts:
        params = draft.node.params
        # A name that all hosts share says of none of them that it has an instance.
        own = "pg_cluster" in draft.settings and not draft.settings["pg_cluster"].path.startswith("all.vars.")
        if params.pg_cluster and own and params.pg_seq is None and "pg_seq" not in draft.broken:
            yield draft.problem(
                "error", "pg_seq", f"is missing on a host of cluster {params.pg_cluster!r}", "a number from 0"
            )
        if params.pg_seq is not None and not params.pg_cluster and "pg_cluster" not in draft.broken:
            yield draft.problem("error", "pg_seq", "has no pg_cluster to be a number in", "pg_cluster: a name")
        if member(draft.node, "pgsql"):
            clusters.setdefault(params.pg_cluster, []).append(draft)
    for name, members in clusters.items():
        yield from _check_primary(name, members)
        yield from _check_address(members)


def check_remote(drafts: Sequence[Draft], shape: Shape) -> Iterator[Problem]:  # noqa: ARG001
    """What is watched from afar has a name of its own, and a free port on the node that watches."""
    owners = {place.ins: draft for draft in drafts if (place := member(draft.node, "pgsql"))}
    for draft in drafts:
        taken = {port: name for name, port in listeners(draft.node.params, infra=draft.node.is_infra)}
        for port, remote in draft.node.params.pg_exporters.items():
            where, name = f"pg_exporters.{port}", f"{remote.pg_cluster}-{remote.pg_seq}"
            if port in taken:
                yield draft.problem("error", where, f"port {port} is also that of {taken[port]}", "a port of its own")
            if not remote.pg_host and not remote.pg_exporter_url:
                yield draft.problem("error", where, "says not where the instance is", "pg_host, or pg_exporter_url")
            for key in remote.model_extra or ():
                if meant := nearest(key, type(remote).model_fields):
                    yield draft.problem(
                        "warning", f"{where}.{key}", "is carried along and means nothing", nearest=meant
                    )
            owner = owners.setdefault(name, draft)
            if owner is not draft or any(
                f"{other.pg_cluster}-{other.pg_seq}" == name
                for number, other in draft.node.params.pg_exporters.items()
                if number < port
            ):
                yield draft.problem(
                    "error", f"{where}.pg_seq", f"pg instance {name} is also on {owner.node.ip}",
                    "a pg_seq that is unique in its cluster",
                )  # fmt: skip


def _check_primary(name: str, members: Sequence[Draft]) -> Iterator[Problem]:
    if any("pg_role" in draft.broken for draft in members):
        return
    primaries = [draft for draft in members if draft.node.params.pg_role == "primary"]
    for other in primaries[1:]:
        yield other.problem(
            "error", "pg_role", f"cluster {name!r} has a primary already, on {primaries[0].node.ip}",
            "replica, offline, standby or delayed", "'primary'",
        )  # fmt: skip
    told = [draft for draft in members if draft.node.params.pg_role]
    if told and not primaries:
        yield told[0].problem("error", "pg_role", f"cluster {name!r} has no primary", "primary for one of its hosts")


def _check_address(members: Sequence[Draft]) -> Iterator[Problem]:
    for draft in members:
        params = draft.node.params
        if params.pg_vip_enabled and not params.pg_vip_address and "pg_vip_address" not in draft.broken:
            yield draft.problem("error", "pg_vip_address", "is missing for pg_vip_enabled", "an address")
            return  # once for the cluster
        elif params.pg_vip_enabled and ipaddress.ip_interface(params.pg_vip_address).ip.is_loopback:
            yield draft.problem(
                "error", "pg_vip_address", "can't be a VIP", "an address of the network", repr(params.pg_vip_address)
            )
        elif params.pg_dns_target == "vip" and not params.pg_vip_enabled:
            yield draft.problem(
                "error",
                "pg_dns_target",
                "there is no VIP: pg_vip_enabled is false",
                "auto, primary, none or an address",
            )
