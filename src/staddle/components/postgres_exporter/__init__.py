"""postgres_exporter: metrics of the PostgreSQL instance on a node, and of instances elsewhere that the node watches.

Its own metrics and collectors differ from release to release. They are switched off; what it gives are the queries of the
catalogue, which are the same everywhere, and what it says of itself (`pg_up`, `pg_exporter_last_scrape_error`, …).
"""

from __future__ import annotations

import re
import shlex
from abc import abstractmethod
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from staddle.components.base import PROMETHEUS, Component, Confinement, Context, Draft, Package, Phase, ServiceSpec
from staddle.components.machines import CA_PATH, exporter_flags, exporter_health, exporter_target
from staddle.components.postgres_exporter.catalogue import queries_file
from staddle.components.postgres_exporter.connection import (
    APPLICATION,
    DATABASE,
    Connection,
    from_url,
    parameters,
)
from staddle.components.registration import Registration
from staddle.components.registry import component
from staddle.inventory.modules import member, placed
from staddle.manifest.resources import Directory, File

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from staddle.inventory.fleet import Node
    from staddle.inventory.parameters import RemotePostgres

POSTGRES_EXPORTER = Package(
    "prometheus-postgres-exporter", {"postgres_exporter": "/usr/bin/prometheus-postgres-exporter"}, "0.11"
)
QUERIES = "/etc/staddle/postgres_exporter.yml"
METRICS = "/metrics"

_FIRST = ("bgwriter", "database")
_SECOND = (
    "database", "locks", "replication", "replication_slot", "stat_bgwriter", "stat_database", "stat_user_tables",
    "statio_user_tables", "wal",
)  # fmt: skip
_COLLECTORS: tuple[tuple[tuple[int, int], tuple[str, ...]], ...] = (
    ((0, 19), (*_SECOND, "roles", "stat_progress_vacuum")),
    ((0, 17), (*_SECOND, "roles")),
    ((0, 13), _SECOND),
    ((0, 0), _FIRST),
)
"""Which collectors are on unless they are switched off, since which release. Unknown flags are an error."""


class PgExporter(Component):
    """What both kinds have in common."""

    phase = Phase.MODULE
    packages = (POSTGRES_EXPORTER,)
    programs = ("postgres_exporter",)
    log_format = "logfmt"
    uses_certificates = True

    @abstractmethod
    def port(self, ctx: Context) -> int:
        """Where it listens, before the layout moves it."""

    @abstractmethod
    def connection(self, ctx: Context) -> Connection:
        """How it connects."""

    @abstractmethod
    def labels(self, ctx: Context) -> dict[str, str]:
        """Of the instance that it watches."""

    @abstractmethod
    def databases(self, ctx: Context) -> list[str]:
        """Flags that say which databases it looks into."""

    def register(self, ctx: Context) -> Registration:
        labels = self.labels(ctx)
        target = exporter_target(ctx, "pgsql", self.port(ctx), labels, METRICS)
        return Registration(targets=(replace(target, file=labels["ins"]),))

    def build(self, ctx: Context) -> Draft:
        program, port, connection = ctx.program("postgres_exporter"), self.port(ctx), self.connection(ctx)
        queries, owner = ctx.at(QUERIES.replace("postgres_exporter", self.name)), ctx.owner(PROMETHEUS)
        passwords = queries.replace(".yml", ".pgpass")
        return Draft(
            resources=(
                Directory(ctx.at("/etc/staddle")),
                File(queries, queries_file()),
                File(passwords, connection.pgpass, mode=0o600, owner=owner, group=owner, secret=True),
            ),
            service=ServiceSpec(
                name=self.name,
                argv=(
                    program.path,
                    f"--web.listen-address={ctx.listen(port)}",
                    f"--web.telemetry-path={METRICS}",
                    *exporter_flags(ctx),
                    "--disable-default-metrics",
                    "--disable-settings-metrics",
                    *(f"--no-collector.{name}" for name in collectors(program.version)),
                    f"--extend.query-path={queries}",
                    *self.databases(ctx),
                    *shlex.split(ctx.params.pg_exporter_options),
                ),
                # Whether the server is up is what the metrics say. The exporter is healthy if they say something.
                health=exporter_health(ctx, port, METRICS, "\npg_up "),
                health_timeout=30,
                environment={**program.environment, "DATA_SOURCE_NAME": connection.text, "PGPASSFILE": passwords},
                displaces=("prometheus-postgres-exporter",),
                confinement=Confinement(PROMETHEUS, PROMETHEUS, memory=5, umask="0077"),
            ),
        )


