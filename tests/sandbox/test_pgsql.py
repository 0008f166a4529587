"""A PostgreSQL cluster in the inventory: both servers are watched, what is shown is what psql says, and it can go again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from tests.sandbox.dashboards import wait_for_dashboards
from tests.sandbox.dns import dns_query
from tests.sandbox.postgres import Postgres, load, postgres, replica
from tests.sandbox.stack import Stack, started, wait_for

from staddle.components.postgres_exporter.catalogue import entries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "it's a 'secret'"
FAR = "127.0.0.2"
"""Where the replica would be, were it asked by TCP."""
OBJECTS = """
    CREATE DATABASE app;
    REVOKE CONNECT ON DATABASE app FROM public;
    CREATE SEQUENCE numbers;
    SELECT nextval('numbers');
"""
QUIET = (
    "vlogs",
    "vtraces",
    "alertmanager",
    "blackbox",
    "vector",
    "node_exporter",
    "nginx_exporter",
    "grafana",
    "console",
)
NOT_HERE = {
    "pg_stat_io",  # PostgreSQL 16
    "pg_stat_subscription",
    "pg_stat_progress_vacuum",
    "pg_activity_wait",
}
"""What there is nothing to tell about, or not always."""


@dataclass(frozen=True, slots=True)
class Cluster:
    primary: Postgres
    replica: Postgres


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    libraries = {"shared_preload_libraries": "pg_stat_statements", "track_io_timing": "on"}
    with ExitStack() as stack:
        primary = stack.enter_context(postgres(**libraries))
        primary.sql(OBJECTS)
        hba = primary.data / "pg_hba.conf"
        hba.write_text("local all dbuser_monitor scram-sha-256\n" + hba.read_text())
        primary.sql("SELECT pg_reload_conf()")
        second = stack.enter_context(replica(primary, **libraries))
        stack.enter_context(load(primary))
        yield Cluster(primary, second)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("pgsql")
    (home / "fleet.yml").write_text(inventory(cluster), encoding="utf-8")
    for _ in range(2):  # whoever is ready stays so
        done = staddle(home, "pg", "prepare", "pg-test-1", "--here")
        assert done.returncode == 0, done.stderr
    yield from started(home, inventory(cluster))


def staddle(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "staddle", *arguments, "-i", str(home / "fleet.yml")]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def inventory(cluster: Cluster | None) -> str:
    own: dict[str, object] = {"infra_seq": 1, "nodename": "box"}
    if cluster:
        url = (
            f"postgresql://dbuser_monitor:{quote(SECRET)}@/postgres?host={cluster.replica.home}&statement_timeout=5000"
        )
        second = {"pg_cluster": "pg-test", "pg_seq": 2, "pg_role": "replica", "pg_host": FAR, "pg_exporter_url": url}
        own |= {"pg_cluster": "pg-test", "pg_seq": 1, "pg_role": "primary", "pg_localhost": str(cluster.primary.home)}
        own["pg_exporters"] = {9640: second}
    settings = {
        **{f"{name}_enabled": False for name in QUIET},
        "node_ntp_enabled": False,
        "pg_monitor_password": SECRET,
        # When it can't connect, the exporter takes more than a second to say so.
        "vmetrics_scrape_interval": "2s",
        "vmetrics_scrape_timeout": "2s",
    }
    return json.dumps({"all": {"children": {"infra": {"hosts": {"127.0.0.1": own}}}, "vars": settings}})


def number(box: Stack, query: str) -> float | None:
    """The only value that a query gives; None if it gives none."""
    found = box.query(query)
    assert len(found) <= 1, found
    return float(found[0]["value"][1]) if found else None


def at_least(box: Stack, query: str, least: float) -> float:
    """A query's value, once it is this much."""
    return wait_for(f"{query} >= {least}", lambda: v if (v := number(box, query) or 0) >= least else None, 15)


def fresh(box: Stack, series: str) -> float:
    """The value of a series at a scrape that began after this call."""
    begun = time.time()
    wait_for(f"a new {series}", lambda: (number(box, f"timestamp({series})") or 0) > begun, 15)
    found = number(box, series)
    assert found is not None
    return found


def test_the_role_that_watches_may_read_statistics_and_no_more(box: Stack, cluster: Cluster) -> None:
    primary, role = cluster.primary, "FROM pg_roles WHERE rolname = 'dbuser_monitor'"
    may = "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls"
    assert primary.value(f"{may} {role}") == "f"
    assert primary.value("SELECT string_agg(m.roleid::regrole::text, ',') FROM pg_auth_members AS m JOIN pg_roles AS r"
                         " ON r.oid = m.member WHERE r.rolname = 'dbuser_monitor'") == "pg_monitor"  # fmt: skip
    primary.sql("CREATE TABLE secrets (x int)")
    assert primary.value("SELECT has_table_privilege('dbuser_monitor', 'secrets', 'SELECT')") == "f"
    assert primary.value("SELECT has_sequence_privilege('dbuser_monitor', 'numbers', 'SELECT')") == "t"
    assert primary.value("SELECT has_sequence_privilege('dbuser_monitor', 'numbers', 'USAGE')") == "f"
    schema = "SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'pg_stat_statements'"
    assert primary.value(schema) == "monitor"
    printed = staddle(box.home, "pg", "prepare", "pg-test").stdout
    assert "SCRAM-SHA-256$" in printed
    assert SECRET not in printed
    assert "pg-test-2" not in printed  # a replica gets it from its primary


