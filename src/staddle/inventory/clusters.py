"""PostgreSQL clusters come and go: what that is in the text of an inventory, and which there are."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from staddle.errors import StaddleError
from staddle.inventory import elsewhere
from staddle.inventory.edit import drop, put, read
from staddle.inventory.modules import member
from staddle.inventory.nearest import nearest
from staddle.inventory.parameters.values import is_ip

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from staddle.inventory.fleet import Fleet

_CHILDREN = ("all", "children")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Instance:
    """A PostgreSQL instance of a fleet. Those elsewhere are `watched_by` a node."""

    cluster: str
    ins: str
    role: str
    ip: str
    port: int
    watched_by: str = ""


def instances(fleet: Fleet) -> list[Instance]:
    """All of them, by cluster and number."""
    found = []
    for node in fleet.nodes:
        params = node.params
        if place := member(node, "pgsql"):
            found.append((place, Instance(place.cluster, place.ins, params.pg_role or "", node.ip, params.pg_port)))
    rows = [(place.cluster, place.number, instance) for place, instance in found]
    for node in fleet.nodes:
        for remote in node.params.pg_exporters.values():
            ins, role = f"{remote.pg_cluster}-{remote.pg_seq}", remote.pg_role or ""
            far = Instance(remote.pg_cluster, ins, role, remote.pg_host, remote.pg_port, watched_by=node.ip)
            rows.append((remote.pg_cluster, remote.pg_seq, far))
    return [instance for _, _, instance in sorted(rows, key=lambda row: row[:2])]


def add(
    text: str, cluster: str, addresses: Sequence[str], variables: Mapping[str, Any], watched_by: str | None = None
) -> str:
    """The text with hosts of a cluster: a new group, the first of it the primary; or replicas in the group that it has.
    With `watched_by`, the hosts are no nodes, and that node of the inventory watches what is there from afar.

    Whether that makes sense is for who loads it to say. Raises StaddleError.
    """
    if watched_by:
        return _add_elsewhere(text, cluster, addresses, variables, watched_by)
    wrong = [address for address in addresses if not is_ip(address)]
    if wrong or not addresses:
        raise StaddleError(f"no address of a host: {', '.join(map(repr, wrong)) or 'nothing'}",
                           hint="the hosts' intranet addresses, as in --host 10.10.10.11,10.10.10.12")  # fmt: skip
    if len({ipaddress.ip_address(address) for address in addresses}) < len(addresses):
        raise StaddleError("a host is named twice")
    _check_name(cluster)
    group = _group_of(text, cluster)
    if group is None:
        hosts = {
            address: {"pg_seq": number, "pg_role": "replica" if number > 1 else "primary"}
            for number, address in enumerate(addresses, 1)
        }
        return put(text, _CHILDREN, cluster, {"hosts": hosts, "vars": {"pg_cluster": cluster, **variables}})
    if variables:
        raise StaddleError(f"cluster {cluster!r} is there already: its variables are not changed")
    there = _groups(text)[group].get("hosts") or {}
    for number, address in enumerate(addresses, _next_number(text, cluster)):
        role = {"pg_role": "replica"} if any("pg_role" in (host or {}) for host in there.values()) else {}
        text = put(text, (*_CHILDREN, group, "hosts"), address, {"pg_seq": number, **role})
    return text


def remove(text: str, cluster: str, addresses: Sequence[str]) -> str:
    """The text without a cluster, or without some of its hosts; also where it is watched from afar. Raises StaddleError."""
    group, far = _group_of(text, cluster), elsewhere.entries(text, cluster)
    if group is None and not far:
        known = sorted(_names(text))
        near = nearest(cluster, known)
        hint = f"did you mean {near!r}?" if near else f"there are {', '.join(known) or 'none'}"
        raise StaddleError(f"there is no cluster {cluster!r} with a group of its own", hint=hint)
    watched = {instance.get("pg_host") for _, _, instance in far}
    text = elsewhere.unwatch(text, cluster, addresses)
    if not addresses:
        return text if group is None else drop(text, _CHILDREN, group)
    for address in addresses:
        if address in watched:
            continue
        if group is None:
            raise StaddleError(f"nothing of {cluster!r} is watched at {address!r}")
        text = drop(text, (*_CHILDREN, group, "hosts"), address)
    return text


def values(assignments: Sequence[str]) -> dict[str, Any]:
    """`pg_port=5433` and the like, with the values read as YAML. Raises StaddleError."""
    found: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        try:
            found[name] = yaml.safe_load(value)
        except yaml.YAMLError:
            equals = ""
        if not equals or not name:
            raise StaddleError("a variable is name=value", hint="as in --set pgbouncer_enabled=true")
    return found


def _add_elsewhere(text: str, cluster: str, hosts: Sequence[str], variables: Mapping[str, Any], watched_by: str) -> str:
    if not hosts:
        raise StaddleError("no host is named", hint="names or addresses, as in --host db.example.com")
    _check_name(cluster)
    there = {instance.get("pg_host") for _, _, instance in elsewhere.entries(text, cluster)}
    twice = [host for number, host in enumerate(hosts) if host in there or host in hosts[:number]]
    if twice:
        raise StaddleError(f"named twice: {', '.join(map(repr, twice))}")
    return elsewhere.watch(text, cluster, hosts, watched_by, variables, _next_number(text, cluster))


def _check_name(cluster: str) -> None:
    if not _NAME.fullmatch(cluster):
        raise StaddleError(f"{cluster!r} is not a name for a cluster", hint="letters, digits, '.', '_' and '-'")


def _next_number(text: str, cluster: str) -> int:
    """For a further instance of the cluster: one more than the highest."""
    group = _group_of(text, cluster)
    hosts = (_groups(text)[group].get("hosts") or {}).values() if group else ()
    instances = [*hosts, *(instance for _, _, instance in elsewhere.entries(text, cluster))]
    numbers = [instance.get("pg_seq", 0) for instance in instances if isinstance(instance, dict)]
    return max((number for number in numbers if isinstance(number, int)), default=0) + 1


def _names(text: str) -> set[str]:
    """Of all clusters that `remove` knows."""
    far = (instance.get("pg_cluster") for _, _, instance in elsewhere.entries(text, None))
    return {name for name in (*map(_cluster, _groups(text).values()), *far) if isinstance(name, str)}


def _groups(text: str) -> dict[str, dict[str, Any]]:
    data: Any = read(text)
    for name in _CHILDREN:
        data = data.get(name) if isinstance(data, dict) else None
    return {name: group for name, group in (data or {}).items() if isinstance(group, dict)}


def _cluster(group: Mapping[str, Any]) -> str | None:
    found = (group.get("vars") or {}).get("pg_cluster")
    return found if isinstance(found, str) else None


def _group_of(text: str, cluster: str) -> str | None:
    """The group that says of its hosts that they are in this cluster."""
    return next((name for name, group in _groups(text).items() if _cluster(group) == cluster), None)
