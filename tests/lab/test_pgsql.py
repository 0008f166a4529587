"""PostgreSQL 17 (trixie) and 15 (bookworm) of Debian on real hosts, with replicas, PgBouncer and clients at work: watched
after one apply, as psql sees them; and gone after another.

`pg-new` is a primary and its replica on two nodes. `pg-old` is a primary on a third one, and a replica that an INFRA node
watches from afar, over TLS.
"""

from __future__ import annotations

import datetime as dt
import json
import time
import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import yaml
from tests.lab.answers import asked, at_least, firing, fresh, resolved, rows, value, values, wait_for
from tests.lab.databases import LOGS, Server, logging, pooler, primary, replica
from tests.lab.fleet import FIRST, OTHER, SECOND, SPARE, WORKER, Admin, until

from staddle.components.material import CertificateRequest
from staddle.components.postgres_exporter.catalogue import entries
from staddle.pki.authority import open_authority

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(1500)
MARK = "qz7staple"
PASSWORD = f"hor'se \"{MARK}"
INSTANCES = {"pg-new-1", "pg-new-2", "pg-old-1", "pg-old-2"}
EXPORTERS = {WORKER: "postgres_exporter", SPARE: "postgres_exporter", OTHER: "postgres_exporter",
             FIRST: "postgres_exporter_20001"}  # fmt: skip
SOMETIMES = {"pg_stat_subscription", "pg_stat_progress_vacuum", "pg_activity_wait"}
"""Queries that have something to tell only while there is such a thing."""
SINCE_16 = {"pg_stat_io"}
PLACES = "/etc /data /infra /home /root /run /tmp /usr/lib/staddle /usr/local /var"


@dataclass(frozen=True, slots=True)
class Site:
    admin: Admin
    new: Server
    new_replica: Server
    old: Server
    old_replica: Server

    @property
    def servers(self) -> dict[str, Server]:
        return dict(zip(sorted(INSTANCES), (self.new, self.new_replica, self.old, self.old_replica), strict=True))


@pytest.fixture(scope="module")
def site(admin: Admin) -> Iterator[Site]:
    """The fleet with all that, running, and nothing of Staddle that knows of it."""
    lab, hosts = admin.lab, [admin.host(ip) for ip in (WORKER, SPARE, OTHER)]
    lab.serve_packages(["postgresql", "pgbouncer"], releases=["trixie", "bookworm"])
    lab.each(lambda host: host.install("postgresql", *(["pgbouncer"] if host.ip == WORKER else [])), hosts)
    worker, spare, other = hosts
    new, old = primary(worker, 17, **logging("csvlog")), primary(other, 15, **logging("jsonlog"))
    for server in (new, old):
        server.sql("CREATE ROLE app LOGIN PASSWORD 'app'")
        server.sql("CREATE DATABASE bench OWNER app")
        server.sql("CREATE SEQUENCE numbers; SELECT nextval('numbers')", "bench")
        server.program("pgbench", "-i", "-q", "-s", "1", "bench")
        server.sql("GRANT ALL ON ALL TABLES IN SCHEMA public TO app", "bench")
    made = Site(admin, new, replica(new, spare), old, replica(old, other, "second", 5433))
    pooler(worker, {"app": "app", "dbuser_monitor": PASSWORD})
    loads = {new: ("-h", "127.0.0.1", "-p", "6432", "-U", "app", "--protocol=simple"), old: ()}
    for server, where in loads.items():
        # One that doesn't wait for itself.
        argv = ("pgbench", "-N", "-n", "-T", "3600", "-c", "4", "-R", "50", *where, "bench")
        server.background("load", *argv, PGPASSWORD="app")
    yield made
    for server in (new, old):
        server.end("load")
    for host in hosts:
        host.run("systemctl stop pgbouncer; systemctl disable --now postgresql; true", check=False)
    if SPARE in admin.workers:
        admin.run("remove", "--yes", "--data", "-l", SPARE)


def inventory(admin: Admin) -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load(admin.inventory.read_text(encoding="utf-8"))
    return data