def test_every_target_is_up_soon_after_up(box: Stack) -> None:
    wait_for("all targets", lambda: number(box, 'count(up{job="pgsql"} == 1)') == 2, timeout=15)
    wait_for("both servers", lambda: number(box, "count(pg_up == 1)") == 2, timeout=15)
    labels = {entry["metric"]["ins"]: entry["metric"] for entry in box.query("pg_up")}
    assert labels.keys() == {"pg-test-1", "pg-test-2"}
    assert {(each["job"], each["cls"]) for each in labels.values()} == {("pgsql", "pg-test")}
    assert [labels[f"pg-test-{number}"]["ip"] for number in (1, 2)] == ["127.0.0.1", FAR]


def test_every_query_of_the_catalogue_runs_and_gives_series(box: Stack) -> None:
    wait_for("a scrape", lambda: number(box, "count(pg_exporter_last_scrape_error == 0)") == 2, 15)
    answer = box.get("/vmetrics/api/v1/label/__name__/values")
    names = set(answer.json()["data"])
    silent = {entry.name for entry in entries() if not names.intersection(entry.metrics)}
    assert silent <= NOT_HERE
    assert number(box, 'count(pg_tables_count{ins="pg-test-1",datname=~"app|postgres"})') == 2
    assert number(box, "count({job='pgsql',server!=''})") is None


def test_dashboards_have_something_to_show(box: Stack) -> None:
    wait_for_dashboards(box, "pgsql")


def test_roles_and_lag_are_told_by_both_ends(box: Stack, cluster: Cluster) -> None:
    assert number(box, 'pg_replication_is_replica{ins="pg-test-1"}') == 0
    assert number(box, 'pg_replication_is_replica{ins="pg-test-2"}') == 1
    assert number(box, 'pg_stat_replication_count{application_name="replica",state="streaming"}') == 1
    assert number(box, 'pg_replication_slots_active{slot_name="replica"}') == 1
    behind = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) FROM pg_stat_replication"
    cluster.replica.sql("SELECT pg_wal_replay_pause()")
    try:
        # The load goes on, so the lag only grows.
        low = float(cluster.primary.value(behind))
        seen = fresh(box, 'pg_stat_replication_replay_lag_bytes{application_name="replica"}')
        assert low <= seen <= float(cluster.primary.value(behind))
        assert at_least(box, 'pg_replication_replay_lag_bytes{ins="pg-test-2"}', low) > 0
        assert at_least(box, 'pg_replication_lag_seconds{ins="pg-test-2"}', 1) >= 1
        assert at_least(box, 'pg_replication_replay_paused{ins="pg-test-2"}', 1) == 1
    finally:
        cluster.replica.sql("SELECT pg_wal_replay_resume()")


def test_transactions_and_connections_are_those_that_psql_counts(box: Stack, cluster: Cluster) -> None:
    commits = "SELECT xact_commit FROM pg_stat_database WHERE datname = 'postgres'"
    low = float(cluster.primary.value(commits))
    seen = fresh(box, 'pg_stat_database_xact_commit{ins="pg-test-1",datname="postgres"}')
    assert low <= seen <= float(cluster.primary.value(commits))
    clients = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    # psql's own and the one that the exporter asks by don't count.
    expected = float(cluster.primary.value(clients)) - 2
    assert fresh(box, 'pg_activity_client_backends{ins="pg-test-1"}') == expected
    tps = at_least(box, 'rate(pg_stat_database_xact_commit{ins="pg-test-1",datname="postgres"}[5s])', 50)
    assert tps < 200  # pgbench makes a hundred


def test_locks_are_those_that_are_held_and_waited_for(box: Stack, cluster: Cluster) -> None:
    cluster.primary.sql("CREATE TABLE held ()")
    holder = cluster.primary.background("psql", "-c", "BEGIN; LOCK TABLE held; SELECT pg_sleep(60)")
    held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"
    wait_for("the lock", lambda: cluster.primary.value(held) != "0", 15)
    waiter = cluster.primary.background("psql", "-c", "SET lock_timeout = '60s'; SELECT * FROM held")
    try:
        assert at_least(box, 'pg_locks_waiting{ins="pg-test-1",mode="accesssharelock"}', 1) == 1
        assert at_least(box, 'pg_activity_waiting_for_locks{ins="pg-test-1"}', 1) == 1
        assert at_least(box, 'pg_locks_count{ins="pg-test-1",mode="accessexclusivelock",datname="postgres"}', 1) == 1
    finally:
        for process in (holder, waiter):
            process.terminate()
            process.wait()
        cluster.primary.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE '%held%' AND pid <> pg_backend_pid()"
        )


