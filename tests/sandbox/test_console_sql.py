"""The console's SQL on a real PostgreSQL: what it shows, what it refuses, how long it waits, and whom it trusts."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.sandbox.postgres import Postgres, postgres
from tests.sandbox.stack import free_port, wait_for

from staddle.components.material import CertificateRequest
from staddle.console.databases import AT_ONCE, MOST_ROWS, Database, DatabaseError, Databases, Result
from staddle.pki.authority import open_authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = dt.datetime.now(dt.UTC)
SECRET = "it's a 'secret'"
ROLE = """
    CREATE ROLE watcher LOGIN IN ROLE pg_monitor PASSWORD 'it''s a ''secret''';
    CREATE TABLE kept (x int);
    GRANT ALL ON kept TO watcher;
"""
TYPES: list[tuple[str, str, Any]] = [
    ("1::int2", "number", 1),
    ("9007199254740993::int8", "number", 9007199254740993),
    ("0.25::float8", "number", 0.25),
    ("'NaN'::float8", "number", None),
    ("'infinity'::float4", "number", None),
    ("12.50::numeric", "number", 12.5),
    ("'NaN'::numeric", "number", None),
    ("16384::oid", "number", 16384),
    ("true", "boolean", True),
    ("'2026-01-02 03:04:05+00'::timestamptz", "time", 1767323045000),
    ("'2026-01-02 03:04:05'::timestamp", "time", 1767323045000),
    ("'2026-01-02'::date", "time", 1767312000000),
    ("'100 % and %s'::text", "string", "100 % and %s"),
    ("'\\x00ff'::bytea", "string", "00ff"),
    ("'{\"a\": [1]}'::jsonb", "string", {"a": [1]}),
    ("ARRAY[1,2]", "string", [1, 2]),
    ("'10.0.0.1'::inet", "string", "10.0.0.1"),
    ("interval '1 day'", "string", "1 day, 0:00:00"),
    ("NULL::int4", "number", None),
]
UNCLEAR = {"'infinity'::timestamptz": "a moment that no calendar has"}


class Asked:
    """A database of ours, asked as the console does."""

    def __init__(self, server: Postgres, folder: Path) -> None:
        self.server, self.folder, self.port = server, folder, free_port()
        self.local = Database("pg-a-1", {"host": str(server.home), "user": "watcher", "dbname": "postgres"}, SECRET)

    def run(self, sql: str, where: Database | None = None) -> Result:
        where = where or self.local
        return Databases({where.uid: where}).run(where.uid, sql)

    def error(self, sql: str = "SELECT 1", where: Database | None = None) -> str:
        with pytest.raises(DatabaseError) as raised:
            self.run(sql, where)
        assert SECRET not in str(raised.value)
        return str(raised.value)

    def server_value(self, sql: str) -> str:
        """What the server itself says, as its owner."""
        return self.server.run("psql", "-X", "-A", "-t", "-q", "-p", str(self.port), "-c", sql).strip()

    def changed(self, *, password: str = SECRET, **values: str) -> Database:
        return replace(self.local, values={**self.local.values, **values}, password=password)

    def over_tls(self, **values: str) -> Database:
        own = {"host": "localhost", "hostaddr": "127.0.0.1", "sslmode": "verify-full"}
        return self.changed(**{**own, "sslrootcert": str(self.folder / "ca.pem"), **values})


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A server that wants a password, behind a certificate of a CA as a fleet has it."""
    folder = tmp_path_factory.mktemp("pki")
    with postgres() as server:
        found = Asked(server, folder)
        authority = open_authority(folder, "ours", create=True, now=NOW)
        (folder / "ca.pem").write_bytes(authority.pem)
        (folder / "other.pem").write_bytes(open_authority(folder / "other", "theirs", create=True, now=NOW).pem)
        pair, _ = authority.ensure("box", CertificateRequest("postgres", "localhost", ("localhost",), (), 30), NOW)
        for name, content in (("server.crt", pair.certificate), ("server.key", pair.key)):
            path = server.data / name
            path.write_bytes(content)
            path.chmod(0o600)
            if server.user:
                shutil.chown(path, server.user)
        server.sql(ROLE)
        server.stop("fast")
        hba = server.data / "pg_hba.conf"
        only = "local all watcher scram-sha-256\nhostssl all watcher 127.0.0.1/32 scram-sha-256\n"
        hba.write_text(only + hba.read_text().replace("host ", "#host "))
        server.configure(listen_addresses="127.0.0.1", port=str(found.port), ssl="on")
        server.start()
        found.local = found.changed(port=str(found.port))
        yield found


def test_every_type_is_shown_as_what_it_is(asked: Asked) -> None:
    result = asked.run("SELECT " + ", ".join(f"{sql} AS c{number}" for number, (sql, _, _) in enumerate(TYPES)))
    assert [kind for _, kind in result.columns] == [kind for _, kind, _ in TYPES]
    assert result.rows == [[value for _, _, value in TYPES]]
    assert json.loads(json.dumps(result.rows)) == result.rows


