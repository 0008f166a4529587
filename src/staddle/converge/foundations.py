"""Packages, trees and accounts: what has to be there before the first block, and may go after the last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import packages as apt, trees
from .accounts import Accounts
from .aside import OUR_SOURCES
from .facts import observe
from .packages import Packages
from .report import CHANGED, FAILED, ROLLED_BACK
from .trees import Trees

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from .ledger import Ledger, Store
    from .model import Block, Offers
    from .report import BlockResult, ResourceResult


class Foundations:
    """Those of the selected blocks of one run."""

    def __init__(
        self, blocks: Iterable[Block], ledger: Ledger, selected: Collection[str], store: Store, offers: Offers | None
    ) -> None:
        self._blocks = list(blocks)
        self._ledger = ledger
        self._store = store
        self._selected = set(selected)
        self._packages = Packages(self._blocks, store, offers, sources_change=_sources_change(self._blocks))
        self._trees = Trees(self._blocks, store)
        self._accounts = Accounts(self._blocks)
        self._unwanted: dict[str, list[str]] = {}
        self._unwanted_trees: dict[str, list[str]] = {}

    def ensure(self, *, check: bool) -> bool:
        """Makes what is missing. True if the ledger has something new to say.

        Accounts first: packages that would make the same ones find them there, so that a plan is exact.
        """
        self._accounts.ensure(check=check)
        self._packages.ensure(check=check)
        before = (self._ledger.packages, self._ledger.accounts, self._ledger.trees)
        self._ledger.trees = self._own_trees(before[2], check=check)
        self._trees.ensure(check=check)
        for entry in self._ledger.services.values():
            if entry.component in self._trees.mended:
                entry.restart = None  # its process runs what was there before
        wanted = {name: list(owners) for name, owners in self._owners("packages").items()}
        packages, accounts = dict(before[0]), dict(before[1])
        for name in {*packages, *wanted}:
            old = packages.get(name, {"components": [], "created": False})
            owners = sorted({*(c for c in old["components"] if c not in self._selected), *wanted.get(name, [])})
            if owners:
                packages[name] = {"components": owners, "created": old["created"] or name in self._packages.installed}
            else:
                self._unwanted[name] = old["components"]
        owned = self._owners("accounts")
        for name in {*accounts, *owned}:
            owners = sorted({*(c for c in accounts.get(name, []) if c not in self._selected), *owned.get(name, [])})
            accounts[name] = owners
        if check:
            return False
        self._ledger.packages = dict(sorted(packages.items()))
        # Those that nobody needs any more stay, and are not ours to watch.
        self._ledger.accounts = {name: owners for name, owners in sorted(accounts.items()) if owners}
        for name in self._unwanted:
            self._ledger.packages[name] = before[0][name]  # until it is gone
        return before != (self._ledger.packages, self._ledger.accounts, self._ledger.trees)

    def _own_trees(self, before: dict[str, dict[str, Any]], *, check: bool) -> dict[str, dict[str, Any]]:
        """What the ledger says of trees from now on. Those that are unwanted are ours until they are gone."""
        wanted = self._owners("trees")
        digests = {tree.path: tree.sha256 for block in self._blocks for tree in block.trees}
        found = {}
        for path in sorted({*before, *wanted}):
            old = before.get(path, {"components": [], "sha256": ""})
            owners = sorted({*(c for c in old["components"] if c not in self._selected), *wanted.get(path, [])})
            if not owners:
                self._unwanted_trees[path] = old["components"]
            found[path] = {"components": owners or old["components"], "sha256": digests.get(path, old["sha256"])}
        if not check:
            trees.clean(found)
        return before if check else found

    def _owners(self, kind: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for block in self._blocks:
            if kind == "packages":
                names = [package.name for package in block.packages]
            elif kind == "trees":
                names = [tree.path for tree in block.trees]
            else:
                names = [f"{account.kind} {account.name}" for account in block.accounts]
            for name in names:
                found.setdefault(name, []).append(block.component)
        return found

    @property
    def lacking(self) -> dict[str, str]:
        """By component, why a package, tree or account of it is not there."""
        said = {block.component: block.lacking for block in self._blocks if block.lacking}
        return {**said, **self._accounts.failures, **self._trees.failures, **self._packages.failures}

    @property
    def wants(self) -> list[str]:
        """What has to be sent to this host first."""
        return [*self._packages.wants, *self._trees.wants]

    @property
    def coming(self) -> frozenset[str]:
        """Components of which a package or a tree was not there when this began."""
        return frozenset(self._packages.coming | self._trees.coming)

    @property
    def accounts(self) -> set[str]:
        """`user NAME` and `group NAME` that exist by now, or in check mode would."""
        return self._accounts.names

    def results(self) -> dict[str, list[ResourceResult]]:
        """What was done, by component."""
        parts = (self._accounts.results, self._packages.results, self._trees.results)
        return {name: [result for part in parts for result in part.get(name, [])] for part in parts for name in part}

    def prune(self, blocks: Collection[BlockResult], *, check: bool) -> None:
        """Removes packages that we installed, and trees, that no component needs any more. Told with who had them."""
        results = {block.component: block for block in blocks}
        failed = {name for name, block in results.items() if block.outcome in (FAILED, ROLLED_BACK)}
        ours = {name for name, entry in self._ledger.packages.items() if entry["created"]}
        for name, components in self._unwanted.items():
            if failed & set(components):
                continue  # what could not be removed may still need it
            if name in ours:
                [result] = apt.remove([name], ours, check=check)
                self._tell(result, components, results)
                if result.outcome == FAILED:
                    continue
            if not check:
                self._ledger.packages.pop(name, None)
        for path, components in self._unwanted_trees.items():
            if failed & set(components):
                continue
            result = trees.remove(self._store, path, check=check)
            self._tell(result, components, results)
            if result.outcome != FAILED and not check:
                self._ledger.trees.pop(path, None)

    @staticmethod
    def _tell(result: ResourceResult, components: Iterable[str], results: Mapping[str, BlockResult]) -> None:
        block = next((results[component] for component in components if component in results), None)
        if block is None:
            return
        block.resources.append(result)
        if result.outcome == FAILED:
            block.outcome, block.message = FAILED, f"{result.kind} {result.path}: {result.note}"
        elif result.outcome == CHANGED:
            block.outcome = CHANGED


def _sources_change(blocks: Iterable[Block]) -> bool:
    """Whether our package sources are not as they shall be."""
    files = [r for block in blocks for r in block.resources if r.path == OUR_SOURCES]
    try:
        return any(observe(file.path).sha256 != file.sha256 for file in files)
    except OSError:
        return False
