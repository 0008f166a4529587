"""Slow SQL: follows PostgreSQL's logs in the log store, and sends what took time to the trace store, as spans.

Runs where the inventory has PostgreSQL at all.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from staddle.components.base import INFRA, VICTORIA, Confinement, Context, Draft, InfraComponent, ServiceSpec
from staddle.components.registration import Registration
from staddle.components.registry import component
from staddle.inventory.modules import member
from staddle.manifest.layout import EMBEDDED, Program
from staddle.manifest.resources import Directory, File, HttpHealth

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node

LIBRARY = "/usr/lib/staddle/slowsql"
SHARED = ("__init__.py", "errors.py", "otlp.py", "process_metrics.py", "protobuf.py")
"""What it imports of the rest of Staddle; nothing else but Python's standard library."""


@component
class SlowSql(InfraComponent):
    name = "slowsql"
    title = "Slow SQL"
    port_parameter = "slowsql_port"
    log_format = "python"
    after = ("vlogs", "vtraces")

    def enabled(self, node: Node) -> bool:
        params = node.params
        return node.is_infra and params.slowsql_enabled and params.vlogs_enabled and params.vtraces_enabled

    def program_on(self, ctx: Context) -> Program:
        return Program(ctx.layout.python, "", EMBEDDED)

    def register(self, ctx: Context) -> Registration:
        return Registration(targets=(self.target(ctx),)) if _has_work(ctx) else Registration()

    def build(self, ctx: Context) -> Draft:
        if not _has_work(ctx):
            return Draft()
        params = ctx.params
        library, state = ctx.at(LIBRARY), ctx.infra("slowsql")
        return Draft(
            resources=(
                Directory(library),
                Directory(f"{library}/staddle"),
                Directory(f"{library}/staddle/slowsql"),
                *(File(f"{library}/staddle/{name}", source) for name, source in _source()),
                Directory(state, mode=0o750, owner=ctx.owner(VICTORIA), group=ctx.owner(INFRA)),
            ),
            service=ServiceSpec(
                name=self.name,
                argv=(
                    *(ctx.layout.python, "-m", "staddle.slowsql"),
                    f"--logs={ctx.local(params.vlogs_port)}",
                    f"--traces={ctx.local(params.vtraces_port)}",
                    f"--state={state}",
                    f"--listen={ctx.listen_behind(params.slowsql_port)}",
                    f"--min-duration={params.slowsql_min_duration.seconds * 1000:g}",
                    *([] if params.slowsql_redact else ["--no-redact"]),
                ),
                health=HttpHealth(f"{ctx.local(params.slowsql_port)}/health", contains="OK"),
                environment={"PYTHONPATH": library},
                confinement=Confinement(VICTORIA, writes=(state,), memory=10),
            ),
        )


def _has_work(ctx: Context) -> bool:
    stores = {(ctx.node.ip, "vlogs"), (ctx.node.ip, "vtraces")}
    return any(member(node, "pgsql") for node in ctx.fleet.nodes) and not stores & ctx.left_out


def _source() -> list[tuple[str, bytes]]:
    whole = files("staddle")
    own = sorted(path.name for path in (whole / "slowsql").iterdir() if path.name.endswith(".py"))
    names = [*SHARED, *(f"slowsql/{name}" for name in own)]
    return [(name, (whole / name).read_bytes()) for name in names]