def named(admin: Admin) -> None:
    """The inventory that knows of them, made as an administrator does: with `staddle pg add`."""
    admin.edit(
        pg_monitor_password=PASSWORD,
        vmetrics_scrape_interval="5s",
        vmetrics_scrape_timeout="5s",
        slowsql_min_duration="200ms",
        alert_rules={"PostgresReplicationBroken": {"for": "20s"}},
    )
    admin.workers[WORKER] |= {"pgbouncer_enabled": True, "pgbouncer_log_dir": LOGS}
    admin.workers[SPARE] = {"nodename": "worker-3"}
    far = {"pg_cluster": "pg-old", "pg_seq": 2, "pg_role": "replica", "pg_host": OTHER, "pg_port": 5433}
    admin.infra[FIRST] |= {"pg_exporters": {"20001": far}}
    admin.write()
    # The commands edit the text of what people write.
    admin.inventory.write_text(yaml.safe_dump(inventory(admin)), encoding="utf-8")
    logs = ("--set", f"pg_log_dir={LOGS}")
    admin.run("pg", "add", "pg-new", "--host", f"{WORKER},{SPARE}", *logs)
    admin.run("pg", "add", "pg-old", "--host", OTHER, *logs)
    admin.serve()


def test_the_role_that_watches_is_made_on_the_hosts_and_stays_as_it_is(site: Site) -> None:
    named(site.admin)
    for _ in range(2):
        for cluster in ("pg-new", "pg-old"):
            assert "ready" in site.admin.run("pg", "prepare", cluster, "--apply", "-d", "bench").stderr
    for server in site.servers.values():  # replicas have it from their primaries
        until("the role", partial(server.sql, "SELECT count(*) FROM pg_roles WHERE rolname ~ 'monitor$'"), "2".__eq__)
        assert server.sql("SELECT rolsuper, rolcanlogin FROM pg_roles WHERE rolname = 'dbuser_monitor'") == "f|t"


def test_all_of_it_is_watched_after_one_apply(site: Site) -> None:
    admin = site.admin
    _certify(site)
    admin.apply_as_planned()
    ended = time.monotonic()
    targets = {**dict.fromkeys(INSTANCES, 1.0), "pg-new-1": 2.0}  # one of them is PgBouncer
    for ip in (FIRST, SECOND):
        wait_for(admin, 'sum by (ins) (up{job="pgsql"})', targets, ip)
    print(f"\nall targets up {time.monotonic() - ended:.1f} s after the end of apply")
    services = admin.services()
    for ip, unit in EXPORTERS.items():
        assert services[ip][unit], services[ip]
    for ip in (FIRST, SECOND):
        for query in ("pg_up", "pg_exporter_last_scrape_error == bool 0"):
            wait_for(admin, query, dict.fromkeys(INSTANCES, 1.0), ip)
    assert values(admin, "floor(pg_static_version_num / 10000)") == {
        name: 17.0 if "new" in name else 15.0 for name in INSTANCES
    }
    assert values(admin, "pgbouncer_up") == {"pg-new-1": 1.0}


def test_there_is_nothing_left_to_do(site: Site) -> None:
    assert site.admin.apply() == set()


def test_every_query_of_the_catalogue_succeeds_on_both_versions(site: Site) -> None:
    admin = site.admin
    for cluster, missing in (("pg-new", SOMETIMES), ("pg-old", SOMETIMES | SINCE_16)):
        argument = urlencode({"match[]": f'{{job="pgsql",cls="{cluster}"}}'})
        url = f"http://127.0.0.1:8428/api/v1/label/__name__/values?{argument}"
        names = set(json.loads(admin.fetch(FIRST, url))["data"])
        silent = {entry.name for entry in entries() if not names.intersection(entry.metrics)}
        assert silent <= missing, cluster
    for ip, unit in EXPORTERS.items():
        since = f"_SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID {unit})"
        log = admin.host(ip).run(f"journalctl -o cat --no-pager {since}").stdout
        assert log
        wrong = [line for line in log.splitlines() if "level=error" in line or "level=ERROR" in line]
        assert not wrong, f"{unit} of {ip}"


