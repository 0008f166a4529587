"""PostgreSQL elsewhere, which a node watches from afar: what that is in the text of an inventory (`pg_exporters`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from staddle.errors import StaddleError
from staddle.inventory.edit import Path, drop, put, read
from staddle.inventory.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_KEY = "pg_exporters"
_FIRST_PORT = 20001


def entries(text: str, cluster: str | None) -> list[tuple[Path, str, Mapping[str, Any]]]:
    """The instances of the cluster (None: of all) that are watched from afar.

    Each with the mapping that it is in, its key there, and what is said of it.
    """
    return [
        (path, port, instance)
        for path, exporters in _all(read(text), ())
        for port, instance in exporters.items()
        if isinstance(instance, dict) and cluster in (None, instance.get("pg_cluster"))
    ]


def watch(text: str, cluster: str, hosts: Sequence[str], node: str, variables: Mapping[str, Any], first: int) -> str:
    """The text with further instances of a cluster, numbered from `first` on, that `node` watches. Raises StaddleError."""
    data = read(text)
    places = {address: path for path, addresses in _hosts(data, ()) for address in addresses}
    if node not in places:
        near = nearest(node, list(places))
        hint = f"did you mean {near!r}?" if near else "the address of a host of the inventory, an INFRA node's say"
        raise StaddleError(f"{node!r} is no host of the inventory", hint=hint)
    path = (*places[node], node, _KEY)
    used = [int(port) for _, exporters in _all(data, ()) for port in exporters if port.isdecimal()]
    free = max((_FIRST_PORT - 1, *used)) + 1
    for number, host in enumerate(hosts):
        text = put(
            text, path, free + number, {"pg_cluster": cluster, "pg_seq": first + number, "pg_host": host, **variables}
        )
    return text


def unwatch(text: str, cluster: str, hosts: Sequence[str]) -> str:
    """The text without what is watched of a cluster, or without some of its hosts. Raises StaddleError."""
    for path, port, instance in entries(text, cluster):
        if hosts and instance.get("pg_host") not in hosts:
            continue
        alone = len(_at(read(text), path)) == 1
        text = drop(text, path[:-1], path[-1]) if alone else drop(text, path, port)
    return text


def _all(data: Any, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every `pg_exporters` that has entries, and where it is."""
    if not isinstance(data, dict):
        return
    for key, value in data.items():
        if key == _KEY and isinstance(value, dict):
            yield (*path, key), value
        else:
            yield from _all(value, (*path, key))


def _hosts(data: Any, path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Every `hosts` of a group, and where it is."""
    if not isinstance(data, dict):
        return
    for name, group in data.items():
        if isinstance(group, dict):
            if isinstance(group.get("hosts"), dict):
                yield (*path, name, "hosts"), list(group["hosts"])
            yield from _hosts(group.get("children"), (*path, name, "children"))


def _at(data: Any, path: Path) -> Any:
    for name in path:
        data = data[name]
    return data
