"""The upstreams that nodes take packages from without an INFRA node between: which, and which keys they sign with.

Keys may have to be fetched, by the ADMIN node: a node is given them with the definition, and believes nobody else.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from staddle.components.node_repo.sources import LOCAL, Source
from staddle.repo.cache import Cache
from staddle.repo.model import RepoError, Target
from staddle.repo.offline.openpgp import armor
from staddle.repo.signatures import Keys
from staddle.repo.upstreams.choose import choose
from staddle.repo.upstreams.host import Host
from staddle.repo.web import Web

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from staddle.drive.facts import HostFacts
    from staddle.inventory.fleet import Node
    from staddle.repo.model import Upstream

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
# What this machine's own apt is set up with is nothing to a node: it is given the mirrors that are everybody's.
_NOBODY = Host("", "", Path("/etc/apt"), (), {})


class Upstreams:
    """Those of the nodes of one run."""

    def __init__(self, cache: Cache | None = None, web: Web | None = None) -> None:
        self._keys = Keys((cache or Cache.of_user()).keys, web or Web())
        self._armored: dict[str, str] = {}

    def of(self, node: Node, facts: HostFacts | None) -> tuple[dict[str, tuple[Source, ...]], list[str]]:
        """The node's sources by module, and what is wrong with those that can't be had, in words."""
        found: dict[str, tuple[Source, ...]] = {}
        wrong: list[str] = []
        for module in node.params.node_repo_modules:
            if module == LOCAL or facts is None:
                continue
            try:
                found[module] = tuple(self._sources(node, facts, module, wrong))
            except RepoError as error:
                wrong.append(f"node_repo_modules {module}: {error.message}{f' ({error.hint})' if error.hint else ''}")
        return found, wrong

    def _sources(self, node: Node, facts: HostFacts, module: str, wrong: list[str]) -> Iterable[Source]:
        params = node.params
        arch = _MACHINES.get(facts.arch, facts.arch)
        target = Target.parse(f"{facts.os_id}-{facts.version_id}-{arch}")
        chosen = choose(target, [module], params.repo_upstream, region=params.region, pg_version="", host=_NOBODY)
        wrong += chosen.warnings
        return [
            Source(u.name, u.urls, u.suite, u.components, self._key(u), trusted=u.trust.verify == "off")
            for u in chosen.upstreams
        ]

    def _key(self, upstream: Upstream) -> str:
        """Raises RepoError if it can't be had."""
        if upstream.trust.verify == "off":
            return ""
        if upstream.name not in self._armored:
            keys = self._keys.verifier(upstream).keys
            self._armored[upstream.name] = armor("PUBLIC KEY BLOCK", b"".join(key.content for key in keys))
        return self._armored[upstream.name]


def upstreams_of(
    nodes: Iterable[Node], facts: Mapping[str, HostFacts | None]
) -> tuple[dict[str, dict[str, tuple[Source, ...]]], dict[str, list[str]]]:
    """By host: the sources of its modules, and what is wrong."""
    upstreams, found, wrong = Upstreams(), dict[str, dict[str, tuple[Source, ...]]](), dict[str, list[str]]()
    for node in nodes:
        found[node.ip], wrong[node.ip] = upstreams.of(node, facts[node.ip])
    return found, wrong
