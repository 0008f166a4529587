"""Grafana: the dashboards at `/ui/`, where its package can be had. Elsewhere the console has that path.

All it shows is provisioned from files: data sources with stable uids, the dashboards, the home page. Its configuration has
only what differs from its defaults.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from staddle.components.base import INFRA, Confinement, Context, Draft, InfraComponent, Package, ServiceSpec
from staddle.components.grafana.provisioning import dashboards_file, data_sources_file
from staddle.components.grafana.settings import ADMIN_PASSWORD, HOME, SECRET_KEY, USER, grafana_ini
from staddle.components.machines import trust
from staddle.components.registration import Registration, Route
from staddle.components.registry import component
from staddle.dashboards import shipped
from staddle.manifest.resources import Directory, File, HttpHealth, Installed

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node
    from staddle.manifest.resources import Resource

PATH = "/ui/"
GRAFANA = Package("grafana", {"grafana": "/usr/share/grafana/bin/grafana"}, "11.0", optional=True)
PLUGINS = tuple(
    Package(name, {}, smoke=(), optional=True)
    for name in ("grafana-victoriametrics-ds", "grafana-victorialogs-ds", "grafana-plugins")
)
"""Packages that bring data sources and panels into its plugin directory: installed where they can be had."""
SIBLINGS = "alertmgr|blackbox|console|docs|runbooks|vlogs|vmalert|vmetrics|vtraces"
"""What of the portal dashboards lead to. Grafana puts its own path before every address that begins with a slash."""


@component
class Grafana(InfraComponent):
    name = "grafana"
    title = "Grafana"
    port_parameter = "grafana_port"
    path = PATH
    metrics_path = "/ui/metrics"
    packages = (GRAFANA, *PLUGINS)
    programs = ("grafana",)
    log_format = "logfmt"
    uses_certificates = True
    dispensable = True

    def enabled(self, node: Node) -> bool:
        return node.is_infra and node.params.grafana_enabled

    def packages_on(self, node: Node) -> tuple[Package, ...]:
        del node
        return (GRAFANA,)

    def secrets(self, ctx: Context) -> tuple[str, ...]:
        return (SECRET_KEY,) if ctx.params.grafana_admin_password else (SECRET_KEY, ADMIN_PASSWORD)

    def register(self, ctx: Context) -> Registration:
        route = Route(
            PATH,
            self.name,
            ctx.local(ctx.params.grafana_port),
            timeout=120,
            websocket=True,
            elsewhere=SIBLINGS,
            user_header="X-WEBAUTH-USER" if ctx.params.grafana_auth_proxy else "",
        )
        return Registration(targets=(self.target(ctx),), routes=(route,), listings=(self.listing(ctx),))

    def build(self, ctx: Context) -> Draft:
        params, program = ctx.params, ctx.program("grafana")
        port = params.grafana_port
        config = ctx.at("/etc/grafana/grafana.ini")
        return Draft(
            resources=(*_directories(ctx), *_files(ctx, config)),
            packages=_packages(ctx),
            service=ServiceSpec(
                name=self.name,
                argv=(
                    program.path,
                    "server",
                    f"--homepath={program.home}{HOME}",
                    f"--config={config}",
                ),
                health=HttpHealth(f"{ctx.local(port)}{PATH}api/health", contains='"database"'),
                # The first start makes its tables; with a shared database it waits for others that do.
                health_timeout=180,
                environment={**program.environment, **trust(ctx)},
                unit="grafana-server",
                # Plugins are programs of their own, which it starts, and speaks to over sockets in /tmp.
                confinement=Confinement(USER, writes=(_data(ctx), ctx.at("/var/log/grafana")), memory=20),
            ),
        )


def _data(ctx: Context) -> str:
    return ctx.at("/var/lib/grafana")


def _directories(ctx: Context) -> list[Resource]:
    owner = {"owner": ctx.owner(USER), "group": ctx.owner(INFRA)}
    return [
        Directory(_data(ctx), mode=0o750, **owner),
        Directory(f"{_data(ctx)}/plugins", mode=0o750, **owner),
        Directory(ctx.at("/var/log/grafana"), mode=0o750, **owner),
        # It looks for these, too, and complains where they are not.
        *(Directory(ctx.at(f"/etc/grafana/provisioning/{name}")) for name in ("alerting", "plugins")),
    ]


def _files(ctx: Context, config: str) -> list[Resource]:
    owner, group = ctx.owner(USER), ctx.owner(INFRA)

    def secret(name: str, content: str) -> File:
        return File(ctx.at(f"/etc/grafana/{name}"), content.encode(), mode=0o600, owner=owner, group=group, secret=True)

    params, made = ctx.params, ctx.made.secrets
    password = params.grafana_admin_password
    files: list[Resource] = [
        File(config, grafana_ini(ctx, _data(ctx)).encode(), mode=0o640, group=group),
        secret("admin-password", password.get_secret_value() if password else made[ADMIN_PASSWORD]),
        secret("secret-key", made[SECRET_KEY]),
        # Passwords of databases are in it.
        File(
            ctx.at("/etc/grafana/provisioning/datasources/staddle.yml"),
            data_sources_file(ctx),
            mode=0o600,
            owner=owner,
            group=group,
            secret=True,
        ),
        File(ctx.at("/etc/grafana/provisioning/dashboards/staddle.yml"), dashboards_file(ctx), mode=0o640, group=group),
    ]
    if params.grafana_pgurl:
        files.append(secret("database-url", params.grafana_pgurl.get_secret_value()))
    for board in shipped():
        # What Grafana reads again by itself needs no restart. For people there is `staddle dashboards export`.
        content = json.dumps(board.data(), separators=(",", ":"), sort_keys=True).encode() + b"\n"
        files.append(
            File(ctx.at(f"/etc/grafana/dashboards/{board.folder}/{board.path.name}"), content, on_change="none")
        )
    return files


def _packages(ctx: Context) -> tuple[Installed, ...]:
    known = ctx.layout.system.candidates
    return (Installed(GRAFANA.name, GRAFANA.minimum), *(Installed(p.name) for p in PLUGINS if p.name in known))
