"""The databases that dashboards may ask: every PostgreSQL that is monitored, as its exporter connects to it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from staddle.components.postgres_exporter import PostgresExporter, RemotePostgresExporter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from staddle.components.base import Context

_KEYWORDS = ("host", "port", "user", "dbname", "sslmode", "sslrootcert", "sslcert", "sslkey", "target_session_attrs")


@dataclass(frozen=True, slots=True)
class Database:
    """A data source with the uid `pg-<ins>`. `values` are libpq's keywords but for the password."""

    ins: str
    cluster: str
    values: Mapping[str, str]
    password: str = field(repr=False)

    @property
    def uid(self) -> str:
        return f"pg-{self.ins}"


def databases(ctx: Context) -> list[Database]:
    """Those of the whole fleet, as this INFRA node reaches them, by uid."""
    return sorted(_databases(ctx), key=lambda database: database.uid)


def _databases(ctx: Context) -> Iterator[Database]:
    local, remote = PostgresExporter(), RemotePostgresExporter()
    for node in ctx.fleet.nodes:
        there = replace(ctx, node=node)
        if local.enabled(node):
            connection, labels = local.connection(there), local.labels(there)
            values = dict(connection.values)
            if node.ip != ctx.node.ip and not node.params.pg_exporter_url:
                # The exporter is beside its server, and we are not.
                values |= {"host": ctx.layout.host(node), "sslmode": "prefer"}
            yield _database(labels, values, connection.password)
        for watcher in remote.on(node):
            assert isinstance(watcher, RemotePostgresExporter)  # noqa: S101 - for the type checker
            connection = watcher.connection(there)
            yield _database(watcher.labels(there), connection.values, connection.password)


def _database(labels: Mapping[str, str], values: Mapping[str, str], password: str) -> Database:
    known = {name: values[name] for name in _KEYWORDS if values.get(name)}
    return Database(labels["ins"], labels["cls"], known, password)
