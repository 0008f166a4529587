"""Checks that need more than one value: each is a function from nodes to problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.inventory.checks import alerting, identity, pgsql, portal, ports, services

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from staddle.alerting import OwnRules
    from staddle.inventory.draft import Draft
    from staddle.inventory.problems import Problem
    from staddle.inventory.shape import Shape

_FLEET: tuple[Callable[[Sequence[Draft], Shape], Iterator[Problem]], ...] = (
    identity.check_infra,
    identity.check_names,
    identity.check_clusters,
    pgsql.check_clusters,
    pgsql.check_remote,
    portal.check_closed,
)
_NODE: tuple[Callable[[Draft, Sequence[Draft]], Iterator[Problem]], ...] = (
    ports.check,
    portal.check,
    services.check,
    alerting.check,
)


def run(drafts: Sequence[Draft], shape: Shape, own_rules: OwnRules | None) -> Iterator[Problem]:
    """Every cross-check over every node. The same mistake may come up once per node that shares it.

    Without `own_rules` it isn't known which alerts there are.
    """
    for check in _FLEET:
        yield from check(drafts, shape)
    if own_rules is not None:
        yield from alerting.check_rules(drafts, shape, own_rules)
    infra = [draft for draft in drafts if draft.node.is_infra]
    for node_check in _NODE:
        for draft in drafts:
            yield from node_check(draft, infra)
