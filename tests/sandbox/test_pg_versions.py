"""Every major version of PostgreSQL that Staddle watches, really run: its metrics, the role that may ask for them, its logs.

A primary and a replica of each; the oldest and the newest always, those between by hand (`pytest -m more`).
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest
from tests.sandbox import pg_versions
from tests.sandbox.agentbox import AgentBox, Store
from tests.sandbox.debian import Debian, debian
from tests.sandbox.exporters import PostgresExporter, page, postgres_exporter
from tests.sandbox.postgres import Postgres, postgres_of, standby
from tests.sandbox.stack import wait_for

from staddle.components.log_agent import SYSLOG_NG_CORE, SYSLOG_NG_HTTP
from staddle.components.log_agent.formats import POSTGRES_CSV
from staddle.components.postgres_exporter import POSTGRES_EXPORTER
from staddle.components.postgres_exporter.catalogue import entries
from staddle.pgsql.prepare import script

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.components.registration import LogFormat

ROLE, SECRET = "dbuser_monitor", "it's a 'secret'"
SINCE = {
    "pg_stat_slru": 13,
    "pg_stat_database_active_time": 14,
    "pg_stat_database_idle_in_transaction_time": 14,
    "pg_stat_database_session": 14,
    "pg_stat_wal_wal_": 14,
    "pg_stat_io": 16,
    "pg_stat_checkpointer_restartpoints": 17,
}
"""How metrics begin that older versions don't have, and which is the first that does."""
UNTIL = {"pg_stat_bgwriter_buffers_backend": 17, "pg_stat_wal_wal_write": 18, "pg_stat_wal_wal_sync": 18}
"""Likewise, and the first that doesn't any more."""
NEVER = ("pg_replication_slots_safe_wal_size_bytes",)
"""Without a limit there is nothing to tell."""
ON_PRIMARY = ("pg_stat_replication_", "pg_stat_progress_vacuum")
ON_REPLICA = ("pg_stat_database_conflicts_", "pg_stat_wal_receiver")
AFTER_ARCHIVING = ("pg_stat_archiver_last_archive_age", "pg_stat_archiver_last_failed_age")
COLUMNS = {12: 23, 13: 24, 14: 26, 15: 26, 16: 26, 17: 26, 18: 26}
"""Of a csvlog."""
JSON_SINCE = 15
OBJECTS = """\
CREATE TABLE worn (x int, y text);
INSERT INTO worn SELECT x, repeat('x', 500) FROM generate_series(1, 4000) AS x;
CREATE INDEX ON worn (x);
CREATE SEQUENCE numbers; SELECT nextval('numbers');
CREATE SUBSCRIPTION far CONNECTION 'host=nowhere' PUBLICATION p WITH (connect = false);
SELECT pg_create_physical_replication_slot('kept', true);
ANALYZE worn;
"""
EVENTS = """\
DO $$ BEGIN RAISE WARNING E'x, "y"\\nz' USING DETAIL = E'more\\nlines', HINT = 'try'; END $$;
SELECT pg_sleep(0.01);
SELECT *
  FROM nope -- a comment, "quoted";
"""
BUSY = "BEGIN; SELECT * FROM numbers; SELECT pg_sleep(600)"
FORGED = """\
SELECT set_config('staddle.sizes', (
  SELECT jsonb_agg(k || jsonb_build_object('bytes', -1, 'asked', extract(epoch FROM now()) - %(age)s))
  FROM jsonb_array_elements(current_setting('staddle.sizes')::jsonb) AS k
)::text, false)
"""
"""What a session would know if every database had been asked so many seconds ago, and had had one byte less than none."""
SERIES = re.compile(r"^(pg_\w+)(?:\{.*\})? (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Pair:
    """A primary and its replica, each with an exporter beside it."""

    version: int
    primary: Postgres
    replica: Postgres
    exporters: dict[str, PostgresExporter]


@pytest.fixture(scope="module")
def programs() -> Iterator[Debian]:
    with debian(POSTGRES_EXPORTER, SYSLOG_NG_CORE, SYSLOG_NG_HTTP) as found:
        yield found


def cases() -> list[object]:
    return [
        pytest.param(version, id=f"PostgreSQL {version}", marks=pytest.mark.more if version in pg_versions.MORE else ())
        for version in sorted((*pg_versions.ALWAYS, *pg_versions.MORE))
    ]


@pytest.fixture(scope="module", params=cases())
def pair(request: pytest.FixtureRequest, programs: Debian) -> Iterator[Pair]:
    version: int = request.param
    with ExitStack() as keep:
        own = pg_versions.fetched([version], programs.home / f"postgresql-{version}")[version]
        settings = {
            "shared_preload_libraries": "pg_stat_statements",
            "log_destination": "csvlog,jsonlog" if version >= JSON_SINCE else "csvlog",
            "log_error_verbosity": "verbose",
            "log_timezone": "UTC",
            "autovacuum": "off",
        }
        primary = keep.enter_context(postgres_of(own, **settings))
        hba = primary.data / "pg_hba.conf"
        hba.write_text(f"local all {ROLE} scram-sha-256\n{hba.read_text()}")
        primary.sql("SELECT pg_reload_conf()")
        primary.sql(OBJECTS)
        for _ in range(2):  # whoever is ready stays so
            primary.sql(script(ROLE, SECRET, ["postgres"]))
        replica = keep.enter_context(standby(primary))
        for server in (primary, replica):
            keep.enter_context(busy(server, BUSY))
        keep.enter_context(busy(primary, "SET vacuum_cost_delay = 100; SET vacuum_cost_limit = 1", "VACUUM worn"))
        wait_for("a vacuum", lambda: primary.value("SELECT count(*) FROM pg_stat_progress_vacuum") == "1", 15)
        exporters = {
            name: keep.enter_context(
                postgres_exporter(programs, f"{version}-{name}", source(server), PGPASSWORD=SECRET)
            )
            for name, server in (("primary", primary), ("replica", replica))
        }
        yield Pair(version, primary, replica, exporters)


@contextmanager
def busy(server: Postgres, *commands: str) -> Iterator[None]:
    process = server.background("psql", *(word for command in commands for word in ("-c", command)))
    try:
        yield
    finally:
        process.kill()
        process.wait()


def source(server: Postgres) -> str:
    return f"host={server.home} user={ROLE} dbname=postgres sslmode=disable application_name=staddle jit=off"


def told(url: str) -> set[str]:
    """The metrics that have a value."""
    return {name for name, value in SERIES.findall(page(url, "pg_up 1")) if value != "NaN"}


def begins(name: str, prefixes: tuple[str, ...]) -> bool:
    return name.startswith(prefixes)


@pytest.mark.parametrize(("role", "absent"), [("primary", ON_REPLICA), ("replica", ON_PRIMARY)])
def test_a_version_tells_what_the_catalogue_says_and_no_query_fails(
    pair: Pair, role: str, absent: tuple[str, ...]
) -> None:
    lacking = tuple(name for name, since in SINCE.items() if pair.version < since)
    gone = tuple(name for name, until in UNTIL.items() if pair.version >= until)
    catalogue = {name for entry in entries() for name in entry.metrics}
    expected = {name for name in catalogue if not begins(name, (*lacking, *gone, *absent, *NEVER, *AFTER_ARCHIVING))}
    exporter = pair.exporters[role]

    def complete() -> set[str] | None:
        found = told(exporter.url) & catalogue
        return found if found >= expected else None

    try:
        found = wait_for(f"all of {role}", complete, 15)
    except AssertionError:
        assert expected - told(exporter.url) == set()
        raise
    assert found - expected == set()
    text = page(exporter.url, "pg_exporter_last_scrape_error")
    assert re.search(r"^pg_exporter_last_scrape_error 0$", text, re.MULTILINE)
    log = exporter.log.read_text(encoding="utf-8")
    assert not re.findall(r".*(?:level=(?:warn|error)| err=).*", log)
    server: Postgres = getattr(pair, role)
    assert [row for row in records(server) if row["*user"] == ROLE and row["level"] in {"ERROR", "FATAL"}] == []
    assert f"PostgreSQL {pair.version}" in text


def test_the_role_that_watches_has_what_pg_monitor_has_and_no_more(pair: Pair) -> None:
    primary, role = pair.primary, f"FROM pg_roles WHERE rolname = '{ROLE}'"
    may = "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls"
    assert primary.value(f"{may} {role}") == "f"
    groups = f"SELECT string_agg(roleid::regrole::text, ',') FROM pg_auth_members WHERE member = '{ROLE}'::regrole"
    assert primary.value(groups) == "pg_monitor"
    assert primary.value(f"SELECT has_table_privilege('{ROLE}', 'worn', 'SELECT')") == "f"
    assert primary.value(f"SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = '{ROLE}'") == "t"


def test_sizes_are_remembered_and_asked_of_a_few_databases_at_a_time(pair: Pair) -> None:
    names = [f"d{number}" for number in range(11)]
    pair.primary.sql("".join(f"CREATE DATABASE {name};" for name in names))
    [query] = (entry.sql for entry in entries() if entry.name == "pg_database_size")
    with psycopg.connect(
        host=str(pair.primary.home), user=ROLE, password=SECRET, dbname="postgres", autocommit=True
    ) as session:

        def ask() -> dict[str, float]:
            return dict(session.execute(query).fetchall())

        asked = ask()
        assert asked.keys() == {"postgres", *names}
        assert min(asked.values()) > 1_000_000
        session.execute(FORGED, {"age": 200})
        assert set(ask().values()) == {-1}
        session.execute(FORGED, {"age": 300})
        assert [list(ask().values()).count(-1) for _ in range(6)] == [10, 8, 6, 4, 2, 0]
        assert ask().keys() == asked.keys()
        pair.primary.sql("DROP DATABASE d0")
        assert ask().keys() == asked.keys() - {"d0"}


def records(server: Postgres) -> list[dict[str, str]]:
    """Its csvlog, by the names that columns have in a row (with their `*`)."""
    names = list(POSTGRES_CSV.values())
    found = []
    for path in sorted(server.log.glob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            found += [dict(zip(names, row, strict=False)) for row in csv.reader(file)]
    return found


def test_its_log_is_read_as_it_was_written(
    pair: Pair, programs: Debian, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """By the log agent: what the rows say is what a reader of CSV finds in the file, whatever columns the version has."""
    primary = pair.primary
    with pytest.raises(AssertionError, match="nope"):
        primary.sql(EVENTS)
    wait_for("the error", lambda: primary.logged('"quoted"'), 15)
    home = tmp_path_factory.mktemp(f"logs-{pair.version}")
    formats: dict[str, LogFormat] = {"csv": "postgres_csv"}
    if pair.version >= JSON_SINCE:
        formats["json"] = "postgres_json"
    store = Store(home / "store")
    agent = AgentBox(home / "box", programs.programs, [store.url], formats)
    store.start("-retentionPeriod=100y")
    try:
        agent.start(TZ="UTC")
        files = {name: sorted(primary.log.glob(f"*.{name}")) for name in formats}
        texts = {name: b"".join(path.read_bytes() for path in paths) for name, paths in files.items()}
        (home / "whole.csv").write_bytes(texts["csv"])
        with (home / "whole.csv").open(newline="", encoding="utf-8") as file:
            written = list(csv.reader(file))
        assert {len(row) for row in written} == {COLUMNS[pair.version]}
        for name, text in texts.items():
            agent.log(name).write_bytes(text)
        expected = len(written) + texts.get("json", b"").count(b"\n")
        wait_for("all rows", lambda: store.count("job:test")[0] >= expected, 30)
        rows: dict[str, dict[tuple[str, str], dict[str, str]]] = defaultdict(dict)
        for row in store.query("job:test"):
            rows[row["ins"]][row["sid"], row["sln"]] = row
    finally:
        agent.stop()
        store.stop()
    names = [name.removeprefix("*") for name in POSTGRES_CSV.values()]
    compared = [name for name in names if name not in {"time", "level", "message", "addr", "loc"}]
    assert len(rows["demo-csv"]) == len(written)
    for values in written:
        wanted = dict(zip(names, values, strict=False))
        row = rows["demo-csv"][wanted["sid"], wanted["sln"]]
        assert row["_msg"] == wanted["message"]
        blank = {"code": "00000", "query": "0"}
        assert {name: row.get(name, "") for name in compared if wanted.get(name) != blank.get(name)} == {
            name: wanted.get(name, "") for name in compared if wanted.get(name) != blank.get(name)
        }
        assert row["func"] in wanted["loc"]
    [raised] = [row for row in rows["demo-csv"].values() if row["level"] == "warning" and "try" in row.get("hint", "")]
    assert (raised["_msg"], raised["detail"], raised["hint"]) == ('x, "y"\nz', "more\nlines", "try")
    assert any(float(row.get("duration", 0)) >= 10 for row in rows["demo-csv"].values())
    own = {"ins", "_stream", "_stream_id", "loc", "query"}
    for event, row in rows.get("demo-json", {}).items():
        other = rows["demo-csv"].get(event)
        if other:
            assert {key: row[key] for key in row if key not in own} == {
                key: other[key] for key in other if key not in own
            }
