"""Names of PostgreSQL clusters that follow the role: a program that asks the metrics store who is primary, and tells dnsmasq.

Runs where there are such names. Elsewhere, dnsmasq serves what the inventory says.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING

from staddle.components.base import INFRA, PROMETHEUS, Confinement, Context, Draft, InfraComponent, ServiceSpec
from staddle.components.pgsql import primary_names
from staddle.components.registration import Registration
from staddle.components.registry import component
from staddle.dnsroles.decide import Cluster, hosts_file
from staddle.manifest.layout import EMBEDDED, Program
from staddle.manifest.resources import Directory, File, HttpHealth

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node

LIBRARY = "/usr/lib/staddle/dns_roles"
SETTINGS = "/etc/staddle/dns_roles.json"
SHARED = (
    *("__init__.py", "exporters/__init__.py", "exporters/exposition.py", "exporters/server.py"),
    *("logagent/__init__.py", "logagent/guard.py"),
)
"""What it imports of the rest of Staddle; nothing else but Python's standard library."""


@component
class DnsRoles(InfraComponent):
    name = "dns_roles"
    title = "Names of primaries"
    port_parameter = "dns_roles_port"
    log_format = "python"

    def enabled(self, node: Node) -> bool:
        params = node.params
        return node.is_infra and params.dns_enabled and params.dns_roles_enabled and params.vmetrics_enabled

    def program_on(self, ctx: Context) -> Program:
        return Program(ctx.layout.python, "", EMBEDDED)

    def register(self, ctx: Context) -> Registration:
        return Registration(targets=(self.target(ctx),)) if at_work(ctx) else Registration()

    def build(self, ctx: Context) -> Draft:
        if not at_work(ctx):
            return Draft()
        params = ctx.params
        library, settings, state = ctx.at(LIBRARY), ctx.at(SETTINGS), folder(ctx)
        return Draft(
            resources=(
                Directory(library),
                *(Directory(f"{library}/staddle{name}") for name in ("", "/dnsroles", "/exporters", "/logagent")),
                *(File(f"{library}/staddle/{name}", source) for name, source in _source()),
                Directory(ctx.at("/etc/staddle")),
                File(settings, _settings(ctx)),
                Directory(state, owner=ctx.owner(PROMETHEUS), group=ctx.owner(INFRA)),
                *(_begins_with(ctx, cluster) for cluster in _clusters(ctx)),
            ),
            service=ServiceSpec(
                name=self.name,
                argv=(ctx.layout.python, "-m", "staddle.dnsroles", settings),
                health=HttpHealth(f"{ctx.local(params.dns_roles_port)}/health", contains="OK"),
                environment={"PYTHONPATH": library},
                confinement=Confinement(PROMETHEUS, writes=(state,), memory=5),
            ),
        )


def at_work(ctx: Context) -> bool:
    """Whether there is something to follow on this INFRA node, and somebody who does."""
    return (
        DnsRoles().enabled(ctx.node)
        and not {(ctx.node.ip, "vmetrics"), (ctx.node.ip, "dnsmasq")} & ctx.left_out
        and bool(primary_names(ctx))
    )


def folder(ctx: Context) -> str:
    """Where the files are that dnsmasq reads, beside those that converge writes."""
    return ctx.infra("primaries")


def _clusters(ctx: Context) -> list[Cluster]:
    return [Cluster(each.cluster, each.name, each.members, each.expected or "") for each in primary_names(ctx)]


def _begins_with(ctx: Context, cluster: Cluster) -> File:
    """Its file, which is the program's from then on, and goes with the cluster."""
    content = hosts_file(cluster, cluster.expected).encode()
    owner, group = ctx.owner(PROMETHEUS), ctx.owner(INFRA)
    path = f"{folder(ctx)}/{cluster.cluster}"
    return File(path, content, owner=owner, group=group, on_change="none", initial=True)


def _settings(ctx: Context) -> bytes:
    params = ctx.params
    settings = {
        "listen": ctx.listen_behind(params.dns_roles_port),
        "path": "/metrics",
        "store": ctx.local(params.vmetrics_port),
        "folder": folder(ctx),
        "clusters": {
            each.cluster: {"name": each.name, "members": dict(each.members), "expected": each.expected}
            for each in _clusters(ctx)
        },
    }
    return (json.dumps(settings, indent=1, sort_keys=True) + "\n").encode()


def _source() -> list[tuple[str, bytes]]:
    whole = files("staddle")
    own = sorted(path.name for path in (whole / "dnsroles").iterdir() if path.name.endswith(".py"))
    names = [*SHARED, *(f"dnsroles/{name}" for name in own)]
    return [(name, (whole / name).read_bytes()) for name in names]
