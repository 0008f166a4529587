"""Two INFRA and two regular hosts, from bare to healthy and on, by the command line as an administrator runs it."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests.lab.spec import HostSpec
from tests.unit.fleet.boxes import done

from staddle.components.registry import all_components
from staddle.drive.fleet import environment

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.fixtures import Boot
    from tests.lab.lab import Lab

FIRST, SECOND, WORKER, OTHER = "10.10.10.10", "10.10.10.11", "10.10.10.12", "10.10.10.13"
NAMES = {FIRST: "lab-h1", SECOND: "lab-h2", WORKER: "lab-h3", OTHER: "lab-h4"}


@dataclass(slots=True)
class Admin:
    """The ADMIN node, outside of the fleet, with an inventory that tests edit."""

    lab: Lab
    home: Path
    vars: dict[str, Any] = field(default_factory=dict)
    workers: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self) -> None:
        groups = {
            "infra": {"hosts": {FIRST: {"infra_seq": 1}, SECOND: {"infra_seq": 2}}},
            "workers": {"hosts": self.workers, "vars": {"node_cluster": "workers"}},
        }
        # The log agent has tests of its own.
        shared = {"admin_ip": FIRST, "ansible_user": "root", "vector_enabled": False, **self.vars}
        self.inventory.write_text(json.dumps({"all": {"children": groups, "vars": shared}}, indent=1), encoding="utf-8")

    @property
    def inventory(self) -> Path:
        return self.home / "staddle.yml"

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "staddle", *arguments, "-i", str(self.inventory)]

    def run(self, *arguments: str, exits: int = 0) -> subprocess.CompletedProcess[str]:
        result = self.lab.admin_run(self.argv(*arguments), cwd=self.home, check=False, timeout=600)
        assert result.returncode == exits, result.stdout[-6000:] + result.stderr[-6000:]
        return result

    def json(self, *arguments: str, exits: int = 0) -> dict[str, Any]:
        result = self.lab.admin_run(self.argv(*arguments, "--json"), cwd=self.home, check=False, timeout=600)
        assert result.stdout.startswith("{"), result.stdout[-3000:] + result.stderr[-6000:]
        data: dict[str, Any] = json.loads(result.stdout)
        assert result.returncode == exits, f"exit {result.returncode}: {_complaints(data)}"
        return data

    def started(self) -> dict[str, str]:
        """Since when each service of ours runs, on every host."""
        found = {}
        status = self.json("status")
        for ip, host in status["hosts"].items():
            units = [service["service"] for service in host["services"]]
            query = ["systemctl", "show", "--property=Id,ActiveEnterTimestampMonotonic,MainPID", *units]
            found[ip] = self.lab[NAMES[ip]].run(query).stdout
        return found


def _complaints(data: dict[str, Any]) -> list[str]:
    """What went wrong, out of all that a run says."""
    found = [f"{ip}: {host['error']}" for ip, host in data["hosts"].items() if host["error"]]
    reports = [(ip, report) for ip, host in data["hosts"].items() for report in host.get("reports", {}).values()]
    found += [f"{ip}: {report['error']}" for ip, report in reports if report["error"]]
    blocks = [(ip, block) for ip, report in reports for block in report["blocks"]]
    found += [f"{ip}: {b['component']}: {b['message']}\n{b['log_tail']}" for ip, b in blocks if b["message"]]
    return found


@pytest.fixture(scope="module")
def admin(lab: Boot, tmp_path_factory: pytest.TempPathFactory) -> Admin:
    """Bare hosts, and packages for them. One of them is reached as an ordinary user with sudo."""
    hosts = lab([HostSpec("trixie") for _ in NAMES])
    packages = {
        package.name for component in all_components() for package in component.packages if not package.optional
    }
    hosts.serve_packages(sorted(packages))
    made = Admin(hosts, tmp_path_factory.mktemp("admin"))
    made.workers = {WORKER: {"nodename": "worker-1"}, OTHER: {"nodename": "worker-2", "ansible_user": "debian"}}
    made.write()
    return made


def test_from_bare_hosts_to_all_healthy_as_planned(admin: Admin) -> None:
    planned = admin.json("plan", exits=2)
    assert not admin.lab["lab-h1"].run("ls /etc/pki/ca.crt", check=False).stdout
    applied = admin.json("apply")
    # Nobody can know what packages will bring: what is a new file in the plan may be a changed one, or one less.
    assert {item[:3] for item in done(applied)} <= {item[:3] for item in done(planned)}
    assert {item[:2] for item in done(applied)} == {item[:2] for item in done(planned)}
    assert {ip for ip, *_ in done(applied)} == set(NAMES)
    status = admin.json("status")
    healthy = {ip: {s["component"] for s in host["services"] if s["healthy"]} for ip, host in status["hosts"].items()}
    assert healthy[FIRST] >= {"nginx", "vmetrics", "vmalert", "alertmanager", "blackbox", "dnsmasq", "node_exporter"}
    assert healthy[SECOND] == healthy[FIRST]
    assert "node_exporter" in healthy[OTHER]


def test_a_second_apply_changes_nothing_and_restarts_nothing(admin: Admin) -> None:
    before = admin.started()
    assert not done(admin.json("apply"))
    assert admin.started() == before
    admin.run("plan", exits=0)
    admin.run("drift", exits=0)


def portal(domain: str) -> dict[str, dict[str, str]]:
    return {"home": {"domain": "i.staddle"}, "wiki": {"domain": domain, "endpoint": f"{WORKER}:9100"}}


EDITS: list[dict[str, Any]] = [
    {"vmetrics_scrape_interval": "11s"},
    {"nginx_users": {"dba": "nobody-else-knows-1"}},
    {"dns_records": ["10.10.10.99 printer.example"]},
    {"infra_portal": portal("wiki.example")},
    {"node_exporter_options": "--collector.processes"},
    {"vmalert_enabled": False},
    {},
]


def test_whatever_is_edited_the_plan_is_what_is_done(admin: Admin) -> None:
    for edit in EDITS:
        admin.vars = edit
        admin.write()
        planned = admin.json("plan", exits=2)
        applied = admin.json("apply")
        assert done(planned) == done(applied), edit
        assert done(planned), edit
        admin.run("plan", exits=0)


def test_a_dead_host_is_told_and_the_others_are_done(admin: Admin) -> None:
    other = admin.lab["lab-h4"]
    other.power_off(hard=True)
    admin.vars = {"node_exporter_options": "--collector.processes"}
    admin.write()
    applied = admin.json("apply", exits=1)
    assert applied["hosts"][OTHER]["unreachable"]
    assert {ip for ip, *_ in done(applied)} == {FIRST, SECOND, WORKER}
    assert not [ip for ip, host in applied["hosts"].items() if host["failed"] and ip != OTHER]
    other.power_on()
    assert {ip for ip, *_ in done(admin.json("apply"))} == {OTHER}
    admin.run("plan", exits=0)


def test_killed_in_the_middle_the_next_apply_finishes(admin: Admin) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for number in range(int(os.environ.get("STADDLE_KILLS", "3"))):
        interval, log = f"{20 + number}s", chance.choice(["--collector.processes", "--log.level=warn", ""])
        admin.vars = {"vmetrics_scrape_interval": interval, "node_exporter_options": log}
        admin.vars["infra_portal"] = portal(f"wiki{number}.example")
        admin.write()
        with admin.lab.admin_popen(admin.argv("apply"), cwd=admin.home) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(1.5, 7))
            # The whole connection, with Ansible and its ssh.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        admin.run("apply")
        admin.run("plan", exits=0)
        admin.run("status")
        config = admin.lab["lab-h1"].read("/infra/prometheus.yml")
        assert interval in config
        assert not list((admin.home / "files/runs").glob("*/manifest.*"))


def test_drift_names_what_somebody_changed_and_apply_mends_exactly_that(admin: Admin) -> None:
    first, worker = admin.lab["lab-h1"], admin.lab["lab-h3"]
    first.run("echo '# by hand' >> /etc/nginx/nginx.conf; chmod 600 /etc/pki/ca.crt; systemctl stop blackbox_exporter")
    worker.run("rm /etc/pki/ca.crt")
    found = admin.json("drift", exits=2)["hosts"]
    assert {(ip, item["path"], item["what"]) for ip, host in found.items() for item in host["drift"]} == {
        (FIRST, "/etc/nginx/nginx.conf", "content"),
        (FIRST, "/etc/pki/ca.crt", "mode"),
        (FIRST, "service blackbox_exporter", "stopped"),
        (WORKER, "/etc/pki/ca.crt", "missing"),
    }
    assert done(admin.json("apply")) == {
        (FIRST, "nginx", "/etc/nginx/nginx.conf", "update"),
        (FIRST, "nginx", "nginx", "reload"),
        (FIRST, "ca", "/etc/pki/ca.crt", "mode"),
        (FIRST, "blackbox", "blackbox_exporter", "start"),
        (WORKER, "ca", "/etc/pki/ca.crt", "create"),
    }
    admin.run("drift", exits=0)


def test_rollback_of_one_component_on_one_host(admin: Admin) -> None:
    before = admin.lab["lab-h1"].read("/infra/prometheus.yml")
    admin.vars = {**admin.vars, "vmetrics_scrape_interval": "33s"}
    admin.write()
    admin.run("apply")
    admin.run("rollback", "-l", FIRST, "-t", "vmetrics")
    assert admin.lab["lab-h1"].read("/infra/prometheus.yml") == before
    assert "33s" in admin.lab["lab-h2"].read("/infra/prometheus.yml")
    admin.run("plan", exits=2)
    admin.run("apply")


def test_the_playbook_alone_with_tags_and_limit(admin: Admin) -> None:
    admin.vars = {**admin.vars, "vmetrics_scrape_interval": "44s"}
    admin.write()
    argv = [sys.executable, "-m", "ansible.cli.playbook", "staddle.infra.deploy", "-i", str(admin.inventory)]
    argv += ["--tags", "vmetrics", "--limit", SECOND]
    checked = admin.lab.admin_run([*argv, "--check", "--diff"], env=environment(), cwd=admin.home)
    assert "+  scrape_interval: 44s" in checked.stdout.replace('"', "")
    assert "44s" not in admin.lab["lab-h2"].read("/infra/prometheus.yml")
    admin.lab.admin_run(argv, env=environment(), cwd=admin.home)
    assert "44s" in admin.lab["lab-h2"].read("/infra/prometheus.yml")
    assert "44s" not in admin.lab["lab-h1"].read("/infra/prometheus.yml")
    admin.run("apply")


def test_a_removed_node_is_clean_and_forgotten_by_the_others(admin: Admin) -> None:
    other = admin.lab["lab-h4"]
    admin.run("remove", "--yes", "--data", "-l", OTHER)
    assert not other.run(
        "ls /etc/pki/ca.crt /var/lib/staddle /etc/systemd/system/node_exporter.service", check=False
    ).stdout
    assert other.run("systemctl is-active node_exporter", check=False).stdout.strip() == "inactive"
    del admin.workers[OTHER]
    admin.write()
    for name in ("lab-h1", "lab-h2"):
        assert OTHER in admin.lab[name].run("ls /infra/targets/node").stdout
    admin.run("register")
    for name in ("lab-h1", "lab-h2"):
        assert OTHER not in admin.lab[name].run("grep -rl 10.10.10.13 /infra/targets /infra/hosts || true").stdout
    admin.run("apply")
    time.sleep(1)
    admin.run("plan", exits=0)
