"""From a host's facts to its layout: which programs its packages give, where they are, and what can't be had there.

Nothing is asked here: facts come from `converge.pyz --facts --packages …`, with the names of `wanted_packages`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from staddle.compile import packages_on
from staddle.components.registry import all_components
from staddle.manifest.layout import Layout, Program, System, release_of
from staddle.manifest.resources import Manager

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from staddle.components.base import Package
    from staddle.drive.facts import HostFacts, PackageFacts
    from staddle.inventory.fleet import Node


KNOWN = frozenset({"debian", "ubuntu"})
"""Distributions whose packages Staddle knows the names of."""


def wanted_packages(node: Node | None = None) -> tuple[str, ...]:
    """The names of all packages that any component may ask for, on any host or on this one: what to look up there."""
    packages = [package for component in all_components() for package in component.packages]
    packages += packages_on(node) if node else []
    return tuple(sorted({package.name for package in packages}))


def available(facts: HostFacts) -> frozenset[str]:
    """The packages that the host has, or could install, in a version that will do."""
    return frozenset(p.name for p in _known_packages() if _version(p, facts.packages.get(p.name)) is not None)


def system_layout(facts: HostFacts, supplied: Mapping[str, Program] | None = None) -> Layout:
    """The layout of a host run by systemd. It has every program that the host's packages give, or would if installed,
    and those that are `supplied` by the ADMIN node.
    """
    programs: dict[str, Program] = {}
    for package in _known_packages():
        version = _version(package, facts.packages.get(package.name))
        if version is None:
            continue
        for name, path in package.programs.items():
            origin = facts.codename or facts.os_id
            programs[name] = Program(path, version, origin, web_ui=package.web_ui)
    return Layout(
        kind="system",
        manager=Manager("systemd"),
        programs={**programs, **(supplied or {})},
        clock=facts.clock,
        features=facts.features,
        nameservers=facts.nameservers,
        search=facts.search,
        system=System(
            os_id=facts.os_id,
            version_id=facts.version_id,
            codename=facts.codename,
            arch=facts.arch,
            memory=facts.memory,
            huge_page=facts.huge_page,
            candidates={
                name: version for name, p in sorted(facts.packages.items()) if (version := p.candidate or p.installed)
            },
            sources=facts.sources,
        ),
    )


def unavailable(node: Node, facts: HostFacts, supplied: Container[str] = ()) -> list[str]:
    """The enabled components that can't run on the host because their packages can't be had there, in words.

    One without which its component is merely left out (`optional`) is told, too. Programs that are `supplied` by the ADMIN
    node need no package.
    """
    if facts.os_id and facts.os_id not in KNOWN:
        return [f"all of it: {facts.os_id} {facts.version_id} is not a system that Staddle knows the packages of"]
    found: dict[str, list[str]] = {}
    for component in all_components():
        if not component.enabled(node):
            continue
        missing = [p for p in component.packages_on(node) if _version(p, facts.packages.get(p.name)) is None]
        missing = [p for p in missing if not p.programs or not all(name in supplied for name in p.programs)]
        if component.dispensable or component.engines_on(node, frozenset()):
            missing = [package for package in missing if not package.optional]
        # What can be done without is only missed where there is nothing else.
        if any(package.optional for package in missing) and len(component.packages_on(node)) > len(missing):
            missing = [package for package in missing if not package.optional]
        for package in missing:
            reason = _reason(package, facts.packages.get(package.name), facts)
            found.setdefault(reason, []).append(component.name)
    return [f"{', '.join(components)}: {reason}" for reason, components in found.items()]


def lacking(node: Node, facts: HostFacts) -> tuple[Package, ...]:
    """The packages that the node's components can't do without, and that the host can't get in a version that will do."""
    if facts.os_id not in KNOWN:
        return ()
    packages = [package for package in packages_on(node) if not package.optional]
    return tuple(p for p in packages if _version(p, facts.packages.get(p.name)) is None)


@cache
def _known_packages() -> tuple[Package, ...]:
    return tuple({package.name: package for c in all_components() for package in c.packages}.values())


def _version(package: Package, known: PackageFacts | None) -> str | None:
    """The version that will be on the host: what is installed if it will do, else what would be installed."""
    candidates: Iterable[str | None] = (known.installed, known.candidate) if known else ()
    return next((v for v in candidates if v is not None and _will_do(v, package.minimum)), None)


def _will_do(version: str, minimum: str) -> bool:
    """Not every version begins with a number (tzdata's are like 2026f): those can't be asked for."""
    return minimum == "0" or release_of(version) >= release_of(minimum)


def _reason(package: Package, known: PackageFacts | None, facts: HostFacts) -> str:
    where = " ".join(filter(None, (facts.os_id, facts.codename or facts.version_id))) or "this host"
    best = (known.candidate or known.installed) if known else None
    if best is None:
        return f"no package source of the host ({where}) has {package.name}"
    return f"{package.name} must be {package.minimum} or newer, and the newest that {where} has is {best}"
