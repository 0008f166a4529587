"""A fleet in the lab, and the ADMIN node that runs it by the command line as an administrator does.

Two INFRA nodes (trixie), two regular nodes (trixie and bookworm, the latter reached as an ordinary user with sudo), and a
spare host that isn't in the inventory. Booted and brought up from bare once for all files of tests.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from tests.lab.spec import HostSpec, LabError
from tests.unit.fleet.boxes import done

from staddle.compile import packages_on
from staddle.inventory import load_inventory

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.lab.host import Host
    from tests.lab.lab import Lab

T = TypeVar("T")

FIRST, SECOND, WORKER, OTHER, SPARE = (f"10.10.10.{n}" for n in range(10, 15))
HOSTS = (*(HostSpec("trixie") for _ in range(3)), HostSpec("bookworm"), HostSpec("trixie"))
OTHER_NAME = "worker-2"
"""The name of the node on bookworm."""

_FETCH = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1], timeout=10).read().decode())"

Changes = set[tuple[str, str, str, str]]
"""What was done, or is to be done: (host, component, path or name, action)."""


@dataclass(slots=True)
class Admin:
    """The ADMIN node, outside of the fleet, with an inventory that tests edit."""

    lab: Lab
    home: Path
    vars: dict[str, Any] = field(default_factory=dict)
    infra: dict[str, dict[str, Any]] = field(default_factory=dict)
    workers: dict[str, dict[str, Any]] = field(default_factory=dict)
    settled: str = ""
    """The inventory that was applied last, on all hosts and with success."""
    bare: tuple[dict[str, Any], dict[str, Any]] | None = None
    """What the first plan and the first apply of all said."""

    def host(self, ip: str) -> Host:
        return self.lab[ip]

    def edit(self, **parameters: Any) -> None:
        """The fleet as it was at first, with these parameters for all."""
        self.vars = parameters
        self.infra = {FIRST: {"infra_seq": 1}, SECOND: {"infra_seq": 2}}
        self.workers = {WORKER: {"nodename": "worker-1"}, OTHER: {"nodename": OTHER_NAME, "ansible_user": "debian"}}
        self.write()

    def write(self) -> None:
        groups = {
            "infra": {"hosts": self.infra},
            "workers": {"hosts": self.workers, "vars": {"node_cluster": "workers"}},
        }
        # tuned is large, and has tests of its own.
        shared = {"admin_ip": FIRST, "ansible_user": "root", "node_tune": "none", **self.vars}
        self.inventory.write_text(json.dumps({"all": {"children": groups, "vars": shared}}, indent=1), encoding="utf-8")

    def serve(self) -> None:
        """What hosts of each release need for what the inventory wants of them, as packages."""
        needed: dict[str, set[str]] = {}
        for node in load_inventory(self.inventory).fleet.nodes:
            names = {package.name for package in packages_on(node) if not package.optional}
            needed.setdefault(self.host(node.ip).release, set()).update(names)
        for release, names in needed.items():
            self.lab.serve_packages(sorted(names), releases=[release])

    def settle(self) -> None:
        """The fleet as it was at first, on all hosts."""
        self.edit()
        if self.settled != self.inventory.read_text(encoding="utf-8"):
            self.json("apply")

    @property
    def inventory(self) -> Path:
        return self.home / "staddle.yml"

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "staddle", *arguments, "-i", str(self.inventory)]

    def run(self, *arguments: str, exits: int = 0) -> subprocess.CompletedProcess[str]:
        """`staddle …`, which must exit with that status."""
        result = self._call(*arguments)
        assert result.returncode == exits, result.stdout[-6000:] + result.stderr[-6000:]
        return result

    def json(self, *arguments: str, exits: int = 0) -> dict[str, Any]:
        """What it says with --json."""
        result = self._call(*arguments, "--json")
        assert result.stdout.startswith("{"), result.stdout[-3000:] + result.stderr[-6000:]
        data: dict[str, Any] = json.loads(result.stdout)
        assert result.returncode == exits, f"exit {result.returncode}: {complaints(data)}"
        return data

    def _call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        if arguments[0] not in {"plan", "drift", "status"}:
            self.settled = ""
        result = self.lab.admin_run(self.argv(*arguments), cwd=self.home, check=False, timeout=600)
        if result.returncode == 0 and {*arguments} <= {"apply", "--json"}:
            self.settled = self.inventory.read_text(encoding="utf-8")
        return result

    def fetch(self, ip: str, url: str) -> str:
        """What a host gets from there."""
        return self.host(ip).run(["python3", "-c", _FETCH, url]).stdout.strip()

    def metrics(self, ip: str, query: str) -> list[dict[str, Any]]:
        """Series that a query gives, of the store of an INFRA node."""
        answer = self.fetch(ip, f"http://127.0.0.1:8428/api/v1/query?{urlencode({'query': query})}")
        found: list[dict[str, Any]] = json.loads(answer)["data"]["result"]
        return found

    def apply(self) -> Changes:
        """Apply the inventory; everything that this did."""
        return done(self.json("apply"))

    def apply_as_planned(self) -> Changes:
        """Plan and apply, which must both say the same; that."""
        planned = done(self.json("plan", exits=2))
        applied = self.apply()
        assert planned == applied
        return applied

    def drift(self) -> set[tuple[str, str, str, str]]:
        """(host, kind, path or name, what is different)."""
        found = self.json("drift", exits=2)["hosts"]
        return {(ip, i["kind"], i["path"], i["what"]) for ip, host in found.items() for i in host["drift"]}

    def services(self) -> dict[str, dict[str, bool]]:
        """By host, every service of ours and whether it is healthy."""
        result = self._call("status", "--json")
        hosts = json.loads(result.stdout)["hosts"]
        return {ip: {s["service"]: s["healthy"] for s in host["services"]} for ip, host in hosts.items()}

    def started(self) -> dict[str, dict[str, str]]:
        """Since when each service of ours runs, on every host."""
        found: dict[str, dict[str, str]] = {}
        for ip, services in self.services().items():
            argv = ["systemctl", "show", "--property=Id,ActiveEnterTimestampMonotonic,MainPID", *services]
            blocks = self.host(ip).run(argv).stdout.strip().split("\n\n")
            units = [dict(line.split("=", 1) for line in block.splitlines()) for block in blocks]
            found[ip] = {u["Id"]: f"{u['ActiveEnterTimestampMonotonic']} {u['MainPID']}" for u in units}
        return found


def bring_up(lab: Lab) -> Admin:
    """The fleet, on bare hosts; or what has become of it on hosts on which this was done before."""
    admin = Admin(lab, lab.home / "fleet")
    bare = not admin.home.exists()
    admin.home.mkdir(exist_ok=True)
    admin.edit()
    admin.serve()
    if not bare:
        return admin
    planned = admin.json("plan", exits=2)
    admin.bare = (planned, admin.json("apply"))
    return admin


def complaints(data: dict[str, Any]) -> list[str]:
    """What went wrong, out of all that a run says."""
    found = [f"{ip}: {host['error']}" for ip, host in data["hosts"].items() if host["error"]]
    reports = [(ip, report) for ip, host in data["hosts"].items() for report in host.get("reports", {}).values()]
    found += [f"{ip}: {report['error']}" for ip, report in reports if report["error"]]
    blocks = [(ip, block) for ip, report in reports for block in report["blocks"]]
    found += [f"{ip}: {b['component']}: {b['message']}\n{b['log_tail']}" for ip, b in blocks if b["message"]]
    return found


def until(what: str, look: Callable[[], T], wanted: Callable[[T], bool], timeout: float = 120) -> T:
    """What `look` finds, as soon as it is wanted. Fails with the last of it, or with why it could not look."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            found: T | None = look()
            if found is not None and wanted(found):
                return found
            last = repr(found)
        except (LabError, ValueError, KeyError) as error:
            last = str(error)
        assert time.monotonic() < deadline, f"{what}: {last} after {timeout:g} s"
        time.sleep(0.5)
