"""The fault campaign of PostgreSQL: one thing goes wrong at a time, and its alert, and only that, is told in time."""

from __future__ import annotations

import json
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.sandbox.postgres import Postgres, postgres, replica
from tests.sandbox.sinks import HttpSink
from tests.sandbox.stack import Stack, started, wait_for

from staddle.alerting.catalogue import shipped
from staddle.components.postgres_exporter.catalogue import entries
from staddle.inventory.parameters import Duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

pytestmark = [pytest.mark.more, pytest.mark.timeout(900)]

QUIET = ("vlogs", "vtraces", "blackbox", "vector", "node_exporter", "nginx_exporter", "grafana", "console")
RULES: dict[str, object] = {
    # Servers of tests write without fsync, and are restarted by them.
    **{name: {"enabled": False} for name in ("PostgresDurabilityOff", "PostgresRestarted")},
    # Stacks without what is switched off above.
    **{name: {"enabled": False} for name in ("TargetsMissing", "RuleEvaluationMissed", "ScrapeSlow", "TargetFlapping")},
    # Nobody wants to wait for hours.
    "PostgresIdleInTransaction": {"threshold": "5s", "for": "2s"},
    "PostgresTransactionLong": {"threshold": "10m"},
    "PostgresArchiverFails": {"for": "10s"},
    "PostgresPreparedTransactionOld": {"threshold": "5s", "for": "2s"},
    "PostgresSlotInactive": {"for": "20s"},
    "PostgresDeadlocks": {"threshold": 0},
    "PostgresInvalidIndexes": {"for": "5s"},
}
ROLE = (
    "CREATE ROLE dbuser_monitor LOGIN IN ROLE pg_monitor; CREATE TABLE held (id int); INSERT INTO held VALUES (1), (2)"
)


@dataclass(frozen=True)
class Cluster:
    primary: Postgres
    replica: Postgres

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host=str(self.primary.home), user="postgres", dbname="postgres")


SEEN = 30
"""Seconds for a scrape, an evaluation, and what a busy machine makes of them."""
GROUPED = 30
"""Seconds until a group's next turn (`group_interval`), which an alert waits for whose group told something not long ago."""


@dataclass(frozen=True)
class Fault:
    """`breaking` breaks something for as long as it is entered; then these alerts about these instances are due."""

    name: str
    due: frozenset[tuple[str, str]]
    breaking: Callable[[Cluster], AbstractContextManager[object]]


def fault(name: str, breaking: Callable[[Cluster], AbstractContextManager[object]], *due: tuple[str, str]) -> Fault:
    return Fault(name, frozenset(due), breaking)


@contextmanager
def primary_stopped(cluster: Cluster) -> Iterator[None]:
    cluster.primary.stop("fast")
    try:
        yield
    finally:
        cluster.primary.start()


@contextmanager
def replica_stopped(cluster: Cluster) -> Iterator[None]:
    cluster.replica.stop("fast")
    try:
        yield
    finally:
        cluster.replica.start()


