"""PostgreSQL 17 (trixie) and 15 (bookworm) of Debian on real hosts: watched after two commands, and gone after one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from tests.lab.fleet import FIRST, OTHER, SECOND, WORKER, Admin, until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.more, pytest.mark.timeout(1500)]
PASSWORD = "hor'se \"batt"
HBA = "local all dbuser_monitor scram-sha-256\\nhostssl all dbuser_monitor 10.10.10.0/24 scram-sha-256"
SETTINGS = (
    "ALTER SYSTEM SET shared_preload_libraries = pg_stat_statements; ALTER SYSTEM SET listen_addresses = '*';"
    " ALTER SYSTEM SET track_io_timing = on"
)


@pytest.fixture(scope="module")
def site(admin: Admin) -> Iterator[Admin]:
    """The fleet, with a PostgreSQL on each of its workers, as Debian sets it up."""
    admin.lab.serve_packages(["postgresql"], releases=["trixie", "bookworm"])
    for ip in (WORKER, OTHER):
        host = admin.host(ip)
        host.install("postgresql")
        host.run(f"sed -i '1i {HBA}' /etc/postgresql/*/main/pg_hba.conf")
        for statement in SETTINGS.split(";"):
            psql(admin, ip, statement)
        host.run("systemctl restart postgresql")
    yield admin
    for ip in (WORKER, OTHER):
        admin.host(ip).run("systemctl disable --now postgresql; true")


def psql(admin: Admin, ip: str, query: str) -> str:
    return admin.host(ip).run(["runuser", "-u", "postgres", "--", "psql", "-XAtc", query]).stdout.strip()


def named(admin: Admin) -> None:
    """The inventory that knows of them, and of one a second time, as of an instance elsewhere."""
    admin.edit(pg_monitor_password=PASSWORD)
    admin.workers[WORKER] |= {"pg_cluster": "pg-new", "pg_seq": 1, "pg_role": "primary"}
    admin.workers[OTHER] |= {"pg_cluster": "pg-old", "pg_seq": 1}
    far = {"pg_cluster": "pg-far", "pg_seq": 1, "pg_host": WORKER, "pg_exporter_params": "sslmode=require"}
    admin.infra[FIRST] |= {"pg_exporters": {"20001": far}}
    admin.write()
    admin.serve()


def values(admin: Admin, ip: str, query: str) -> dict[str, float]:
    """What an INFRA node's store has of a query, by instance."""
    url = f"http://127.0.0.1:8428/api/v1/query?{urlencode({'query': query})}"
    code = f"import urllib.request; print(urllib.request.urlopen({url!r}, timeout=10).read().decode())"
    found: list[dict[str, Any]] = json.loads(admin.host(ip).run(["python3", "-c", code]).stdout)["data"]["result"]
    return {row["metric"].get("ins", ""): float(row["value"][1]) for row in found}


def wait_for(admin: Admin, ip: str, query: str, wanted: dict[str, float]) -> None:
    until(query, lambda: values(admin, ip, query), lambda found: found == wanted)


def test_the_role_is_made_on_the_hosts_and_stays_as_it_is(site: Admin) -> None:
    named(site)
    for _ in range(2):
        for cluster in ("pg-new", "pg-old"):
            assert "ready" in site.run("pg", "prepare", cluster, "--apply").stderr
    for ip in (WORKER, OTHER):
        role = "SELECT rolsuper, rolcanlogin FROM pg_roles WHERE rolname = 'dbuser_monitor'"
        assert psql(site, ip, role) == "f|t"
        assert (
            psql(site, ip, "SELECT extnamespace::regnamespace FROM pg_extension WHERE extname ~ 'statements'")
            == "monitor"
        )


def test_all_are_watched_after_one_apply(site: Admin) -> None:
    site.apply_as_planned()
    assert all(site.services()[WORKER].values()), site.services()[WORKER]
    for ip in (FIRST, SECOND):
        wanted = dict.fromkeys(("pg-new-1", "pg-old-1", "pg-far-1"), 1.0)
        for query in ('up{job="pgsql"}', "pg_up", "pg_exporter_last_scrape_error == bool 0"):
            wait_for(site, ip, query, wanted)
    versions = values(site, FIRST, "floor(pg_static_version_num / 10000)")
    assert versions == {"pg-new-1": 17.0, "pg-old-1": 15.0, "pg-far-1": 17.0}


def test_what_versions_call_by_other_names_has_one_name(site: Admin) -> None:
    both = {"pg-new-1", "pg-old-1", "pg-far-1"}
    for metric in ("pg_stat_checkpointer_num_timed", "pg_stat_bgwriter_buffers_alloc", "pg_stat_wal_wal_bytes",
                   "max by (ins) (pg_stat_statements_calls)", "pg_stat_wal_wal_write"):  # fmt: skip
        assert values(site, FIRST, metric).keys() == both, metric
    new = both - {"pg-old-1"}
    for metric in ("sum by (ins) (pg_stat_io_reads)", "pg_stat_checkpointer_restartpoints_done"):
        assert values(site, FIRST, metric).keys() == new, metric
    assert values(site, FIRST, "pg_stat_bgwriter_buffers_backend").keys() == {"pg-old-1"}


def test_nobody_else_sees_the_password(site: Admin) -> None:
    for ip, name in ((WORKER, "postgres_exporter"), (FIRST, "postgres_exporter_20001")):
        host = site.host(ip)
        assert host.run(f"stat -c '%U %a' /etc/staddle/{name}.pgpass").stdout.strip() == "prometheus 600"
        assert "batt" not in host.run("ps axeww -o args").stdout


def test_names_lead_to_them(site: Admin) -> None:
    for name in ("pg-new-1", "pg-new"):
        records = site.host(SECOND).run(f"grep -h ' {name}$' /infra/hosts/*").stdout
        assert records.strip() == f"{WORKER} {name}"


def test_nothing_stale_remains_when_they_are_gone_from_the_inventory(site: Admin) -> None:
    site.edit()
    site.apply_as_planned()
    for ip in (WORKER, OTHER, FIRST):
        assert not [name for name in site.services()[ip] if "postgres_exporter" in name]
        assert site.host(ip).run("ls -d /etc/staddle/postgres* /etc/default/postgres_exporter*; true").stdout == ""
    for ip in (FIRST, SECOND):
        wait_for(site, ip, 'up{job="pgsql"}', {})
        assert site.host(ip).run("ls /infra/targets/pgsql /infra/hosts/pg-*; true").stdout == ""
