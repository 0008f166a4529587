"""The solver: libsolv over a universe of packages, and its answers in words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

import solv

from staddle.repo.solver.report import ResolutionError, Trouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.repo.model import PackageRecord, Target
    from staddle.repo.solver.report import Wish


class Universe(ABC):
    """All packages that a target may have, put before libsolv."""

    target: Target
    pool: solv.Pool

    @abstractmethod
    def find(self, wish: Wish) -> list[list[int]] | Trouble:
        """What would grant a wish: for each package, the ids of those of which one is to be taken. Or why nothing would."""

    @abstractmethod
    def preferred(self) -> list[int]:
        """What is to be taken where there is a choice."""

    @abstractmethod
    def record(self, solvable: int) -> PackageRecord:
        """The package with this id."""

    @abstractmethod
    def name(self, solvable: int) -> str:
        """What people call it: name and version."""

    @abstractmethod
    def dependency(self, dependency: int) -> str:
        """A dependency in its own words."""

    @abstractmethod
    def near(self, dependency: int) -> tuple[str, ...]:
        """What there is instead of a dependency that nothing provides."""


def solve(universe: Universe, wishes: Sequence[Wish]) -> list[PackageRecord]:
    """The packages that grant all wishes, with all they need, sorted by name. Raises ResolutionError with all troubles.

    What is unknown doesn't hide what conflicts: the rest is tried without it.
    """
    troubles: list[Trouble] = []
    asked: dict[tuple[int, ...], Wish] = {}
    for wish in wishes:
        found = universe.find(wish)
        if isinstance(found, Trouble):
            troubles += [] if wish.optional else [found]
        else:
            asked.update({tuple(choice): asked.get(tuple(choice), wish) for choice in found})
    pool = universe.pool
    jobs = [_install(pool, choice) for choice in asked]
    favor = solv.Job.SOLVER_FAVOR | solv.Job.SOLVER_SOLVABLE
    favors = [pool.Job(favor, one) for one in universe.preferred()]
    solver = pool.Solver()
    solver.set_flag(solv.Solver.SOLVER_FLAG_IGNORE_RECOMMENDED, 1)
    problems = solver.solve([*jobs, *favors])
    for problem in problems:
        trouble = _explain(universe, problem, asked)
        if trouble not in troubles:
            troubles.append(trouble)
    if troubles:
        raise ResolutionError([replace(trouble, target=universe.target.key) for trouble in troubles])
    chosen = solver.transaction().newsolvables()
    return sorted((universe.record(one.id) for one in chosen), key=lambda record: (record.name, record.version))


def _install(pool: solv.Pool, choice: Sequence[int]) -> solv.Job:
    if len(choice) == 1:
        return pool.Job(solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE, choice[0])
    flags = solv.Job.SOLVER_INSTALL | solv.Job.SOLVER_SOLVABLE_ONE_OF
    return pool.Job(flags, pool.towhatprovides(list(choice)))


def _explain(universe: Universe, problem: solv.Problem, asked: dict[tuple[int, ...], Wish]) -> Trouble:
    """A problem as a chain: what was asked for, what that needs, and where it ends."""
    infos = [info for rule in problem.findallproblemrules() for info in rule.allinfos()]
    rule = solv.Solver
    widest_first = sorted(asked.items(), key=lambda item: -len(item[0]))
    by_id = {id_: wish for choice, wish in widest_first for id_ in choice}
    lines: dict[object, str] = {}
    near: tuple[str, ...] = ()
    broken = False
    for info in infos:
        this = universe.name(info.solvable.id) if info.solvable else ""
        other = universe.name(info.othersolvable.id) if info.othersolvable else ""
        dependency = universe.dependency(info.dep_id) if info.dep_id else ""
        if info.type == rule.SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP:
            broken, near = True, universe.near(info.dep_id)
            lines[this, dependency] = f"{this} needs {dependency}, which no upstream has"
        elif info.type == rule.SOLVER_RULE_PKG_CONFLICTS:
            lines.setdefault(_pair(this, other), f"{this} does not go together with {other} (it says: {dependency})")
        elif info.type == rule.SOLVER_RULE_PKG_SAME_NAME:
            lines.setdefault(_pair(this, other), f"only one of {this} and {other} can be installed")
        elif info.type in {rule.SOLVER_RULE_PKG_OBSOLETES, rule.SOLVER_RULE_PKG_IMPLICIT_OBSOLETES}:
            lines.setdefault(_pair(this, other), f"{this} replaces {other}")
        elif info.type == rule.SOLVER_RULE_PKG_REQUIRES:
            lines[this, dependency] = f"{this} needs {dependency}"
        elif info.type == rule.SOLVER_RULE_PKG_NOT_INSTALLABLE:
            broken = True
            lines[this] = f"{this} is not for this architecture"
    involved = {info.solvable.id for info in infos if info.solvable}
    involved |= {info.othersolvable.id for info in infos if info.othersolvable}
    wishes = list(dict.fromkeys(by_id[id_] for id_ in sorted(involved) if id_ in by_id))
    what = ", ".join(str(wish) for wish in wishes) or next(iter(lines.values()), "?").split(" ")[0]
    message = ("can't be installed: it needs what no upstream has" if broken
               else "can't be installed together" if len(wishes) > 1 else "can't be installed")  # fmt: skip
    sources = ", ".join(dict.fromkeys(wish.source for wish in wishes if wish.source))
    return Trouble("broken" if broken else "conflict", what, message, sources, near,
                   tuple(lines.values()))  # fmt: skip


def _pair(one: str, other: str) -> frozenset[str]:
    """Two packages, whichever version they have: that all versions conflict is one thing to say."""
    return frozenset((one.split(" ", maxsplit=1)[0], other.split(" ", maxsplit=1)[0]))
