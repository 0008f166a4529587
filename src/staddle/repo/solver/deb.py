"""Debian's packages before libsolv.

libsolv's wheel compares versions as RPM does and lets any provider satisfy any version. Both are got around by encoding:
a version is handed over as its rank among all versions there are, and something provided without a version goes by a
name of its own, which only relations without a version ask for. So Debian's rules hold exactly.

Only what can be reached from the wishes is handed over: some thousand packages of a hundred thousand.
"""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import solv

from staddle.repo.solver import relations
from staddle.repo.solver.relations import Relation
from staddle.repo.solver.report import ResolutionError, Trouble, Wish, near_names
from staddle.repo.solver.solve import Universe, solve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from staddle.repo.metadata.deb import Packages, Stanza
    from staddle.repo.model import PackageRecord, Target

_FLAGS = {"<<": solv.REL_LT, "<=": solv.REL_LT | solv.REL_EQ, "=": solv.REL_EQ, ">=": solv.REL_GT | solv.REL_EQ,
          ">>": solv.REL_GT}  # fmt: skip
_NOT_AUTOMATIC = -100
_NEEDS, _REFUSES = ("Pre-Depends", "Depends"), ("Conflicts", "Breaks")


def resolve(
    target: Target, sources: Sequence[Packages], wishes: Sequence[Wish], keep: Mapping[str, str]
) -> list[PackageRecord]:
    """The packages that grant the wishes, with all they need. Raises ResolutionError with all troubles.

    `keep` are versions that stay as they are, as long as that is possible.
    """
    if keep:
        try:
            return solve(DebUniverse(target, Catalog(sources, target.package_arch, keep), wishes), wishes)
        except ResolutionError:
            pass  # perhaps because of what was kept
    return solve(DebUniverse(target, Catalog(sources, target.package_arch, {}), wishes), wishes)


@dataclass(frozen=True, slots=True)
class Item:
    """A stanza with its relations understood."""

    stanza: Stanza
    needs: tuple[tuple[Relation, ...], ...]
    refuses: tuple[Relation, ...]
    provides: tuple[Relation, ...]


class Catalog:
    """The packages of all upstreams, by name and by what they provide."""

    def __init__(self, sources: Sequence[Packages], arch: str, keep: Mapping[str, str]) -> None:
        self.sources, self.arch, self._keep = sources, arch, keep
        self._items: dict[tuple[int, int], Item | None] = {}
        self._named: dict[str, list[Item]] = {}
        self._providing: dict[str, list[Item]] = {}

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(name for source in self.sources for name in source.places)

    def named(self, name: str) -> list[Item]:
        """Its versions; a version that several upstreams have is the first one's."""
        if name not in self._named:
            items = self._understood(stanza for source in self.sources for stanza in source.named(name))
            versions = {item.stanza.version: item for item in reversed(items)}
            kept = versions.get(self._keep.get(name, ""))
            self._named[name] = [kept] if kept else list(versions.values())[::-1]
        return self._named[name]

    def providing(self, name: str) -> list[Item]:
        """The packages, of other names, that provide it."""
        if name not in self._providing:
            items = self._understood(stanza for source in self.sources for stanza in source.providing(name))
            kept = [item for item in items if item in self.named(item.stanza.name)]
            self._providing[name] = list(dict.fromkeys(kept))
        return self._providing[name]

    def _understood(self, stanzas: Iterable[Stanza]) -> list[Item]:
        items = (self._item(stanza) for stanza in stanzas)
        return [item for item in items if item is not None]

    def _item(self, stanza: Stanza) -> Item | None:
        key = (id(stanza.packages), stanza.number)
        if key not in self._items:
            fields, upstream = stanza.fields, stanza.packages.upstream
            excluded = any(fnmatch.fnmatchcase(stanza.name, pattern) for pattern in upstream.exclude)
            usable = fields.get("Architecture", "all") in {self.arch, "all"} and not excluded
            self._items[key] = Item(
                stanza,
                tuple(group for name in _NEEDS for group in self._groups(fields.get(name, ""))),
                tuple(group[0] for name in _REFUSES for group in self._groups(fields.get(name, ""))),
                tuple(group[0] for group in relations.parse(fields.get("Provides", ""))),
            ) if usable else None  # fmt: skip
        return self._items[key]

    def _groups(self, text: str) -> Iterator[tuple[Relation, ...]]:
        """Relations to packages of other architectures can't be satisfied, and never conflict."""
        for group in relations.parse(text) if text else ():
            own = tuple(relation for relation in group if relation.arch in {"", "any", "native", "all", self.arch})
            if own:
                yield own
            elif group:
                yield (Relation(f"{group[0].name}:{group[0].arch}"),)