@component
class PostgresExporter(PgExporter):
    """On the host of an instance, which it connects to by its socket."""

    name = "postgres_exporter"
    title = "postgres_exporter"

    def enabled(self, node: Node) -> bool:
        return node.params.pg_exporter_enabled and member(node, "pgsql") is not None

    def ports(self, ctx: Context) -> Mapping[str, int]:
        return {"pg_exporter_port": ctx.port(ctx.params.pg_exporter_port)}

    def port(self, ctx: Context) -> int:
        return ctx.params.pg_exporter_port

    def labels(self, ctx: Context) -> dict[str, str]:
        place = placed(ctx.node, "pgsql")
        return {"cls": place.cluster, "ins": place.ins, "ip": ctx.node.ip}

    def connection(self, ctx: Context) -> Connection:
        params = ctx.params
        if params.pg_exporter_url:
            return from_url(params.pg_exporter_url.get_secret_value(), _polite(ctx))
        values = {
            "host": params.pg_localhost,
            "port": str(params.pg_port),
            "user": params.pg_monitor_username,
            "dbname": DATABASE,
            "sslmode": "disable",  # a socket has no TLS
            **_limits(ctx),
            **parameters(params.pg_exporter_params),
        }
        return Connection(values, params.pg_monitor_password.get_secret_value() if params.pg_monitor_password else "")

    def databases(self, ctx: Context) -> list[str]:
        params = ctx.params
        return _databases(
            params.pg_exporter_exclude_database,
            params.pg_exporter_include_database,
            discover=params.pg_exporter_auto_discovery,
        )


@component
class RemotePostgresExporter(PgExporter):
    """On a node that watches instances elsewhere: one exporter for each, by its port."""

    name = "postgres_exporter_remote"
    title = "postgres_exporter of an instance elsewhere"
    number: ClassVar[int] = 0

    def enabled(self, node: Node) -> bool:
        return bool(node.params.pg_exporters)

    def on(self, node: Node) -> Sequence[Component]:
        return [_watching(port) for port in sorted(node.params.pg_exporters)]

    def port(self, ctx: Context) -> int:
        del ctx
        return self.number

    def ports(self, ctx: Context) -> Mapping[str, int]:
        return {f"pg_exporters.{self.number}": ctx.port(self.number)}

    def labels(self, ctx: Context) -> dict[str, str]:
        remote = self._remote(ctx)
        where = remote.pg_host or self.connection(ctx).values["host"]
        # By a socket it is on this host.
        ip = ctx.node.ip if where.startswith("/") else where
        return {"cls": remote.pg_cluster, "ins": f"{remote.pg_cluster}-{remote.pg_seq}", "ip": ip}

    def connection(self, ctx: Context) -> Connection:
        remote, params = self._remote(ctx), ctx.params
        if remote.pg_exporter_url:
            return from_url(remote.pg_exporter_url.get_secret_value(), _polite(ctx))
        values = {
            "host": remote.pg_host,
            "port": str(remote.pg_port),
            "user": remote.pg_monitor_username or params.pg_monitor_username,
            "dbname": DATABASE,
            **_limits(ctx),
            **_tls(ctx, parameters(remote.pg_exporter_params)),
        }
        secret = remote.pg_monitor_password or params.pg_monitor_password
        return Connection(values, secret.get_secret_value() if secret else "")

    def databases(self, ctx: Context) -> list[str]:
        remote = self._remote(ctx)
        return _databases(
            remote.pg_exporter_exclude_database,
            remote.pg_exporter_include_database,
            discover=remote.pg_exporter_auto_discovery,
        )

    def _remote(self, ctx: Context) -> RemotePostgres:
        return ctx.params.pg_exporters[self.number]


@cache
def _watching(port: int) -> Component:
    attributes = {"name": f"postgres_exporter_{port}", "number": port}
    cls: type[RemotePostgresExporter] = type(f"RemotePostgresExporter{port}", (RemotePostgresExporter,), attributes)
    return cls()


def collectors(version: str) -> tuple[str, ...]:
    """The exporter's own collectors that have to be switched off."""
    match = re.match(r"(?:\d+:)?(\d+)\.(\d+)", version)
    found = (int(match[1]), int(match[2])) if match else (0, 0)
    return next(names for since, names in _COLLECTORS if found >= since)


def _tls(ctx: Context, given: Mapping[str, str]) -> dict[str, str]:
    """What was given, and a CA for who wants to verify: with one, even `require` verifies."""
    mode = given.get("sslmode", "verify-full")
    ours = {"sslrootcert": ctx.at(CA_PATH)} if mode.startswith("verify") else {}
    return {"sslmode": mode, **ours, **given}


def _polite(ctx: Context) -> dict[str, str]:
    """What any server, and any pooler before it, takes."""
    seconds = -(-ctx.params.pg_exporter_connect_timeout // 1000)
    return {"application_name": APPLICATION, "connect_timeout": str(max(1, seconds))}


def _limits(ctx: Context) -> dict[str, str]:
    """A query that takes longer than a scrape is for nothing; compiling one takes longer than running it."""
    patience = int(ctx.params.vmetrics_scrape_timeout.seconds * 1000)
    return {**_polite(ctx), "statement_timeout": str(patience), "jit": "off"}


def _databases(exclude: Sequence[str], include: Sequence[str], *, discover: bool) -> list[str]:
    if not discover:
        return []
    return [
        "--auto-discover-databases",
        *([f"--exclude-databases={','.join(exclude)}"] if exclude else []),
        *([f"--include-databases={','.join(include)}"] if include else []),
    ]
