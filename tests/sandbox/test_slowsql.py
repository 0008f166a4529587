"""Slow SQL, end to end: a real PostgreSQL under load, its log, the log agent, both stores; every statement one span."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from tests.sandbox.postgres import Postgres, postgres
from tests.sandbox.stack import Stack, started, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, server: Postgres) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("slowsql")
    own = {"infra_seq": 1, "nodename": "box", "pg_cluster": "pg-test", "pg_seq": 1, "pg_role": "primary"}
    off = {
        f"{name}_enabled": False
        for name in ("vmetrics", "vmalert", "alertmanager", "dns", "blackbox", "node_exporter", "pg_exporter")
    }
    hosts = {"infra": {"hosts": {"127.0.0.1": own}}}
    text = json.dumps({"all": {"children": hosts, "vars": {**off, "node_ntp_enabled": False}}})
    (home / "sandbox/pg/log").mkdir(parents=True)
    (home / "sandbox/pg/log/postgres").symlink_to(server.log)
    yield from started(home, text)


def spans(box: Stack, logsql: str) -> list[dict[str, str]]:
    query = urlencode({"query": logsql, "start": "-1h"})
    answer = box.get(f"/vtraces/select/logsql/query?{query}")
    assert answer.status == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def trace(box: Stack, name: str) -> list[dict[str, Any]]:
    data = box.get(f"/vtraces/select/jaeger/api/traces/{name}").json()["data"]
    found: list[dict[str, Any]] = data[0]["spans"] if data else []
    return found


def test_a_slow_statement_becomes_a_span_of_its_callers_trace(box: Stack, server: Postgres) -> None:
    server.sql(f"SELECT pg_sleep(0.1), 's3cret' /*traceparent='00-{TRACE}-{PARENT}-01',application='shop'*/;")
    (span,) = wait_for("the span", lambda: trace(box, TRACE), timeout=30)
    tags = {tag["key"]: tag["value"] for tag in span["tags"]}
    assert span["operationName"] == "SELECT pg_sleep(?), ?"
    assert span["references"] == [{"refType": "CHILD_OF", "spanID": PARENT, "traceID": TRACE}]
    assert 100_000 <= span["duration"] < 5_000_000
    assert tags["db.system.name"] == "postgresql"
    assert tags["sqlcommenter.application"] == "shop"
    (event,) = span["logs"]
    assert any("Result  (cost=" in field["value"] for field in event["fields"])
    assert "s3cret" not in json.dumps(span)
    (found,) = spans(box, f"trace_id:{TRACE}")
    assert found["resource_attr:ins"] == "pg-test-1"
    assert found["resource_attr:service.name"] == "pg-test"


def test_staddles_own_runs_are_traces_too(box: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{box.port(10428)}")
    monkeypatch.setenv("TRACEPARENT", f"00-{'ab' * 16}-{PARENT}-01")
    box.up()
    wanted = {"staddle up", "converge", "reading the inventory", "vlogs", "slowsql"}

    def whole() -> list[dict[str, Any]] | None:
        spans = trace(box, "ab" * 16)
        return spans if wanted <= {span["operationName"] for span in spans} else None

    found = wait_for("the trace", whole)
    root = next(span for span in found if span["operationName"] == "staddle up")
    assert root["references"][0]["spanID"] == PARENT
    assert root["duration"] >= max(span["duration"] for span in found)


def test_killed_again_and_again_under_load_every_statement_is_one_span(box: Stack, server: Postgres) -> None:
    server.run("pgbench", "-i", "-s", "1")
    load = server.background("pgbench", "-c", "4", "-T", "12", "-R", "60")
    for _ in range(4):
        wait_for("some spans more", _more(box))
        os.kill(box.pids()["slowsql"], signal.SIGKILL)
    assert load.wait(timeout=120) == 0
    # What PostgreSQL wrote since it runs, this test's own set-up included.
    written = server.logged(r'"duration: [\d.]+ ms  (?:statement|parse|bind|execute)')
    assert written > 1000

    def all_there() -> bool:
        return len(spans(box, "scope_name:staddle-slowsql | fields span_id")) >= written

    wait_for("every statement", all_there, timeout=90)
    ids = [row["span_id"] for row in spans(box, "scope_name:staddle-slowsql | fields span_id")]
    assert len(ids) == written
    assert len(set(ids)) == written


def _more(box: Stack) -> Any:
    before = len(spans(box, "scope_name:staddle-slowsql | fields span_id"))
    return lambda: len(spans(box, "scope_name:staddle-slowsql | fields span_id")) > before + 50
