"""Closed by default: what strangers, nodes, INFRA nodes and people get from a fleet with two INFRA nodes."""

from __future__ import annotations

import base64
import datetime as dt
import json
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from tests.lab.spec import HostSpec
from tests.unit.fleet.boxes import done

from staddle.components.material import CertificateRequest
from staddle.components.registry import all_components
from staddle.pki.authority import open_authority

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Sequence

    from tests.lab.fixtures import Boot
    from tests.lab.lab import Lab

pytestmark = [pytest.mark.more, pytest.mark.timeout(1200)]
FIRST, SECOND, WORKER, OTHER = "10.10.10.10", "10.10.10.11", "10.10.10.12", "10.10.10.13"
INFRA = {FIRST: "infra-1", SECOND: "infra-2"}
STRANGER = Path(__file__).with_name("stranger.py")
NODE_CERTIFICATE = ("/etc/pki/node.crt", "/etc/pki/node.key")
INFRA_CERTIFICATE = ("/etc/pki/infra.crt", "/etc/pki/infra.key")
STALE = ("/tmp/stale.crt", "/tmp/stale.key")
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
        command = ["python3", "/root/stranger.py"]
        answers: list[Any] = json.loads(self.lab[ip].run(command, stdin=json.dumps(requests), timeout=300).stdout)
        return answers

    def metrics(self, ip: str, query: str) -> list[dict[str, Any]]:
        """From the metrics store of an INFRA node, asked on that node."""
        url = f"http://127.0.0.1:8428/api/v1/query?{urlencode({'query': query})}"
        result: list[dict[str, Any]] = json.loads(self.fetch(ip, url))["data"]["result"]
        return result

    def fetch(self, ip: str, url: str) -> str:
        """What a program on that node answers on its loopback address."""
        code = f"import urllib.request; print(urllib.request.urlopen({url!r}, timeout=10).read().decode().strip())"
        return self.lab[ip].run(["python3", "-c", code]).stdout.strip()


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
    made.run("status")
    made.run("plan")
    subject = "-subj /CN=staddle-infra -days 2"
    hosts[WORKER].run(
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes {subject} -keyout {FORGED[1]} -out {FORGED[0]}"
    )
    gone = CertificateRequest("node", "10.10.10.99", (), ("10.10.10.99",), 30, "node")
    now = dt.datetime.now(dt.UTC)
    pair, _ = open_authority(made.home / "files/pki/machines-node", "", create=False, now=now).ensure("gone", gone, now)
    hosts[WORKER].write(STALE[0], pair.certificate.decode())
    hosts[WORKER].write(STALE[1], pair.key.decode(), 0o600)
    hosts.each(lambda host: host.put(STRANGER, "/root/stranger.py"))
    return made


def targets(site: Site, ip: str) -> dict[tuple[str, ...], str]:
    """Every target that a node scrapes, and whether it is up."""
    rows = site.metrics(ip, "up")
    return {tuple(row["metric"].get(key, "") for key in ("job", "ins", "instance")): row["value"][1] for row in rows}


def all_up(site: Site, ip: str) -> dict[tuple[str, ...], str]:
    """The same, when everything is."""
    nodes = {f"{node}:9100" for node in (FIRST, SECOND, WORKER, OTHER)}
    found: dict[tuple[str, ...], str] = until(
        f"targets of {ip}",
        lambda: targets(site, ip),
        lambda found: set(found.values()) == {"1"} and {key[2] for key in found} >= nodes,
    )
    return found


def test_every_infra_node_scrapes_the_other_and_all_nodes(site: Site) -> None:
    names = ("vmetrics", "vmalert", "alertmanager", "blackbox", "nginx")
    expected = {("infra", f"{name}-{number}") for name in names for number in (1, 2)}
    found = {ip: all_up(site, ip) for ip in INFRA}
    assert {key[:2] for key in found[FIRST]} >= expected
    # Alerts about one thing must be one alert, whoever raises them.
    assert found[FIRST].keys() == found[SECOND].keys()


def test_alertmanagers_form_a_mesh_and_hear_every_vmalert(site: Site) -> None:
    for ip in INFRA:
        values(site, ip, "alertmanager_cluster_members", ["2", "2"])
        # Some may have been sent in vain while the other node was still being set up.
        values(site, ip, "count(increase(vmalert_alerts_sent_total[20s]) > 0)", ["4"])
        values(site, ip, "count(increase(vmalert_alerts_send_errors_total[20s]) > 0) or vector(0)", ["0"])


def values(site: Site, ip: str, query: str, wanted: list[str]) -> None:
    until(query, lambda: [row["value"][1] for row in site.metrics(ip, query)], lambda found: found == wanted)


def test_logs_of_every_node_arrive_on_both_infra_nodes_and_sending_leaves_none(site: Site) -> None:
    hosts = {ip: f"a-word-from-{number}" for number, ip in enumerate((FIRST, SECOND, WORKER, OTHER), 1)}
    for ip, word in hosts.items():
        site.lab[ip].run(["logger", "-t", "closed", word])
    for ip in INFRA:
        until(f"logs on {ip}", partial(logs, site, ip, "app:closed"), lambda found: found == hosts)
        # Rows about sending rows would be sent, and so on for ever.
        assert logs(site, ip, 'app:nginx AND "insert/jsonline" AND status:200') == {}


