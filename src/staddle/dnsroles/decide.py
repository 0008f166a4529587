"""Where the name of a cluster leads to. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_STATE = re.compile(r"^# primary=(\S*) inventory=(\S*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster, its name in DNS, the addresses of its `members`, and who is `expected` to be primary ("": not known)."""

    cluster: str
    name: str
    members: Mapping[str, str]
    expected: str

    @classmethod
    def of(cls, cluster: str, settings: Mapping[str, Any]) -> Cluster:
        return cls(cluster, settings["name"], settings["members"], settings["expected"])


@dataclass(frozen=True, slots=True)
class Answer:
    """Whom the name leads to ("": nobody). With a `doubt`, that isn't what is seen now, but what was last known."""

    primary: str
    doubt: str = ""


def decide(cluster: Cluster, seen: Collection[str] | None, last: str) -> Answer:
    """`seen` are the instances that are primary now (None: nobody can say), `last` is whom the name leads to.

    Exactly one primary is followed. In any other case nobody knows better than before.
    """
    if seen is None:
        return Answer(last, "the metrics store gives no answer")
    if len(seen) > 1:
        return Answer(last, f"there are several primaries: {', '.join(sorted(seen))}")
    for primary in seen:
        if primary in cluster.members:
            return Answer(primary)
        return Answer(last, f"the address of {primary}, which is primary, is not known")
    return Answer(last, "no primary is seen")


def first(cluster: Cluster, text: str) -> str:
    """Whom the name leads to before anything is seen: who was last known, unless the inventory has changed its mind."""
    found = _STATE.search(text)
    known = found is not None and found[2] == cluster.expected and found[1] in cluster.members
    return found[1] if found and known else cluster.expected


def hosts_file(cluster: Cluster, primary: str) -> str:
    """The file that dnsmasq reads. It is all that is remembered, too."""
    lines = [
        f"# Managed by Staddle: {cluster.name} follows the primary of {cluster.cluster}, changes here are lost.",
        f"# primary={primary} inventory={cluster.expected}",
        *([f"{cluster.members[primary]} {cluster.name}"] if primary else []),
    ]
    return "\n".join(lines) + "\n"


def primaries(answer: Mapping[str, Any]) -> dict[str, set[str]]:
    """Who is primary, by cluster, in an answer of the metrics store. Raises KeyError, TypeError for anything else."""
    found: dict[str, set[str]] = {}
    for series in answer["data"]["result"]:
        labels = series["metric"]
        found.setdefault(labels["cls"], set()).add(labels["ins"])
    return found
