"""Exporters of ours beside a PostgreSQL instance: for PgBouncer and pgBackRest, which have no metrics of their own.

Debian has no exporter of pgBackRest, and one of PgBouncer from 2016 that PgBouncer has outgrown.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ClassVar

from staddle.components.base import PROMETHEUS, Component, Confinement, Context, Draft, Phase, ServiceSpec
from staddle.components.machines import NODE, SCRAPERS, certificate, exporter_health, exporter_target, key, trust
from staddle.components.registration import Registration
from staddle.components.registry import component
from staddle.inventory.modules import member, placed
from staddle.manifest.layout import EMBEDDED, Program
from staddle.manifest.resources import Directory, File

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.inventory.fleet import Node

LIBRARIES = "/usr/lib/staddle"
SHARED = ("__init__.py", "logagent/__init__.py", "logagent/guard.py")
"""What they import of the rest of Staddle; nothing else but Python's standard library."""
EVERY = 60
"""How often pgBackRest is asked, in seconds: that may mean looking into a repository far away."""


class Companion(Component):
    """An exporter of the package `staddle.exporters`, which `what` names. Its settings are a file for it alone."""

    phase = Phase.MODULE
    log_format = "python"
    uses_certificates = True
    what: ClassVar[str]

    def enabled(self, node: Node) -> bool:
        params, place = node.params, member(node, "pgsql")
        switches = (f"{self.what}_enabled", f"{self.name}_enabled")
        return place is not None and all(getattr(params, switch) for switch in switches)

    def program_on(self, ctx: Context) -> Program:
        return Program(ctx.layout.python, "", EMBEDDED)

    def ports(self, ctx: Context) -> Mapping[str, int]:
        return {f"{self.name}_port": ctx.port(self._port(ctx))}

    def register(self, ctx: Context) -> Registration:
        place = placed(ctx.node, "pgsql")
        labels = {"cls": place.cluster, "ins": place.ins, "ip": ctx.node.ip, "exporter": self.what}
        target = exporter_target(ctx, "pgsql", self._port(ctx), labels, ctx.params.exporter_metrics_path)
        return Registration(targets=(replace(target, file=place.ins),))

    @abstractmethod
    def settings(self, ctx: Context) -> dict[str, Any]:
        """What only this exporter is told."""

    @abstractmethod
    def confinement(self, ctx: Context) -> Confinement:
        """What it may do on a host. It is started as who may read its settings and the node's key."""

    def build(self, ctx: Context) -> Draft:
        library, path, port = (
            ctx.at(f"{LIBRARIES}/{self.name}"),
            ctx.at(f"/etc/staddle/{self.name}.json"),
            self._port(ctx),
        )
        confinement = self.confinement(ctx)
        settings = {
            "listen": ctx.listen(port),
            "path": ctx.params.exporter_metrics_path,
            "tls": _guard(ctx),
            **self.settings(ctx),
        }
        content = (json.dumps(settings, indent=1, sort_keys=True) + "\n").encode()
        owner = ctx.owner(confinement.user or "root")
        return Draft(
            resources=(
                Directory(library),
                *(Directory(f"{library}/{folder}") for folder in _FOLDERS),
                *(File(f"{library}/staddle/{name}", source) for name, source in _source()),
                Directory(ctx.at("/etc/staddle")),
                File(path, content, mode=0o600, owner=owner, group=owner, secret=True),
            ),
            service=ServiceSpec(
                name=self.name,
                argv=(ctx.layout.python, "-m", f"staddle.exporters.{self.what}", path),
                health=exporter_health(ctx, port, "/health", "OK"),
                environment={"PYTHONPATH": library, **trust(ctx)},
                confinement=confinement,
            ),
        )

    def _port(self, ctx: Context) -> int:
        number: int = getattr(ctx.params, f"{self.name}_port")
        return number


@component
class PgbouncerExporter(Companion):
    name = "pgbouncer_exporter"
    title = "PgBouncer exporter"
    what = "pgbouncer"

    def settings(self, ctx: Context) -> dict[str, Any]:
        params = ctx.params
        password = params.pg_monitor_password
        return {
            "host": params.pgbouncer_exporter_host,
            "port": params.pgbouncer_port,
            "role": params.pg_monitor_username,
            "password": password.get_secret_value() if password else "",
        }

    def confinement(self, ctx: Context) -> Confinement:
        del ctx
        return Confinement(PROMETHEUS, PROMETHEUS, memory=5, umask="0077")


@component
class PgbackrestExporter(Companion):
    name = "pgbackrest_exporter"
    title = "pgBackRest exporter"
    what = "pgbackrest"

    def settings(self, ctx: Context) -> dict[str, Any]:
        params = ctx.params
        config = [f"--config={params.pgbackrest_config}"] if params.pgbackrest_config else []
        return {
            "argv": [params.pgbackrest_path, *config],
            "interval": EVERY,
            **({} if ctx.layout.is_sandbox else {"user": params.pg_dbsu}),
        }

    def confinement(self, ctx: Context) -> Confinement:
        """It reads the node's key, and becomes the user whose repository it is: that one must not have the key."""
        del ctx
        return Confinement(
            None,
            None,
            capabilities=("CAP_SETUID", "CAP_SETGID", "CAP_DAC_READ_SEARCH"),
            # Whether a backup is running, its lock below /tmp says.
            without=("PrivateTmp",),
            memory=5,
            umask="0077",
        )


_FOLDERS = ("staddle", "staddle/exporters", "staddle/logagent")


def _guard(ctx: Context) -> dict[str, str] | None:
    if not ctx.guarded:
        return None
    return {"certificate": certificate(ctx, NODE), "key": key(ctx, NODE), "clients": ctx.at(SCRAPERS)}


def _source() -> list[tuple[str, bytes]]:
    whole = files("staddle")
    own = sorted(path.name for path in (whole / "exporters").iterdir() if path.name.endswith(".py"))
    names = [*SHARED, *(f"exporters/{name}" for name in own)]
    return [(name, (whole / name).read_bytes()) for name in names]
