"""A real host, from bare to an INFRA node: what a run does there, and what it leaves alone."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from tests.lab import Host, HostSpec

from staddle.compile import compile_fleet, contexts_of, ports_of
from staddle.converge.bundle import build
from staddle.converge.report import Report
from staddle.drive.facts import HostFacts
from staddle.drive.material import ensure_material
from staddle.drive.system import system_layout, unavailable, wanted_packages
from staddle.inventory import parse_inventory
from staddle.manifest.canonical import to_data

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.fixtures import Boot

    from staddle.components.material import Material
    from staddle.manifest.resources import Manifest

PACKAGES = (
    *("chrony", "dnsmasq-base", "nftables", "nginx", "sudo", "tzdata", "victoria-metrics"),
    *(
        "prometheus-alertmanager",
        "prometheus-blackbox-exporter",
        "prometheus-nginx-exporter",
        "prometheus-node-exporter",
    ),
)
UNITS = (
    *("alertmanager", "blackbox_exporter", "chrony", "dnsmasq", "nginx", "nginx_exporter", "node_exporter"),
    *("vmalert", "vmetrics"),
)
OURS = "python3 /root/converge.pyz"
DRIFT = """\
import json, sys
sys.path.insert(0, "/root/converge.pyz")
from staddle_converge.drift import drift
print(json.dumps([[d.path, d.what] for d in drift("/var/lib/staddle")]))
"""
GET = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode())"


class Site:
    """One INFRA node, and the ADMIN side of it in this process."""

    def __init__(self, host: Host, admin: Path) -> None:
        self.host = host
        self._admin = admin
        self._material: Material | None = None
        bundle = admin / "converge.pyz"
        bundle.write_bytes(build())
        host.put(bundle, "/root/converge.pyz")
        told = host.run(f"{OURS} --facts --refresh --packages {','.join(wanted_packages())}").stdout
        self.facts = HostFacts.from_data(json.loads(told))

    def manifest(self, **parameters: Any) -> Manifest:
        """The host's, with these parameters for it."""
        own = {
            "infra_seq": 1,
            "vlogs_enabled": False,
            # What a node is to have besides has tests of its own.
            "node_packages": [],
            "node_default_packages": [],
            "node_tune": "none",
            "vtraces_enabled": False,
            "node_admin_pk_list": ["ssh-ed25519 AAAA me"],
            **parameters,
        }
        inventory = {"all": {"children": {"infra": {"hosts": {self.host.ip: own}}}, "vars": {"admin_ip": self.host.ip}}}
        fleet = parse_inventory(json.dumps(inventory), "lab.yml").fleet
        layout = system_layout(self.facts)
        contexts = contexts_of(fleet, lambda _: layout)
        assert ports_of(contexts[self.host.ip])
        material, _ = ensure_material(contexts, self._admin, None)
        assert not [line for line in unavailable(fleet.nodes[0], self.facts) if "log" not in line]
        return compile_fleet(fleet, lambda _: layout, material)[self.host.ip]

    def converge(self, *, check: bool = False, **parameters: Any) -> Report:
        flags = "--json --check" if check else "--json"
        told = self.host.run(
            f"{OURS} --manifest - {flags} 2>/dev/null",
            stdin=json.dumps(to_data(self.manifest(**parameters))),
            check=False,
            timeout=600,
        ).stdout
        return Report.from_data(json.loads(told))

    def drift(self) -> list[tuple[str, str]]:
        told = self.host.run(["python3", "-c", DRIFT]).stdout
        return [(path, what) for path, what in json.loads(told)]

    def since(self) -> dict[str, str]:
        """When each unit became active."""
        argv = f"systemctl show -p Id -p ActiveEnterTimestampMonotonic {' '.join(UNITS)}"
        found = {}
        for block in self.host.run(argv).stdout.strip().split("\n\n"):
            values = dict(line.split("=", 1) for line in block.splitlines())
            found[values["Id"]] = values["ActiveEnterTimestampMonotonic"]
        return found

    def until_found(self, query: str) -> list[Any]:
        """What the metrics store answers, as soon as that is something; nothing after a minute."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            answer = self.get(f"http://127.0.0.1:8428/api/v1/query?{urlencode({'query': query})}")
            if found := json.loads(answer)["data"]["result"]:
                return list(found)
            time.sleep(1)
        return []

    def get(self, url: str) -> str:
        """As somebody on the host sees it."""
        return self.host.run(["python3", "-c", GET, url]).stdout


def failures(report: Report) -> dict[str, str | None]:
    return {b.component: b.message for b in report.blocks if b.outcome in {"failed", "rolled back"}} | (
        {"error": report.error} if report.error else {}
    )


@pytest.fixture(scope="module")
def site(lab: Boot, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A trixie host on which everything has been applied once, to the letter of the plan."""
    running = lab(hosts=[HostSpec("trixie")])
    running.serve_packages(PACKAGES)
    site = Site(running.hosts[0], tmp_path_factory.mktemp("admin"))
    plan = site.converge(check=True)
    assert not failures(plan)
    assert site.host.run("dpkg -s nginx", check=False).returncode, "a plan installs nothing"
    done = site.converge()
    assert not failures(done)
    assert done.changes() == plan.changes()
    return site


