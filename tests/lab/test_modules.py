"""Redis, etcd, PgBouncer and pgBackRest of Debian on real hosts: watched after one apply, nothing left of it after another."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from tests.lab.fleet import FIRST, OTHER, SECOND, WORKER, Admin, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(900)
PASSWORD = "hor'se \"batt"
TLS = "/etc/etcd-client"
POOLER = """\
[databases]
shop = host=/nonexistent
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = 6432
unix_socket_dir = /var/run/postgresql
auth_type = scram-sha-256
auth_file = /etc/pgbouncer/userlist.txt
stats_users = dbuser_monitor
logfile = /var/log/postgresql/pgbouncer.log
pidfile = /var/run/postgresql/pgbouncer.pid
"""
KNOCK = """\
import ssl, sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=10, context=ssl._create_unverified_context()))
"""
EXPORTERS = ("redis_exporter", "pgbouncer_exporter", "pgbackrest_exporter")


@pytest.fixture(scope="module")
def site(admin: Admin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    """The fleet, with Redis and PgBouncer on one of its workers, and etcd behind TLS on the other."""
    admin.lab.serve_packages(
        ["redis-server", "pgbouncer", "pgbackrest", "etcd-server"], releases=["trixie", "bookworm"]
    )
    worker, other = admin.host(WORKER), admin.host(OTHER)
    worker.install("redis-server", "pgbouncer", "pgbackrest")
    worker.run(
        f"cat >> /etc/redis/redis.conf <<'EOF'\nrequirepass {json.dumps(PASSWORD)}\nEOF\nsystemctl restart redis-server"
    )
    worker.write("/etc/pgbouncer/pgbouncer.ini", POOLER)
    quoted = PASSWORD.replace('"', '""')
    worker.write("/etc/pgbouncer/userlist.txt", f'"dbuser_monitor" "{quoted}"\n')
    worker.run("systemctl restart pgbouncer")
    worker.write("/etc/pgbackrest.conf", "[main]\npg1-path=/var/lib/postgresql/none\n")
    other.install("etcd-server")
    _etcd(admin, tmp_path_factory.mktemp("etcd"))
    yield admin
    worker.run("systemctl disable --now redis-server pgbouncer; true")
    other.run("systemctl disable --now etcd; true")


def _etcd(admin: Admin, folder: Path) -> None:
    """A CA of its own, which only those who scrape it are told of."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    def issue(name: str, *extensions: str) -> None:
        more = [part for extension in extensions for part in ("-addext", extension)]
        signer = [] if name == "ca" else ["-CA", "ca.pem", "-CAkey", "ca.key"]
        openssl("req", "-config", "empty.cnf", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9",
                "-subj", f"/CN={name}", *signer, "-keyout", f"{name}.key", "-out", f"{name}.pem", *more)  # fmt: skip

    # Without this, extensions of its own configuration come on top.
    (folder / "empty.cnf").write_text("[req]\ndistinguished_name = dn\n[dn]\n")
    issue("ca", "basicConstraints=critical,CA:TRUE")
    issue("server", f"subjectAltName=IP:{OTHER},IP:127.0.0.1", "basicConstraints=critical,CA:FALSE")
    issue("client", "basicConstraints=critical,CA:FALSE")
    other = admin.host(OTHER)
    for name in ("ca.pem", "server.pem", "server.key"):
        other.write(f"/etc/etcd/{name}", (folder / name).read_text())
    other.run("chown -R etcd /etc/etcd")
    settings = {
        "ETCD_DATA_DIR": "/var/lib/etcd/default", "ETCD_CLIENT_CERT_AUTH": "true", "ETCD_TRUSTED_CA_FILE": "/etc/etcd/ca.pem",
        "ETCD_CERT_FILE": "/etc/etcd/server.pem", "ETCD_KEY_FILE": "/etc/etcd/server.key",
        "ETCD_LISTEN_CLIENT_URLS": f"https://{OTHER}:2379", "ETCD_ADVERTISE_CLIENT_URLS": f"https://{OTHER}:2379",
    }  # fmt: skip
    other.write("/etc/default/etcd", "".join(f"{name}={value}\n" for name, value in settings.items()))
    other.run("systemctl enable etcd; systemctl restart etcd")
    for ip in (FIRST, SECOND):
        host = admin.host(ip)
        for name in ("ca.pem", "client.pem", "client.key"):
            host.write(f"{TLS}/{name}", (folder / name).read_text(), mode=0o640)
        host.run(f"chgrp -R infra {TLS}")


