"""Packages and accounts: what has to be there before the first block, and may go after the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import packages as apt
from .accounts import Accounts
from .packages import Packages
from .report import CHANGED, FAILED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from .ledger import Ledger
    from .model import Block
    from .report import BlockResult, ResourceResult


class Foundations:
    """Those of the selected blocks of one run."""

    def __init__(self, blocks: Iterable[Block], ledger: Ledger, selected: Collection[str]) -> None:
        self._blocks = list(blocks)
        self._ledger = ledger
        self._selected = set(selected)
        self._packages = Packages(self._blocks)
        self._accounts = Accounts(self._blocks)
        self._unwanted: dict[str, list[str]] = {}

    def ensure(self, *, check: bool) -> bool:
        """Makes what is missing. True if the ledger has something new to say.

        Accounts first: packages that would make the same ones find them there, so that a plan is exact.
        """
        self._accounts.ensure(check=check)
        self._packages.ensure(check=check)
        before = (self._ledger.packages, self._ledger.accounts)
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
        return before != (self._ledger.packages, self._ledger.accounts)

    def _owners(self, kind: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for block in self._blocks:
            if kind == "packages":
                names = [package.name for package in block.packages]
            else:
                names = [f"{account.kind} {account.name}" for account in block.accounts]
            for name in names:
                found.setdefault(name, []).append(block.component)
        return found

    @property
    def lacking(self) -> dict[str, str]:
        """By component, why a package or an account of it is not there."""
        return {**self._accounts.failures, **self._packages.failures}

    @property
    def coming(self) -> frozenset[str]:
        """Components of which a package was not there when this began."""
        return frozenset(self._packages.coming)

    @property
    def accounts(self) -> set[str]:
        """`user NAME` and `group NAME` that exist by now, or in check mode would."""
        return self._accounts.names

    def results(self) -> dict[str, list[ResourceResult]]:
        """What was done, by component."""
        names = {*self._packages.results, *self._accounts.results}
        return {n: [*self._accounts.results.get(n, []), *self._packages.results.get(n, [])] for n in names}

    def prune(self, blocks: Collection[BlockResult], *, check: bool) -> None:
        """Removes packages that we installed and no component needs any more. Told with the component that had them."""
        results = {block.component: block for block in blocks}
        failed = {name for name, block in results.items() if block.outcome == FAILED}
        ours = {name for name, entry in self._ledger.packages.items() if entry["created"]}
        for name, components in self._unwanted.items():
            if failed & set(components):
                continue  # what could not be removed may still need it
            if name in ours:
                [result] = apt.remove([name], ours, check=check)
                block = next((results[c] for c in components if c in results), None)
                if block is not None:
                    block.resources.append(result)
                    if result.outcome == FAILED:
                        block.outcome, block.message = FAILED, f"package {name}: {result.note}"
                    elif result.outcome == CHANGED:
                        block.outcome = CHANGED
                if result.outcome == FAILED:
                    continue
            if not check:
                self._ledger.packages.pop(name, None)
