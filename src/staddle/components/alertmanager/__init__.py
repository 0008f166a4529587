"""Alertmanager: takes alerts from every vmalert, groups them, and notifies the receivers of the inventory."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from staddle.alerting.routing import alertmanager_config
from staddle.components.base import INFRA, PROMETHEUS, Confinement, Context, Draft, InfraComponent, Package, ServiceSpec
from staddle.components.registration import Registration, Route
from staddle.components.registry import component
from staddle.components.render import to_yaml
from staddle.manifest.resources import Directory, File, HttpHealth, Validator

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node

TEMPLATES = "/usr/share/prometheus/alertmanager"
ALERTMANAGER = Package(
    "prometheus-alertmanager",
    {"alertmanager": "/usr/bin/prometheus-alertmanager", "amtool": "/usr/bin/amtool"},
    # The first that reads webhook URLs from files, so that they stay out of its configuration and status page.
    minimum="0.27",
    web_ui=False,
    # Debian's build reads its notification templates from this path; relocated, from its working directory.
    relocate={TEMPLATES: "/proc/self/cwd".ljust(len(TEMPLATES), "/")},
)
SECRETS = "/etc/alertmanager/secrets"


@component
class Alertmanager(InfraComponent):
    name = "alertmanager"
    title = "Alertmanager"
    port_parameter = "alertmanager_port"
    path = "/alertmgr/"
    packages = (ALERTMANAGER,)
    programs = ("alertmanager",)
    log_format = "logfmt"

    def enabled(self, node: Node) -> bool:
        return node.is_infra and node.params.alertmanager_enabled

    def register(self, ctx: Context) -> Registration:
        pages = {} if ctx.program("alertmanager").web_ui else {"": "alerts"}
        route = Route("/alertmgr/", self.name, f"{ctx.local(ctx.params.alertmanager_port)}/", pages=pages)
        return Registration(targets=(self.target(ctx),), routes=(route,), listings=(self.listing(ctx),))

    def build(self, ctx: Context) -> Draft:
        params, program = ctx.params, ctx.program("alertmanager")
        config = ctx.at("/etc/alertmanager.yml")
        secrets = tuple(
            File(
                ctx.at(f"{SECRETS}/{name}.url"),
                receiver.url.get_secret_value().encode() + b"\n",
                mode=0o600,
                owner=ctx.owner(PROMETHEUS),
                on_change="reload",
                secret=True,
            )
            for name, receiver in sorted(params.alert_receivers.items())
        )
        data = alertmanager_config(params.alert_receivers, secrets=ctx.at(SECRETS))
        return Draft(
            resources=(
                Directory(ctx.infra("alertmgr"), mode=0o700, owner=ctx.owner(PROMETHEUS), group=ctx.owner(INFRA)),
                Directory(ctx.at(SECRETS), mode=0o700, owner=ctx.owner(PROMETHEUS)),
                File(config, to_yaml(data), mode=0o640, group=ctx.owner(INFRA), on_change="reload"),
                *secrets,
            ),
            validators=(Validator("amtool", (ctx.program("amtool").path, "check-config", f"{{stage}}{config}")),),
            service=ServiceSpec(
                name=self.name,
                argv=(
                    program.path,
                    f"--config.file={config}",
                    f"--storage.path={ctx.infra('alertmgr')}",
                    f"--web.listen-address={ctx.listen_behind(params.alertmanager_port)}",
                    # Links in notifications lead to the portal; the portal strips its prefix.
                    f"--web.external-url={ctx.portal_url}/alertmgr",
                    "--web.route-prefix=/",
                    *_mesh(ctx),
                    *shlex.split(params.alertmanager_options),
                ),
                health=HttpHealth(f"{ctx.local(params.alertmanager_port)}/-/ready"),
                environment=program.environment,
                directory=program.home + TEMPLATES,
                reload_signal="HUP",
                displaces=("prometheus-alertmanager",),
                confinement=Confinement(PROMETHEUS, writes=(ctx.infra("alertmgr"),), memory=10),
            ),
        )


def _mesh(ctx: Context) -> list[str]:
    """Several of them form a mesh, so that each alert is notified once. One alone needs no port for that."""
    members = [node for node in ctx.fleet.infra if node.params.alertmanager_enabled]
    if len(members) < 2:
        return ["--cluster.listen-address="]
    peers = [node for node in members if node.ip != ctx.node.ip]
    return [
        f"--cluster.listen-address={ctx.node.ip}:{ctx.port(ctx.params.alertmanager_cluster_port)}",
        *(f"--cluster.peer={peer.ip}:{ctx.port(peer.params.alertmanager_cluster_port)}" for peer in peers),
    ]
