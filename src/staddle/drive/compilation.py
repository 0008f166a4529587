"""From the hosts' facts to the hosts' manifests, once per run, on the ADMIN node."""

from __future__ import annotations

import gc
import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from staddle.compile import compile_fleet, compile_node, components_on, contexts_of, packages_on
from staddle.components.base import Phase
from staddle.components.node_repo.sources import LOCAL
from staddle.components.registry import all_components
from staddle.components.repo import Repo
from staddle.drive.facts import HostFacts, PackageFacts
from staddle.drive.material import ensure_material
from staddle.drive.repository import packed
from staddle.drive.rundir import locked
from staddle.drive.supplies import Supplier, Supply, unpack_status
from staddle.drive.system import system_layout, unavailable
from staddle.errors import FleetError, StaddleError
from staddle.inventory import load_inventory
from staddle.inventory.proxy import environment
from staddle.manifest.canonical import digest, to_json
from staddle.manifest.layout import LOGS, STATE, Layout, Program
from staddle.manifest.resources import Manager
from staddle.pki.files import write_file
from staddle.programs.proxied import proxied

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set as AbstractSet
    from pathlib import Path

    from staddle.components.base import Context
    from staddle.components.material import Material
    from staddle.components.node_repo.sources import Source
    from staddle.drive.rundir import RunDirectory
    from staddle.inventory import Loaded
    from staddle.inventory.fleet import Fleet, Node
    from staddle.manifest.resources import Manifest
    from staddle.programs.shelf import Parcel

PHASES = tuple(phase.name.lower() for phase in Phase)
REGISTER = "register"
"""The tag of the components that are made of what nodes register."""
CERT = "cert"
"""The tag of the components that bring certificates."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a run compiled: by host its manifest's address and its components by phase, and what is worth telling."""

    digests: Mapping[str, str]
    notes: tuple[str, ...]
    warnings: Mapping[str, list[str]]

    def to_data(self) -> dict[str, Any]:
        return {"digests": dict(self.digests), "notes": list(self.notes), "warnings": dict(self.warnings)}


@cache
def loaded(inventory: Path) -> Loaded:
    """The inventory, read once per process. Ansible's workers inherit what its main process has read."""
    return load_inventory(inventory)


def compile_run(run: RunDirectory, inventory: Path, admin: Path) -> Compiled:
    """Compile the manifest of every host that has given its facts in this run, and put it there. Raises StaddleError.

    All nodes of the inventory take part: what the others register is in these hosts' files.
    """
    fleet = loaded(inventory).fleet
    with _garbage_left(), proxied(environment(fleet, fleet.infra[0])):
        return _compile_run(run, fleet, inventory, admin)


@contextmanager
def _garbage_left() -> Iterator[None]:
    """Next to nothing of what a compile makes is garbage before its end: looking for it is a tenth of the time."""
    thresholds = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def _compile_run(run: RunDirectory, fleet: Fleet, inventory: Path, admin: Path) -> Compiled:
    seen = set(run.hosts("facts"))
    facts = {node.ip: _facts(node.ip, run, admin) for node in fleet.nodes}
    supplier = Supplier(admin, _quiet)
    supplies = {node.ip: _supply(supplier, node, facts[node.ip], run, admin) for node in fleet.nodes}
    layouts = {node.ip: layout_of(node, facts[node.ip], supplies[node.ip]) for node in fleet.nodes}
    try:
        contexts = contexts_of(fleet, lambda node: layouts[node.ip])
    except KeyError as error:
        raise FleetError(f"no package gives a program that a component is set to run: {error}") from error
    with locked(admin):
        material, made = ensure_material(contexts, admin, inventory)
        material, repository = _with_trees(material, fleet, admin)
    sources, astray = _sources(fleet, facts)
    material = replace(material, sources=sources)
    manifests = compile_fleet(fleet, lambda node: layouts[node.ip], material)
    consumers = _consumers(fleet, contexts, manifests, material)
    digests: dict[str, str] = {}
    warnings: dict[str, list[str]] = {}
    for node in fleet.nodes:
        known = facts[node.ip]
        if node.ip in seen:
            ctx = contexts[node.ip]
            certified = {c.name for c in components_on(node) if c.uses_certificates or c.certificates(ctx)} | {"ca"}
            parcels = {**supplies[node.ip].parcels, **(repository if Repo().enabled(node) else {})}
            if parcels:
                run.put("parcels", node.ip, {n: asdict(p) for n, p in parcels.items()})
            digests[node.ip] = _publish(run, manifests[node.ip], {REGISTER: consumers, CERT: certified})
            reasons = _amiss(node, known, supplies[node.ip]) if known and scratch_root(node) is None else []
            if reasons := [*astray[node.ip], *reasons]:
                warnings[node.ip] = reasons
    return Compiled(digests, tuple(made), warnings)


