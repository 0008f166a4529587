"""The web console: dashboards and explore pages over the stores, at `/console/`, and at `/ui/` where Grafana is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from staddle.alerting import WATCHDOG
from staddle.components.base import INFRA, PROMETHEUS, Confinement, Context, Draft, InfraComponent, ServiceSpec
from staddle.components.data_sources import databases
from staddle.components.registration import Registration, Route
from staddle.components.registry import all_components, component
from staddle.manifest.resources import Directory, File, HttpHealth

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from staddle.inventory.fleet import Node
    from staddle.manifest.layout import Program

ENGINE = "staddle-console"
PATH, DASHBOARDS = "/console/", "/ui/"
SETTINGS = "/etc/staddle/console.json"


def serves_dashboards(ctx: Context) -> bool:
    """Whether `/ui/` of this node's portal is the console's: where Grafana doesn't run."""
    return not any(
        other.name == "grafana" and other.enabled(ctx.node) and (ctx.node.ip, other.name) not in ctx.left_out
        for other in all_components()
    )


@component
class Console(InfraComponent):
    name = "console"
    title = "Console"
    port_parameter = "console_port"
    path = PATH
    log_format = "python"
    dispensable = True

    def enabled(self, node: Node) -> bool:
        return node.is_infra and node.params.console_enabled

    def engines_on(self, node: Node, available: AbstractSet[str]) -> tuple[str, ...]:
        del node, available
        return (ENGINE,)

    def program_on(self, ctx: Context) -> Program:
        return ctx.program(ENGINE)

    def register(self, ctx: Context) -> Registration:
        upstream = ctx.local(ctx.params.console_port)
        paths = (PATH, DASHBOARDS) if serves_dashboards(ctx) else (PATH,)
        routes = tuple(
            Route(path, self.name, f"{upstream}{path}", reads=(".+",), queries=("api/sql",)) for path in paths
        )
        return Registration(targets=(self.target(ctx),), routes=routes, listings=(self.listing(ctx),))

    def build(self, ctx: Context) -> Draft:
        params = ctx.params
        program = self.program_on(ctx)
        settings = ctx.at(SETTINGS)
        folder = ctx.at(params.console_dashboards) if params.console_dashboards else ctx.infra("dashboards")
        owner = ctx.owner(PROMETHEUS)
        return Draft(
            resources=(
                Directory(folder, mode=0o755, owner=owner, group=ctx.owner(INFRA)),
                # It has the monitoring user's password.
                File(settings, _settings(ctx), mode=0o600, owner=owner, group=ctx.owner(INFRA), secret=True),
            ),
            service=ServiceSpec(
                name=self.name,
                argv=(
                    program.path,
                    f"-config={settings}",
                    f"-dashboards={folder}",
                    f"-httpListenAddr={ctx.listen_behind(params.console_port)}",
                ),
                health=HttpHealth(f"{ctx.local(params.console_port)}/health", contains="OK"),
                environment=program.environment,
                confinement=Confinement(PROMETHEUS, memory=10),
            ),
        )


def _settings(ctx: Context) -> bytes:
    """What `console/main.py` reads."""
    known = [{"uid": one.uid, "values": dict(one.values), "password": one.password} for one in databases(ctx)]
    return json.dumps({"pages": _pages(ctx), "databases": known}, indent=1, sort_keys=True).encode() + b"\n"


def _pages(ctx: Context) -> dict[str, Any]:
    """What the pages are told. Paths are those of the portal."""
    params = ctx.params
    there = {route.path: route.path.rstrip("/") for route in ctx.registry.routes}
    number = ctx.node.infra_seq
    sources: list[dict[str, Any]] = [
        {"uid": uid, "name": uid, "type": kind, "url": f"{there[path]}{below}", "isDefault": uid == "vmetrics"}
        for path, name, kind, below in _STORES
        if path in there
        for uid in (name, f"{name}-{number}")
    ]
    sources += [{"uid": one.uid, "name": one.uid, "type": "postgres"} for one in databases(ctx)]
    for source in sources:
        if source["type"] == "prometheus":
            source["timeInterval"] = f"{params.vmetrics_scrape_interval.seconds:g}s"
    return {
        "portal": "/",
        "version": params.version,
        "datasources": sources,
        "vmetrics": there.get("/vmetrics/"),
        "vmalert": there.get("/vmalert/"),
        "alertmanager": there.get("/alertmgr/"),
        "logs": there.get("/vlogs/"),
        "traces": there.get("/vtraces/"),
        "home": "home",
        "watchdog": WATCHDOG,
    }


_STORES = (
    ("/vmetrics/", "vmetrics", "prometheus", ""),
    ("/vlogs/", "vlogs", "victoriametrics-logs-datasource", ""),
    ("/vtraces/", "vtraces", "jaeger", "/select/jaeger"),
)
"""(route, name, type of data source, path below the route)."""