def test_what_versions_call_by_other_names_has_one_name(site: Site) -> None:
    for metric in ("pg_stat_checkpointer_num_timed", "pg_stat_bgwriter_buffers_alloc", "pg_stat_wal_wal_bytes",
                   "pg_stat_wal_wal_write", "max by (ins) (pg_stat_statements_calls)"):  # fmt: skip
        assert values(site.admin, metric).keys() == INSTANCES, metric
    for metric in ("sum by (ins) (pg_stat_io_reads)", "pg_stat_checkpointer_restartpoints_done"):
        assert values(site.admin, metric).keys() == {"pg-new-1", "pg-new-2"}, metric
    assert values(site.admin, "pg_stat_bgwriter_buffers_backend").keys() == {"pg-old-1", "pg-old-2"}


@pytest.mark.parametrize("name", ["pg-new-1", "pg-old-1"])
def test_transactions_and_connections_are_those_that_psql_counts(site: Site, name: str) -> None:
    server, admin = site.servers[name], site.admin
    commits = "SELECT xact_commit FROM pg_stat_database WHERE datname = 'bench'"
    low = server.number(commits)
    seen = fresh(admin, f'pg_stat_database_xact_commit{{ins="{name}",datname="bench"}}')
    assert low <= seen <= server.number(commits)
    assert 25 < at_least(admin, f'rate(pg_stat_database_xact_commit{{ins="{name}",datname="bench"}}[20s])', 25) < 100
    clients = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"

    def more() -> float:
        return server.number(clients) - fresh(admin, f'pg_activity_client_backends{{ins="{name}"}}')

    # psql's own, and the one that the exporter asks by.
    until("connections", more, (2.0).__eq__)


@pytest.mark.parametrize("name", ["pg-new-1", "pg-old-1"])
def test_locks_are_those_that_are_held_and_waited_for(site: Site, name: str) -> None:
    server, admin, labels = site.servers[name], site.admin, f'ins="{name}"'
    server.sql("CREATE TABLE IF NOT EXISTS held ()")
    psql = ("psql", "-X", "-c")
    server.background("holder", *psql, "BEGIN; LOCK TABLE held; SELECT pg_sleep(90)")
    until("the lock", lambda: server.number("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"),
          lambda found: found > 0)  # fmt: skip
    server.background("waiter", *psql, "SELECT * FROM held")
    try:
        assert at_least(admin, f'pg_locks_waiting{{{labels},mode="accesssharelock"}}', 1) == 1
        assert at_least(admin, f"pg_activity_waiting_for_locks{{{labels}}}", 1) == 1
        assert at_least(admin, f'pg_locks_count{{{labels},mode="accessexclusivelock",datname="postgres"}}', 1) == 1
    finally:
        server.end("waiter")
        server.end("holder")
        server.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'held' AND pid <> pg_backend_pid()"
        )


@pytest.mark.parametrize("cluster", ["pg-new", "pg-old"])
def test_roles_and_lag_are_told_by_both_ends(site: Site, cluster: str) -> None:
    admin, first, second = site.admin, site.servers[f"{cluster}-1"], site.servers[f"{cluster}-2"]
    assert values(admin, f'pg_replication_is_replica{{cls="{cluster}"}}') == {f"{cluster}-1": 0.0, f"{cluster}-2": 1.0}
    sent = f'{{ins="{cluster}-1",application_name="second"}}'
    assert value(admin, f"pg_stat_replication_count{sent}") == 1
    assert value(admin, f'pg_replication_slots_active{{ins="{cluster}-1",slot_name="second"}}') == 1
    behind = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) FROM pg_stat_replication"
    second.sql("SELECT pg_wal_replay_pause()")
    try:
        low = first.number(behind)  # clients go on, so the lag only grows
        seen = fresh(admin, f"pg_stat_replication_replay_lag_bytes{sent}")
        assert low <= seen <= first.number(behind)
        assert at_least(admin, f'pg_replication_replay_lag_bytes{{ins="{cluster}-2"}}', low) > 0
        assert at_least(admin, f'pg_replication_lag_seconds{{ins="{cluster}-2"}}', 1) >= 1
    finally:
        second.sql("SELECT pg_wal_replay_resume()")


