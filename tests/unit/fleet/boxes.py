"""A fleet without hosts: directories of this machine that stand for hosts' roots, reached the way hosts are.

Only components that consist of files are converged there; what needs systemd is tested in `tests/lab`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from staddle.drive.fleet import environment

if TYPE_CHECKING:
    from pathlib import Path

ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")
FILES = "ca"
"""A component that is one file and its directories, on every node (with certificates for machines it would be more)."""


@dataclass(slots=True)
class Boxes:
    """`home` has the inventory and a directory for each host. `connection` are variables of all hosts."""

    home: Path
    connection: dict[str, Any] = field(default_factory=lambda: {"ansible_connection": "local"})
    own: dict[str, dict[str, Any]] = field(default_factory=dict)
    vars: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for ip in ADDRESSES:
            self.root(ip).mkdir()
        self.write()

    @property
    def inventory(self) -> Path:
        return self.home / "staddle.yml"

    def root(self, ip: str) -> Path:
        return self.home / f"root-{ip}"

    def file(self, ip: str) -> Path:
        """The file of the component `ca`."""
        return self.root(ip) / "etc/pki/ca.crt"

    def write(self) -> None:
        """The inventory: one INFRA node, two others. JSON is YAML."""
        hosts: dict[str, dict[str, Any]] = {
            ip: {"ansible_staddle_root": str(self.root(ip)), **self.own.get(ip, {})} for ip in ADDRESSES
        }
        hosts[ADDRESSES[0]]["infra_seq"] = 1
        groups = {
            "infra": {"hosts": {ADDRESSES[0]: hosts[ADDRESSES[0]]}},
            "workers": {"hosts": {ip: hosts[ip] for ip in ADDRESSES[1:]}, "vars": {"node_cluster": "workers"}},
        }
        off = {"vlogs_enabled": False, "vtraces_enabled": False}
        shared = {"admin_ip": ADDRESSES[0], "infra_expose": "intranet", **off, **self.connection, **self.vars}
        self.inventory.write_text(json.dumps({"all": {"children": groups, "vars": shared}}, indent=1), encoding="utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`staddle …` with this inventory."""
        argv = [sys.executable, "-m", "staddle", *arguments, "-i", str(self.inventory)]
        return subprocess.run(argv, cwd=self.home, capture_output=True, text=True, check=False, timeout=200)

    def json(self, *arguments: str, exits: int) -> dict[str, Any]:
        """What it says with --json."""
        result = self.run(*arguments, "--json")
        assert result.returncode == exits, result.stdout[-4000:] + result.stderr[-4000:]
        data: dict[str, Any] = json.loads(result.stdout)
        return data

    def playbook(self, name: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """`ansible-playbook` without our command line."""
        argv = [sys.executable, "-m", "ansible.cli.playbook", f"staddle.infra.{name}", "-i", str(self.inventory)]
        every = {**os.environ, **environment(), "ANSIBLE_NOCOLOR": "1", **env}
        return subprocess.run(
            [*argv, *arguments], cwd=self.home, capture_output=True, text=True, check=False, timeout=200, env=every
        )

    def tree(self, ip: str) -> set[str]:
        """Every path below a host's root, without the ledger."""
        root = self.root(ip)
        paths = {str(path.relative_to(root)) for path in root.rglob("*")}
        return {path for path in paths if not path.startswith("var")}


def done(data: dict[str, Any]) -> set[tuple[str, str, str, str]]:
    """Everything that a plan says, or an apply did: (host, component, path or service, action)."""
    found = set()
    for ip, host in data["hosts"].items():
        for report in host["reports"].values():
            for block in report["blocks"]:
                component = block["component"]
                found |= {(ip, component, r["path"], r["action"]) for r in block["resources"] if r["outcome"] != "ok"}
                found |= {(ip, component, s["name"], s["action"]) for s in block["services"] if s["action"] != "none"}
    return found
