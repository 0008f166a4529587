"""Packages for hosts whose own apt doesn't have them: found and fetched by this machine's, for the host's release.

What a host lacks is first looked for in its own release, and is installed there then, with all that it brings. A program that
its release has in too old a version is taken from a newer one: unpacked here, sent as a tree, and run from there.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from staddle.errors import ProgramError
from staddle.manifest.layout import Program
from staddle.manifest.resources import Offers, Tree
from staddle.programs.apt import Apt, Candidate, Target
from staddle.programs.provision import at_least, unpack
from staddle.programs.shelf import Packed, Parcel, Shelf, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from staddle.components.base import Package

ROOT = "/opt/staddle"
FRESH = 3600.0
"""Package lists that are younger than that are not asked for again."""
_FORMAT = 1
_LEFT_OUT = ("etc", "lib/systemd", "usr/lib/systemd", "var", "usr/share/doc", "usr/share/man", "usr/share/lintian")


@dataclass(frozen=True, slots=True)
class Kind:
    """A release and an architecture: hosts that are alike as far as packages go."""

    codename: str
    architecture: str

    def __str__(self) -> str:
        return f"{self.codename}-{self.architecture}"


@dataclass(frozen=True, slots=True)
class Choice:
    """A package of a newer release, and what of the host's own release its programs need there."""

    candidate: Candidate
    needs: tuple[str, ...]


@dataclass(slots=True)
class Found:
    """What this machine could get of what a host lacks: packages to install there, and programs to send."""

    versions: dict[str, str] = field(default_factory=dict)
    offers: Offers | None = None
    programs: dict[str, Program] = field(default_factory=dict)
    parcels: dict[str, Parcel] = field(default_factory=dict)
    chosen: dict[str, Choice] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class Warehouse:
    """What the apt and the cache of this machine have for hosts of one kind."""

    def __init__(self, kind: Kind, cache_directory: Path, progress: Callable[[str], None]) -> None:
        self._kind = kind
        self._cache = cache_directory
        self._progress = progress
        self._shelf = Shelf(cache_directory / "trees")

    def find(self, lacking: Sequence[Package], status: bytes, *, only: bool, age: float = FRESH) -> Found:
        """What can be had of `lacking` for a host with this dpkg status. Never raises: see `problems`.

        `only`: the host shall not use sources of its own for these. `age`: how old package lists may be, in seconds.
        """
        found = Found()
        home = self._home()
        with locked(home / "lock"):
            try:
                (home / "status").write_bytes(status)
                apt = self._apt()
                self._progress(f"looking for packages of {self._kind.codename}")
                apt.refresh("host", age)
                offered = apt.candidates([package.name for package in lacking], "host")
            except ProgramError as error:
                found.problems.append(_say(error))
                return found
            good = [p for p in lacking if p.name in offered and at_least(offered[p.name].version, p.minimum)]
            for package in (package for package in lacking if package not in good and package.programs):
                try:
                    self._newer(apt, package, found, age)
                except ProgramError as error:
                    found.problems.append(_say(error))
            needed = {name for choice in found.chosen.values() for name in choice.needs}
            try:
                self._offer(apt, sorted({package.name for package in good} | needed), found, only=only)
            except ProgramError as error:
                found.problems.append(_say(error))
        return found

    def programs(self, package: Package, choice: Choice) -> tuple[dict[str, Program], Packed]:
        """Its programs out of a tree, from the shelf if it was packed before. Raises ProgramError."""
        candidate = choice.candidate
        packed = self._shelf.get(self._key(package, candidate))
        if packed is None:
            (self._home() / "status").touch()
            packed = self._pack(self._apt(), package, candidate)
        version = re.sub(r"[^\w.+-]", "_", candidate.version)
        path = f"{ROOT}/{package.name}/{version}-{packed.sha256[:8]}"
        weight = f"{packed.unpacked / 1e6:.0f} MB, {packed.parcel.size / 1e6:.0f} MB to send"
        origin = f"{package.name} {candidate.version} of {candidate.suite} from the ADMIN node, {weight}"
        tree = Tree(path, packed.sha256, origin)
        programs = {
            name: Program(
                f"{path}{place}",
                candidate.version,
                candidate.suite,
                home=path,
                web_ui=package.web_ui,
                tree=tree,
                needs=choice.needs,
            )
            for name, place in package.programs.items()
        }
        return programs, packed

    def _home(self) -> Path:
        home = self._cache / "apt" / "hosts" / str(self._kind)
        home.mkdir(parents=True, exist_ok=True)
        return home

    def _apt(self) -> Apt:
        home = self._home()
        return Apt(home, Target(self._kind.codename, self._kind.architecture, home / "status"))

    def _offer(self, apt: Apt, names: list[str], found: Found, *, only: bool) -> None:
        solution = apt.solution(names) if names else []
        if not solution:
            return
        stanzas = apt.stanzas(solution)
        files = apt.download(solution, lambda percent, _: self._progress(f"fetching packages: {percent:.0f} %"))
        known: dict[str, str] = {}
        for candidate, file in zip(solution, files, strict=True):
            match = re.search(r"^SHA256: (\w+)$", stanzas.get(candidate.package, ""), re.MULTILINE)
            if match is None:
                raise ProgramError(f"apt says no SHA-256 of {candidate.package} {candidate.version}")
            known[candidate.package] = match[1]
            found.parcels[match[1]] = Parcel(match[1], str(file), file.stat().st_size, match[1])
        found.versions.update({candidate.package: candidate.version for candidate in solution})
        found.offers = Offers("\n".join(stanzas[name] for name in sorted(known)), dict(sorted(known.items())), only)

    def _newer(self, apt: Apt, package: Package, found: Found, age: float) -> None:
        for suite in apt.suites[1:]:
            self._progress(f"looking for {package.name} in {suite}")
            apt.refresh(suite, age)
            candidate = apt.candidates([package.name], suite).get(package.name)
            if candidate is None or not at_least(candidate.version, package.minimum):
                continue
            needs = tuple(name for name in apt.dependencies(candidate) if name.startswith("lib") and name != "libc6")
            choice = Choice(candidate, needs)
            if self._shelf.get(self._key(package, candidate)) is None:
                self._pack(apt, package, candidate)
            programs, packed = self.programs(package, choice)
            found.programs.update(programs)
            found.parcels[packed.sha256] = packed.parcel
            found.chosen[package.name] = choice
            return

    def _pack(self, apt: Apt, package: Package, candidate: Candidate) -> Packed:
        self._progress(f"fetching {candidate.package} {candidate.version} of {candidate.suite}")
        [archive] = apt.download([candidate], lambda _percent, _text: None)

        def fill(tree: Path) -> None:
            unpack(archive, tree, package.relocate)
            for name in _LEFT_OUT:
                shutil.rmtree(tree / name, ignore_errors=True)
            # Some packages bring many programs more than those that anybody runs here.
            wanted = set(package.programs.values())
            for program in (path for path in tree.glob("usr/*bin/*") if f"/{path.relative_to(tree)}" not in wanted):
                program.unlink()

        return self._shelf.make(self._key(package, candidate), fill)

    def _key(self, package: Package, candidate: Candidate) -> str:
        parts = [_FORMAT, str(self._kind), package.name, candidate.version, sorted(package.relocate.items()), _LEFT_OUT]
        parts.append(sorted(package.programs.values()))
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _say(error: ProgramError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message
