"""Alerts, end to end: a real fault, a real rule, a real notification at a webhook, with links that open."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

import pytest
from tests.sandbox.faults import alerts, names
from tests.sandbox.sinks import HttpSink
from tests.sandbox.stack import Stack, started, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Faults that last seconds have to do.
SOON = """\
InfraDown: { for: 3s }, NginxDown: { for: 3s }, DnsDown: { for: 3s }, NtpDown: { for: 3s }, NodeDown: { for: 5s },
      NodeExporterDown: { for: 5s }, ProbeFailed: { for: 10s }"""


OWN = """\
groups:
  - name: shop
    rules:
      - alert: ShopTargets
        expr: count by (job) (up{job="infra"}) > ${threshold}
        threshold: { default: 1000, unit: count, meaning: targets there may be }
        labels: { severity: WARN, scope: fleet }
        annotations: { summary: "There are {{ $value }} targets of job {{ $labels.job }}" }
"""
"""A rule of the operator's own. The inventory has another threshold."""


@pytest.fixture(scope="module")
def sink() -> Iterator[HttpSink]:
    with HttpSink() as sink:
        yield sink


@pytest.fixture(scope="module")
def alerting(tmp_path_factory: pytest.TempPathFactory, sink: HttpSink) -> Iterator[Stack]:
    text = f"""\
all:
  children:
    infra:
      hosts: {{ 127.0.0.1: {{ infra_seq: 1, nodename: box }} }}
  vars:
    vmetrics_scrape_interval: 1s
    vmetrics_scrape_timeout: 1s
    alert_receivers: {{ ops: {{ type: webhook, url: "{sink.url}/told?token=hush-hush" }} }}
    alert_rules: {{ {SOON}, ShopTargets: {{ threshold: 1 }} }}
    alert_folder: ours
"""
    home = tmp_path_factory.mktemp("alerting")
    for name, content in (("rules/shop/shop.yml", OWN), ("runbooks/ShopTargets.md", "# ShopTargets\n\nSell less.\n")):
        (home / "ours" / name).parent.mkdir(parents=True, exist_ok=True)
        (home / "ours" / name).write_text(content, encoding="utf-8")
    yield from started(home, text)


def test_a_stopped_node_exporter_is_told_about_and_told_over(alerting: Stack, sink: HttpSink) -> None:
    # Whoever may ping knows that it's only the exporter.
    pinged = any((alerting.root / "infra/targets/ping").iterdir())
    wait_for("node_exporter to be scraped", lambda: alerting.query('up{job="node",exporter=""} == 1'))
    assert not pinged or wait_for("a ping", lambda: alerting.query('probe_success{job="ping"} == 1'))
    alerting.supervision.call("supervisor.stopProcess", "node_exporter")
    name, severity = ("NodeExporterDown", "WARN") if pinged else ("NodeDown", "CRIT")
    [fired] = wait_for(f"{name} to arrive", lambda: alerts(sink, name, "firing"), timeout=90)
    alerting.supervision.call("supervisor.startProcess", "node_exporter")
    labels = {"job": "node", "cls": "infra", "ins": "box", "ip": "127.0.0.1", "severity": severity, "module": "node"}
    assert fired["labels"].items() >= labels.items()
    assert "box (127.0.0.1) does not answer" in fired["annotations"]["summary"]
    assert _opens(alerting, fired["generatorURL"])
    assert _opens(alerting, fired["annotations"]["runbook_url"])
    assert wait_for(f"{name} to be resolved", lambda: alerts(sink, name, "resolved"), timeout=120)


def test_notifications_lead_to_the_portal(alerting: Stack, sink: HttpSink) -> None:
    message = wait_for("a message", lambda: sink.told[0].data if sink.told else None, timeout=120)
    assert message["externalURL"] == f"https://localhost:{alerting.port(8443)}/alertmgr"


def test_a_rule_of_ones_own_is_told_about_with_its_own_runbook(alerting: Stack, sink: HttpSink) -> None:
    [fired] = wait_for("ShopTargets to arrive", lambda: alerts(sink, "ShopTargets", "firing"), timeout=90)
    assert fired["labels"].items() >= {"module": "shop", "job": "infra", "severity": "WARN"}.items()
    assert fired["annotations"]["summary"].endswith("targets of job infra")
    page = alerting.get(urlsplit(fired["annotations"]["runbook_url"]).path)
    assert (page.status, "Sell less." in page.text) == (200, True)


