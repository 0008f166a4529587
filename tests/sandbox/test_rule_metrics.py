"""What rules ask for is what exporters give: every metric and label of an alert, against real servers and their exporters.

No stack is needed for that; the exporters run as Staddle runs them, and are read directly.
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.sandbox.debian import ETCD, HAPROXY, PGBOUNCER, REDIS, Debian, debian
from tests.sandbox.exporters import page, postgres_exporter
from tests.sandbox.postgres import Postgres, postgres, replica
from tests.sandbox.stack import free_port, wait_for

from staddle.alerting.catalogue import Alert, Recording, runbooks, shipped
from staddle.alerting.lint import expression, metrics_of
from staddle.components.postgres_exporter import POSTGRES_EXPORTER
from staddle.components.redis import REDIS_EXPORTER
from staddle.exporters import pgbackrest
from staddle.exporters.exposition import render
from staddle.exporters.pgbouncer import Pooler

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HERE = Path(__file__).parent
TARGET = {"job", "cls", "ins", "ip", "instance", "exporter", "vip"}
"""Labels that targets have."""
RECORDED = {rule.name: rule.expr for group in shipped().groups for rule in group.rules if isinstance(rule, Recording)}
OF_SCRAPING = {"up", "scrape_duration_seconds"}
ELSEWHERE = {"node_cpu_seconds_total": "node_exporter's; the stack's tests have it"}
NOT_RUN = {
    "minio": "MinIO is in no registry at hand: names are from its documentation",
    "keepalived": "keepalived_exporter is in no registry at hand: names are from its source",
}
UNSEEN = {
    "etcd_network_peer_round_trip_time_seconds_bucket": "only between members, half a minute after they started",
    "pg_stat_subscription_workers": "needs a publisher with wal_level logical",
    "pg_stat_progress_vacuum_elapsed_seconds": "only while a vacuum runs",
}
"""Metrics that are not there in this setting, with the reason; that they are not is checked, too."""
OF_MODULES = re.compile(r"\b((?:pg|redis|etcd|haproxy|patroni|pgbouncer|pgbackrest)_\w+)[{\[]")
UNSEEN_IN_RUNBOOKS = {
    "pg_activity_wait_count": "only while statements wait",
    "pg_locks_waiting": "only while there are locks",
    "pg_stat_activity_count": "only while there are clients",
    "pg_stat_database_conflicts_confl_lock": "only on a replica",
    "pg_stat_database_conflicts_confl_snapshot": "only on a replica",
    "pg_stat_progress_vacuum_heap_blks_scanned": "only while a vacuum runs",
    "pg_stat_statements_total_exec_time": "needs the extension",
}
"""As `UNSEEN`; test_pgsql.py has most of them."""
SERIES = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})? \S+$", re.MULTILINE)
LABEL = re.compile(r'([A-Za-z_]\w*)="(?:[^"\\]|\\.)*"')
ALERTS = [
    alert
    for alert in shipped().alerts.values()
    if alert.module in {"pgsql", "redis", "etcd", "haproxy", "minio", "keepalived"}
]


@pytest.fixture(scope="module")
def exposed() -> Iterator[Mapping[str, set[str]]]:
    """The names of all metrics that there are, with the labels that each of them has."""
    with contextlib.ExitStack() as keep:
        programs = keep.enter_context(debian(REDIS, ETCD, HAPROXY, PGBOUNCER, POSTGRES_EXPORTER, REDIS_EXPORTER))
        primary = keep.enter_context(postgres(archive_mode="on", archive_command="false"))
        primary.sql(
            "CREATE TABLE orders (id serial PRIMARY KEY); INSERT INTO orders SELECT FROM generate_series(1, 10);"
            "SELECT pg_switch_wal()"
        )
        keep.enter_context(replica(primary))
        pages = [
            *_postgres(keep, programs, primary),
            *_redis(keep, programs),
            *_etcd(keep, programs),
            *_haproxy(keep, programs),
            _pgbouncer(keep, programs, primary),
            render(
                pgbackrest.metrics(json.loads((_HERE / "../unit/exporters/pgbackrest-backups.json").read_text()), 0)
            ),
            "pgbackrest_exporter_status 1\n",
            # As Patroni of that release gave it; test_patroni.py sees to it that it still does.
            (_HERE / "patroni-3.0.2.txt").read_text(),
        ]
        found: dict[str, set[str]] = {}
        for name, labels in SERIES.findall("\n".join(pages)):
            found.setdefault(name, set()).update(LABEL.findall(labels))
        yield found


def _postgres(keep: contextlib.ExitStack, programs: Debian, server: Postgres) -> Iterator[str]:
    source = f"host={server.home} user=postgres dbname=postgres sslmode=disable"
    found = keep.enter_context(postgres_exporter(programs, "exporter", source))
    # Its first answers may lack what is kept for a while.
    yield page(found.url, "pg_stat_user_tables_n_dead_tup")


def _redis(keep: contextlib.ExitStack, programs: Debian) -> Iterator[str]:
    first, second, third, exporter = (free_port() for _ in range(4))
    common = ("--bind", "127.0.0.1", "--save", "", "--dir", str(programs.home), "--port")
    keep.enter_context(programs.running("redis-server", *common, str(first), "--maxmemory", "100mb"))
    keep.enter_context(programs.running("redis-server", *common, str(second), "--replicaof", "127.0.0.1", str(first)))
    keep.enter_context(programs.running("redis-server", *common, str(third), "--cluster-enabled", "yes"))
    keep.enter_context(programs.running("redis_exporter", "-redis.addr=", f"-web.listen-address=127.0.0.1:{exporter}"))
    for port, last in (
        (first, "redis_connected_slave_lag_seconds"),
        (second, "redis_master_link_up"),
        (third, "redis_cluster_state"),
    ):
        yield page(f"http://127.0.0.1:{exporter}/scrape?target=redis://127.0.0.1:{port}", last)


def _etcd(keep: contextlib.ExitStack, programs: Debian) -> Iterator[str]:
    clients, peers = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    urls = {
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"default={peers}",
        "data-dir": str(programs.home / "etcd"),
    }
    keep.enter_context(programs.running("etcd", *(f"--{key}={value}" for key, value in urls.items())))
    yield page(f"{clients}/metrics", "etcd_server_has_leader 1")


def _haproxy(keep: contextlib.ExitStack, programs: Debian) -> Iterator[str]:
    port, path = free_port(), programs.home / "haproxy.cfg"
    path.write_text(
        "defaults\n  mode http\n  timeout client 10s\n  timeout server 10s\n  timeout connect 1s\n"
        f"frontend stats\n  bind 127.0.0.1:{port}\n"
        "  http-request use-service prometheus-exporter if { path /metrics }\n"
        f"listen service\n  bind 127.0.0.1:{free_port()}\n  server one 127.0.0.1:1 check\n"
    )
    keep.enter_context(programs.running("haproxy", "-db", "-f", str(path)))
    yield page(f"http://127.0.0.1:{port}/metrics", "haproxy_server_check_up_down_total")


def _pgbouncer(keep: contextlib.ExitStack, programs: Debian, server: Postgres) -> str:
    port, path = free_port(), programs.home / "pgbouncer.ini"
    (programs.home / "users.txt").write_text('"postgres" "secret"\n')
    path.write_text(
        f"[databases]\nshop = host={server.home} dbname=postgres user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {programs.home}/users.txt\nstats_users = postgres\n"
    )
    keep.enter_context(programs.running("pgbouncer", str(path), user=server.user))
    pooler = Pooler({"host": "127.0.0.1", "port": port, "role": "postgres", "password": "secret"})
    return wait_for("PgBouncer", lambda: text if "pgbouncer_up 1" in (text := render(pooler.collect())) else None, 15)


@pytest.mark.parametrize("alert", [pytest.param(alert, id=alert.name) for alert in ALERTS])
def test_the_metrics_of_an_alert_are_exposed_with_the_labels_that_it_names(
    alert: Alert, exposed: Mapping[str, set[str]]
) -> None:
    asked = [metric for name in metrics_of(expression(alert)) for metric in metrics_of(RECORDED.get(name, name))]
    used = [name for name in asked if name not in OF_SCRAPING and name not in ELSEWHERE]
    if alert.module in NOT_RUN:
        # Names are all that can be said of them: they start as those of their exporter do.
        assert all(name.startswith(f"{alert.module}_") for name in used), NOT_RUN[alert.module]
        return
    seen = [name for name in used if name not in UNSEEN]
    assert {name for name in seen if name not in exposed} == set()
    if seen == used:
        labels = TARGET.union(*(exposed[name] for name in used))
        named = set(re.findall(r"\$labels\.(\w+)", " ".join(alert.annotations.values())))
        assert named - labels == set()


@pytest.mark.parametrize(
    "alert", [pytest.param(alert, id=alert.name) for alert in ALERTS if alert.module not in NOT_RUN]
)
def test_the_metrics_that_a_runbook_asks_for_are_exposed(alert: Alert, exposed: Mapping[str, set[str]]) -> None:
    asked = set(OF_MODULES.findall(runbooks("")[alert.name]))
    assert asked - exposed.keys() - UNSEEN.keys() - UNSEEN_IN_RUNBOOKS.keys() == set()


def test_what_is_said_to_be_unseen_is(exposed: Mapping[str, set[str]]) -> None:
    used = {name for alert in ALERTS for name in metrics_of(expression(alert))}
    assert UNSEEN.keys() <= used
    assert not UNSEEN.keys() & exposed.keys()