def test_a_failing_query_shows(box: Stack, cluster: Cluster) -> None:
    cluster.primary.sql("REVOKE EXECUTE ON FUNCTION pg_control_checkpoint() FROM public")
    try:
        at_least(box, 'pg_exporter_last_scrape_error{ins="pg-test-1"}', 1)
        assert number(box, 'pg_up{ins="pg-test-1"}') == 1
    finally:
        cluster.primary.sql("GRANT EXECUTE ON FUNCTION pg_control_checkpoint() TO public")


def test_a_server_that_is_down_is_seen_and_its_exporter_stays(box: Stack, cluster: Cluster) -> None:
    before = box.pids()["postgres_exporter_9640"]
    cluster.replica.stop("fast")
    try:
        wait_for("pg_up 0", lambda: number(box, 'pg_up{ins="pg-test-2"}') == 0, 15)
        assert box.up()["exit"] == 0
        assert box.pids()["postgres_exporter_9640"] == before
    finally:
        cluster.replica.start()
    wait_for("pg_up 1", lambda: number(box, 'pg_up{ins="pg-test-2"}') == 1, 15)


def leads_to(box: Stack) -> list[str]:
    """Where the cluster's name leads to."""
    found = dns_query(box.port(10053), "pg-test")
    assert set(found.values()) <= {0}  # nobody keeps it
    return list(found)


def known(box: Stack) -> float | None:
    return number(box, 'dns_roles_primary_known{cluster="pg-test"}')


def roles(box: Stack) -> list[tuple[str, str, str]]:
    """What `staddle pg ls` says: instance, its role in the inventory, and what it is."""
    (box.home / "staddle.yml").write_text((box.home / "fleet.yml").read_text())
    listed = box.run("pg", "ls", "--json")
    assert listed.returncode == 0, listed.stderr
    return [(one["ins"], one["role"], one["now"]) for one in json.loads(listed.stdout)]


def test_the_clusters_name_follows_a_failover(box: Stack, cluster: Cluster) -> None:
    wait_for("the primary to be known", lambda: known(box) == 1, 15)
    assert leads_to(box) == ["127.0.0.1"]
    assert roles(box) == [("pg-test-1", "primary", "primary"), ("pg-test-2", "replica", "replica")]
    cluster.primary.stop("fast")
    wait_for("nobody to be primary", lambda: known(box) == 0, 15)
    assert leads_to(box) == ["127.0.0.1"]  # nobody knows better
    cluster.replica.sql("SELECT pg_promote()")
    begun = time.monotonic()
    wait_for("the name to follow", lambda: leads_to(box) == [FAR], 15)
    print(f"\nthe name led to the new primary after {time.monotonic() - begun:.1f} s")
    wait_for("metrics to say so", lambda: known(box) == 1, 15)
    assert roles(box) == [("pg-test-1", "primary", "down"), ("pg-test-2", "replica", "primary")]


def test_who_follows_may_die_and_apply_may_come_between(box: Stack) -> None:
    before = box.pids()["dns_roles"]
    os.kill(before, signal.SIGKILL)
    wait_for("it to be back", lambda: box.pids()["dns_roles"] not in {0, before}, 15)
    blocks = {block["component"]: block["outcome"] for block in box.up()["report"]["blocks"]}
    assert {blocks["dns_roles"], blocks["dnsmasq"]} == {"ok"}
    assert leads_to(box) == [FAR]
    wait_for("the primary to be known", lambda: known(box) == 1, 15)


def test_of_two_primaries_the_one_that_was_known_has_the_name(box: Stack, cluster: Cluster) -> None:
    cluster.primary.start()
    wait_for("both to be seen", lambda: number(box, "count(pg_replication_is_replica == 0)") == 2, 15)
    wait_for("doubt", lambda: known(box) == 0, 15)
    assert leads_to(box) == [FAR]
    assert "there are several primaries: pg-test-1, pg-test-2" in box.run("logs", "dns_roles").stdout


def test_a_cluster_that_leaves_the_inventory_leaves_nothing_behind(box: Stack) -> None:
    folder = box.root / "data/infra/targets/pgsql"
    assert sorted(path.name for path in folder.iterdir()) == ["pg-test-1.yml", "pg-test-2.yml"]
    names = box.root / "data/infra/hosts"
    assert {path.name for path in names.glob("pg-*")} == {"pg-test-1"}
    home = box.get("/").text
    assert "pg-test-1" in home
    assert "pg-test-2" in home
    box.write(inventory(None))
    box.up()
    assert not folder.exists()
    assert not list(names.glob("pg-*"))
    assert dns_query(box.port(10053), "pg-test") == dns_query(box.port(10053), "pg-test-1") == {}
    left = [path for path in box.root.rglob("*postgres_exporter*") if "programs" not in path.parts]
    assert {path.suffix for path in left} <= {".log"}
    assert not [name for name in box.pids() if "postgres" in name]
    assert "pg-test" not in box.get("/").text
    wait_for("no series", lambda: not box.query('up{job="pgsql"}'), 15)