def test_everything_runs_and_a_second_run_touches_nothing(site: Site) -> None:
    before = site.since()
    assert len(before) == len(UNITS)
    again = site.converge()
    assert again.exit_code == 0, again.changes()
    assert site.since() == before
    assert site.converge(check=True).exit_code == 0
    assert site.drift() == []
    assert site.host.run("systemctl --failed --no-legend").stdout == ""
    for unit in UNITS:
        assert site.host.run(f"systemctl is-active {unit}; systemctl is-enabled {unit}").stdout.split() == [
            "active",
            "enabled",
        ], unit


def test_programs_do_their_work_together(site: Site) -> None:
    assert "nginx_up 1" in site.get("http://127.0.0.1:9113/metrics")
    assert site.get("https://i.staddle/_staddle/health") == "OK\n\n", "the name resolves, and the host trusts the CA"
    # Scraped, and pinged without a capability.
    for query in (
        'up{job="node"} == 1',
        'probe_success{job="ping"} == 1',
        'probe_success{job="probe",cls="dnsmasq"} == 1',
    ):
        assert site.until_found(query), query


def test_every_program_runs_as_its_own_user_and_owns_its_data(site: Site) -> None:
    users = {
        "victoria": ("vmetrics", "vmalert"),
        "prometheus": ("alertmanager", "blackbox_exporter", "nginx_exporter", "node_exporter"),
        "dnsmasq": ("dnsmasq",),
        "_chrony": ("chrony",),
    }
    for user, units in users.items():
        for unit in units:
            script = f"ps -o user:20= -p $(systemctl show -P MainPID {unit})"
            assert site.host.run(script).stdout.strip() == user, unit
    for path, expected in (
        ("/data/infra/metrics", "victoria:infra 750"),
        ("/data/infra/alertmgr", "prometheus:infra 700"),
        ("/etc/nginx/cert/nginx.key", "root:root 600"),
        ("/etc/nginx/htpasswd", "root:www-data 640"),
        ("/home/dba/.ssh/authorized_keys", "dba:admin 600"),
    ):
        assert site.host.run(f"stat -c '%U:%G %a' {path}").stdout.strip() == expected, path


def test_packages_started_nothing_by_themselves(site: Site) -> None:
    for unit in ("prometheus-node-exporter", "prometheus-alertmanager", "victoria-metrics"):
        assert site.host.run(f"systemctl is-enabled {unit}", check=False).stdout.strip() == "masked"
        assert "Started" not in site.host.run(f"journalctl -b -u {unit} -o cat --no-pager").stdout
    assert site.host.run("ls /usr/sbin/policy-rc.d*", check=False).returncode


def test_units_are_confined_on_the_host_as_on_paper(site: Site) -> None:
    for unit in UNITS:
        line = site.host.run(f"systemd-analyze security --no-pager {unit} | tail -n 1").stdout
        score = float(line.split(":")[1].split()[0])
        assert score <= (5.0 if unit in {"nginx", "dnsmasq", "chrony"} else 2.0), line


def test_only_the_portal_and_what_serves_the_network_listens_outside(site: Site) -> None:
    lines = site.host.run("ss -Hltn").stdout.splitlines()
    ports = {int(line.split()[3].rpartition(":")[2]) for line in lines if not line.split()[3].startswith("127.")}
    assert ports == {22, 53, 80, 443, 9100}


