"""What is wrong with real hosts is found, with its cause and its remedy, and the remedy works."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.lab.spec import HostSpec
from tests.sandbox.stack import wait_for

from staddle.components.registry import all_components

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.fixtures import Boot
    from tests.lab.lab import Lab

INFRA, OTHER = "10.10.10.10", "10.10.10.11"
HOLD_PORT = """\
systemd-run --quiet --unit thief python3 -c '
import socket, time
with socket.create_server(("", 9059)):
    time.sleep(600)'
"""


@dataclass(frozen=True, slots=True)
class Admin:
    lab: Lab
    home: Path

    def run(self, *arguments: str, exits: int) -> str:
        argv = [sys.executable, "-m", "staddle", *arguments, "-i", str(self.home / "staddle.yml")]
        result = self.lab.admin_run(argv, cwd=self.home, check=False, timeout=600)
        assert result.returncode == exits, result.stdout[-6000:] + result.stderr[-6000:]
        return result.stdout + result.stderr

    def doctor(self, *, exits: int) -> dict[tuple[str, str, str], dict[str, Any]]:
        """By host, check and what it is about. The machine's own disks are whoever's they are."""
        argv = [sys.executable, "-m", "staddle", "doctor", "--json", "-i", str(self.home / "staddle.yml")]
        result = self.lab.admin_run(argv, cwd=self.home, check=False, timeout=600)
        assert result.returncode == exits, result.stdout[-6000:] + result.stderr[-6000:]
        found = json.loads(result.stdout)["findings"]
        assert all(item["remedy"] for item in found)
        return {(f["host"], f["check"], f["about"]): f for f in found if f["check"] != "disk" or "small" in f["about"]}


@pytest.fixture(scope="module")
def admin(lab: Boot, tmp_path_factory: pytest.TempPathFactory) -> Admin:
    """One INFRA node without what takes long, and a host on which nothing is."""
    hosts = lab([HostSpec("trixie"), HostSpec("trixie")])
    packages = {p.name for component in all_components() for p in component.packages if not p.optional}
    hosts.serve_packages(sorted(packages))
    made = Admin(hosts, tmp_path_factory.mktemp("admin"))
    switched_off = dict.fromkeys(
        ("vector_enabled", "vlogs_enabled", "vtraces_enabled", "dns_enabled", "blackbox_enabled"), False
    )
    groups = {"infra": {"hosts": {INFRA: {"infra_seq": 1}}}, "others": {"hosts": {OTHER: {}}}}
    inventory = {"children": groups, "vars": {"admin_ip": INFRA, "ansible_user": "root", **switched_off}}
    (made.home / "staddle.yml").write_text(json.dumps({"all": inventory}), encoding="utf-8")
    made.run("apply", "-l", INFRA, exits=0)
    return made


def test_what_is_wrong_is_found_and_mended_by_what_it_says(admin: Admin) -> None:
    host, other = admin.lab["lab-h1"], admin.lab["lab-h2"]
    found = admin.doctor(exits=1)
    assert {key for key in found if key[1] != "alert"} == {(OTHER, "installed", "")}

    host.run(f"systemctl stop alertmanager\n{HOLD_PORT}")
    host.run("systemctl stop node_exporter; echo '# by hand' >> /etc/nginx/nginx.conf")
    host.run("systemd-run --quiet --unit other --service-type=oneshot sh -c 'echo it broke; exit 3'", check=False)
    host.run("f=$(readlink -f /usr/bin/vmalert); cp $f $f.new && mv $f.new $f")
    host.run("mkdir /small && mount -t tmpfs -o size=1m none /small && head -c 900K /dev/zero > /small/full")
    host.write("/run/reboot-required.pkgs", "linux-image\n")
    host.write("/run/reboot-required", "")
    other.power_off(hard=True)

    found = admin.doctor(exits=1)
    expected = {
        (INFRA, "service", "alertmanager"): "port 9059 is held by python3",
        (INFRA, "service", "node_exporter"): "not running: inactive",
        (INFRA, "unit", "other.service"): "failed",
        (INFRA, "restart", "vmalert"): "replaced",
        (INFRA, "disk", "/small"): "of the space of /small",
        (INFRA, "drift", "/etc/nginx/nginx.conf"): "1 thing changed",
        (INFRA, "reboot", ""): "linux-image",
        (OTHER, "reachable", "ssh"): "no answer",
    }
    assert set(expected) <= set(found)
    for key, words in expected.items():
        assert words in found[key]["what"], found[key]
    assert "it broke" in " ".join(found[INFRA, "unit", "other.service"]["details"])
    shown = admin.run("doctor", exits=1)
    assert "staddle apply -l 10.10.10.10 -t node_exporter" in shown
    assert f"{OTHER}" in admin.run("status", exits=1)

    def targets_are_missed() -> bool:
        return (INFRA, "alert", "alertmanager-1") in admin.doctor(exits=1)

    wait_for("the alert of a target that is gone", targets_are_missed, timeout=120)

    host.run("systemctl stop thief; systemctl reset-failed other; systemctl restart vmalert; umount /small")
    host.run("rm /run/reboot-required*")
    admin.run("apply", "-l", INFRA, "-t", "alertmanager", exits=0)
    admin.run("apply", "-l", INFRA, exits=0)
    found = admin.doctor(exits=1)
    assert {key for key in found if key[1] != "alert"} == {(OTHER, "reachable", "ssh")}
