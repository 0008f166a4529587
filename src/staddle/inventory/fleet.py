"""The typed result of loading an inventory: a Fleet of Nodes. Immutable; placeholders are already resolved."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from staddle.alerting import OwnRules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.inventory.parameters import AlertSetting, Parameters
    from staddle.inventory.problems import Position


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One host. `ip` is its key in the inventory and its `ip` label everywhere.

    `params` holds every parameter Staddle knows, validated and defaulted; `extra` what other modules brought
    (`pg_*`, …), as found; `connection` the `ansible_*` variables. `name` and `cluster` follow the identity rules
    (`nodename`, `node_cluster`, `node_id_from_pg`) and become the labels `ins` and `cls` of job `node`.
    """

    ip: str
    name: str
    cluster: str
    groups: tuple[str, ...]
    params: Parameters
    extra: Mapping[str, Any]
    connection: Mapping[str, Any]
    positions: Mapping[str, Position] = field(repr=False)

    @property
    def is_infra(self) -> bool:
        return "infra" in self.groups

    @property
    def infra_seq(self) -> int:
        """Number of this INFRA node, the suffix of its instance names (`vmetrics-1`)."""
        seq = self.params.infra_seq
        if seq is None:
            raise ValueError(f"{self.ip} is not an INFRA node")
        return seq

    def where(self, path: str) -> Position | None:
        """Where a parameter, or a part of one, was set: `node.where("infra_portal.wiki.config")`.

        The nearest enclosing part that has a position answers; None means the value is a default.
        """
        while path:
            if path in self.positions:
                return self.positions[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return None


@dataclass(frozen=True, eq=False)
class Fleet:
    """All nodes, ordered by IP address; `source` names the inventory for messages.

    `alert_rules` is what is set about alerts for the fleet as a whole: it holds for what runs on none of the nodes.
    `own_rules` are those of `alert_folder`.
    """

    nodes: tuple[Node, ...]
    admin_ip: str
    source: str
    alert_rules: Mapping[str, AlertSetting] = field(default_factory=dict)
    own_rules: OwnRules = field(default_factory=OwnRules)

    @cached_property
    def infra(self) -> tuple[Node, ...]:
        """INFRA nodes, by `infra_seq`."""
        return tuple(sorted((n for n in self.nodes if n.is_infra), key=lambda n: n.infra_seq))

    def node(self, ip: str) -> Node:
        """The node with this key. Raises KeyError."""
        return self._by_ip[ip]

    @cached_property
    def _by_ip(self) -> Mapping[str, Node]:
        return {node.ip: node for node in self.nodes}