def test_what_is_changed_by_hand_is_noticed_and_mended_and_nothing_else(site: Site) -> None:
    before = site.since()
    spoil = (
        ("echo '# by hand' >> /etc/dnsmasq.conf", "/etc/dnsmasq.conf", "content", "update"),
        ("chmod 0644 /etc/nginx/htpasswd", "/etc/nginx/htpasswd", "mode", "mode"),
        ("chown root /data/infra/alertmgr", "/data/infra/alertmgr", "owner", "owner"),
        ("rm /www", "/www", "missing", "create"),
        ("sed -i 's/ i.staddle$/ other/' /etc/hosts", "/etc/hosts", "content", "update"),
        ("apt-get -qqy remove prometheus-nginx-exporter", "prometheus-nginx-exporter", "missing", "install"),
    )
    for command, *_ in spoil:
        site.host.run(command)
    assert sorted(site.drift()) == sorted((path, what) for _, path, what, _ in spoil)
    plan = site.converge(check=True)
    done = site.converge()
    assert not failures(done)
    assert done.changes() == plan.changes()
    files = {(path, action) for _, path, action in done.changes() if action not in {"restart", "reload"}}
    assert files == {(path, action) for _, path, _, action in spoil}
    assert [name for _, name, action in done.changes() if action == "restart"] == ["dnsmasq"]
    moved = {unit for unit, when in site.since().items() if when != before[unit]}
    assert moved == {"dnsmasq.service"}
    assert site.drift() == []


def test_a_configuration_that_nginx_refuses_changes_nothing(site: Site) -> None:
    before = site.since()
    portal = {
        "home": {"domain": "i.staddle"},
        "bad": {"domain": "bad.staddle", "endpoint": "127.0.0.1:1", "config": "nonsense on;"},
    }
    report = site.converge(infra_portal=portal)
    assert report.exit_code == 1
    [nginx] = [block for block in report.blocks if block.component == "nginx"]
    assert 'unknown directive "nonsense"' in str(nginx.message)
    assert "lab.yml" in str(nginx.origin)
    assert site.since() == before
    assert "nonsense" not in site.host.run("cat /etc/nginx/conf.d/*").stdout
    assert site.converge().exit_code == 2, "other parts had taken the new server over, and give it back"
    assert site.converge().exit_code == 0


def test_a_program_that_does_not_get_healthy_gets_its_previous_files_back(site: Site) -> None:
    flags = site.host.read("/etc/default/vmalert")
    report = site.converge(vmalert_options="-no.such.flag")
    assert {block.component: block.outcome for block in report.blocks if block.outcome != "ok"} == {
        "vmalert": "rolled back"
    }
    assert "no.such.flag" in str(next(b.log_tail for b in report.blocks if b.component == "vmalert"))
    assert site.host.read("/etc/default/vmalert") == flags
    assert "OK" in site.get("http://127.0.0.1:8880/health")
    assert site.converge().exit_code == 0


def test_it_all_comes_back_after_a_reboot(site: Site) -> None:
    site.host.reboot()
    site.host.run(
        f"for i in $(seq 100); do systemctl -q is-active {' '.join(UNITS)} && exit 0; sleep 0.2; done; exit 1"
    )
    assert "tcp dport { 22, 80, 443 } accept" in site.host.run("nft list table inet staddle").stdout
    report = site.converge()
    assert report.exit_code == 0, report.changes()


def test_what_is_switched_off_goes_with_its_package_and_leaves_the_rest(site: Site) -> None:
    before = site.since()
    off: dict[str, Any] = {"alertmanager_enabled": False, "node_firewall_mode": "none", "node_write_etc_hosts": False}
    plan = site.converge(check=True, **off)
    done = site.converge(**off)
    assert not failures(done)
    assert done.changes() == plan.changes()
    assert site.host.run("dpkg-query -W -f '${db:Status-Status}' prometheus-alertmanager").stdout == "config-files"
    assert site.host.run("systemctl cat alertmanager", check=False).returncode
    site.host.install("nftables")  # it went, too
    assert site.host.run("nft list tables").stdout == ""
    assert "staddle" not in site.host.read("/etc/hosts")
    assert "localhost" in site.host.read("/etc/hosts")
    assert site.host.run("ls /data/infra/alertmgr").returncode == 0, "data stays"
    assert site.since()["nginx.service"] == before["nginx.service"]
    assert site.converge(**off).exit_code == 0
    assert not failures(site.converge())
    assert site.converge().exit_code == 0
