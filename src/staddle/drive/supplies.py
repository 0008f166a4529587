"""What a host can't get by itself and gets from the ADMIN node: packages, programs of a newer release, Staddle's engines.

Made from a host's facts before its manifest is compiled. What is sent is addressed by what is in it, and is sent only to
hosts that say that they don't have it. Which version of a newer release was chosen is kept in `programs.json` among the
ADMIN node's files, so that nobody has to look again, and nothing changes, until `staddle fleet fetch` is asked to.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from staddle.compile import components_on
from staddle.drive.facts import HostFacts, PackageFacts
from staddle.drive.system import KNOWN, available, lacking
from staddle.errors import ProgramError
from staddle.manifest.layout import EMBEDDED, Program
from staddle.pki.files import write_file
from staddle.programs.apt import Candidate
from staddle.programs.engine import engine_programs
from staddle.programs.offers import FRESH, Choice, Kind, Warehouse
from staddle.programs.shelf import cache_directory
from staddle.programs.sources import distribution

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from staddle.components.base import Package
    from staddle.inventory.fleet import Node
    from staddle.manifest.resources import Offers
    from staddle.programs.offers import Found
    from staddle.programs.shelf import Packed, Parcel

    Progress = Callable[[str], None]

CHOSEN = "programs.json"


@dataclass(slots=True)
class Supply:
    """For one host: programs that it gets, packages that it can have, the files to send for either, and what is amiss."""

    programs: dict[str, Program] = field(default_factory=dict)
    parcels: dict[str, Parcel] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    offers: Offers | None = None
    problems: list[str] = field(default_factory=list)

    def amend(self, facts: HostFacts) -> HostFacts:
        """The host's facts with the packages that it can have sent."""
        sent = {
            name: PackageFacts(known.installed if known else None, version)
            for name, version in self.versions.items()
            for known in (facts.packages.get(name),)
        }
        return replace(facts, packages={**facts.packages, **sent})


class Supplier:
    """Supplies all hosts of a run. `admin` is the directory of the ADMIN node's files."""

    def __init__(self, admin: Path, progress: Progress) -> None:
        self._chosen = admin / CHOSEN
        self._progress = progress
        self._found: dict[tuple[Any, ...], Found] = {}

    def supply(self, node: Node, facts: HostFacts, status: bytes | None, *, age: float = FRESH) -> Supply:
        """What the node's components need and the host can't get. A program that can't be had says why (`lacking`).

        `status` is what dpkg knows there, if that was asked for; `age` how old package lists may be, in seconds.
        """
        facts = without_sources(node, facts)
        found = Supply()
        missing = missing_packages(node, facts)
        if missing:
            self._packages(node, facts, missing, status, found, age)
        self._engines(node, found.amend(facts), found)
        return found

    def _packages(
        self, node: Node, facts: HostFacts, missing: list[Package], status: bytes | None, found: Supply, age: float
    ) -> None:
        kind = Kind(facts.codename, facts.arch)
        warehouse = Warehouse(kind, cache_directory(), self._progress)
        chosen = chosen_before(self._chosen, kind) if age else {}
        for package in [package for package in missing if package.name in chosen]:
            try:
                programs, packed = warehouse.programs(package, chosen[package.name])
            except ProgramError:
                continue  # that version is gone: another is looked for
            missing.remove(package)
            found.programs.update(programs)
            found.parcels[packed.sha256] = packed.parcel
        if not missing or status is None:
            return
        here = distribution()
        if facts.os_id != here:
            found.problems.append(f"it is a {here or 'system without a name'}, and the host is a {facts.os_id}")
            return
        only = node.params.node_package_source == "admin"
        key = (kind, hashlib.sha256(status).digest(), only, tuple(package.name for package in missing))
        if key not in self._found:
            self._found[key] = warehouse.find(missing, status, only=only, age=age)
        got = self._found[key]
        found.programs.update(got.programs)
        found.parcels.update(got.parcels)
        found.versions, found.offers, found.problems = got.versions, got.offers, got.problems
        if got.chosen:
            _choose(self._chosen, kind, got.chosen)

    def _engines(self, node: Node, facts: HostFacts, found: Supply) -> None:
        there = available(facts)
        wanted = {name for component in components_on(node) for name in component.engines_on(node, there)}
        if not wanted:
            return
        try:
            programs, packed = _engines(facts.python, facts.arch, self._progress)
        except ProgramError as error:
            reason = f"{error.message} ({error.hint})" if error.hint else error.message
            found.programs.update({name: Program("", "", EMBEDDED, lacking=reason) for name in wanted})
        else:
            found.programs.update({name: programs[name] for name in sorted(wanted) if name in programs})
            found.parcels[packed.sha256] = packed.parcel


def missing_packages(node: Node, facts: HostFacts) -> list[Package]:
    """Those that the ADMIN node is to get for the host, if it can: none with `node_package_source: host`."""
    if node.params.node_package_source == "host":
        return []
    return list(lacking(node, without_sources(node, facts)))


def without_sources(node: Node, facts: HostFacts) -> HostFacts:
    """The facts as if the host had no package sources, with `node_package_source: admin`."""
    if node.params.node_package_source != "admin" or facts.os_id not in KNOWN:
        return facts
    packages = {name: PackageFacts(known.installed, None) for name, known in facts.packages.items()}
    return replace(facts, packages=packages)


def needs_status(node: Node, facts: HostFacts, admin: Path) -> bool:
    """Whether what dpkg knows there has to be asked for, before packages can be looked for here."""
    chosen = chosen_before(admin / CHOSEN, Kind(facts.codename, facts.arch))
    return any(package.name not in chosen for package in missing_packages(node, facts))


def unpack_status(reply: Mapping[str, Any] | None) -> bytes | None:
    """What dpkg knows on a host, out of its reply."""
    return None if reply is None else gzip.decompress(base64.b64decode(reply["status"]))


def chosen_before(record: Path, kind: Kind) -> dict[str, Choice]:
    """The programs of newer releases that were chosen for hosts of this kind, by package."""
    try:
        data = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    of_kind = data.get(str(kind), {}).items()
    return {name: Choice(Candidate(name, i["version"], i["suite"]), tuple(i["needs"])) for name, i in of_kind}


def _choose(record: Path, kind: Kind, chosen: Mapping[str, Choice]) -> None:
    try:
        data = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        data = {}
    of_kind = data.setdefault(str(kind), {})
    for name, choice in chosen.items():
        candidate = choice.candidate
        of_kind[name] = {"version": candidate.version, "suite": candidate.suite, "needs": list(choice.needs)}
    write_file(record, json.dumps(data, indent=1, sort_keys=True).encode() + b"\n", 0o600)


@cache
def _engines(python: str, arch: str, progress: Progress) -> tuple[dict[str, Program], Packed]:
    return engine_programs(python, arch, cache_directory(), progress)