def test_pgbouncer_is_seen_as_it_sees_itself(site: Site) -> None:
    host = site.admin.host(WORKER)
    host.write("/tmp/pgpass", "127.0.0.1:6432:pgbouncer:dbuser_monitor:" + PASSWORD + "\n", 0o600)
    show = "PGPASSFILE=/tmp/pgpass psql -X --csv -h 127.0.0.1 -p 6432 -U dbuser_monitor pgbouncer -c"
    try:
        lines = host.run(f"{show} 'SHOW POOLS'").stdout.splitlines()
    finally:
        host.run("rm /tmp/pgpass")
    head = lines[0].split(",")
    [pool] = [row for row in (dict(zip(head, line.split(","), strict=True)) for line in lines[1:])
              if row["database"] == "bench"]  # fmt: skip
    label = '{database="bench",user="app"}'
    for column, metrics in {
        "cl_active": ("client_active_connections", "client_waiting_connections"),
        "sv_active": ("server_active_connections", "server_idle_connections", "server_used_connections"),
    }.items():
        total = sum(value(site.admin, f"pgbouncer_pools_{metric}{label}") for metric in metrics)
        assert total == {"cl_active": 4, "sv_active": 2}[column], pool


def test_an_instance_elsewhere_is_asked_by_tls_that_our_ca_vouches_for(site: Site) -> None:
    """And by no other: with the certificate that Debian made, there is no connection."""
    admin, server = site.admin, site.old_replica
    asked = (
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND client_addr = '10.10.10.10'"
    )
    assert server.number(asked) >= 1
    conf = f"{server.settings}/conf.d/tls.conf"
    own = server.host.read(conf)
    try:
        server.host.write(conf, "".join(f"ssl_{kind}_file = '/etc/postgresql/{name}'\n" for kind, name in
                                        (("cert", "own.crt"), ("key", "own.key"))))  # fmt: skip
        server.ctl("restart")
        wait_for(admin, 'pg_up{ins="pg-old-2"}', {"pg-old-2": 0.0})
    finally:
        server.host.write(conf, own)
        server.ctl("restart")
    wait_for(admin, 'pg_up{ins="pg-old-2"}', {"pg-old-2": 1.0})


def test_nobody_else_sees_the_password(site: Site) -> None:
    for ip in (FIRST, SECOND, WORKER, SPARE, OTHER):
        host = site.admin.host(ip)
        assert MARK not in host.run("ps axeww -o args").stdout, ip
        # In the journal of a node, and in no file that is for all to read. (The first grep must find the second's words.)
        host.write("/tmp/world", f"{MARK}\n", 0o644)
        find = f"find {PLACES} -xdev -type f -perm -o=r -size -9M -print0 2>/dev/null"
        assert host.run(f"{find} | xargs -0 grep -lF {MARK} || true").stdout.split() == ["/tmp/world"], ip
        host.run("rm /tmp/world")
        assert not host.run(f"journalctl --no-pager -o cat | grep -F {MARK} || true").stdout, ip
    for ip, name in EXPORTERS.items():
        kept = site.admin.host(ip).run(f"stat -c '%U %a' /etc/staddle/{name}.pgpass").stdout
        assert kept.strip() == "prometheus 600"


def test_names_lead_to_them_and_infra_nodes_know_them(site: Site) -> None:
    known = {"pg-new-1": WORKER, "pg-new-2": SPARE, "pg-new": WORKER, "pg-old-1": OTHER, "pg-old": OTHER}
    for server in (FIRST, SECOND):
        for name, ip in known.items():  # a cluster's follows the primary, as it is seen
            until(f"{name} at {server}", partial(resolved, site.admin, server, name), ip.__eq__)
        assert resolved(site.admin, server, "pg-none") == ""


