"""The log store: VictoriaLogs from a package, or Staddle's own `staddle-logs`, which speaks the same protocol.

Both take the same flags, listen on the same port and answer the same health check, so nobody else can tell them apart.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from staddle.components.base import INFRA, VICTORIA, Confinement, Context, Draft, InfraComponent, Package, ServiceSpec
from staddle.components.registration import LogFormat, LogSource, Registration, Route
from staddle.components.registry import component
from staddle.manifest.resources import Directory, HttpHealth

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from staddle.inventory.fleet import Node
    from staddle.manifest.layout import Program

VICTORIA_LOGS = Package(
    "victoria-logs", {"victoria-logs": "/usr/bin/victoria-logs"}, minimum="1.0", smoke=("-version",), optional=True
)


@component
class VictoriaLogs(InfraComponent):
    name = "vlogs"
    title = "Log store"
    port_parameter = "vlogs_port"
    path = "/vlogs/"
    packages = (VICTORIA_LOGS,)

    def enabled(self, node: Node) -> bool:
        return node.is_infra and node.params.vlogs_enabled

    def packages_on(self, node: Node) -> tuple[Package, ...]:
        match node.params.vlogs_provider:
            case "embedded":
                return ()
            case "package":
                return (replace(VICTORIA_LOGS, optional=False),)
            case "auto":
                return (VICTORIA_LOGS,)

    def engines_on(self, node: Node, available: AbstractSet[str]) -> tuple[str, ...]:
        provider = node.params.vlogs_provider
        own = provider == "embedded" or (provider == "auto" and VICTORIA_LOGS.name not in available)
        return ("staddle-logs",) if own else ()

    def program_on(self, ctx: Context) -> Program:
        names = {
            "package": ("victoria-logs",),
            "embedded": ("staddle-logs",),
            "auto": ("victoria-logs", "staddle-logs"),
        }
        return ctx.program(*names[ctx.params.vlogs_provider])

    def register(self, ctx: Context) -> Registration:
        route = Route(
            "/vlogs/",
            self.name,
            f"{ctx.local(ctx.params.vlogs_port)}/",
            landing="select/vmui/",
            timeout=120,
            changing=("internal/", "delete/"),
            reads=("health",),
            queries=("select/.*",),
            agents=("insert/.+",),
        )
        return Registration(targets=(self.target(ctx),), routes=(route,), listings=(self.listing(ctx),))

    def logs(self, ctx: Context) -> tuple[LogSource, ...]:
        style: LogFormat = "python" if self.program_on(ctx).provider == "embedded" else "victoria"
        return tuple(replace(source, format=style) for source in super().logs(ctx))

    def build(self, ctx: Context) -> Draft:
        params = ctx.params
        program = self.program_on(ctx)
        data = ctx.infra("logs")
        return Draft(
            resources=(Directory(data, mode=0o750, owner=ctx.owner(VICTORIA), group=ctx.owner(INFRA)),),
            service=ServiceSpec(
                name=self.name,
                argv=(
                    program.path,
                    f"-storageDataPath={data}",
                    f"-httpListenAddr={ctx.listen_behind(params.vlogs_port)}",
                    *shlex.split(params.vlogs_options),
                ),
                health=HttpHealth(f"{ctx.local(params.vlogs_port)}/health", contains="OK"),
                environment=program.environment,
                # It writes what it holds in memory to disk.
                stop_timeout=60,
                displaces=("victoria-logs",),
                # Ours lowers the priority of its own helpers.
                confinement=Confinement(
                    VICTORIA,
                    writes=(data,),
                    memory=40,
                    open_files=1_048_576,
                    resources=program.provider == "embedded",
                ),
            ),
        )
