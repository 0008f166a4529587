"""Filling the ADMIN node's cache with all that hosts may have to be sent, where there is a network; no host is asked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.drive.compilation import kept_status, loaded
from staddle.drive.facts import HostFacts
from staddle.drive.rundir import admin_directory
from staddle.drive.supplies import Supplier, unpack_status
from staddle.errors import FleetError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from staddle.inventory.fleet import Node

PYTHON = {"bookworm": "3.11", "trixie": "3.13"}
"""The releases that can be fetched for without having seen a host of them, and the Python that those have."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """For one host, or for hosts of a release that nobody has seen yet: what is in the cache now."""

    name: str
    files: int
    size: int
    programs: tuple[str, ...]
    problems: tuple[str, ...]


def fetch(inventory: Path, releases: Iterable[str], progress: Callable[[str], None]) -> list[Fetched]:
    """Fetch for every host as it was last seen, and for hosts of `releases` (`bookworm`, `trixie/arm64`) where none was.

    Newer versions of what was chosen earlier are looked for. Raises StaddleError if it is not known what for.
    """
    fleet = loaded(inventory).fleet
    admin = admin_directory(inventory)
    supplier = Supplier(admin, progress)
    bare = [_bare(release) for release in releases]
    found = []
    for node in fleet.nodes:
        for name, facts, status in _seen(node, admin, bare):
            got = supplier.supply(node, facts, status, age=0)
            problems = {program.lacking for program in got.programs.values() if program.lacking} | set(got.problems)
            programs = sorted({f"{p.tree.origin}" for p in got.programs.values() if p.tree})
            sizes = [parcel.size for parcel in got.parcels.values()]
            found.append(Fetched(name, len(sizes), sum(sizes), tuple(programs), tuple(sorted(problems))))
    if not found:
        raise FleetError(
            "no host of this inventory was ever asked what it is",
            hint="`staddle plan` does that; or say what hosts will be: --for bookworm --for trixie/arm64",
        )
    return found


def _seen(node: Node, admin: Path, bare: list[tuple[str, HostFacts]]) -> Iterator[tuple[str, HostFacts, bytes | None]]:
    try:
        facts = HostFacts.from_data(json.loads((admin / "facts" / f"{node.ip}.json").read_text(encoding="utf-8")))
    except OSError:
        # Without knowing what is there, all that may be needed: apt takes it that nothing is.
        yield from ((f"{node.ip} as {name}", facts, b"") for name, facts in bare)
        return
    try:
        status = unpack_status(json.loads(kept_status(admin, node.ip).read_text(encoding="utf-8")))
    except OSError:
        status = None
    yield node.ip, facts, status


def _bare(release: str) -> tuple[str, HostFacts]:
    codename, _, architecture = release.partition("/")
    if codename not in PYTHON:
        raise FleetError(f"{codename} is no release that can be fetched for", hint=f"there are {', '.join(PYTHON)}")
    python = PYTHON[codename]
    facts = HostFacts("debian", codename, "", architecture or "amd64", python, hostname="", packages={})
    return release, facts