@pytest.mark.parametrize("name", ["pg-new-1", "pg-old-1"])
def test_logs_are_found_with_all_that_postgresql_says(site: Site, name: str) -> None:
    """`pg-new` writes csvlog, `pg-old` jsonlog."""
    server, table = site.servers[name], f"missing_{uuid.uuid4().hex}"
    with pytest.raises(Exception, match=table):
        server.sql(f"SELECT *\n  FROM {table}", "bench")
    [row] = rows(site.admin, f'job:postgres ins:={name} "{table}" code:="42P01"')
    expected = {"level": "error", "db": "bench", "user": "postgres", "app": "psql", "cls": name[:-2], "ip": server.host.ip,
                "_msg": f'relation "{table}" does not exist'}  # fmt: skip
    assert {key: row.get(key) for key in expected} == expected
    assert f"FROM {table}" in row["q"]


def test_pgbouncers_log_is_found_once(site: Site) -> None:
    user = f"nobody_{uuid.uuid4().hex}"
    site.admin.host(WORKER).run(f"PGPASSWORD=x psql -h 127.0.0.1 -p 6432 -U {user} bench", check=False)
    found = rows(site.admin, f'ins:="pg-new-1" "{user}"')
    assert {row["job"] for row in found} == {"pgbouncer"}, found
    assert user in {row.get("user") for row in found}


@pytest.mark.parametrize("name", ["pg-new-1", "pg-old-1"])
def test_slow_statements_are_spans(site: Site, name: str) -> None:
    server, admin = site.servers[name], site.admin
    server.sql(f"SELECT pg_sleep(0.3), 's3cret' AS {name.replace('-', '_')}", "bench")
    query = urlencode({"query": f'"resource_attr:ins":="{name}" name:pg_sleep', "start": "-1h"})
    url = f"http://127.0.0.1:10428/select/logsql/query?{query}"
    found = until(f"a span of {name}", lambda: admin.fetch(FIRST, url).splitlines(), bool)
    span = json.loads(found[0])
    assert span["resource_attr:service.name"] == name[:-2]
    assert 300_000_000 <= int(span["duration"]) < 5_000_000_000
    assert "s3cret" not in json.dumps(found)


@pytest.mark.parametrize(
    ("alert", "name", "board", "words"),
    [
        ("PostgresDown", "pg-new-1", "pgsql-instance", "database system is shut down"),
        ("PostgresReplicationBroken", "pg-new-2", "pgsql-replication", "replication terminated by primary"),
    ],
)
def test_a_fault_is_told_with_links_that_lead_to_dashboards_and_logs(
    site: Site, alert: str, name: str, board: str, words: str
) -> None:
    """The primary is stopped: it is down, and its replica gets nothing."""
    admin = site.admin
    site.new.ctl("stop")
    try:
        found = until(f"{alert} of {name}", partial(firing, admin, alert, name), bool)
    finally:
        site.new.ctl("start")
    link = urlsplit(found["annotations"]["dashboard"])
    assert link.path == f"/ui/d/{board}"
    assert name in parse_qs(link.query)["var-ins"]
    assert asked(admin, f"{link.path}?{link.query}")[0] == 200
    status, body = asked(admin, f"/ui/api/dashboards/{board}")
    assert (status, json.loads(body)["dashboard"]["uid"]) == (200, board)
    assert asked(admin, urlsplit(found["annotations"]["runbook_url"]).path)[0] == 200
    [logs] = [link["url"] for link in json.loads(body)["dashboard"]["links"] if link["title"] == "Logs"]
    assert logs.startswith("/d/pgsql-logs?"), logs
    assert rows(admin, f'job:=postgres cls:="pg-new" ins:="{name}" "{words}"')
    until(f"the end of {alert}", partial(firing, admin, alert, name), lambda left: not left)


