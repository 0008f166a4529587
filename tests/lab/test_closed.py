"""Closed by default: what strangers, nodes, INFRA nodes and people get from a fleet with two INFRA nodes."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from tests.lab.spec import HostSpec

from staddle.components.registry import all_components

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.lab.fixtures import Boot
    from tests.lab.lab import Lab

FIRST, SECOND, WORKER, OTHER = "10.10.10.10", "10.10.10.11", "10.10.10.12", "10.10.10.13"
INFRA = {FIRST: "infra-1", SECOND: "infra-2"}
STRANGER = Path(__file__).with_name("stranger.py").read_text(encoding="utf-8")
NODE_CERTIFICATE = ("/etc/pki/node.crt", "/etc/pki/node.key")
INFRA_CERTIFICATE = ("/etc/pki/infra.crt", "/etc/pki/infra.key")
FORGED = ("/tmp/forged.crt", "/tmp/forged.key")
NOBODY: tuple[str | None, str | None] = (None, None)


@dataclass(slots=True)
class Site:
    """The fleet, and the ADMIN node outside of it."""

    lab: Lab
    home: Path
    vars: dict[str, Any] = field(default_factory=dict)

    def write(self) -> None:
        groups = {
            "infra": {"hosts": {ip: {"infra_seq": number} for number, ip in enumerate(INFRA, 1)}},
            "workers": {"hosts": {WORKER: {}, OTHER: {}}, "vars": {"node_cluster": "workers"}},
        }
        shared = {"admin_ip": FIRST, "ansible_user": "root", "vmetrics_scrape_interval": "2s", **self.vars}
        shared["vmetrics_scrape_timeout"] = "2s"
        self.inventory.write_text(json.dumps({"all": {"children": groups, "vars": shared}}, indent=1), encoding="utf-8")

    @property
    def inventory(self) -> Path:
        return self.home / "staddle.yml"

    def run(self, *arguments: str, exits: int = 0) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "staddle", *arguments, "-i", str(self.inventory)]
        result = self.lab.admin_run(argv, cwd=self.home, check=False, timeout=600)
        assert result.returncode == exits, result.stdout[-6000:] + result.stderr[-6000:]
        return result

    def json(self, *arguments: str, exits: int = 0) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.run(*arguments, "--json", exits=exits).stdout)
        return data

    @property
    def login(self) -> str:
        """Of the portal, as a header."""
        secret = (self.home / "files/portal-login").read_text(encoding="utf-8").strip()
        return f"Basic {base64.b64encode(secret.encode()).decode()}"

    def ask(self, ip: str, requests: Sequence[Sequence[Any]]) -> list[Any]:
        """What they get who ask from that host."""
        script = f"REQUESTS = {json.dumps(requests)!r}\n{STRANGER}"
        answers: list[Any] = json.loads(self.lab[ip].run(["python3", "-"], stdin=script, timeout=300).stdout)
        return answers

    def metrics(self, ip: str, query: str) -> list[dict[str, Any]]:
        """From the metrics store of an INFRA node, asked on that node."""
        url = f"http://127.0.0.1:8428/api/v1/query?{urlencode({'query': query})}"
        code = f"import urllib.request; print(urllib.request.urlopen({url!r}, timeout=10).read().decode())"
        result: list[dict[str, Any]] = json.loads(self.lab[ip].run(["python3", "-c", code]).stdout)["data"]["result"]
        return result


def until(what: str, look: Callable[[], Any], wanted: Callable[[Any], bool], timeout: float = 90) -> Any:
    """What `look` finds, as soon as it is wanted. Fails with the last of it."""
    deadline = time.monotonic() + timeout
    while True:
        found = look()
        if wanted(found):
            return found
        assert time.monotonic() < deadline, f"{what}: {found}"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def site(lab: Boot, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """From bare hosts to all healthy. One of the regular ones is of the release before."""
    hosts = lab([*(HostSpec("trixie") for _ in range(3)), HostSpec("bookworm")])
    packages = {p.name for component in all_components() for p in component.packages if not p.optional}
    hosts.serve_packages(sorted(packages))
    made = Site(hosts, tmp_path_factory.mktemp("admin"))
    made.write()
    made.run("apply")
    made.run("fleet", "status")
    made.run("plan")
    subject = "-subj /CN=staddle-infra -days 2"
    hosts[WORKER].run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes {subject} -keyout {FORGED[1]} -out {FORGED[0]}"
    )
    return made


def targets(site: Site, ip: str) -> dict[tuple[str, ...], str]:
    """Every target that a node scrapes, and whether it is up."""
    rows = site.metrics(ip, "up")
    return {tuple(row["metric"].get(key, "") for key in ("job", "ins", "instance")): row["value"][1] for row in rows}


def test_every_infra_node_scrapes_the_other_and_all_nodes(site: Site) -> None:
    expected = {
        ("infra", f"{name}-{number}")
        for name in ("vmetrics", "vmalert", "alertmanager", "blackbox", "nginx")
        for number in (1, 2)
    }
    found = {}
    for ip in INFRA:
        found[ip] = until(
            f"targets of {ip}", lambda ip=ip: targets(site, ip), lambda up: len(up) >= 14 and set(up.values()) == {"1"}
        )
        assert {key[:2] for key in found[ip]} >= expected
        assert {key[2] for key in found[ip]} >= {f"{node}:9100" for node in (FIRST, SECOND, WORKER, OTHER)}
    # Alerts about one thing must be one alert, whoever raises them.
    assert found[FIRST].keys() == found[SECOND].keys()
    site.run("fleet", "status")


def test_alertmanagers_form_a_mesh_and_hear_every_vmalert(site: Site) -> None:
    for ip in INFRA:
        until(
            f"mesh of {ip}",
            lambda ip=ip: site.metrics(ip, "alertmanager_cluster_members"),
            lambda rows: [r["value"][1] for r in rows] == ["2", "2"],
        )
        sent = until(
            f"alerts from {ip}",
            lambda ip=ip: site.metrics(ip, f'vmalert_alerts_sent_total{{ip="{ip}"}} > 0'),
            lambda rows: len(rows) == 2,
        )
        assert {row["metric"]["addr"].partition(":")[0] for row in sent} == {"http", "https"}
        assert {row["value"][1] for row in site.metrics(ip, "vmalert_alerts_send_errors_total")} == {"0"}


EXPECTED = {
    # port: what a request over plain HTTP, and one over TLS, comes to from another host
    ("tcp", 22): ("not HTTP: SSH-2.0-OpenSSH", "no TLS"),
    ("tcp", 53): ("RemoteDisconnected", "certificate demanded"),
    ("tcp", 80): (301, "no TLS"),
    ("tcp", 443): (301, 401),
    ("tcp", 9094): ("RemoteDisconnected", "certificate demanded"),
    ("tcp", 9100): (400, "certificate demanded"),
    ("tcp", 9598): ("RemoteDisconnected", "certificate demanded"),
    ("udp", 53): ("DNS",),
    ("udp", 123): ("NTP",),
}


def test_a_stranger_gets_nothing_from_any_port_of_an_infra_node(site: Site) -> None:
    table = []
    for ip in INFRA:
        lines = [line.split() for line in site.lab[ip].run("ss -Hltunp").stdout.splitlines()]
        listeners = {}
        for words in lines:
            kind, address, who = words[0], words[4], words[6] if len(words) > 6 else ""
            host, _, port = address.rpartition(":")
            listeners.setdefault((kind, int(port)), set()).add(host)
            table.append((kind, int(port), who.partition('"')[2].partition('"')[0]))
        ports = sorted(listeners)
        requests = []
        for kind, port in ports:
            schemes = ("udp",) if kind == "udp" else ("http", "https")
            requests += [["GET", f"{scheme}://{ip}:{port}/", None, None, None, None] for scheme in schemes]
        answers = iter(site.ask(WORKER, requests))
        found = {
            (kind, port): tuple(next(answers) for _ in (range(1) if kind == "udp" else range(2)))
            for kind, port in ports
        }
        print(f"\n{ip}")
        for key, answer in sorted(found.items()):
            programs = sorted({program for kind, port, program in table if (kind, port) == key})
            print(key, programs, sorted(listeners[key]), answer)
        open_ports = {key: answer for key, answer in found.items() if set(answer) - {"refused"}}
        assert open_ports == {key: answer for key, answer in EXPECTED.items() if key in found}
