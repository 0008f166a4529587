"""What the stores of logs and traces have in common: a program of Victoria's from a package, or Staddle's own engine.

Both take the same flags, listen on the same port and answer the same health check, so nobody else can tell them apart.
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from staddle.components.base import INFRA, VICTORIA, Confinement, Context, Draft, InfraComponent, Package, ServiceSpec
from staddle.components.registration import LogFormat, LogSource, Registration, Route
from staddle.manifest.layout import EMBEDDED
from staddle.manifest.resources import Directory, HttpHealth

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from typing import Any

    from staddle.inventory.fleet import Node
    from staddle.inventory.parameters import Parameters
    from staddle.manifest.layout import Program


class EventStore(InfraComponent):
    """`name` also begins the names of its parameters; `folder` is where its data are below the foundation's."""

    path: ClassVar[str]
    package: ClassVar[Package]
    engine: ClassVar[str]
    folder: ClassVar[str]

    def enabled(self, node: Node) -> bool:
        return node.is_infra and self._of(node.params, "enabled")

    def packages_on(self, node: Node) -> tuple[Package, ...]:
        match self._of(node.params, "provider"):
            case "embedded":
                return ()
            case "package":
                return (replace(self.package, optional=False),)
            case _:
                return (self.package,)

    def engines_on(self, node: Node, available: AbstractSet[str]) -> tuple[str, ...]:
        provider = self._of(node.params, "provider")
        own = provider == "embedded" or (provider == "auto" and self.package.name not in available)
        return (self.engine,) if own else ()

    def program_on(self, ctx: Context) -> Program:
        program = next(iter(self.package.programs))
        names = {"package": (program,), "embedded": (self.engine,), "auto": (program, self.engine)}
        return ctx.program(*names[self._of(ctx.params, "provider")])

    def register(self, ctx: Context) -> Registration:
        route = Route(
            self.path,
            self.name,
            f"{ctx.local(self._of(ctx.params, 'port'))}/",
            landing="select/vmui/",
            timeout=120,
            changing=("internal/", "delete/"),
            reads=("health",),
            queries=("select/.*",),
            agents=("insert/.+",),
        )
        return Registration(targets=(self.target(ctx),), routes=(route,), listings=(self.listing(ctx),))

    def logs(self, ctx: Context) -> tuple[LogSource, ...]:
        style: LogFormat = "python" if self.program_on(ctx).provider == EMBEDDED else "victoria"
        return tuple(replace(source, format=style) for source in super().logs(ctx))

    def build(self, ctx: Context) -> Draft:
        program = self.program_on(ctx)
        port = self._of(ctx.params, "port")
        data = ctx.infra(self.folder)
        own = self.engine_flags if program.provider == EMBEDDED else ()
        return Draft(
            resources=(Directory(data, mode=0o750, owner=ctx.owner(VICTORIA), group=ctx.owner(INFRA)),),
            service=ServiceSpec(
                name=self.name,
                argv=(
                    program.path,
                    f"-storageDataPath={data}",
                    f"-httpListenAddr={ctx.listen_behind(port)}",
                    *own,
                    *shlex.split(self._of(ctx.params, "options")),
                ),
                health=HttpHealth(f"{ctx.local(port)}/health", contains="OK"),
                environment=program.environment,
                # It writes what it holds in memory to disk.
                stop_timeout=60,
                displaces=(self.package.name,),
                # Ours lowers the priority of its own helpers.
                confinement=Confinement(
                    VICTORIA,
                    writes=(data,),
                    memory=40,
                    open_files=1_048_576,
                    resources=program.provider == EMBEDDED,
                ),
            ),
        )

    engine_flags: ClassVar[tuple[str, ...]] = ()
    """Flags that only our own engine has, or knows in every version."""

    def _of(self, params: Parameters, what: str) -> Any:
        return getattr(params, f"{self.name}_{what}")
