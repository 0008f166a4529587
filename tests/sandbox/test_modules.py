"""Redis, etcd, PgBouncer, pgBackRest and HAProxy from Debian: seen as they see themselves, and gone when they go."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import psycopg
import pytest
from tests.sandbox.conftest import FAST
from tests.sandbox.dashboards import wait_for_dashboards
from tests.sandbox.debian import ETCD, ETCDCTL, HAPROXY, PGBACKREST, PGBOUNCER, REDIS, Debian, debian
from tests.sandbox.postgres import Postgres, postgres
from tests.sandbox.stack import Stack, free_port, started, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "hor'se \"batt"
MODULES = ("redis", "etcd", "pgsql")


@dataclass
class Around:
    """What runs beside the stack, and where."""

    stack: Stack
    debian: Debian
    postgres: Postgres
    redis: tuple[int, int]
    etcd: int
    pgbouncer: int
    haproxy: int
    service: int

    def inventory(self) -> str:
        """The stack's own, with all of that."""
        first, second = self.redis
        own = {
            "infra_seq": 1, "nodename": "box",
            "pg_cluster": "pg-test", "pg_seq": 1, "pg_localhost": str(self.postgres.home),
            "pg_monitor_username": "postgres", "pg_monitor_password": PASSWORD,
            "pgbouncer_enabled": True, "pgbouncer_port": self.pgbouncer, "pgbouncer_log_dir": "/logs/pgbouncer",
            "pgbackrest_enabled": True, "pgbackrest_path": str(self.debian.script("pgbackrest")),
            "pgbackrest_config": str(self.debian.home / "pgbackrest.conf"), "pgbackrest_log_dir": "/logs/pgbackrest",
            "haproxy_enabled": True, "haproxy_exporter_port": self.haproxy,
            "redis_cluster": "cache", "redis_node": 1, "redis_password": PASSWORD,
            "redis_instances": {first: {"log": f"/logs/redis/{first}.log"}, second: {"log": f"/logs/redis/{second}.log"}},
            "etcd_seq": 1, "etcd_port": self.etcd, "etcd_log": "/logs/etcd/etcd.log",
        }  # fmt: skip
        variables = {"vmetrics_scrape_interval": "1s", "vmetrics_scrape_timeout": "1s"}
        hosts = {"infra": {"hosts": {"127.0.0.1": own}}}
        return json.dumps({"all": {"children": hosts, "vars": variables}})

    def log_dir(self, name: str) -> Path:
        path = self.stack.root / "logs" / name
        path.mkdir(parents=True, exist_ok=True)
        if self.postgres.user:
            shutil.chown(path, self.postgres.user)
        return path

    def cli(self, port: int, *arguments: str) -> str:
        return self.debian.run("redis-cli", "-p", str(port), "--no-auth-warning", "-a", PASSWORD, *arguments)

    def psql(self, query: str, database: str = "pgbouncer") -> list[dict[str, str]]:
        """Rows that PgBouncer gives."""
        text = self.postgres.run(
            "psql", "-X", "--csv", "-h", str(self.debian.home), "-p", str(self.pgbouncer), "-d", database, "-c", query
        )
        head, *rows = [line.split(",") for line in text.splitlines()]
        return [dict(zip(head, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Around]:
    """The stack as it is without modules, then all the servers, then the inventory that names them."""
    with contextlib.ExitStack() as keep:
        programs = keep.enter_context(debian(REDIS, ETCD, ETCDCTL, PGBOUNCER, PGBACKREST, HAPROXY))
        archive = (
            f"{programs.script('pgbackrest')} --config={programs.home}/pgbackrest.conf --stanza=main archive-push %p"
        )
        server = keep.enter_context(
            postgres(port="5432", archive_mode="on", wal_level="replica", archive_command=archive)
        )
        home = tmp_path_factory.mktemp("modules")
        temporary = home.relative_to(tempfile.gettempdir())
        for folder in [home, *home.parents][: len(temporary.parts)]:
            folder.chmod(0o755)  # servers that refuse root write their logs below it
        stack = keep.enter_context(contextlib.contextmanager(started)(home, FAST))
        found = Around(
            stack, programs, server, (free_port(), free_port()), free_port(), free_port(), free_port(), free_port()
        )
        for port in found.redis:
            log = found.log_dir("redis") / f"{port}.log"
            options = ("--port", str(port), "--bind", "127.0.0.1", "--requirepass", PASSWORD, "--logfile", str(log))
            keep.enter_context(programs.running("redis-server", *options, "--dir", str(programs.home), "--save", ""))
        keep.enter_context(programs.running("etcd", *_etcd(found)))
        keep.enter_context(programs.running("pgbouncer", str(_pgbouncer(found)), user=server.user))
        keep.enter_context(programs.running("haproxy", "-db", "-f", str(_haproxy(found))))
        _backup(found)
        stack.write(found.inventory())
        stack.up()
        yield found


def _etcd(around: Around) -> list[str]:
    """Behind TLS: with the certificate of the node, for those who show one of a machine's."""
    pki, peers = around.stack.root / "etc/pki", f"http://127.0.0.1:{free_port()}"
    clients = f"https://127.0.0.1:{around.etcd}"
    trusted = around.debian.home / "etcd-clients.pem"
    trusted.write_bytes((pki / "infra-ca.crt").read_bytes() + (pki / "node-ca.crt").read_bytes())
    return [
        f"--data-dir={around.debian.home}/etcd",
        *(f"--listen-client-urls={clients}", f"--advertise-client-urls={clients}"),
        *(
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
        ),
        *(f"--cert-file={pki}/node.crt", f"--key-file={pki}/node.key", "--client-cert-auth"),
        f"--trusted-ca-file={trusted}",
        *("--logger=zap", f"--log-outputs={around.log_dir('etcd')}/etcd.log"),
    ]


def _pgbouncer(around: Around) -> Path:
    home, server = around.debian.home, around.postgres
    (home / "users.txt").write_text('"postgres" "{}"\n'.format(PASSWORD.replace('"', '""')))
    path = home / "pgbouncer.ini"
    path.write_text(
        f"[databases]\nshop = host={server.home} dbname=postgres user=postgres\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {around.pgbouncer}\nunix_socket_dir = {home}\n"
        f"auth_type = scram-sha-256\nauth_file = {home}/users.txt\nstats_users = postgres\npool_mode = transaction\n"
        f"logfile = {around.log_dir('pgbouncer')}/pgbouncer.log\ndefault_pool_size = 2\n"
    )
    if server.user:
        shutil.chown(home, server.user)
        (server.home / ".pgpass").write_text(f"*:*:*:*:{PASSWORD}\n")
        (server.home / ".pgpass").chmod(0o600)
        shutil.chown(server.home / ".pgpass", server.user)
    return path


def _haproxy(around: Around) -> Path:
    path = around.debian.home / "haproxy.cfg"
    path.write_text(
        "defaults\n  mode http\n  timeout client 10s\n  timeout server 10s\n  timeout connect 1s\n"
        f"frontend stats\n  bind 127.0.0.1:{around.haproxy}\n"
        "  http-request use-service prometheus-exporter if { path /metrics }\n"
        f"listen primary\n  mode tcp\n  bind 127.0.0.1:{around.service}\n"
        f"  default-server check inter 200ms\n  server pg-test-1 127.0.0.1:{around.pgbouncer}\n"
        f"  server pg-test-2 127.0.0.1:{free_port()} backup\n"
    )
    return path


def _backup(around: Around) -> None:
    home, server = around.debian.home, around.postgres
    folders = {name: home / f"backrest-{name}" for name in ("repo", "lock", "spool")}
    for folder in folders.values():
        folder.mkdir()
        if server.user:
            shutil.chown(folder, server.user)
    (home / "pgbackrest.conf").write_text(
        f"[global]\nrepo1-path={folders['repo']}\nlock-path={folders['lock']}\nspool-path={folders['spool']}\n"
        f"log-path={around.log_dir('pgbackrest')}\nrepo1-retention-full=2\nstart-fast=y\nlog-level-file=info\n"
        f"[main]\npg1-path={server.home}/data\npg1-socket-path={server.home}\n"
    )
    stanza = (f"--config={home}/pgbackrest.conf", "--stanza=main")
    around.debian.run("pgbackrest", *stanza, "stanza-create", user=server.user)
    around.debian.run("pgbackrest", *stanza, "backup", "--type=full", user=server.user)


def rows(stack: Stack, logsql: str) -> list[dict[str, str]]:
    answer = stack.get("/vlogs/select/logsql/query?" + urlencode({"query": logsql}))
    return [json.loads(line) for line in answer.text.splitlines()]


def value(around: Around, metric: str) -> float | None:
    found = around.stack.query(metric)
    return float(found[0]["value"][1]) if found else None


def agrees(around: Around, metric: str, truth: float) -> bool:
    return value(around, metric) == truth


def wait_until(around: Around, metric: str, truth: float) -> None:
    wait_for(f"{metric} to be {truth}", lambda: agrees(around, metric, truth), timeout=20)


def wait_for_row(around: Around, logsql: str) -> dict[str, str]:
    return wait_for(f"a row of {logsql}", lambda: rows(around.stack, f"{logsql} | limit 1"), timeout=30)[0]


def test_every_target_is_up(around: Around) -> None:
    wanted = {
        ("etcd", "etcd-1", ""),
        *(("redis", f"cache-1-{port}", "") for port in around.redis),
        *(("pgsql", "pg-test-1", exporter) for exporter in ("", "pgbouncer", "pgbackrest")),
        ("node", "pg-test-1", "haproxy"),
    }  # the node is called box: nodename wins
    wanted = {(job, "box" if job == "node" else ins, exporter) for job, ins, exporter in wanted}

    def up() -> set[tuple[str, str, str]]:
        labels = [series["metric"] for series in around.stack.query("up == 1")]
        return {(label["job"], label["ins"], label.get("exporter", "")) for label in labels}

    wait_for(lambda: f"targets: {wanted - up()}", lambda: wanted <= up(), timeout=15)
    for metric in ("redis_up", "pgbouncer_up", "pgbackrest_exporter_status", "etcd_server_has_leader"):
        wait_until(around, f"min({metric})", 1)
    assert {series["metric"]["cls"] for series in around.stack.query("redis_up")} == {"cache"}


def test_redis_is_seen_as_it_sees_itself(around: Around) -> None:
    first, second = around.redis
    for number in range(7):
        around.cli(first, "SET", f"key{number}", "x")
    around.cli(second, "SET", "only", "x")
    for port, keys in ((first, 7), (second, 1)):
        assert int(around.cli(port, "DBSIZE")) == keys
        ins = f'{{ins="cache-1-{port}"}}'
        wait_until(around, f'redis_db_keys{{db="db0",ins="cache-1-{port}"}}', keys)
        [info] = around.stack.query(f"redis_instance_info{ins}")
        assert f"redis_version:{info['metric']['redis_version']}" in around.cli(port, "INFO", "server")
        assert info["metric"]["instance"] == f"127.0.0.1:{port}"


def test_etcd_is_seen_as_it_sees_itself(around: Around) -> None:
    pki = around.stack.root / "etc/pki"
    flags = (f"--endpoints=https://127.0.0.1:{around.etcd}", f"--cacert={pki}/machines.crt",
             f"--cert={pki}/infra.crt", f"--key={pki}/infra.key")  # fmt: skip
    for number in range(5):
        around.debian.run("etcdctl", *flags, "put", f"k{number}", "v")
    [status] = json.loads(around.debian.run("etcdctl", *flags, "endpoint", "status", "-w", "json"))
    wait_until(around, "etcd_mvcc_db_total_size_in_bytes", status["Status"]["dbSize"])
    wait_until(around, 'etcd_debugging_mvcc_keys_total{ins="etcd-1"}', 5)


def test_dashboards_have_something_to_show(around: Around) -> None:
    # Through HAProxy to PgBouncer to PostgreSQL.
    settings = {"host": "127.0.0.1", "port": around.service, "user": "postgres", "password": PASSWORD, "dbname": "shop"}
    with psycopg.connect(**settings, autocommit=True, prepare_threshold=None) as client:  # type: ignore[arg-type]
        for _ in range(20):
            client.execute("SELECT 1")
        boards = ("pgsql-pgbouncer", "pgsql-backup", "node-haproxy")
        wait_for_dashboards(around.stack, "redis", "etcd", *boards)
    [said] = [row for row in around.psql("SHOW STATS") if row["database"] == "shop"]
    wait_until(around, 'pgbouncer_stats_queries_pooled_total{database="shop"}', float(said["total_query_count"]))


def test_pgbouncer_is_seen_as_it_sees_itself(around: Around) -> None:
    clients = [
        around.postgres.background(
            *("psql", "-X", "-h", str(around.debian.home), "-p", str(around.pgbouncer), "-d", "shop"),
            *("-c", "SELECT pg_sleep(30)"),
        )
        for _ in range(3)
    ]
    try:
        # Two servers for three clients: one waits.
        pool = {"client_active_connections": "cl_active", "client_waiting_connections": "cl_waiting",
                "server_active_connections": "sv_active"}  # fmt: skip
        selector = '{database="shop",user="postgres",ins="pg-test-1"}'
        wait_for(
            "the waiting client", lambda: agrees(around, f"pgbouncer_pools_client_waiting_connections{selector}", 1)
        )
        [said] = [row for row in around.psql("SHOW POOLS") if row["database"] == "shop"]
        assert {name: value(around, f"pgbouncer_pools_{name}{selector}") for name in pool} == {
            name: float(said[column]) for name, column in pool.items()
        }
        wait_for("its wait", lambda: (value(around, f"pgbouncer_pools_client_maxwait_seconds{selector}") or 0) > 1)
    finally:
        for client in clients:
            client.kill()
            client.wait()


def test_backups_are_seen_as_pgbackrest_sees_them(around: Around) -> None:
    text = around.debian.run("pgbackrest", f"--config={around.debian.home}/pgbackrest.conf", "info", "--output=json")
    [backup] = json.loads(text)[0]["backup"]
    assert agrees(
        around, 'pgbackrest_backup_last_repo_size_bytes{backup_type="incr"}', backup["info"]["repository"]["size"]
    )
    moment, age = around.stack.query('pgbackrest_backup_since_last_completion_seconds{backup_type="full"}')[0]["value"]
    assert moment - float(age) == pytest.approx(backup["timestamp"]["stop"], abs=15)


def test_their_logs_are_rows_with_levels_and_labels(around: Around) -> None:
    first = around.redis[0]
    wanted: dict[str, dict[str, str]] = {
        "job:pgbouncer": {"ins": "pg-test-1", "cls": "pg-test"},
        "job:pgbackrest level:info": {"ins": "pg-test-1", "process": "P00"},
        f'job:redis ins:="cache-1-{first}" "Ready to accept connections"': {"level": "notice", "role": "M"},
        'job:etcd level:info "serving client traffic securely"': {"ins": "etcd-1", "cls": "etcd"},
    }
    for query, fields in wanted.items():
        assert wait_for_row(around, query).items() >= fields.items(), query
    assert not rows(around.stack, "job:in(pgbouncer,pgbackrest,redis,etcd) level:unknown !~'PROCESS START|oO0O'")


def test_no_password_is_in_a_process_list_or_in_a_file_for_all(around: Around) -> None:
    listing = subprocess.run(["ps", "axeww"], capture_output=True, text=True, check=True).stdout
    ours = [line for line in listing.splitlines() if str(around.stack.root) in line]
    assert ours
    assert not any(PASSWORD in line for line in ours)
    for path in (around.stack.root / "etc").rglob("*"):
        if path.is_file() and b"batt" in path.read_bytes():
            assert path.stat().st_mode & 0o077 == 0, path


def test_nothing_stale_remains_when_they_are_gone_from_the_inventory(around: Around) -> None:
    before = around.stack.inventory
    around.stack.write(FAST)
    try:
        report = around.stack.up()
        wait_for("the targets to go", lambda: not _jobs(around) & set(MODULES), timeout=15)
        assert not [
            name for name in around.stack.pids() if name.endswith("exporter") and name[:2] in {"re", "pg", "po"}
        ]
        left = [
            path for path in (around.stack.root / "data/infra/targets").rglob("*.yml") if path.parent.name in MODULES
        ]
        assert not left
        assert not (around.stack.root / "etc/staddle/redis-passwords.json").exists()
        assert not (around.stack.root / "etc/staddle/pgbouncer_exporter.json").exists()
        assert report["exit"] == 0
    finally:
        around.stack.inventory = before


def _jobs(around: Around) -> set[Any]:
    return {series["metric"]["job"] for series in around.stack.query("up")}