@contextmanager
def replication_broken(cluster: Cluster) -> Iterator[None]:
    """The replica is told another address."""
    cluster.replica.sql("ALTER SYSTEM SET primary_conninfo = 'host=/nowhere'")
    cluster.replica.sql("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        source = f"host={cluster.primary.home} user=postgres application_name=replica"
        cluster.replica.sql(f"ALTER SYSTEM SET primary_conninfo = '{source}'")
        cluster.replica.sql("SELECT pg_reload_conf()")


@contextmanager
def no_connection_left(cluster: Cluster) -> Iterator[None]:
    with ExitStack() as held:
        # Some are the exporter's and the replica's.
        for _ in range(96):
            held.enter_context(cluster.connect())
        yield


@contextmanager
def table_blocked(cluster: Cluster) -> Iterator[None]:
    """One session has the table, thirty want it."""
    with ExitStack() as held:
        root = held.enter_context(cluster.connect())
        root.execute("LOCK TABLE held")
        waiting = [held.enter_context(cluster.connect()) for _ in range(30)]
        threads = [threading.Thread(target=each.execute, args=("SELECT * FROM held",)) for each in waiting]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            root.rollback()
            for thread in threads:
                thread.join()


@contextmanager
def idle_in_transaction(cluster: Cluster) -> Iterator[None]:
    with cluster.connect() as connection:
        connection.execute("SELECT * FROM held")
        yield


@contextmanager
def archive_refused(cluster: Cluster) -> Iterator[None]:
    cluster.primary.sql("ALTER SYSTEM SET archive_command = 'false'")
    cluster.primary.sql("SELECT pg_reload_conf()")
    cluster.primary.sql("CREATE TABLE written (); SELECT pg_switch_wal()")
    try:
        yield
    finally:
        cluster.primary.sql("ALTER SYSTEM SET archive_command = 'true'")
        cluster.primary.sql("SELECT pg_reload_conf()")
        cluster.primary.sql("DROP TABLE written; SELECT pg_switch_wal()")


@contextmanager
def prepared_and_left(cluster: Cluster) -> Iterator[None]:
    cluster.primary.sql("BEGIN; UPDATE held SET id = id; PREPARE TRANSACTION 'left'")
    try:
        yield
    finally:
        cluster.primary.sql("ROLLBACK PREPARED 'left'")


@contextmanager
def slot_forgotten(cluster: Cluster) -> Iterator[None]:
    cluster.primary.sql("SELECT pg_create_physical_replication_slot('forgotten', true)")
    try:
        yield
    finally:
        cluster.primary.sql("SELECT pg_drop_replication_slot('forgotten')")


@contextmanager
def index_invalid(cluster: Cluster) -> Iterator[None]:
    cluster.primary.sql("INSERT INTO held VALUES (1)")
    with pytest.raises(AssertionError, match="could not create unique index"):
        cluster.primary.sql("CREATE UNIQUE INDEX CONCURRENTLY broken ON held (id)")
    try:
        yield
    finally:
        cluster.primary.sql("DROP INDEX broken; DELETE FROM held WHERE ctid = (SELECT max(ctid) FROM held)")


FAULTS = [
    # Alerts of one name and cluster are told together, the second one later: what shares an alert is apart.
    fault("the primary stops", primary_stopped, ("PostgresDown", "pg-test-1"), ("PostgresNoPrimary", "")),
    fault("replication breaks", replication_broken,
          ("PostgresReplicationBroken", "pg-test-2"), ("PostgresSlotInactive", "pg-test-1")),
    fault("a client is idle in a transaction", idle_in_transaction, ("PostgresIdleInTransaction", "pg-test-1")),
    fault("connections run out", no_connection_left, ("PostgresConnectionsExhausted", "pg-test-1")),
    fault("the archive refuses WAL", archive_refused, ("PostgresArchiverFails", "pg-test-1")),
    fault("the replica stops", replica_stopped, ("PostgresDown", "pg-test-2"), ("PostgresSlotInactive", "pg-test-1")),
    fault("a transaction is prepared and left", prepared_and_left, ("PostgresPreparedTransactionOld", "pg-test-1")),
    fault("a table is blocked", table_blocked,
          ("PostgresLockPileUp", "pg-test-1"), ("PostgresIdleInTransaction", "pg-test-1")),
    fault("a slot is forgotten", slot_forgotten, ("PostgresSlotInactive", "pg-test-1")),
    # The replica has it, too.
    fault("an index is invalid", index_invalid, ("PostgresInvalidIndexes", "pg-test-1")),
]  # fmt: skip


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with ExitStack() as stack:
        settings = {"archive_mode": "on", "archive_command": "true", "max_prepared_transactions": "5"}
        primary = stack.enter_context(postgres(**settings))
        primary.sql(ROLE)
        yield Cluster(primary, stack.enter_context(replica(primary, **settings)))


@pytest.fixture(scope="module")
def sink() -> Iterator[HttpSink]:
    with HttpSink() as sink:
        yield sink


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster, sink: HttpSink) -> Iterator[Stack]:
    url = f"postgresql://dbuser_monitor@/postgres?host={cluster.replica.home}"
    second = {"pg_cluster": "pg-test", "pg_seq": 2, "pg_role": "replica", "pg_exporter_url": url}
    own = {
        "infra_seq": 1, "nodename": "box", "pg_exporters": {9640: second},
        "pg_cluster": "pg-test", "pg_seq": 1, "pg_role": "primary", "pg_localhost": str(cluster.primary.home),
    }  # fmt: skip
    settings = {
        **{f"{name}_enabled": False for name in QUIET},
        "node_ntp_enabled": False,
        "vmetrics_scrape_interval": "2s",
        "vmetrics_scrape_timeout": "2s",
        "alert_receivers": {"ops": {"type": "webhook", "url": f"{sink.url}/told"}},
        "alert_routes": [{"match": {"module": "pgsql"}, "receivers": ["ops"]}],
        "alert_rules": {name: rule for name, rule in RULES.items() if name in shipped().alerts},
    }
    text = json.dumps({"all": {"children": {"infra": {"hosts": {"127.0.0.1": own}}}, "vars": settings}})
    yield from started(tmp_path_factory.mktemp("pgfaults"), text)