@pytest.mark.parametrize("sql", UNCLEAR)
def test_a_value_that_cannot_be_shown_is_an_error_and_no_crash(asked: Asked, sql: str) -> None:
    assert "pg-a-1" in asked.error(f"SELECT {sql}")


def test_no_row_is_no_error(asked: Asked) -> None:
    assert asked.run("SELECT 1 AS n WHERE false") == Result((), [], truncated=False)


def test_rows_beyond_the_limit_are_left_out_and_that_is_told(asked: Asked) -> None:
    full = asked.run(f"SELECT * FROM generate_series(1, {MOST_ROWS})")
    assert (len(full.rows), full.truncated) == (MOST_ROWS, False)
    # A hundred million rows: were they waited for, the time for a statement would run out.
    cut = asked.run("SELECT generate_series(1, 100000000), repeat('x', 100)")
    assert (len(cut.rows), cut.rows[-1][0], cut.truncated) == (MOST_ROWS, MOST_ROWS, True)
    running = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'staddle-console'"
    wait_for("no statement to be left running", lambda: asked.server_value(running) == "0", 20)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("INSERT INTO kept VALUES (1)", "read-only transaction"),
        ("CREATE TEMPORARY TABLE t (x int)", "read-only transaction"),
        ("WITH gone AS (DELETE FROM kept RETURNING x) SELECT * FROM gone", "read-only transaction"),
        ("SELECT set_config('transaction_read_only', 'off', false)", "read-write mode"),
        ("SELECT 1; SELECT 2", "multiple commands"),
        ("ROLLBACK; INSERT INTO kept VALUES (1)", "multiple commands"),
        ("SELECT * FROM pg_authid", "permission denied"),
        ("SELECT pg_read_file('postgresql.conf')", "permission denied"),
        ("COPY kept TO '/tmp/out'", ""),
        ("SELECT * FROM no_such_table", "does not exist"),
        ("", ""),
    ],
)
def test_what_writes_or_is_more_than_one_statement_is_refused(asked: Asked, sql: str, why: str) -> None:
    assert why in asked.error(sql)
    assert asked.server_value("SELECT count(*) FROM kept") == "0"


def test_reading_only_is_what_the_session_is_for_too(asked: Asked) -> None:
    """Not only its transaction: whoever ended that one would be no further."""
    assert asked.run("SELECT current_setting('default_transaction_read_only')").rows == [["on"]]


def test_what_takes_too_long_is_ended(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staddle.console.databases._OPTIONS", "-c statement_timeout=300ms")
    assert "statement timeout" in asked.error("SELECT pg_sleep(60)")


def test_more_than_a_few_at_a_time_wait_and_are_told(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staddle.console.databases.STATEMENT_SECONDS", 0.2)
    databases = Databases({asked.local.uid: asked.local})
    threads = [threading.Thread(target=databases.run, args=("pg-a-1", "SELECT pg_sleep(3)")) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
    wait_for("all of them to run", lambda: asked.server_value(sleeping) == str(AT_ONCE), 20, interval=0.05)
    with pytest.raises(DatabaseError, match=f"{AT_ONCE} statements are running already"):
        databases.run("pg-a-1", "SELECT 1")
    for thread in threads:
        thread.join()
    assert databases.run("pg-a-1", "SELECT 1").rows == [[1]]


def test_what_cannot_be_reached_says_why(asked: Asked) -> None:
    assert "password authentication failed" in asked.error(where=asked.changed(password="wrong"))
    assert "no password" in asked.error(where=asked.changed(password=""))
    assert "refused" in asked.error(where=asked.changed(host="127.0.0.1", port=str(free_port())))
    assert "No such file" in asked.error(where=asked.changed(host="/nowhere"))
    assert "does not exist" in asked.error(where=asked.changed(dbname="nothing"))
    with pytest.raises(DatabaseError, match="no database 'pg-x'"):
        Databases({}).run("pg-x", "SELECT 1")


def test_over_the_network_the_server_must_be_the_one_of_our_ca(asked: Asked) -> None:
    over = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    assert asked.run(over, asked.over_tls()).rows == [[True]]
    assert "certificate" in asked.error(where=asked.over_tls(host="elsewhere"))
    assert "certificate" in asked.error(where=asked.over_tls(sslrootcert=str(asked.folder / "other.pem")))
    # Whoever doesn't speak TLS isn't let in at all.
    assert "no encryption" in asked.error(where=asked.over_tls(sslmode="disable"))


def test_the_password_is_in_no_answer_and_no_repr(asked: Asked) -> None:
    assert SECRET not in repr(asked.local)
    assert SECRET not in repr(Databases({asked.local.uid: asked.local}).known)
    assert SECRET not in str(asked.run("SELECT * FROM pg_stat_activity").rows)
