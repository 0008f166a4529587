"""Which modules a node is in: the cluster, and the number in it, that its variables say. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.inventory.fleet import Node
    from staddle.inventory.parameters import Parameters

MODULES: Mapping[str, tuple[str, str]] = {
    "pgsql": ("pg_cluster", "pg_seq"),
    "etcd": ("etcd_cluster", "etcd_seq"),
    "minio": ("minio_cluster", "minio_seq"),
    "redis": ("redis_cluster", "redis_node"),
    "mysql": ("mysql_cluster", "mysql_seq"),
    "kafka": ("kafka_cluster", "kafka_seq"),
    "mongo": ("mongo_cluster", "mongo_seq"),
}
"""The variables that say so, by module. Those that Staddle has no parameters for are carried along."""


@dataclass(frozen=True, slots=True)
class Member:
    """A node's place in a module: its labels `cls` and `ins`, but that redis has an instance for each port."""

    cluster: str
    number: int

    @property
    def ins(self) -> str:
        return f"{self.cluster}-{self.number}"


def member(node: Node, module: str) -> Member | None:
    """The place of a node in a module; None if it has none."""
    return member_by(node.params, node.extra, module)


def placed(node: Node, module: str) -> Member:
    """The same where there is one. Raises ValueError."""
    place = member(node, module)
    if place is None:
        raise ValueError(f"{node.ip} is not in module {module}")
    return place


def member_by(params: Parameters, extra: Mapping[str, Any], module: str) -> Member | None:
    """The same from a node's variables."""
    cluster, number = (_variable(params, extra, name) for name in MODULES[module])
    if isinstance(number, str) and number.isdecimal():
        number = int(number)
    if not isinstance(cluster, str) or not cluster or not isinstance(number, int) or isinstance(number, bool):
        return None
    return Member(cluster, number)


def instances(node: Node, module: str) -> tuple[str, ...]:
    """What runs on a node of a module, or is elsewhere and watched from it: the labels `ins`."""
    place = member(node, module)
    match module:
        case "pgsql":
            remote = [Member(it.pg_cluster, it.pg_seq).ins for _, it in sorted(node.params.pg_exporters.items())]
            return (*((place.ins,) if place else ()), *remote)
        case "redis":
            return tuple(redis_instances(node).values()) or ((place.ins,) if place else ())
        case _:
            return (place.ins,) if place else ()


def redis_instances(node: Node) -> dict[int, str]:
    """The label `ins` of the Redis servers of a node, by port."""
    place = member(node, "redis")
    return {port: f"{place.ins}-{port}" for port in sorted(node.params.redis_instances)} if place else {}


def _variable(params: Parameters, extra: Mapping[str, Any], name: str) -> Any:
    return extra[name] if name in extra else getattr(params, name, None)
