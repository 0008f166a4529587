"""Hosts without any package source, from bare to all healthy: what they need comes from the ADMIN node.

One INFRA node is of a release whose VictoriaMetrics and Alertmanager are too old. The ADMIN node has no network
either, when it reaches them: it was fetched before, by `staddle fleet fetch`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.lab import store
from tests.lab.spec import HostSpec
from tests.unit.fleet.boxes import done

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.fixtures import Boot
    from tests.lab.host import Host
    from tests.lab.lab import Lab

pytestmark = pytest.mark.timeout(1200)
INFRA, WORKER = "10.10.10.10", "10.10.10.11"
ENGINES = ("console", "vlogs", "vtraces")
"""What runs from one tree, in the order of names."""
ASK = """\
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], sys.argv[2].encode() if len(sys.argv) > 2 else None, timeout=10).read().decode())
"""


@dataclass(slots=True)
class Admin:
    """The ADMIN node, outside of the fleet."""

    lab: Lab
    home: Path

    @property
    def infra(self) -> Host:
        return self.lab["lab-h1"]

    @property
    def worker(self) -> Host:
        return self.lab["lab-h2"]

    def run(self, *arguments: str, exits: int | None = 0) -> subprocess.CompletedProcess[str]:
        """In the lab's network."""
        argv = [sys.executable, "-m", "staddle", *arguments, "-i", "staddle.yml"]
        result = self.lab.admin_run(argv, cwd=self.home, check=False, timeout=900)
        assert exits in {None, result.returncode}, result.stdout[-6000:] + result.stderr[-6000:]
        return result

    def json(self, *arguments: str, exits: int = 0) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.run(*arguments, "--json", exits=exits).stdout)
        return data

    def fetch(self) -> dict[str, Any]:
        """Where there is a network."""
        argv = [sys.executable, "-m", "staddle", "fleet", "fetch", "-i", "staddle.yml", "--json"]
        env = {**os.environ, "STADDLE_CACHE": str(store.cache().parent)}
        result = subprocess.run(argv, cwd=self.home, env=env, capture_output=True, text=True, check=False, timeout=900)
        assert result.returncode == 0, result.stdout + result.stderr
        data: dict[str, Any] = json.loads(result.stdout)
        return data

    def started(self) -> dict[str, str]:
        """Since when each service runs, and as which process."""
        found = {}
        for ip, host in self.json("status")["hosts"].items():
            for service in host["services"]:
                query = ["systemctl", "show", "--property=ActiveEnterTimestampMonotonic,MainPID", service["service"]]
                name = {INFRA: "lab-h1", WORKER: "lab-h2"}[ip]
                found[f"{ip} {service['service']}"] = self.lab[name].run(query).stdout
        return found


@pytest.fixture(scope="module")
def admin(lab: Boot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Admin]:
    hosts = lab([HostSpec("bookworm"), HostSpec("trixie")])
    made = Admin(hosts, tmp_path_factory.mktemp("admin"))
    groups = {
        "infra": {"hosts": {INFRA: {"infra_seq": 1}}},
        "workers": {"hosts": {WORKER: {"nodename": "worker-1", "ansible_user": "debian"}}},
    }
    shared = {"admin_ip": INFRA, "ansible_user": "root"}
    (made.home / "staddle.yml").write_text(json.dumps({"all": {"children": groups, "vars": shared}}), encoding="utf-8")
    yield made


def notes(data: dict[str, Any], ip: str, kind: str) -> list[str]:
    """What a plan says of the packages or trees that a host would get."""
    [report] = data["hosts"][ip]["reports"].values()
    resources = [resource for block in report["blocks"] for resource in block["resources"]]
    return [r["note"] for r in resources if r["kind"] == kind and r["outcome"] == "changed" and r["note"]]


