"""Alertmanager: takes alerts from every vmalert, groups them, and notifies the receivers of the inventory."""

from __future__ import annotations

import shlex
from importlib.resources import files
from typing import TYPE_CHECKING

from staddle.alerting.receivers import secret_files
from staddle.alerting.routing import HEARTBEAT, alertmanager_config
from staddle.components.base import INFRA, PROMETHEUS, Confinement, Context, Draft, InfraComponent, Package, ServiceSpec
from staddle.components.machines import PEER, authority, certificate, key, trust
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
CONFIG = "/etc/alertmanager.yml"
MESSAGES = "/etc/alertmanager/messages.tmpl"
SECRETS = "/etc/alertmanager/secrets"
MESH = "/etc/alertmanager/mesh.yml"


@component
class Alertmanager(InfraComponent):
    name = "alertmanager"
    title = "Alertmanager"
    port_parameter = "alertmanager_port"
    path = "/alertmgr/"
    packages = (ALERTMANAGER,)
    programs = ("alertmanager",)
    log_format = "logfmt"
    uses_certificates = True

    def enabled(self, node: Node) -> bool:
        return node.is_infra and node.params.alertmanager_enabled

    def register(self, ctx: Context) -> Registration:
        pages = {} if ctx.program("alertmanager").web_ui else {"": "alerts"}
        route = Route(
            "/alertmgr/",
            self.name,
            f"{ctx.local(ctx.params.alertmanager_port)}/",
            pages=pages,
            changing=("-/reload",),
            reads=("-/(healthy|ready)", "api/v2/(status|receivers|alerts|alerts/groups|silences|silence/[^/]+)"),
            peers=("api/v2/alerts",),
        )
        return Registration(targets=(self.target(ctx),), routes=(route,), listings=(self.listing(ctx),))

    def build(self, ctx: Context) -> Draft:
        params, program = ctx.params, ctx.program("alertmanager")
        config = ctx.at(CONFIG)
        data = alertmanager_config(
            params,
            secrets=ctx.at(SECRETS),
            bridge=ctx.local(params.alert_bridge_port),
            # From where the configuration is: its validator looks at copies of both.
            templates=MESSAGES.rpartition("/etc/")[2],
            release=program.release,
        )
        return Draft(
            resources=(
                Directory(ctx.infra("alertmgr"), mode=0o700, owner=ctx.owner(PROMETHEUS), group=ctx.owner(INFRA)),
                Directory(ctx.at(SECRETS), mode=0o700, owner=ctx.owner(PROMETHEUS)),
                File(config, to_yaml(data), mode=0o640, group=ctx.owner(INFRA), on_change="reload"),
                File(ctx.at(MESSAGES), messages(), on_change="reload"),
                *_secrets(ctx),
                *_mesh_identity(ctx),
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
                environment={**program.environment, **(trust(ctx) if _peers(ctx) else {})},
                directory=program.home + TEMPLATES,
                reload_signal="HUP",
                displaces=("prometheus-alertmanager",),
                confinement=Confinement(
                    PROMETHEUS, writes=(ctx.infra("alertmgr"),), memory=10, directory=bool(program.home)
                ),
            ),
        )


def _peers(ctx: Context) -> list[Node]:
    return [node for node in ctx.fleet.infra if node.params.alertmanager_enabled and node.ip != ctx.node.ip]


def _mesh_identity(ctx: Context) -> list[File]:
    """In the mesh all are INFRA nodes: both ends show that certificate, and take no other."""
    if not (ctx.closed and _peers(ctx)):
        return []
    own = {"cert_file": certificate(ctx, PEER), "key_file": key(ctx, PEER)}
    trusted = authority(ctx, PEER)
    server = {**own, "client_auth_type": "RequireAndVerifyClientCert", "client_ca_file": trusted}
    data = {"tls_server_config": server, "tls_client_config": {**own, "ca_file": trusted}}
    return [File(ctx.at(MESH), to_yaml(data))]


def messages() -> bytes:
    """The templates of messages."""
    return files("staddle.alerting").joinpath("messages/messages.tmpl").read_bytes()


def _secrets(ctx: Context) -> list[File]:
    """A file for each, so that none is in the configuration, which the status page shows."""
    params = ctx.params
    contents = {
        name: content
        for receiver in sorted(params.alert_receivers)
        for name, content in secret_files(receiver, params.alert_receivers[receiver]).items()
    }
    if params.alert_heartbeat_url:
        contents[f"{HEARTBEAT}.url"] = f"{params.alert_heartbeat_url.get_secret_value()}\n".encode()
    owner = ctx.owner(PROMETHEUS)
    return [
        File(ctx.at(f"{SECRETS}/{name}"), content, mode=0o600, owner=owner, on_change="reload", secret=True)
        for name, content in sorted(contents.items())
    ]


def _mesh(ctx: Context) -> list[str]:
    """Several of them form a mesh, so that each alert is notified once. One alone needs no port for that."""
    peers = _peers(ctx)
    if not peers:
        return ["--cluster.listen-address="]
    return [
        *([f"--cluster.tls-config={ctx.at(MESH)}"] if ctx.closed else []),
        f"--cluster.listen-address={ctx.node.ip}:{ctx.port(ctx.params.alertmanager_cluster_port)}",
        *(f"--cluster.peer={peer.ip}:{ctx.port(peer.params.alertmanager_cluster_port)}" for peer in peers),
    ]