def _sources(
    fleet: Fleet, facts: Mapping[str, HostFacts | None]
) -> tuple[dict[str, dict[str, tuple[Source, ...]]], dict[str, list[str]]]:
    """By host: what its packages come from beside our own repository, and what is wrong with that."""
    if all(set(node.params.node_repo_modules) <= {LOCAL} for node in fleet.nodes):
        return {node.ip: {} for node in fleet.nodes}, {node.ip: [] for node in fleet.nodes}
    from staddle.drive.upstreams import upstreams_of  # noqa: PLC0415 (it takes libraries that few need)

    return upstreams_of(fleet.nodes, facts)


def _with_trees(material: Material, fleet: Fleet, admin: Path) -> tuple[Material, dict[str, Parcel]]:
    """The repository as real hosts get it, and the files to be sent for it, if there is one to be served."""
    serving = [node for node in fleet.infra if Repo().enabled(node)]
    if material.repository is None or not serving:
        return material, {}
    repository, parcels = packed(admin, material.repository, serving[0].params.repo_name)
    return replace(material, repository=repository), {parcel.name: parcel for parcel in parcels}


def _amiss(node: Node, facts: HostFacts, supplied: Supply) -> list[str]:
    reasons = unavailable(node, supplied.amend(facts), supplied.programs)
    return [*reasons, *(f"this ADMIN node can't get it either: {problem}" for problem in supplied.problems)]


def _publish(run: RunDirectory, manifest: Manifest, tagged: Mapping[str, AbstractSet[str]]) -> str:
    canonical = to_json(manifest)
    run.write("manifest", manifest.node, canonical)
    phases: dict[str, list[str]] = {}
    for block in manifest.blocks:
        phases.setdefault(block.phase, []).append(block.component)
    run.put("index", manifest.node, {"phases": phases, **{tag: sorted(names) for tag, names in tagged.items()}})
    return digest(canonical)


def host_data(node: Node) -> dict[str, Any]:
    """Where things are on a host, as its converge program needs it when there is no manifest at hand."""
    layout = layout_of(node, None)
    manager = {"kind": layout.manager.kind, "socket": layout.manager.socket}
    return {
        "node": node.ip,
        "layout": layout.kind,
        "state": layout.at(STATE),
        "log_dir": layout.at(LOGS),
        "manager": manager,
    }


def data_roots(node: Node) -> list[str]:
    """Where a node's programs keep data."""
    layout = layout_of(node, None)
    return [layout.at(path) for path in (node.params.infra_data, node.params.nginx_data, LOGS)]


def scratch_root(node: Node) -> str | None:
    """For tests: a directory on the host that stands for its root, so that nothing else there is touched."""
    root = node.connection.get("ansible_staddle_root")
    return str(root) if root else None