def test_after_a_failover_the_clusters_name_leads_to_who_took_over(site: Site) -> None:
    """At both INFRA nodes. The inventory says what it said, so there is nothing to apply."""
    admin = site.admin
    for ip in (FIRST, SECOND):
        assert resolved(admin, ip, "pg-new") == WORKER
    site.new.ctl("stop")
    site.new_replica.sql("SELECT pg_promote()")
    for ip in (FIRST, SECOND):
        until(f"pg-new at {ip}", partial(resolved, admin, ip, "pg-new"), SPARE.__eq__)
    now = {row["ins"]: row["now"] for row in json.loads(admin.run("pg", "ls", "--json").stdout)}
    assert now["pg-new-2"] == "primary"
    admin.run("plan", exits=0)


def test_a_cluster_that_is_taken_out_of_the_inventory_leaves_nothing(site: Site) -> None:
    admin = site.admin
    admin.run("pg", "rm", "pg-new", "--yes")
    admin.apply_as_planned()
    _gone(site, "pg-new", [WORKER, SPARE])
    for ip in (FIRST, SECOND):
        wait_for(admin, 'up{job="pgsql"}', {"pg-old-1": 1.0, "pg-old-2": 1.0}, ip)


def test_nor_do_the_last_one_and_an_instance_elsewhere(site: Site) -> None:
    admin = site.admin
    admin.run("pg", "rm", "pg-old", "--yes")
    admin.apply_as_planned()
    _gone(site, "pg-old", [OTHER, FIRST])
    for ip in (FIRST, SECOND):
        wait_for(admin, 'up{job="pgsql"}', {}, ip)
        assert admin.host(ip).run("ls -d /infra/targets/pgsql; true", check=False).stdout == ""
    admin.run("plan", exits=0)


def _certify(site: Site) -> None:
    """The replica of pg-old gets a certificate of Staddle's CA, and keeps the one that it had as `own`."""
    server, now = site.old_replica, dt.datetime.now(dt.UTC)
    request = CertificateRequest("pg", "pg-old-2", (), (OTHER,), 30, None)
    authority = open_authority(site.admin.home / "files/pki", "", create=False, now=now)
    pair, _ = authority.ensure("pg-old-2", request, now)
    host = server.host
    host.write("/etc/postgresql/pg.crt", pair.certificate.decode())
    host.write("/etc/postgresql/pg.key", pair.key.decode(), 0o600)
    host.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=pg-old-2"
             f" -addext subjectAltName=IP:{OTHER} -keyout /etc/postgresql/own.key -out /etc/postgresql/own.crt")  # fmt: skip
    host.run("chown postgres /etc/postgresql/*.key; chmod 600 /etc/postgresql/*.key")
    settings = "ssl = on\nssl_cert_file = '/etc/postgresql/pg.crt'\nssl_key_file = '/etc/postgresql/pg.key'\n"
    host.write(f"{server.settings}/conf.d/tls.conf", settings)
    server.ctl("restart")


def _gone(site: Site, cluster: str, hosts: list[str]) -> None:
    """Units, files, processes, targets, names, data sources."""
    admin = site.admin
    for ip in hosts:
        assert not [name for name in admin.services()[ip] if name.startswith(("postgres_exporter", "pgb"))]
        host = admin.host(ip)
        files = "/etc/staddle/postgres* /etc/staddle/pg* /etc/default/postgres_exporter* /usr/lib/staddle/pg*"
        assert (
            host.run(f"ls -d {files} /etc/systemd/system/pg* /etc/systemd/system/postgres_exp*; true").stdout == ""
        ), ip
        assert host.run("ps -eo args | grep '[p]ostgres_exporter\\|[e]xporters.pg'; true").stdout == "", ip
    for ip in (FIRST, SECOND):
        host = admin.host(ip)
        assert host.run(f"ls /infra/targets/pgsql /infra/hosts | grep {cluster}; true").stdout == "", ip
        # What was measured stays.
        without = " ".join(f"--exclude-dir={folder}" for folder in ("metrics", "logs", "traces"))
        assert host.run(f"grep -rlI {without} -e {cluster} /etc /infra; true").stdout == "", ip
        for name in (cluster, f"{cluster}-1"):
            until(f"no {name} at {ip}", partial(resolved, site.admin, ip, name), "".__eq__)
