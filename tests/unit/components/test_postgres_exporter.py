"""postgres_exporter: where it runs, how it connects and is scraped. Its queries have a test of their own."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.unit.fleets import compiled, files_of

from staddle.components.postgres_exporter import collectors
from staddle.components.postgres_exporter.connection import Connection, from_url

if TYPE_CHECKING:
    from staddle.manifest.resources import File

FLEET = """\
all:
  children:
    infra:
      hosts:
        10.0.0.1:
          infra_seq: 1
          pg_exporters:
            20001: { pg_cluster: far, pg_seq: 1, pg_host: db.example.com, pg_monitor_password: "it's:\\\\" }
            20002: { pg_cluster: far, pg_seq: 2, pg_exporter_url: "postgresql://eve:s%40crt@10.9.9.9:6432/a?sslmode=require" }
            20003: { pg_cluster: far, pg_seq: 3, pg_host: 10.9.9.8, pg_exporter_params: sslmode=require }
        10.0.0.2: { infra_seq: 2 }
    pg-a:
      hosts: { 10.0.0.3: { pg_seq: 1, pg_role: primary }, 10.0.0.4: { pg_seq: 2, pg_role: replica, pg_port: 5433 } }
      vars: { pg_cluster: pg-a }
    unwatched: { hosts: { 10.0.0.5: { pg_seq: 1 } }, vars: { pg_cluster: b, pg_exporter_enabled: false } }
  vars: { pg_monitor_password: sesame }
"""


@cache
def files(ip: str) -> dict[str, File]:
    return files_of(compiled(FLEET, kind="system")[ip])


def targets(ip: str) -> dict[str, dict[str, Any]]:
    """Targets of job pgsql as an INFRA node has them, by their file."""
    folder = "/data/infra/targets/pgsql/"
    found = {path.removeprefix(folder): file for path, file in files(ip).items() if path.startswith(folder)}
    return {name: entry for name, file in found.items() for entry in yaml.safe_load(file.content)}


def environment(ip: str, name: str = "postgres_exporter") -> str:
    return files(ip)[f"/etc/systemd/system/{name}.service"].content.decode()


@pytest.mark.parametrize("infra", ["10.0.0.1", "10.0.0.2"])
def test_every_infra_node_scrapes_every_instance_over_tls(infra: str) -> None:
    found = targets(infra)
    assert {name: entry["targets"] for name, entry in found.items()} == {
        "pg-a-1.yml": ["10.0.0.3:9630"],
        "pg-a-2.yml": ["10.0.0.4:9630"],
        "far-1.yml": ["10.0.0.1:20001"],
        "far-2.yml": ["10.0.0.1:20002"],
        "far-3.yml": ["10.0.0.1:20003"],
    }
    labels = {name: (e["labels"]["cls"], e["labels"]["ins"], e["labels"]["ip"]) for name, e in found.items()}
    assert labels["pg-a-2.yml"] == ("pg-a", "pg-a-2", "10.0.0.4")
    assert labels["far-1.yml"] == ("far", "far-1", "db.example.com")
    assert labels["far-2.yml"] == ("far", "far-2", "10.9.9.9")
    assert {entry["labels"]["__scheme__"] for entry in found.values()} == {"https"}


def test_on_its_host_it_uses_the_socket() -> None:
    text = environment("10.0.0.4")
    assert "host='/var/run/postgresql' port=5433 user='dbuser_monitor' dbname=postgres sslmode=disable" in text
    assert "statement_timeout=8000" in text


def test_elsewhere_it_demands_a_certificate_of_our_ca_unless_told_otherwise() -> None:
    assert "host='db.example.com'" in environment("10.0.0.1", "postgres_exporter_20001")
    assert "sslmode='verify-full' sslrootcert='/etc/pki/ca.crt'" in environment("10.0.0.1", "postgres_exporter_20001")
    relaxed = environment("10.0.0.1", "postgres_exporter_20003")
    assert "sslmode=require" in relaxed
    assert "sslrootcert" not in relaxed  # it would be verified all the same
    given = environment("10.0.0.1", "postgres_exporter_20002")
    assert "host='10.9.9.9'" in given
    assert "port=6432 user=eve dbname=a sslmode=require" in given


@pytest.mark.parametrize(
    ("ip", "name", "line"),
    [
        ("10.0.0.3", "postgres_exporter", "*:*:*:*:sesame\n"),
        ("10.0.0.1", "postgres_exporter_20001", "*:*:*:*:it's\\:\\\\\n"),
        ("10.0.0.1", "postgres_exporter_20002", "*:*:*:*:s@crt\n"),
    ],
)
def test_a_password_is_in_a_file_that_only_the_exporter_reads_and_nowhere_else(ip: str, name: str, line: str) -> None:
    path = f"/etc/staddle/{name}.pgpass"
    file = files(ip)[path]
    assert (file.content.decode(), file.mode, file.owner, file.secret) == (line, 0o600, "prometheus", True)
    secret = line.removeprefix("*:*:*:*:").strip().encode()
    # Grafana asks databases by itself, and has passwords in a file that is as closed.
    others = {other: it for other, it in files(ip).items() if secret in it.content and other != path}
    assert set(others) <= {"/etc/grafana/provisioning/datasources/staddle.yml"}
    assert all((it.mode, it.owner, it.secret) == (0o600, "grafana", True) for it in others.values())


def test_who_is_not_to_be_watched_is_not() -> None:
    assert not any("postgres_exporter" in path for path in files("10.0.0.5"))
    assert not any("postgres_exporter" in path for path in files("10.0.0.2"))


@pytest.mark.parametrize(
    ("version", "on", "off"),
    [
        ("0.11.1-3+b5", "database", "locks"),
        ("0.15.0-1", "locks", "roles"),
        ("0.17.1-1+b4", "roles", "stat_progress_vacuum"),
        ("0.19.1-1+b1", "stat_progress_vacuum", "bgwriter"),
    ],
)
def test_collectors_are_switched_off_that_the_release_has(version: str, on: str, off: str) -> None:
    assert on in collectors(version)
    assert off not in collectors(version)


@pytest.mark.parametrize(
    ("url", "text", "password"),
    [
        ("postgresql://u:p@h/d", "host=h user=u dbname=d", "p"),
        ("postgresql://u@h", "host=h user=u dbname=postgres", ""),
        ("postgres:///d?host=/run/pg&user=u&password=p", "host='/run/pg' user=u dbname=d sslmode=disable", "p"),
        ("postgresql://u:p@h/it's", "host=h user=u dbname='it\\'s'", "p"),
    ],
)
def test_a_url_becomes_keywords(url: str, text: str, password: str) -> None:
    connection = from_url(url, {})
    assert (connection.text, connection.password) == (text, password)
    assert not password or password not in repr(Connection({}, "p3"))