def _supply(supplier: Supplier, node: Node, facts: HostFacts | None, run: RunDirectory, admin: Path) -> Supply:
    if facts is None or scratch_root(node) is not None:
        return Supply()
    asked = run.get("dpkg", node.ip)
    if asked is not None:
        # Kept for later: `staddle fleet fetch` may run where there is a network, and hosts can't be reached.
        write_file(kept_status(admin, node.ip), json.dumps(asked).encode(), 0o600)
    return supplier.supply(node, facts, unpack_status(asked))


def kept_status(admin: Path, ip: str) -> Path:
    """Where it is kept what dpkg last knew on a host that lacked packages."""
    return admin / "facts" / f"{ip}.dpkg"


def _quiet(text: str) -> None:
    del text


def layout_of(node: Node, facts: HostFacts | None, supplied: Supply | None = None) -> Layout:
    """A host's layout, with a program for everything that its components need.

    What the host can't have is in it all the same, so that the others' manifests can be compiled; to get it is then
    what fails there. The same goes for a host that nobody has seen yet.
    """
    assumed = {
        name: Program(path, package.minimum, "assumed", web_ui=package.web_ui)
        for package in packages_on(node)
        if not package.optional
        for name, path in package.programs.items()
    }
    root = scratch_root(node)
    if root is not None:
        return Layout("sandbox", Manager("supervisor", f"{root}/run/supervisor.sock"), root, assumed, user="root")
    supplied = supplied or Supply()
    layout = system_layout(supplied.amend(facts or _nothing_known()), supplied.programs)
    return replace(layout, programs={**assumed, **layout.programs}, offers=supplied.offers)


def select(index: Mapping[str, Any], tags: list[str], skipped: list[str]) -> dict[str, list[str]]:
    """A host's components by phase, as `--tags` and `--skip-tags` want them: names of components or phases.

    `register` stands for the components that are made of what nodes register, `cert` for those with certificates.
    """
    phases: dict[str, list[str]] = index["phases"]

    def named(component: str, phase: str, names: list[str]) -> bool:
        grouped = any(tag in names and component in index[tag] for tag in (REGISTER, CERT))
        return component in names or phase in names or grouped

    everything = not tags or bool({"all", "tagged"} & set(tags))
    return {
        phase: [
            name for name in components if (everything or named(name, phase, tags)) and not named(name, phase, skipped)
        ]
        for phase, components in phases.items()
    }


def known_tags() -> set[str]:
    """Every tag that means something."""
    return {component.name for component in all_components()} | {*PHASES, REGISTER, CERT, "all", "tagged", "always"}


def _facts(ip: str, run: RunDirectory, admin: Path) -> HostFacts | None:
    """Those of this run, which are kept for later; else those of an earlier one."""
    kept = admin / "facts" / f"{ip}.json"
    data = run.get("facts", ip)
    if data is not None:
        content = json.dumps(data, indent=1, sort_keys=True).encode() + b"\n"
        if not kept.exists() or kept.read_bytes() != content:
            write_file(kept, content, 0o600)
        return HostFacts.from_data(data)
    try:
        return HostFacts.from_data(json.loads(kept.read_text(encoding="utf-8")))
    except (OSError, ValueError, StaddleError):
        return None


def _nothing_known() -> HostFacts:
    packages: dict[str, PackageFacts] = {}
    return HostFacts(os_id="", codename="", version_id="", arch="", python="", hostname="", packages=packages)


def _consumers(
    fleet: Fleet, contexts: Mapping[str, Context], manifests: Mapping[str, Manifest], material: Material
) -> frozenset[str]:
    """The components that are made of the targets, probes and names that nodes register: without, they'd be others."""
    if not fleet.infra:
        return frozenset()
    ctx = contexts[fleet.infra[0].ip]
    nothing = replace(ctx.registry, targets=(), probes=(), dns=())
    bare = {block.component: block for block in compile_node(replace(ctx, material=material, registry=nothing)).blocks}
    return frozenset(b.component for b in manifests[ctx.node.ip].blocks if b != bare.get(b.component))