def test_everything_comes_from_the_admin_node(admin: Admin) -> None:
    assert not admin.infra.run("apt-cache policy nginx", check=False).stdout
    admin.run("plan", exits=None)  # it is known now what they are, and perhaps not yet had what they need
    fetched = admin.fetch()["hosts"]
    assert fetched.keys() == {INFRA, WORKER}
    planned = admin.json("plan", exits=2)
    trees = "\n".join(notes(planned, INFRA, "tree"))
    for program in ("Staddle's engines", "victoria-metrics", "prometheus-alertmanager"):
        assert f"{program} " in trees, trees
    assert "of trixie from the ADMIN node" in trees
    assert not notes(planned, WORKER, "tree")
    for ip in (INFRA, WORKER):
        assert "from the ADMIN node" in "\n".join(notes(planned, ip, "package"))
    applied = admin.json("apply")
    assert {item[:3] for item in done(applied)} <= {item[:3] for item in done(planned)}
    assert {item[:2] for item in done(applied)} == {item[:2] for item in done(planned)}
    status = admin.json("status")
    healthy = {ip: {s["component"] for s in host["services"] if s["healthy"]} for ip, host in status["hosts"].items()}
    assert healthy[INFRA] >= {
        "nginx",
        "vmetrics",
        "vmalert",
        "alertmanager",
        "vlogs",
        "vtraces",
        "nginx_exporter",
        "dnsmasq",
    }
    assert healthy[WORKER] >= {"node_exporter"}


def test_a_second_apply_sends_and_changes_and_restarts_nothing(admin: Admin) -> None:
    before = admin.started()
    assert not done(admin.json("apply"))
    assert admin.started() == before
    admin.run("plan", exits=0)
    admin.run("drift", exits=0)
    assert not admin.infra.run("ls /var/lib/staddle/incoming").stdout


def test_the_embedded_log_store_takes_rows_and_finds_them(admin: Admin) -> None:
    row = json.dumps({"_msg": "from a bare host", "_time": "0", "app": "lab"})
    admin.infra.run(["python3", "-c", ASK, "http://127.0.0.1:9428/insert/jsonline?_stream_fields=app", row])
    found = admin.infra.run(["python3", "-c", ASK, "http://127.0.0.1:9428/select/logsql/query", "query=app:lab"]).stdout
    assert json.loads(found)["_msg"] == "from a bare host"
    process = admin.infra.run("ps -o user:20=,args= -p $(systemctl show -P MainPID vlogs)").stdout
    assert process.startswith("victoria ")
    assert "/opt/staddle/engine/" in process
    line = admin.infra.run("systemd-analyze security --no-pager vlogs | tail -n 1").stdout
    assert float(line.split(":")[1].split()[0]) <= 2.0, line


def test_what_is_tampered_with_in_a_tree_is_noticed_and_mended(admin: Admin) -> None:
    before = admin.started()
    admin.infra.run("echo '# by hand' >> /opt/staddle/engine/*/lib/staddle/logs/app.py")
    admin.infra.run("rm /opt/staddle/prometheus-alertmanager/*/usr/bin/amtool")
    found = {item["component"]: item["note"] for item in admin.json("drift", exits=2)["hosts"][INFRA]["drift"]}
    first, *others = ENGINES
    shared = f"lib/staddle/logs/app.py was changed ({', '.join(others)} run from it, too)"
    assert found == {first: shared, "alertmanager": "usr/bin/amtool is gone"}
    planned = admin.json("plan", exits=2)
    applied = admin.json("apply")
    assert done(applied) == done(planned)
    assert {(component, action) for _, component, _, action in done(applied)} == {
        *((component, action) for component in (first, "alertmanager") for action in ("update", "restart")),
        *((component, "restart") for component in others),
    }
    after = admin.started()
    restarted = {f"{INFRA} {service}" for service in (*ENGINES, "alertmanager")}
    assert {name for name in after if after[name] != before[name]} == restarted
    admin.run("drift", exits=0)


def test_removal_leaves_nothing_of_it(admin: Admin) -> None:
    admin.run("remove", "--yes", "--data")
    for host in (admin.infra, admin.worker):
        assert not host.run("ls -d /opt/staddle /var/lib/staddle", check=False).stdout
        assert not host.run(
            "dpkg-query -W -f '${db:Status-Status} ${Package}\n' | grep '^installed nginx$' || true"
        ).stdout
        assert not host.run("pgrep -fa '[/]opt/staddle' || true").stdout
