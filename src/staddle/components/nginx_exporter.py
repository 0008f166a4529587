"""The nginx exporter: the portal's connections and requests as metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import PROMETHEUS, Confinement, Context, Draft, InfraComponent, Package, ServiceSpec
from staddle.components.nginx.settings import STATUS_PATH, listen_plain
from staddle.components.registration import Registration
from staddle.components.registry import component
from staddle.manifest.resources import HttpHealth

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node

# The first with the double-dash flags that are used here.
NGINX_EXPORTER = Package("prometheus-nginx-exporter", {"nginx_exporter": "/usr/bin/prometheus-nginx-exporter"}, "1.0")


@component
class NginxExporter(InfraComponent):
    name = "nginx_exporter"
    title = "Nginx exporter"
    port_parameter = "nginx_exporter_port"
    packages = (NGINX_EXPORTER,)
    programs = ("nginx_exporter",)
    log_format = "logfmt"
    after = ("nginx",)

    def enabled(self, node: Node) -> bool:
        params = node.params
        return node.is_infra and params.nginx_enabled and params.nginx_exporter_enabled

    def labels(self, ctx: Context) -> dict[str, str]:
        """It speaks for nginx, whose instance these metrics are about."""
        return {"cls": "nginx", "ins": ctx.instance("nginx"), "ip": ctx.node.ip}

    def register(self, ctx: Context) -> Registration:
        query = f'up{{job="infra",ins="{ctx.instance("nginx")}"}}'
        return Registration(targets=(self.target(ctx),), listings=(self.listing(ctx, health_query=query),))

    def build(self, ctx: Context) -> Draft:
        params, program = ctx.params, ctx.program("nginx_exporter")
        return Draft(
            service=ServiceSpec(
                name=self.name,
                argv=(
                    program.path,
                    f"--nginx.scrape-uri={listen_plain(ctx)}{STATUS_PATH}",
                    f"--web.listen-address={ctx.listen_behind(params.nginx_exporter_port)}",
                    "--web.telemetry-path=/metrics",
                ),
                health=HttpHealth(f"{ctx.local(params.nginx_exporter_port)}/metrics", contains="nginx_up 1"),
                environment=program.environment,
                displaces=("prometheus-nginx-exporter",),
                confinement=Confinement(PROMETHEUS, memory=5),
            )
        )