def logs(site: Site, ip: str, query: str) -> dict[str, str]:
    """The last row of every node that fits."""
    url = f"http://127.0.0.1:9428/select/logsql/query?{urlencode({'query': query + ' | fields ip, _msg'})}"
    rows = [json.loads(line) for line in site.fetch(ip, url).splitlines()]
    return {row["ip"]: row["_msg"] for row in rows}


EXPECTED = {
    # What a request over plain HTTP, and one over TLS, comes to from another host.
    ("tcp", 22): ("not HTTP: SSH-2.0-Ope", "no TLS"),
    ("tcp", 53): ("no answer", "no answer"),
    ("tcp", 80): (301, "no TLS"),
    ("tcp", 443): (301, 401),
    ("tcp", 9094): ("no answer", "certificate refused"),
    ("tcp", 9100): (400, "certificate refused"),
    ("tcp", 9598): ("no answer", "certificate refused"),
    ("udp", 53): ("DNS",),
    ("udp", 123): ("NTP",),
}
"""Everything else refuses connections. docs/security.md has this table."""
AGENT = ("tcp", 9598)
ALWAYS = {("tcp", port) for port in (22, 53, 80, 443, 9094, 9100, 9598)} | {("udp", 53), ("udp", 123)}


def test_a_stranger_gets_nothing_from_any_port_of_an_infra_node(site: Site) -> None:
    for ip in INFRA:
        listeners: dict[tuple[str, int], set[str]] = {}
        for line in site.lab[ip].run("ss -Hltunp").stdout.splitlines():
            words = line.split()
            program = line.partition('users:(("')[2].partition('"')[0]
            listeners.setdefault((words[0], int(words[4].rpartition(":")[2])), set()).add(program)
        ports = sorted(listeners)
        found = strangers_table(site, ip, ports)
        for port in ports:
            print(ip, *port, "/".join(sorted(listeners[port])), *found[port], sep=" | ")
        answering = {port: answer for port, answer in found.items() if set(answer) != {"refused"}}
        if answering.get(AGENT) == ("no answer", "no answer"):
            # It hangs up on strangers, sometimes before they have heard why.
            answering[AGENT] = EXPECTED[AGENT]
        assert answering == {port: EXPECTED.get(port) for port in answering}
        assert answering.keys() >= ALWAYS
        assert answering.keys() < found.keys(), "the programs behind the portal are there, on the loopback address"


def strangers_table(site: Site, ip: str, ports: list[tuple[str, int]]) -> dict[tuple[str, int], tuple[Any, ...]]:
    schemes = {"udp": ("udp",), "tcp": ("http", "https")}
    requests = [
        ["GET", f"{scheme}://{ip}:{port}/", None, *NOBODY, None] for kind, port in ports for scheme in schemes[kind]
    ]
    answers = iter(site.ask(WORKER, requests))
    return {(kind, port): tuple(next(answers) for _ in schemes[kind]) for kind, port in ports}


CHANGES: list[tuple[str, str, str]] = [
    ("POST", "/vmetrics/api/v1/admin/tsdb/delete_series?match[]=nothing", ""),
    ("GET", "/vmetrics/prometheus/api/v1/admin/tsdb/delete_series?match[]=nothing", ""),
    ("POST", "/vmetrics/api/v1/import/prometheus", "forged 1"),
    ("GET", "/vmetrics/api/v1/import/prometheus", "forged 1"),
    ("POST", "/vmetrics/api/v1/write", ""),
    ("POST", "/vmetrics/snapshot/create", ""),
    ("POST", "/vmetrics/internal/force_merge", ""),
    ("POST", "/vmalert/-/reload", ""),
    ("POST", "/alertmgr/api/v2/silences", "{}"),
    ("POST", "/alertmgr/-/reload", ""),
]
READS = [
    ("GET", "/vmetrics/api/v1/query?query=up", ""),
    ("POST", "/vmetrics/api/v1/query?query=up", ""),
    ("GET", "/vmetrics/federate?match[]=up", ""),
    ("GET", "/vmalert/api/v1/rules", ""),
    ("GET", "/alertmgr/api/v2/alerts", ""),
    ("GET", "/alertmgr/api/v2/silences", ""),
]
METRICS = [
    ("GET", f"/_staddle/metrics/{name}", "") for name in ("vmetrics", "vmalert", "alertmanager", "nginx_exporter")
]
ALERT = [("POST", "/alertmgr/api/v2/alerts", "[]")]
PAGES = [
    ("GET", "/", ""),
    ("GET", "/_staddle/site.json", ""),
    ("GET", "/vmetrics/metrics", ""),
    ("GET", "/vmetrics/flags", ""),
]
PUBLIC = [("GET", "/ca.crt", ""), ("GET", "/_staddle/health", "")]


