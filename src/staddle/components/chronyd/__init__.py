"""chronyd: the time of the fleet. An INFRA node serves time to the others, even when it has no source of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Context, Draft, InfraComponent, Package, ServiceSpec
from staddle.components.registration import Registration
from staddle.components.registry import component
from staddle.components.render import template
from staddle.manifest.layout import LOOPBACK
from staddle.manifest.resources import Directory, File, NtpHealth, Validator

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node

CHRONY = Package("chrony", {"chronyd": "/usr/sbin/chronyd", "chronyc": "/usr/bin/chronyc"}, "4.1")


@component
class Chronyd(InfraComponent):
    name = "chronyd"
    title = "NTP"
    port_parameter = "node_ntp_port"
    packages = (CHRONY,)
    programs = ("chronyd",)
    log_format = "timestamped"

    def enabled(self, node: Node) -> bool:
        return node.is_infra and node.params.node_ntp_enabled

    def register(self, ctx: Context) -> Registration:
        # node_exporter asks it what it would tell its clients; 16 means "not synchronised, don't use me".
        query = f'(node_ntp_stratum{{ip="{ctx.node.ip}"}} <bool 16)'
        return Registration(listings=(self.listing(ctx, health_query=query),))

    def build(self, ctx: Context) -> Draft:
        program = ctx.program("chronyd")
        config = ctx.at("/etc/chrony/chrony.conf")
        port = ctx.port(ctx.params.node_ntp_port)
        # Not root and no privileges to drop: chronyd serves time without touching the clock.
        unprivileged = ("-x", "-U", "-u", ctx.layout.user) if ctx.layout.user else ()
        content = template(
            __name__,
            "chrony.conf.j2",
            sources=[] if ctx.layout.is_sandbox else _sources(ctx),
            port=port,
            bind=ctx.bind,
            state=ctx.at("/var/lib/chrony"),
            run=ctx.at("/run/chrony"),
            clock=not ctx.layout.is_sandbox,
        )
        return Draft(
            resources=(
                Directory(ctx.at("/etc/chrony")),
                Directory(ctx.at("/var/lib/chrony"), mode=0o750),
                Directory(ctx.at("/run/chrony"), mode=0o750),
                File(config, content),
            ),
            validators=(
                Validator(
                    "chrony configuration",
                    (program.path, *unprivileged, "-p", "-f", f"{{stage}}{config}"),
                    environment=program.environment,
                ),
            ),
            service=ServiceSpec(
                name=self.name,
                argv=(program.path, "-d", *unprivileged, "-f", config),
                health=NtpHealth(LOOPBACK, port),
                environment=program.environment,
            ),
        )


def _sources(ctx: Context) -> list[str]:
    """The configured sources, without those that are this node itself."""
    return [line for line in ctx.params.node_ntp_servers if ctx.node.ip not in line.split()]
