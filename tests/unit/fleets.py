"""Fleets, layouts and material for tests of what is pure."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from staddle.compile import compile_fleet, contexts_of, packages_on
from staddle.components.material import KeyPair, Material
from staddle.inventory import parse_inventory
from staddle.manifest.layout import Layout, Program
from staddle.manifest.resources import File, Manager

if TYPE_CHECKING:
    from staddle.components.base import Context
    from staddle.components.material import Role
    from staddle.inventory.fleet import Fleet
    from staddle.manifest.resources import Manifest

LAPTOP = "all: {children: {infra: {hosts: {127.0.0.1: {infra_seq: 1, nodename: box}}}}}"
TWO_INFRA = """\
all:
  children:
    infra:
      hosts:
        10.0.0.1: { infra_seq: 1 }
        10.0.0.2: { infra_seq: 2 }
    workers:
      hosts:
        10.0.0.3: { nodename: worker-a }
        10.0.0.4: { nodename: worker-b }
      vars: { node_cluster: workers }
  vars: { admin_ip: 10.0.0.1 }
"""
CA = Path(__file__).parent.joinpath("ca.pem")


@cache
def certificate() -> bytes:
    """A CA certificate that was made once, so that compiled manifests can be compared."""
    return CA.read_bytes()


def fleet_of(text: str, **defaults: object) -> Fleet:
    return parse_inventory(text, "fleet.yml", defaults=defaults).fleet


def layout_for(fleet: Fleet, *, root: str = "/box", kind: str = "sandbox") -> Layout:
    """A layout with a program for everything that the fleet's components need."""
    names = {name for node in fleet.nodes for package in packages_on(node) for name in package.programs}
    programs = {
        name: Program(f"{root}/programs/{name}", "1.112.0-1", "host", f"{root}/programs", web_ui=False)
        for name in names
    }
    manager = Manager("supervisor", f"{root}/run/supervisor.sock") if kind == "sandbox" else Manager("systemd")
    return Layout(
        kind="sandbox" if kind == "sandbox" else "system",
        manager=manager,
        root=root if kind == "sandbox" else "",
        programs=programs,
        user="me" if kind == "sandbox" else None,
    )


def material_for(fleet: Fleet) -> Material:
    wanted = [(node.ip, "node") for node in fleet.nodes]
    wanted += [(node.ip, name) for node in fleet.infra for name in ("nginx", "infra")]
    pairs = {(ip, name): KeyPair(certificate(), f"private key {name} {ip}\n".encode()) for ip, name in wanted}
    authorities: dict[Role, bytes] = {"node": certificate(), "infra": certificate()}
    secrets = {name: f"made {name}" for name in ("grafana-admin-password", "grafana-secret-key")}
    return Material(certificate(), pairs, {"dba": "$2b$08$hash"}, machine_cas=authorities, secrets=secrets)


def contexts(text: str = LAPTOP, **defaults: object) -> dict[str, Context]:
    fleet = fleet_of(text, **defaults)
    layout = layout_for(fleet)
    return contexts_of(fleet, lambda _: layout, material_for(fleet))


def compiled(text: str = LAPTOP, **options: str) -> dict[str, Manifest]:
    fleet = fleet_of(text)
    layout = layout_for(fleet, **options)
    return compile_fleet(fleet, lambda _: layout, material_for(fleet))


def files_of(manifest: Manifest) -> dict[str, File]:
    """Every file of a manifest, by path."""
    return {r.path: r for block in manifest.blocks for r in block.resources if isinstance(r, File)}