def test_the_watchdog_fires_but_bothers_nobody(alerting: Stack, sink: HttpSink) -> None:
    wait_for("the Watchdog", lambda: alerting.query('ALERTS{alertname="Watchdog",alertstate="firing"}'))

    def held() -> set[str]:
        return {alert["labels"]["alertname"] for alert in alerting.get("/alertmgr/api/v2/alerts").json()}

    wait_for("Alertmanager to have it", lambda: "Watchdog" in held())
    assert not alerts(sink, "Watchdog", "firing")


def test_the_receivers_address_stays_secret(alerting: Stack) -> None:
    status = alerting.get("/alertmgr/api/v2/status").text
    config = (alerting.root / "etc/alertmanager.yml").read_text(encoding="utf-8")
    secret = alerting.root / "etc/alertmanager/secrets/ops.url"
    assert "hush-hush" not in status + config
    assert "hush-hush" not in json.dumps(alerting.up()["report"])
    assert secret.stat().st_mode & 0o777 == 0o600


def test_alerts_of_a_fleet_are_asked_for_through_its_portal(alerting: Stack, tmp_path: Path) -> None:
    inventory = tmp_path / "fleet.yml"
    inventory.write_text(
        f"all: {{ children: {{ infra: {{ hosts: {{ 127.0.0.1: {{ infra_seq: 1 }} }} }} }},"
        f" vars: {{ nginx_ssl_port: {alerting.port(8443)}, nginx_users: {{ dba: some-password }} }} }}",
        encoding="utf-8",
    )

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "staddle", "alerts", *arguments, "-i", str(inventory)]
        return subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)

    assert "can't read the CA's certificate" in ask("ls").stderr
    (tmp_path / "files/pki/ca").mkdir(parents=True)
    shutil.copy(alerting.ca, tmp_path / "files/pki/ca/ca.crt")
    wait_for("the Watchdog", lambda: "Watchdog" in ask("ls").stdout)
    assert ask("silence", "alertname=Watchdog", "--for", "10m", "-m", "proof").returncode == 0
    listed = json.loads(ask("ls", "--json").stdout)
    assert "Watchdog" not in {alert["labels"]["alertname"] for alert in listed["alerts"]}
    [made] = [silence["id"] for silence in listed["silences"] if silence["comment"] == "proof"]
    assert ask("unsilence", made).returncode == 0
    assert ask("test", "ops").returncode == 0, "the receiver was told"
    assert "Alertmanager knows no receiver nobody" in ask("test", "nobody").stderr
    # A server that another CA vouches for isn't ours.
    shutil.copy(alerting.root / "admin/pki/machines-node/ca/ca.crt", tmp_path / "files/pki/ca/ca.crt")
    refused = ask("ls")
    assert refused.returncode == 1
    assert "certificate verify failed" in refused.stderr
    assert "some-password" not in refused.stderr + refused.stdout


def test_several_faults_at_once_bring_one_alert_each_and_what_follows_from_them_is_held_back(
    alerting: Stack, sink: HttpSink
) -> None:
    wait_for("probes", lambda: alerting.query('probe_success{job="probe",cls="dnsmasq"} == 1'))
    wait_for("the time server", lambda: alerting.query('node_scrape_collector_success{collector="ntp"} == 1'))
    sink.told.clear()
    broken = {"nginx": ("NginxDown", "nginx-1"), "dnsmasq": ("DnsDown", "dnsmasq-1"), "chronyd": ("NtpDown", "box"),
              "vtraces": ("InfraDown", "vtraces-1")}  # fmt: skip
    for name in broken:
        alerting.supervision.call("supervisor.stopProcess", name)
    wait_for("all to be told", lambda: names(sink, "firing") >= set(broken.values()), timeout=90)
    # The portal's probes fail, too, and that is nobody's news.
    router = f"http://127.0.0.1:{alerting.port(9059)}/api/v2/alerts?" + urlencode({"filter": "alertname=ProbeFailed"})

    def held_back() -> set[str]:
        return {a["labels"]["cls"] for a in json.loads(urlopen(router).read()) if a["status"]["inhibitedBy"]}

    wait_for("failing probes to be held back", lambda: held_back() >= {"nginx", "dnsmasq"}, timeout=90)
    for name in broken:
        alerting.supervision.call("supervisor.startProcess", name)
    # What else the machine is up to (its disks, its CPUs) is its own affair.
    assert {found for found in names(sink, "firing") if not found[0].startswith("Node")} == set(broken.values())


def _opens(stack: Stack, url: str) -> bool:
    parts = urlsplit(url)
    assert (parts.scheme, parts.hostname, parts.port) == ("https", "localhost", stack.port(8443))
    answer = stack.get(f"{parts.path}?{parts.query}")
    return answer.status == 200 and answer.headers["content-type"].startswith("text/html")
