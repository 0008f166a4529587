"""Which instances `staddle pg prepare` is about, and what the script has in it. That it works is tested on real servers."""

from __future__ import annotations

import pytest

from staddle.drive.pg_prepare import jobs
from staddle.errors import StaddleError
from staddle.inventory import parse_inventory
from staddle.pgsql.prepare import script
from staddle.pgsql.scram import verifier

FLEET = """\
all:
  children:
    infra:
      hosts:
        10.0.0.1: { infra_seq: 1, pg_exporters: { 20001: { pg_cluster: far, pg_seq: 1, pg_host: db.example.com } } }
    a:
      hosts: { 10.0.0.2: { pg_seq: 1, pg_role: replica }, 10.0.0.3: { pg_seq: 2, pg_role: primary } }
      vars: { pg_cluster: a, pg_databases: [{ name: shop }], pg_dbsu: pgadmin, pg_port: 5433, pg_localhost: /run/pg }
    b: { hosts: { 10.0.0.4: { pg_seq: 1 }, 10.0.0.5: { pg_seq: 2 } }, vars: { pg_cluster: b } }
  vars: { pg_monitor_password: sesame }
"""
FOUND = parse_inventory(FLEET).fleet


@pytest.mark.parametrize(
    ("which", "instances"),
    [
        (None, ["a-2", "b-1", "b-2", "far-1"]),  # of b nobody knows who the primary is
        ("a", ["a-2"]),
        ("a-1", ["a-1"]),
        ("b", ["b-1", "b-2"]),
        ("far", ["far-1"]),
    ],
)
def test_it_is_about_primaries_where_they_are_known(which: str | None, instances: list[str]) -> None:
    assert [job.ins for job in jobs(FOUND, which)] == instances


def test_a_job_knows_where_and_as_whom() -> None:
    (job,) = jobs(FOUND, "a")
    assert (job.host, job.socket, job.port, job.administrator) == ("10.0.0.3", "/run/pg", 5433, "pgadmin")
    assert '\\connect "shop"' in job.sql
    (far,) = jobs(FOUND, "far")
    assert far.host is None


def test_the_password_is_nowhere() -> None:
    for job in jobs(FOUND, None):
        assert "sesame" not in job.sql
        assert "sesame" not in repr(job)
        assert verifier("sesame", "dbuser_monitor") in job.sql


def test_who_is_not_there_is_not_found() -> None:
    with pytest.raises(StaddleError, match="'c'"):
        jobs(FOUND, "c")


def test_names_are_quoted() -> None:
    text = script("we\"ird'role", None)
    assert 'CREATE ROLE "we""ird\'role" LOGIN' in text
    assert "rolname = 'we\"ird''role'" in text
    assert "PASSWORD" not in text


def test_a_verifier_is_the_same_each_time_and_another_for_each_role() -> None:
    assert verifier("p", "a") == verifier("p", "a")
    assert len({verifier("p", "a"), verifier("p", "b"), verifier("q", "a")}) == 3
