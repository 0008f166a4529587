"""chronyd: the time of the fleet. An INFRA node serves time to the others, even when it has no source of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Confinement, Context, Draft, InfraComponent, Package, ServiceSpec
from staddle.components.registration import Registration
from staddle.components.registry import component
from staddle.components.render import template
from staddle.manifest.layout import LOOPBACK
from staddle.manifest.resources import Directory, File, NtpHealth, User, Validator

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node

CHRONY = Package("chrony", {"chronyd": "/usr/sbin/chronyd", "chronyc": "/usr/bin/chronyc"}, "4.1")


USER = "_chrony"
"""Whom it runs as on a real host."""


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
        return chrony(ctx, sources=[] if ctx.layout.is_sandbox else _sources(ctx), serves=True)


def chrony(ctx: Context, *, sources: list[str], serves: bool) -> Draft:
    """Its daemon with these sources. One that does not serve the fleet answers its own host only."""
    program, layout = ctx.program("chronyd"), ctx.layout
    config, state = ctx.at("/etc/chrony/chrony.conf"), ctx.at("/var/lib/chrony")
    port = ctx.port(ctx.params.node_ntp_port)
    # Not root, and no privileges to drop: those it needs it gets from systemd. In a sandbox, and where the clock is not the
    # host's own, it serves time without touching the clock.
    sets_clock = layout.clock and not layout.is_sandbox
    unprivileged = (*(() if sets_clock else ("-x",)), "-U", "-u", layout.user or USER)
    content = template(
        __name__,
        "chrony.conf.j2",
        sources=sources,
        port=port,
        bind=ctx.bind if serves else LOOPBACK,
        serves=serves,
        state=state,
        run=ctx.at("/run/chrony"),
        sandbox=layout.is_sandbox,
        clock=sets_clock,
    )
    owner = ctx.owner(USER)
    return Draft(
        resources=(
            Directory(ctx.at("/etc/chrony")),
            Directory(state, mode=0o750, owner=owner, group=owner),
            # On a real host chronyd makes it, at every boot.
            *([Directory(ctx.at("/run/chrony"), mode=0o750)] if layout.is_sandbox else []),
            File(config, content),
        ),
        accounts=(User(USER, home="/var/lib/chrony"),),
        validators=(
            Validator(
                "chrony configuration",
                (program.path, *unprivileged, "-p", "-f", f"{{stage}}{config}"),
                environment=program.environment,
            ),
        ),
        service=ServiceSpec(
            name="chronyd",
            argv=(program.path, "-d", *unprivileged, "-f", config),
            health=NtpHealth(LOOPBACK, port),
            environment=program.environment,
            unit="chrony",
            packaged_unit=True,
            # Others that set the clock.
            displaces=("ntpsec", "openntpd", "systemd-timesyncd"),
            confinement=Confinement(
                USER,
                USER,
                capabilities=("CAP_NET_BIND_SERVICE", "CAP_SYS_TIME") if layout.clock else ("CAP_NET_BIND_SERVICE",),
                writes=(state, "-/var/log/chrony"),
                calls=("@clock",),
                touches_clock=True,
                clock=layout.clock,
                runtime="chrony",
                memory=5,
            ),
        ),
    )


def _sources(ctx: Context) -> list[str]:
    """The configured sources, without those that are this node itself."""
    return [line for line in ctx.params.node_ntp_servers if ctx.node.ip not in line.split()]