def named(admin: Admin) -> None:
    """The inventory that knows of all that."""
    admin.edit(pg_monitor_password=PASSWORD)
    admin.workers[WORKER] |= {
        "redis_cluster": "cache", "redis_node": 1, "redis_password": PASSWORD, "redis_bind_address": "127.0.0.1",
        "redis_instances": {"6379": {"log": "/var/log/redis/redis-server.log"}},
        "pg_cluster": "pg-test", "pg_seq": 1, "pg_exporter_enabled": False,
        "pgbouncer_enabled": True, "pgbouncer_log_dir": "/var/log/postgresql",
        "pgbackrest_enabled": True,
    }  # fmt: skip
    admin.workers[OTHER] |= {
        "etcd_seq": 1, "etcd_cluster": "dcs", "etcd_ca": f"{TLS}/ca.pem", "etcd_cert": f"{TLS}/client.pem",
        "etcd_key": f"{TLS}/client.key",
    }  # fmt: skip
    admin.write()
    admin.serve()


def values(admin: Admin, ip: str, query: str) -> dict[str, float]:
    """What an INFRA node's store has of a query, by job, instance and exporter."""
    parts, found = ("job", "ins", "exporter"), admin.metrics(ip, query)
    return {"/".join(row["metric"].get(part, "") for part in parts): float(row["value"][1]) for row in found}


def wait_for(admin: Admin, ip: str, wanted: dict[str, float]) -> None:
    query = 'up{job=~"redis|etcd|pgsql"}'
    until(query, lambda: values(admin, ip, query), lambda found: found == wanted, timeout=60)


def wait_for_row(admin: Admin, query: str) -> dict[str, Any]:
    url = f"http://127.0.0.1:9428/select/logsql/query?{urlencode({'query': f'{query} | limit 1'})}"
    found = until(query, lambda: admin.fetch(FIRST, url), bool)
    row: dict[str, Any] = json.loads(found.splitlines()[0])
    return row


def test_all_of_it_is_watched_after_one_apply(site: Admin) -> None:
    named(site)
    changes = site.apply_as_planned()
    assert {component for host, component, _, _ in changes if host == WORKER} >= set(EXPORTERS)
    assert all(site.services()[WORKER].values()), site.services()[WORKER]
    up = {
        "redis/cache-1-6379/": 1.0, "etcd/dcs-1/": 1.0,
        "pgsql/pg-test-1/pgbouncer": 1.0, "pgsql/pg-test-1/pgbackrest": 1.0,
    }  # fmt: skip
    for ip in (FIRST, SECOND):
        wait_for(site, ip, up)
    for metric in ("redis_up", "pgbouncer_up", "pgbackrest_exporter_status", "etcd_server_has_leader"):
        assert list(values(site, FIRST, metric).values()) == [1.0], metric


def test_there_is_nothing_left_to_do(site: Admin) -> None:
    assert site.apply() == set()


def test_they_answer_only_those_who_may_ask(site: Admin) -> None:
    for port in (9121, 9631, 9854):
        url = f"https://{WORKER}:{port}/metrics"
        refused = site.host(OTHER).run(["python3", "-c", KNOCK, url], check=False)
        assert "certificate required" in refused.stderr, refused.stderr
    owner = site.host(WORKER).run(
        "stat -c '%U %a' /etc/staddle/redis-passwords.json /etc/staddle/pgbouncer_exporter.json"
    )
    assert owner.stdout.split("\n")[:2] == ["prometheus 600", "prometheus 600"]
    assert "batt" not in site.host(WORKER).run("ps axeww -o args | grep -v redis-server").stdout


def test_the_exporter_of_pgbackrest_is_not_root(site: Admin) -> None:
    users = site.host(WORKER).run("ps -eo user:20,args | grep '[e]xporters.pgbackrest'").stdout
    assert {line.split()[0] for line in users.splitlines()} == {"postgres"}


def test_their_logs_are_rows(site: Admin) -> None:
    for query in ('{job="redis",ins="cache-1-6379"}', '{job="pgbouncer",ins="pg-test-1"}', '{job="syslog"} unit:etcd'):
        assert wait_for_row(site, query)["level"] != "unknown"


def test_nothing_stale_remains_when_they_are_gone_from_the_inventory(site: Admin) -> None:
    site.edit()
    site.apply_as_planned()
    assert not set(EXPORTERS) & set(site.services()[WORKER])
    left = site.host(WORKER).run(
        "ls -d /etc/staddle/*redis* /etc/staddle/pg* /usr/lib/staddle/pg* /etc/default/pg*_exporter; true"
    )
    assert left.stdout == ""
    for ip in (FIRST, SECOND):
        wait_for(site, ip, {})
        assert site.host(ip).run("ls /infra/targets | grep -E 'redis|etcd|pgsql'; true").stdout == ""
