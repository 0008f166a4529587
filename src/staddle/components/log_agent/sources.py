"""The logs of a node that no component of Staddle registers: the system's own, and those of modules found in the inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.registration import LogFormat, LogSource
from staddle.inventory.modules import member

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.components.base import Context

SYSLOG_SOCKET = "/run/log"
SOCKET_PATH_LIMIT = 100
"""The path of a Unix socket is limited to 107 bytes."""

PGSQL: Mapping[str, tuple[LogFormat, str, str]] = {
    "postgres": ("postgres_csv", "pg_log_dir", "*.csv"),
    "postgres-json": ("postgres_json", "pg_log_dir", "*.json"),
    "postgres-log": ("postgres_log", "pg_log_dir", "*.log"),
    "patroni": ("patroni", "patroni_log_dir", "patroni.log"),
    "pgbouncer": ("pgbouncer", "pgbouncer_log_dir", "pgbouncer.log"),
    "pgbackrest": ("pgbackrest", "pgbackrest_log_dir", "*.log"),
}
"""Logs of a PostgreSQL instance: format, parameter of the directory, files."""
OWN = "postgresql*.log"
"""PostgreSQL's plain logs in a directory where others log, too (Debian's): by their usual names."""


def node_sources(ctx: Context) -> list[LogSource]:
    """Everything that the log agent of the node is to read, by name."""
    registered = [source for source in ctx.registry.logs if source.labels["ip"] == ctx.node.ip]
    found = {source.name: source for source in [*_system(ctx), *registered, *_pgsql(ctx)]}
    return [found[name] for name in sorted(found)]


def _system(ctx: Context) -> list[LogSource]:
    node = ctx.node
    labels = {"job": "syslog", "cls": node.cluster, "ins": node.name, "ip": node.ip}
    if not ctx.layout.is_sandbox:
        return [LogSource("journal", "plain", labels, kind="journald")]
    # In a sandbox nobody else's log is ours to read; there's a socket instead that speaks the protocol.
    sources = []
    if len(ctx.at(SYSLOG_SOCKET)) <= SOCKET_PATH_LIMIT:
        sources.append(LogSource("syslog", "plain", labels, (ctx.at(SYSLOG_SOCKET),), kind="syslog"))
    if node.is_infra:
        own = {"job": "infra", "cls": "supervisord", "ins": ctx.instance("supervisord"), "ip": node.ip}
        sources.append(
            LogSource("supervisord", "python", {**own, "app": "supervisord"}, (ctx.layout.log("supervisord"),))
        )
    return sources


def _pgsql(ctx: Context) -> list[LogSource]:
    place = member(ctx.node, "pgsql")
    if place is None:
        return []
    folders = {name: getattr(ctx.params, parameter).rstrip("/") for name, (_, parameter, _) in PGSQL.items()}
    sources = []
    for name, (style, parameter, files) in PGSQL.items():
        labels = {
            "job": name.partition("-")[0],
            "cls": place.cluster,
            "ins": place.ins,
            "ip": ctx.node.ip,
        }
        others = {folder for other, folder in folders.items() if PGSQL[other][1] != parameter}
        shared = name == "postgres-log" and folders[name] in others
        path = f"{ctx.at(folders[name])}/{OWN if shared else files}"
        sources.append(LogSource(name, style, labels, (path,)))
    return sources
