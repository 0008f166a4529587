"""Alerts, end to end: a real fault, a real rule, a real notification at a webhook, with links that open."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from tests.sandbox.stack import Stack, started, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


class Sink:
    """A webhook receiver on loopback that keeps what it's told."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                sink.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}/told?token=hush-hush"

    def alerts(self, name: str, status: str) -> list[dict[str, Any]]:
        found = [a for message in self.messages for a in message["alerts"]]
        return [a for a in found if a["labels"]["alertname"] == name and a["status"] == status]

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


@pytest.fixture(scope="module")
def alerting(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[Stack]:
    text = f"""\
all:
  children:
    infra:
      hosts: {{ 127.0.0.1: {{ infra_seq: 1, nodename: box }} }}
  vars:
    vmetrics_scrape_interval: 1s
    vmetrics_scrape_timeout: 1s
    alert_receivers: {{ ops: {{ type: webhook, url: "{sink.url}" }} }}
"""
    yield from started(tmp_path_factory.mktemp("alerting"), text)


def test_a_stopped_node_exporter_is_told_about_and_told_over(alerting: Stack, sink: Sink) -> None:
    # Whoever may ping knows that it's only the exporter.
    pinged = any((alerting.root / "infra/targets/ping").iterdir())
    wait_for("node_exporter to be scraped", lambda: alerting.query('up{job="node",exporter=""} == 1'))
    assert not pinged or wait_for("a ping", lambda: alerting.query('probe_success{job="ping"} == 1'))
    alerting.supervision.call("supervisor.stopProcess", "node_exporter")
    name, severity = ("NodeExporterDown", "WARN") if pinged else ("NodeDown", "CRIT")
    [fired] = wait_for(f"{name} to arrive", lambda: sink.alerts(name, "firing"), timeout=90)
    alerting.supervision.call("supervisor.startProcess", "node_exporter")
    labels = {"job": "node", "cls": "infra", "ins": "box", "ip": "127.0.0.1", "severity": severity, "module": "node"}
    assert fired["labels"].items() >= labels.items()
    assert "box (127.0.0.1) does not answer" in fired["annotations"]["summary"]
    assert _opens(alerting, fired["generatorURL"])
    assert _opens(alerting, fired["annotations"]["runbook_url"])
    assert wait_for(f"{name} to be resolved", lambda: sink.alerts(name, "resolved"), timeout=120)


def test_notifications_lead_to_the_portal(alerting: Stack, sink: Sink) -> None:
    message = wait_for("a message", lambda: sink.messages[0] if sink.messages else None, timeout=120)
    assert message["externalURL"] == f"https://localhost:{alerting.port(8443)}/alertmgr"


def test_the_watchdog_fires_but_bothers_nobody(alerting: Stack, sink: Sink) -> None:
    wait_for("the Watchdog", lambda: alerting.query('ALERTS{alertname="Watchdog",alertstate="firing"}'))
    held = wait_for("Alertmanager to have it", lambda: alerting.get("/alertmgr/api/v2/alerts").json())
    assert "Watchdog" in {alert["labels"]["alertname"] for alert in held}
    assert not sink.alerts("Watchdog", "firing")


def test_the_receivers_address_stays_secret(alerting: Stack) -> None:
    status = alerting.get("/alertmgr/api/v2/status").text
    config = (alerting.root / "etc/alertmanager.yml").read_text(encoding="utf-8")
    secret = alerting.root / "etc/alertmanager/secrets/ops.url"
    assert "hush-hush" not in status + config
    assert "hush-hush" not in json.dumps(alerting.up()["report"])
    assert secret.stat().st_mode & 0o777 == 0o600


def _opens(stack: Stack, url: str) -> bool:
    parts = urlsplit(url)
    assert (parts.scheme, parts.hostname, parts.port) == ("https", "localhost", stack.port(8443))
    answer = stack.get(f"{parts.path}?{parts.query}")
    return answer.status == 200 and answer.headers["content-type"].startswith("text/html")