def told(sink: HttpSink, status: str) -> set[tuple[str, str]]:
    """(alert, instance) of what was told about PostgreSQL."""
    found = [alert for told in sink.told for alert in told.data["alerts"]]
    return {
        (alert["labels"]["alertname"], alert["labels"].get("ins", ""))
        for alert in found
        if alert["status"] == status and alert["labels"]["module"] == "pgsql"
    }


def wait_of(alert: str) -> float:
    own = RULES.get(alert, {})
    assert isinstance(own, dict)
    seconds: float = Duration(own.get("for", shipped().alerts[alert].wait)).seconds
    return seconds


def age_of(alert: str) -> float:
    """How old what the alert goes by may be: the exporter keeps the rows of some queries for a while."""
    expr = shipped().alerts[alert].expr
    kept = (entry for entry in entries() if any(metric in expr for metric in entry.metrics))
    return max((entry.spec.get("cache_seconds", 0) for entry in kept), default=0)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_the_alert_and_only_that(watched: Stack, sink: HttpSink, cluster: Cluster, fault: Fault) -> None:
    wait_for("all to be well", lambda: not watched.query('ALERTS{alertname=~"Postgres.*"}'), timeout=120)
    wait_for("scrapes", lambda: len(watched.query("pg_up == 1")) == 2, timeout=60)
    wait_for("what was over to be told", lambda: told(sink, "firing") <= told(sink, "resolved"), timeout=120)
    sink.told.clear()
    allowed = max(wait_of(name) + age_of(name) for name, _ in fault.due) + SEEN + GROUPED
    with fault.breaking(cluster):
        begun = time.monotonic()
        wait_for(f"{set(fault.due)} within {allowed:.0f} s", lambda: fault.due <= told(sink, "firing"), timeout=allowed)
        print(f"\n{fault.name}: after {time.monotonic() - begun:.1f} s ({allowed:.0f} s allowed)")
    wait_for("it to be over", lambda: fault.due <= told(sink, "resolved"), timeout=180)
    assert told(sink, "firing") == fault.due


def test_a_second_primary_is_told_about(watched: Stack, sink: HttpSink, cluster: Cluster) -> None:
    """The last one: what was promoted can't go back."""
    wait_for("what was over to be told", lambda: told(sink, "firing") <= told(sink, "resolved"), timeout=120)
    sink.told.clear()
    cluster.replica.sql("SELECT pg_promote()")
    due = {("PostgresTwoPrimaries", ""), ("PostgresRoleChanged", "pg-test-2"), ("PostgresSlotInactive", "pg-test-1")}
    wait_for("two primaries", lambda: due <= told(sink, "firing"), timeout=90)
    assert told(sink, "firing") == due
