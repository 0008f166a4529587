"""No two components of a node listen on the same port."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from staddle.inventory.parameters import Parameters, describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from staddle.inventory.draft import Draft
    from staddle.inventory.parameters import Param
    from staddle.inventory.problems import Problem


def check(draft: Draft, infra: Sequence[Draft]) -> Iterator[Problem]:
    """Report each port that an enabled component shares with another one of the node."""
    taken: dict[int, str] = {}
    for name, port in listeners(draft.node.params, infra=draft.node.is_infra):
        if name == "alertmanager_cluster_port" and len(infra) < 2:
            continue
        if port not in taken:
            taken[port] = name
            continue
        # Point at the one that the file sets; its rival may be a default.
        here, other = (name, taken[port]) if draft.is_set(name) else (taken[port], name)
        yield draft.problem("error", here, f"port {port} is also that of {other}", "a port of its own", str(port))


def listeners(params: Parameters, *, infra: bool) -> Iterator[tuple[str, int]]:
    """The port parameters of the components that are enabled on a node, with their values."""
    for name, param in _port_parameters():
        if param.listens == "infra" and not infra:
            continue
        if all(getattr(params, switch) not in {False, "", "disable"} for switch in param.when):
            yield name, getattr(params, name)


@cache
def _port_parameters() -> tuple[tuple[str, Param], ...]:
    described = ((name, describe(field)) for name, field in Parameters.model_fields.items())
    return tuple((name, param) for name, param in described if param.listens)
