"""PgBouncer's console as metrics, with the names of prometheus-community's exporter."""

from __future__ import annotations

import logging
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

from staddle.exporters.exposition import Family
from staddle.exporters.postgres_wire import Connection, WireError
from staddle.exporters.server import serve, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("staddle.exporters.pgbouncer")

_TIMEOUT = 3.0
_MICROSECONDS = 1e-6
_PREFIX = "pgbouncer"

# Of a column: the end of the metric's name, what it means, and by what to multiply.
_STATS: Mapping[str, tuple[str, str, float]] = {
    "total_query_count": ("queries_pooled_total", "Queries that went through.", 1),
    "total_query_time": ("queries_duration_seconds_total", "Time that servers worked on queries.", _MICROSECONDS),
    "total_received": ("received_bytes_total", "Bytes received from clients.", 1),
    "total_sent": ("sent_bytes_total", "Bytes sent to clients.", 1),
    "total_wait_time": ("client_wait_seconds_total", "Time that clients waited for a server.", _MICROSECONDS),
    "total_xact_count": ("sql_transactions_pooled_total", "Transactions that went through.", 1),
    "total_xact_time": (
        "server_in_transaction_seconds_total",
        "Time that servers were in a transaction, idle or not.",
        _MICROSECONDS,
    ),
}
_POOLS: Mapping[str, tuple[str, str, float]] = {
    "cl_active": ("client_active_connections", "Clients that have a server, or are idle.", 1),
    "cl_waiting": ("client_waiting_connections", "Clients that wait for a server.", 1),
    "sv_active": ("server_active_connections", "Servers that have a client.", 1),
    "sv_idle": ("server_idle_connections", "Servers that are free.", 1),
    "sv_used": ("server_used_connections", "Servers that were free for so long that they are to be checked.", 1),
    "sv_tested": ("server_testing_connections", "Servers that are being reset or checked.", 1),
    "sv_login": ("server_login_connections", "Servers that are being logged in to.", 1),
    "maxwait": ("client_maxwait_seconds", "How long the client that came first has been waiting.", 1),
}
_DATABASES: Mapping[str, tuple[str, str, float]] = {
    "pool_size": ("pool_size", "Servers that a pool may have.", 1),
    "reserve_pool": ("reserve_pool", "Servers that it may have besides.", 1),
    "max_connections": ("max_connections", "Servers that the database may have; 0: no limit.", 1),
    "current_connections": ("current_connections", "Servers that it has.", 1),
    "paused": ("paused", "Whether it is paused.", 1),
    "disabled": ("disabled", "Whether it is disabled.", 1),
}
_LISTS: Mapping[str, str] = {
    "databases": "Databases that are known.",
    "users": "Users that are known.",
    "pools": "Pools there are.",
    "free_clients": "Clients that are free.",
    "used_clients": "Clients that are in use.",
    "login_clients": "Clients that are logging in.",
    "free_servers": "Servers that are free.",
    "used_servers": "Servers that are in use.",
}
_CONFIG: Mapping[str, tuple[str, str]] = {
    "listen_backlog": ("listen_backlog", "Connections that may wait to be accepted."),
    "max_client_conn": ("max_client_connections", "Clients there may be."),
    "max_user_connections": ("max_user_connections", "Servers that a user may have; 0: no limit."),
}


class Pooler:
    """A PgBouncer, by `host`, `port`, `role` and `password` of the settings."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._where = (settings["host"], settings["port"])
        self._who = (settings["role"], settings["password"])
        self._trouble = ""

    def collect(self) -> list[Family]:
        """All metrics of the moment. One that can't be asked is down, and that is an answer, too."""
        up = Family(f"{_PREFIX}_up", "Whether PgBouncer could be asked.")
        found: list[Family] = []
        trouble = ""
        try:
            with closing(Connection(*self._where, *self._who, _PREFIX, _TIMEOUT)) as console:
                found = _ask(console)
        except (OSError, WireError) as error:
            trouble = str(error)
        if trouble and trouble != self._trouble:
            log.warning("PgBouncer at %s:%s: %s", *self._where, trouble)
        self._trouble = trouble
        up.add(0 if trouble else 1)
        return [up, *found]


def _ask(console: Connection) -> list[Family]:
    return [
        *_version(console.query("SHOW VERSION")),
        *_lists(console.query("SHOW LISTS")),
        *_config(console.query("SHOW CONFIG")),
        *_table(console.query("SHOW DATABASES"), "databases", _DATABASES,
                ("name", "host", "port", "database", "force_user", "pool_mode")),
        *_table(console.query("SHOW POOLS"), "pools", _POOLS, ("database", "user")),
        *_table(console.query("SHOW STATS"), "stats", _STATS, ("database",)),
    ]  # fmt: skip


def _table(
    rows: list[dict[str, str]], part: str, columns: Mapping[str, tuple[str, str, float]], labels: tuple[str, ...]
) -> list[Family]:
    """A metric for each column that this version has; a row's labels are always all there."""
    families = []
    for column, (name, text, factor) in columns.items():
        family = Family(f"{_PREFIX}_{part}_{name}", text)
        for row in rows:
            if column in row:
                value = float(row[column])
                if column == "maxwait":
                    value += float(row.get("maxwait_us", 0)) * _MICROSECONDS
                family.add(value * factor, **{label: row.get(label, "") for label in labels})
        families.append(family)
    return families


def _lists(rows: list[dict[str, str]]) -> list[Family]:
    values = {row["list"]: float(row["items"]) for row in rows}
    families = [Family(f"{_PREFIX}_{name}", text) for name, text in _LISTS.items() if name in values]
    for family in families:
        family.add(values[family.name[len(_PREFIX) + 1 :]])
    return families


def _config(rows: list[dict[str, str]]) -> list[Family]:
    values = {row["key"]: row["value"] for row in rows if "value" in row}
    families = []
    for key, (name, text) in _CONFIG.items():
        if key in values:
            families.append(Family(f"{_PREFIX}_config_{name}", text))
            families[-1].add(float(values[key]))
    return families


def _version(rows: list[dict[str, str]]) -> list[Family]:
    info = Family(f"{_PREFIX}_version_info", "The version that runs.")
    for row in rows:
        info.add(1, version=row.get("version", ""))
    return [info]


def main(arguments: list[str] | None = None) -> int:
    """`pgbouncer SETTINGS`: listens until SIGTERM."""
    [path] = sys.argv[1:] if arguments is None else arguments
    try:
        settings = settings_of(path)
        serve(settings, Pooler(settings).collect)
    except (OSError, ValueError, KeyError) as error:
        print(f"pgbouncer_exporter: {error!r}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
