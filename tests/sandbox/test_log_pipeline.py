"""In a running sandbox: what components write is found in the log store, through the portal, at once."""

from __future__ import annotations

import json
import logging
import logging.handlers
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from tests.sandbox.agentbox import AgentBox, programs_of
from tests.sandbox.stack import wait_for
from tests.sandbox.test_up import SERVICES

if TYPE_CHECKING:
    from tests.sandbox.stack import Stack


def found(stack: Stack, logsql: str) -> list[dict[str, str]]:
    answer = stack.get(f"/vlogs/select/logsql/query?query={quote(logsql)}")
    assert answer.status == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.mark.parametrize("service", SERVICES)
def test_a_line_of_a_component_is_found_within_two_seconds(stack: Stack, service: str) -> None:
    marker = f"marker-{service}-{time.time_ns()}"
    ins = "nginx-1" if service == "nginx" else f"{service}-1"
    job = "nginx" if service == "nginx" else "infra"
    with (stack.root / f"var/log/staddle/{service}.log").open("a") as log:
        log.write(f"{marker}\n")
    began = time.monotonic()
    query = f'{{job="{job}",ins="{ins}",ip="127.0.0.1"}} "{marker}"'
    [row] = wait_for("the line", lambda: found(stack, query), timeout=5, interval=0.05)
    assert time.monotonic() - began < 2
    assert row["cls"] == ("nginx-error" if service == "nginx" else service)
    assert row["app"] == service


def test_a_request_is_found_with_its_fields(stack: Stack) -> None:
    path = f"/no-such-page-{time.time_ns()}"
    stack.get(path, headers={"User-Agent": "a test", "Referer": "https://wiki.example/x?y"})
    [row] = wait_for("the request", lambda: found(stack, f'job:nginx path:="{path}"'), timeout=5, interval=0.05)
    expected = {
        "cls": "nginx", "ins": "nginx-1", "client": "127.0.0.1", "method": "GET", "protocol": "HTTP/1.1", "status": "404",
        "level": "warning", "agent": "a test", "referer": "https://wiki.example/x?y", "host": "localhost",
    }  # fmt: skip
    assert {key: row.get(key) for key in expected} == expected
    assert float(row["request_time"]) < 5


def test_components_log_in_one_vocabulary_and_their_own_time(stack: Stack) -> None:
    wanted = {"alertmanager", "vmetrics", "vmalert", "blackbox"}

    def said() -> list[dict[str, str]] | None:
        rows = found(stack, f"cls:in({','.join(sorted(wanted))}) level:info")
        return rows if {row["cls"] for row in rows} == wanted else None

    rows = wait_for("lines of all kinds", said)
    assert {"Starting Alertmanager", "Starting blackbox_exporter"} <= {row["_msg"] for row in rows}
    levels = {row["level"] for row in found(stack, "* | uniq by (level)")}
    assert levels <= {"emerg", "alert", "crit", "error", "warning", "notice", "info", "debug", "unknown"}


def test_syslog_is_taken_on_a_socket(stack: Stack) -> None:
    path = stack.root / "run/log"
    if not path.exists():
        pytest.skip("the sandbox lies too deep for the path of a socket")
    marker = f"syslog-{time.time_ns()}"
    handler = logging.handlers.SysLogHandler(str(path), socktype=socket.SOCK_STREAM)
    handler.append_nul = False
    handler.ident = "backup[4711]: "
    record = logging.LogRecord("x", logging.ERROR, "", 0, f"{marker} failed\n", None, None)
    handler.emit(record)
    handler.close()
    [row] = wait_for("the message", lambda: found(stack, f'job:syslog "{marker}"'), timeout=5)
    assert row.items() >= {"app": "backup", "pid": "4711", "level": "error", "ins": "box", "cls": "infra"}.items()


def test_the_agent_is_scraped_and_idle(stack: Stack) -> None:
    wait_for("its metrics", lambda: stack.query('log_agent_up{job="node",exporter="log_agent",ins="box"} == 1'))
    assert wait_for("sent rows", lambda: stack.query("log_agent_sent_rows_total > 0"))
    assert not stack.query("log_agent_dropped_rows_total > 0")
    assert not stack.query('ALERTS{alertname=~"Log.*"}')


@pytest.mark.parametrize("trusted", [True, False])
def test_an_https_receiver_is_verified_with_our_ca(stack: Stack, tmp_path: Path, trusted: bool) -> None:
    endpoint = f"https://localhost:{stack.port(8443)}/vlogs/insert/jsonline"
    box = AgentBox(tmp_path / "box", programs_of(stack), [endpoint], {"app": "plain"})
    ca = box.home / "etc/pki/ca.crt"
    ca.parent.mkdir(parents=True)
    other = Path(__file__).parents[1] / "unit/ca.pem"
    ca.write_bytes((stack.ca if trusted else other).read_bytes())
    marker = f"tls-{time.time_ns()}"
    try:
        box.start()
        box.log("app").write_text(f"{marker}\n")
        if trusted:
            wait_for("the row", lambda: found(stack, f'job:test "{marker}"'), timeout=10)
        else:
            wait_for(
                "it to be queued", lambda: box.metrics()['log_agent_queue_rows{receiver="url-1"}'] == 1, timeout=10
            )
            time.sleep(2)
            assert not found(stack, f'job:test "{marker}"')
    finally:
        box.stop()
