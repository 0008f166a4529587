"""Who is who: numbers of INFRA nodes, unique names, one cluster per module and host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.inventory.document import Scalar
from staddle.inventory.modules import MODULES, member
from staddle.inventory.problems import Problem
from staddle.inventory.schema import kind_of_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from staddle.inventory.draft import Draft
    from staddle.inventory.shape import Shape


def check_infra(drafts: Sequence[Draft], shape: Shape) -> Iterator[Problem]:
    """Each INFRA node has a number of its own, and `admin_ip` is one of them."""
    numbers: dict[int, Draft] = {}
    for draft in drafts:
        seq = draft.node.params.infra_seq
        if not draft.node.is_infra:
            if draft.is_set("infra_seq"):
                yield draft.problem("warning", "infra_seq", "has no effect: the host is not in group 'infra'")
        elif seq is None:
            mistyped = any(kind_of_name(name) == ("typo", "infra_seq") for name in draft.settings)
            if "infra_seq" not in draft.broken and not mistyped:
                yield Problem(
                    "error", "INFRA node without infra_seq", draft.host.position, draft.host.path,
                    allowed="infra_seq: a number from 0 that no other INFRA node has",
                )  # fmt: skip
        elif seq in numbers:
            message = f"is also that of {numbers[seq].node.ip}"
            yield draft.problem("error", "infra_seq", message, "a number of its own", str(seq))
        else:
            numbers[seq] = draft
    if "infra" not in shape.groups:
        return
    members = [draft.node.ip for draft in drafts if draft.node.is_infra]
    for draft in drafts:
        admin_ip = draft.node.params.admin_ip
        if draft.is_set("admin_ip") and "admin_ip" not in draft.broken and members and admin_ip not in members:
            yield draft.problem(
                "error", "admin_ip", "is not in group 'infra'", " or ".join(members), repr(admin_ip)
            )  # fmt: skip


def check_names(drafts: Sequence[Draft], shape: Shape) -> Iterator[Problem]:  # noqa: ARG001
    """No two nodes have the same name: it is their label."""
    owners: dict[str, Draft] = {}
    for draft in drafts:
        owner = owners.setdefault(draft.node.name, draft)
        if owner is draft:
            continue
        # Names that come from numbers are as unique as the numbers, which are checked elsewhere.
        chosen, other = (draft, owner) if draft.node.params.nodename else (owner, draft)
        if chosen.node.params.nodename:
            message = f"is also the name of {other.node.ip}"
            yield chosen.problem("error", "nodename", message, "a name of its own", repr(chosen.node.name))


def check_clusters(drafts: Sequence[Draft], shape: Shape) -> Iterator[Problem]:
    """A host is in one cluster per module, and its number is unique there."""
    for module, (variable, number) in MODULES.items():
        kind = variable.removesuffix("_cluster")
        members: dict[str, Draft] = {}
        for draft in drafts:
            yield from _rival_groups(draft, shape, variable, kind)
            place = member(draft.node, module)
            if place is None:
                continue
            first = members.setdefault(place.ins, draft)
            if first is not draft:
                message = f"{kind} instance {place.ins} is also on {first.node.ip}"
                yield draft.problem("error", number, message, f"a {number} that is unique in its cluster")


def _rival_groups(draft: Draft, shape: Shape, variable: str, module: str) -> Iterator[Problem]:
    given: dict[str, str] = {}
    for group in draft.host.groups:
        setting = shape.groups[group].vars.get(variable)
        if setting and isinstance(setting.tree, Scalar) and isinstance(setting.tree.data, str):
            given.setdefault(setting.tree.data, group)
    if len(given) > 1:
        names = " and ".join(f"{cluster} (group {group})" for cluster, group in given.items())
        yield Problem(
            "error", f"in two {module} clusters: {names}", draft.host.position, draft.host.path,
            allowed=f"one {module} cluster per host",
        )  # fmt: skip