@pytest.mark.parametrize(
    ("who", "host", "certificate", "allowed", "refusal"),
    [
        ("a stranger", WORKER, NOBODY, PUBLIC, {401, 405}),
        ("a node", WORKER, NODE_CERTIFICATE, PUBLIC, {403}),
        ("a node that was taken away", WORKER, STALE, PUBLIC, {401, 405}),
        ("a peer", SECOND, INFRA_CERTIFICATE, [*PUBLIC, *READS, *METRICS, *ALERT], {403}),
        ("a forger", WORKER, FORGED, [], {400}),
    ],
)
def test_who_may_do_what_at_a_portal(
    site: Site,
    who: str,
    host: str,
    certificate: tuple[str | None, str | None],
    allowed: list[tuple[str, str, str]],
    refusal: set[int],
) -> None:
    everything = [*CHANGES, *READS, *METRICS, *ALERT, *PAGES, *PUBLIC]
    requests = [[m, f"https://{FIRST}:443{path}", body or None, *certificate, None] for m, path, body in everything]
    answers = dict(zip(everything, site.ask(host, requests), strict=True))
    assert {item: answer for item, answer in answers.items() if item in allowed and answer != 200} == {}, who
    assert {item: a for item, a in answers.items() if item not in allowed and a not in refusal} == {}, who
    assert not site.metrics(FIRST, "forged")


def test_people_log_in_with_what_was_made_for_them_and_never_in_the_clear(site: Site) -> None:
    assert (site.home / "files/portal-login").stat().st_mode & 0o077 == 0
    told = site.run("apply").stdout + site.run("plan").stderr
    assert "files/portal-login" in told
    assert site.login.partition(" ")[2] not in told
    requests = [
        [m, f"https://{FIRST}:443{p}", b or None, *NOBODY, site.login] for m, p, b in [*PAGES, *READS, CHANGES[0]]
    ]
    assert set(site.ask(WORKER, requests)) <= {200, 204}
    [wrong] = site.ask(WORKER, [["GET", f"https://{FIRST}:443/", None, None, None, "Basic YWRtaW46YWRtaW4="]])
    assert wrong == 401
    over_http = [["GET", f"http://{FIRST}:80{path}", *NOBODY[:1], None, None, site.login] for path in ("/", "/ca.crt")]
    assert site.ask(WORKER, over_http) == [301, 200]


def test_exporters_answer_infra_nodes_and_nobody_else(site: Site) -> None:
    url = f"https://{OTHER}:9100/metrics"
    assert site.ask(FIRST, [["GET", url, None, *INFRA_CERTIFICATE, None]]) == [200]
    # Its own node, for the sake of health checks.
    assert site.ask(OTHER, [["GET", url, None, *NODE_CERTIFICATE, None]]) == [200]
    for certificate in (NOBODY, NODE_CERTIFICATE, FORGED):
        [answer] = site.ask(WORKER, [["GET", url, None, *certificate, None]])
        assert answer in {"no answer", "certificate refused"}, certificate
    # The mesh takes none but INFRA nodes.
    for certificate in (NOBODY, NODE_CERTIFICATE, FORGED):
        [answer] = site.ask(WORKER, [["GET", f"https://{FIRST}:9094/", None, *certificate, None]])
        assert answer in {"no answer", "certificate refused"}, certificate


def test_keys_are_for_those_who_need_them(site: Site) -> None:
    expected = {"/etc/pki/node.key": "prometheus:prometheus 600"}
    assert modes(site, WORKER) == expected
    assert modes(site, FIRST) == {**expected, "/etc/pki/infra.key": "root:infra 640"}
    assert "No such file" in site.lab[WORKER].run("ls /etc/pki/infra.key", check=False).stderr


def modes(site: Site, ip: str) -> dict[str, str]:
    lines = site.lab[ip].run("stat -c '%n %U:%G %a' /etc/pki/*.key").stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines)


def test_every_node_tells_when_its_certificates_end(site: Site) -> None:
    query = "count by (certificate) (staddle_certificate_expiry_timestamp_seconds > time() + 86400 * 300)"
    count = {row["metric"]["certificate"]: row["value"][1] for row in site.metrics(SECOND, query)}
    assert count == {"node": "4", "infra": "2", "nginx": "2", "ca": "2", "node-ca": "2", "infra-ca": "2"}


def test_new_certificates_are_in_use_after_the_apply_that_brings_them(site: Site) -> None:
    fingerprint = "openssl x509 -noout -fingerprint -in"
    shown = f"openssl s_client -connect {WORKER}:9100 </dev/null 2>/dev/null | {fingerprint} /dev/stdin"
    before = site.lab[FIRST].run(shown).stdout
    for path in (f"machines-node/{WORKER}", f"machines-infra/{FIRST}"):
        for file in (site.home / "files/pki" / path).iterdir():
            file.unlink()
    applied = site.json("apply", "--tags", "cert")
    assert {item[0] for item in done(applied)} == {FIRST, WORKER}
    after = site.lab[FIRST].run(shown).stdout
    assert after == site.lab[WORKER].run(f"{fingerprint} /etc/pki/node.crt").stdout != before
    for ip in INFRA:
        all_up(site, ip)
        values(site, ip, "alertmanager_cluster_members", ["2", "2"])
    site.run("plan")