class DebUniverse(Universe):
    """What can be reached from some wishes, encoded for libsolv."""

    def __init__(self, target: Target, catalog: Catalog, wishes: Sequence[Wish]) -> None:
        self.target, self._catalog = target, catalog
        self.pool = solv.Pool()
        self._texts: dict[int, tuple[Relation, ...]] = {}
        self._ids: dict[int, Item] = {}
        self._of: dict[str, list[tuple[Item, int]]] = {}
        items = self._reach(wishes)
        self._virtual = {relation.name for item in items for relation in item.provides if not relation.op}
        self._ranks = relations.ranks(
            {item.stanza.version for item in items}
            | {relation.version for item in items for relation in (*item.provides, *item.refuses) if relation.op}
            | {relation.version for item in items for group in item.needs for relation in group if relation.op}
        )
        self._fill(items)

    def find(self, wish: Wish) -> list[list[int]] | Trouble:
        names = self._expand(wish)
        if not names:
            providers = [id_ for item in self._catalog.providing(wish.name) if not wish.op for id_ in self._id(item)]
            if providers:
                return [providers]
            near = near_names(wish.name, self._catalog.names)
            return Trouble("unknown", wish.name, "is in no upstream", wish.source, near)
        choices = []
        for name in names:
            choice = [id_ for item, id_ in self._of.get(name, ()) if _fits(item.stanza.version, wish)]
            if not choice:
                known = ", ".join(item.stanza.version for item in self._catalog.named(name)[:5])
                return Trouble("version", str(wish), f"is there as {known or 'nothing for this architecture'}",
                               wish.source)  # fmt: skip
            choices.append(choice)
        return choices

    def preferred(self) -> list[int]:
        """Of alternatives, the first that there is, as apt does it; rather a package than what provides it.

        The one that most packages name first comes last, which is where libsolv looks first.
        """
        counted: Counter[int] = Counter()
        for item in self._ids.values():
            for group in item.needs:
                first = next((self._of[relation.name] for relation in group if relation.name in self._of), [])
                if first and (len(group) > 1 or self._catalog.providing(group[0].name)):
                    counted[max(first, key=lambda one: self._ranks[one[0].stanza.version])[1]] += 1
        return [id_ for id_, _ in reversed(counted.most_common())]

    def record(self, solvable: int) -> PackageRecord:
        return self._ids[solvable].stanza.record()

    def name(self, solvable: int) -> str:
        stanza = self._ids[solvable].stanza
        return f"{stanza.name} {stanza.version}"

    def dependency(self, dependency: int) -> str:
        return " | ".join(str(relation) for relation in self._texts.get(dependency, ()))

    def near(self, dependency: int) -> tuple[str, ...]:
        group = self._texts.get(dependency, ())
        there = [f"{name} {item.stanza.version}" for name in (relation.name for relation in group)
                 for item in self._catalog.named(name)]  # fmt: skip
        return tuple(there[:3])

    def _expand(self, wish: Wish) -> list[str]:
        if not re.search(r"[*?\[]", wish.name):
            return [wish.name] if wish.name in self._catalog.names else []
        return sorted(fnmatch.filter(self._catalog.names, wish.name))

    def _reach(self, wishes: Sequence[Wish]) -> list[Item]:
        seen: dict[Item, None] = {}
        waiting = [name for wish in wishes for name in (self._expand(wish) or [wish.name])]
        known = set(waiting)
        while waiting:
            name = waiting.pop()
            for item in [*self._catalog.named(name), *self._catalog.providing(name)]:
                if item in seen:
                    continue
                seen[item] = None
                for group in item.needs:
                    fresh = {relation.name for relation in group} - known
                    known |= fresh
                    waiting += sorted(fresh)
        return sorted(seen, key=lambda item: (item.stanza.name, item.stanza.packages.upstream.name, item.stanza.number))

    def _fill(self, items: Sequence[Item]) -> None:
        repos: dict[int, solv.Repo] = {}
        for item in items:
            source = item.stanza.packages
            if id(source) not in repos:
                repo = repos[id(source)] = self.pool.add_repo(source.upstream.name)
                repo.priority = source.upstream.priority + (0 if source.automatic else _NOT_AUTOMATIC)
            one = repos[id(source)].add_solvable()
            one.name, one.evr, one.arch = item.stanza.name, self._rank(item.stanza.version), "noarch"
            self._ids[one.id] = item
            self._of.setdefault(item.stanza.name, []).append((item, one.id))
            one.add_provides(self._dep(Relation(item.stanza.name, "=", item.stanza.version)))
            for relation in item.provides:
                one.add_provides(self._dep(relation) if relation.op else self.pool.Dep(f"virtual {relation.name}"))
            for group in item.needs:
                one.add_requires(self._any(group))
            for relation in item.refuses:
                one.add_conflicts(self._any((relation,)))
        self.pool.createwhatprovides()

    def _any(self, group: tuple[Relation, ...]) -> solv.Dep:
        deps = [dep for relation in group for dep in self._both(relation)]
        whole = deps[-1]
        for dep in reversed(deps[:-1]):
            whole = dep.Rel(solv.REL_OR, whole)
        self._texts.setdefault(whole.id, group)
        return whole

    def _both(self, relation: Relation) -> list[solv.Dep]:
        """The package itself, and whatever provides it without a version."""
        virtual = not relation.op and relation.name in self._virtual
        return [self._dep(relation), *([self.pool.Dep(f"virtual {relation.name}")] if virtual else [])]

    def _dep(self, relation: Relation) -> solv.Dep:
        dep = self.pool.Dep(relation.name)
        return dep.Rel(_FLAGS[relation.op], self.pool.Dep(self._rank(relation.version))) if relation.op else dep

    def _rank(self, version: str) -> str:
        return str(self._ranks[version])

    def _id(self, wanted: Item) -> list[int]:
        return [id_ for item, id_ in self._of.get(wanted.stanza.name, ()) if item is wanted]


def _fits(version: str, wish: Wish) -> bool:
    if not wish.op:
        return True
    if wish.op == "=" and "*" in wish.version:
        return fnmatch.fnmatchcase(version, wish.version)
    if wish.op == "=" and "-" not in wish.version and version.rpartition("-")[0] == wish.version:
        return True  # without a Debian revision: any will do
    difference = relations.compare(version, wish.version)
    return {"<<": difference < 0, "<=": difference <= 0, "=": difference == 0, ">=": difference >= 0,
            ">>": difference > 0}[wish.op]  # fmt: skip
