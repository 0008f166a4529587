"""What makes a host a node, on hosts that differ in who manages names and firewall: it works, stays, and can be given back."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from tests.lab.spec import ADMIN_IP, CommandFailedError, HostSpec
from tests.unit.fleet.boxes import done

from staddle.repo.signing import open_signer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.fixtures import Boot
    from tests.lab.host import Host
    from tests.lab.lab import Lab

ABSENT = "10.10.10.99"
"""The INFRA node: nodes don't need it to be there."""
RESOLVED, MANAGED, PLAIN = "10.10.10.10", "10.10.10.11", "10.10.10.12"
"""systemd-resolved and firewalld; NetworkManager and ufw; nothing but files, and no package source at all."""
HAS: dict[str, tuple[str, ...]] = {RESOLVED: ("systemd-resolved", "firewalld"), MANAGED: ("network-manager", "ufw")}
NEEDS = ("cron", "jq", "less", "nftables", "tuned")
"""What the plain host is to install."""
PUBLIC, PRIVATE = 9999, 8000
KEY = "key"
"""Where the key is, that the package source is signed with."""

ON: dict[str, Any] = {
    "node_default_etc_hosts": [],
    "node_etc_hosts": ["192.0.2.9 nine"],
    "nodename_exchange": True,
    "node_timezone": "Asia/Tokyo",
    "node_sysctl_params": {"net.ipv4.tcp_keepalive_time": 77},
    "node_firewall_intranet": [f"{PLAIN}/32"],
    "node_firewall_public_port": [22, PUBLIC],
    "node_aliases": {"hi": """echo "it's me\""""},
}
OFF: dict[str, Any] = {
    "nodename_overwrite": False,
    "node_write_etc_hosts": False,
    "node_dns_method": "none",
    "node_timezone": "",
    "node_sysctl_params": {},
    "node_kernel_modules": [],
    "node_limits": False,
    "node_admin_enabled": False,
    "node_firewall_mode": "none",
    "node_tune": "none",
    "node_repo_modules": [],
    "node_aliases": {},
    "node_crontab": [],
    "node_packages": [],
    "node_default_packages": [],
}
LOOK = r"""
for f in /etc/hosts /etc/hostname /etc/resolv.conf /etc/localtime /etc/apt/sources.list.d/*; do
  echo "== $f $(readlink "$f")"; [ "$f" = /etc/localtime ] || grep -v '^#' "$f"
done
hostname
ls /etc/profile.d /etc/sysctl.d /etc/sudoers.d /usr/local/share/ca-certificates | grep staddle
! command -v ufw >/dev/null || { ufw show added; grep ENABLED /etc/ufw/ufw.conf; }
! command -v firewall-cmd >/dev/null || { firewall-cmd --list-all-zones; firewall-cmd --list-all-policies; }
! command -v nft >/dev/null || nft list tables | grep staddle
systemctl is-active firewalld systemd-resolved NetworkManager tuned
true
"""
LISTEN = "import socket, sys; s = [socket.create_server(('', int(p))) for p in sys.argv[1:]]\nwhile True: s[0].accept()"
KNOCK = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2).close()"


@dataclass(slots=True)
class Site:
    """The ADMIN node, outside, and its three nodes."""

    lab: Lab
    home: Path
    vars: dict[str, Any] = field(default_factory=dict)
    own: dict[str, dict[str, Any]] = field(default_factory=dict)

    def write(self, values: dict[str, Any], own: dict[str, dict[str, Any]] | None = None) -> None:
        nodes = {ip: {"nodename": f"node-{ip[-2:]}", **(own or {}).get(ip, {})} for ip in (RESOLVED, MANAGED, PLAIN)}
        groups = {"infra": {"hosts": {ABSENT: {"infra_seq": 1}}}, "nodes": {"hosts": nodes}}
        # What nodes get from INFRA, and have tests of their own.
        less = {"vector_enabled": False, "node_exporter_enabled": False, "node_ntp_enabled": False}
        shared = {"admin_ip": ABSENT, "ansible_user": "root", "node_repo_modules": [], "node_tune": "none", **less}
        shared["node_package_source"] = "host"  # not from the ADMIN node
        inventory = {"all": {"children": groups, "vars": {**shared, **values}}}
        (self.home / "staddle.yml").write_text(json.dumps(inventory, indent=1), encoding="utf-8")

    def run(self, *arguments: str, exits: int = 0) -> dict[str, Any]:
        argv = [sys.executable, "-m", "staddle", *arguments, "-i", str(self.home / "staddle.yml")]
        argv += ["--limit", "nodes", "--json"]
        result = self.lab.admin_run(argv, cwd=self.home, check=False, timeout=600)
        assert result.stdout.startswith("{"), result.stdout[-3000:] + result.stderr[-6000:]
        data: dict[str, Any] = json.loads(result.stdout)
        assert result.returncode == exits, f"exit {result.returncode}: {complaints(data)}"
        return data

    def look(self) -> dict[str, str]:
        """Whatever we touch that was there before us."""
        return {host.ip: host.run(LOOK).stdout for host in self.lab.hosts}

    def reaches(self, source: Host | None, ip: str, port: int) -> bool:
        """Whether a connection can be made, from one of the hosts or from the ADMIN node."""
        try:
            if source is None:
                self.lab.connect(ip, port, timeout=2).close()
            else:
                source.run(["python3", "-c", KNOCK, ip, str(port)])
        except (OSError, CommandFailedError):
            return False
        return True

    def repository(self, name: str, *, without: str = "") -> Path:
        """What the lab serves for trixie, signed as an INFRA node would, at /NAME."""
        flat, home = self.lab.home / "www/trixie", self.lab.home / "www" / name
        folder = home / "dists/trixie/main/binary-amd64"
        folder.mkdir(parents=True)
        shutil.copytree(flat, home / "pool", copy_function=os.link)
        stanzas = re.split(r"\n\n+", (flat / "Packages").read_text(encoding="utf-8").strip())
        kept = [
            s.replace("Filename: ./", "Filename: pool/") for s in stanzas if f"Package: {without}\n" not in f"{s}\n"
        ]
        packages = "\n\n".join(kept) + "\n\n"
        (folder / "Packages").write_text(packages, encoding="utf-8")
        data = packages.encode()
        lines = ["Suite: trixie", "Codename: trixie", "Architectures: amd64", "Components: main"]
        lines += [time.strftime("Date: %a, %d %b %Y %H:%M:%S UTC", time.gmtime()), "SHA256:"]
        lines += [f" {hashlib.sha256(data).hexdigest()} {len(data)} main/binary-amd64/Packages"]
        signer = open_signer(self.home / KEY, "lab", int(time.time()) - 60)
        text = signer.clear("".join(f"{line}\n" for line in lines), int(time.time()))
        (home / "dists/trixie/InRelease").write_text(text, encoding="utf-8")
        return home


@pytest.fixture(scope="module")
def site(lab: Boot, tmp_path_factory: pytest.TempPathFactory) -> Site:
    running = lab([HostSpec("trixie"), HostSpec("bookworm"), HostSpec("trixie")])
    return prepared(running, tmp_path_factory.mktemp("admin"))


def prepared(lab: Lab, home: Path) -> Site:
    """The hosts as somebody else has set them up."""
    lab.serve_packages([*HAS[RESOLVED], *NEEDS], releases=["trixie"])
    lab.serve_packages([*HAS[MANAGED], "jq"], releases=["bookworm"])
    lab[MANAGED].write("/etc/NetworkManager/conf.d/lab.conf", "[keyfile]\nunmanaged-devices=interface-name:eth0\n")
    lab.each(lambda host: host.install(*HAS[host.ip]), [lab[RESOLVED], lab[MANAGED]])
    lab[MANAGED].run("ufw allow 22/tcp && ufw allow 7777/tcp comment mine && ufw --force enable")
    # Its only source leads nowhere: whatever it gets comes from the repository that it is told of.
    lab[PLAIN].write("/etc/apt/sources.list.d/lab.list", "deb http://10.10.10.98/nothing ./\n")
    listener = ["systemd-run", "--unit=listener", "python3", "-c", LISTEN, str(PUBLIC), str(PRIVATE)]
    lab.each(lambda host: host.run(listener), lab.hosts)
    (home / "files").mkdir(mode=0o700)
    return Site(lab, home)


def complaints(data: dict[str, Any]) -> list[str]:
    """What went wrong, out of all that a run says."""
    reports = [(ip, report) for ip, host in data["hosts"].items() for report in host["reports"].values()]
    found = [f"{ip}: {host['error']}" for ip, host in data["hosts"].items() if host["error"]]
    found += [f"{ip}: {report['error']}" for ip, report in reports if report["error"]]
    return found + [f"{ip}: {b['component']}: {b['message']}" for ip, r in reports for b in r["blocks"] if b["message"]]


def served(site: Site, name: str, key: str = KEY) -> dict[str, Any]:
    """The plain host's own part: packages from one source that vouches for them with a key, and what needs them."""
    signer = open_signer(site.home / key, "lab", int(time.time()) - 60)
    source = {
        "name": "lab",
        "module": "lab",
        "baseurl": {"default": f"http://{ADMIN_IP}:8099/{name} trixie main"},
        "keys": [signer.fingerprint],
        "key_url": str(site.home / key / "repo/repo.asc"),
    }
    return {
        PLAIN: {
            "node_repo_modules": "lab",
            "repo_upstream": [source],
            "node_default_packages": ["jq"],
            "node_tune": "oltp",
            "node_crontab": ["1 2 3 4 * root true"],
        }
    }


def outcomes(data: dict[str, Any], ip: str) -> dict[str, tuple[str, str]]:
    blocks = [b for report in data["hosts"][ip]["reports"].values() for b in report["blocks"]]
    return {block["component"]: (block["outcome"], block["message"] or "") for block in blocks}


def test_sources_that_do_not_serve_are_refused_and_the_host_keeps_its_own(site: Site) -> None:
    site.repository("poor", without="jq")
    before = site.look()[PLAIN]
    for key, words in ((KEY, "Unable to locate package jq"), ("other", "not signed")):
        site.write({}, served(site, "poor", key))
        outcome, message = outcomes(site.run("apply", "--tags", "node_repo", exits=1), PLAIN)["node_repo"]
        assert outcome == "failed"
        assert words in message
        assert site.look()[PLAIN] == before


@pytest.fixture(scope="module")
def before(site: Site) -> dict[str, str]:
    """The hosts before, and then everything applied, once."""
    site.repository("signed")
    found = site.look()
    site.write(ON, served(site, "signed"))
    planned = done(site.run("plan", exits=2))
    applied = done(site.run("apply"))
    known = {item for item in applied if item[0] != PLAIN}
    assert known == {item for item in planned if item[0] != PLAIN}
    # What the repository has could not be known before it was in use.
    assert {item[:2] for item in applied} >= {item[:2] for item in planned}
    assert {PLAIN, RESOLVED, MANAGED} == {ip for ip, *_ in applied}
    return found


@pytest.mark.usefixtures("before")
def test_one_apply_was_enough_and_all_packages_came_from_the_new_source(site: Site) -> None:
    assert not done(site.run("plan"))
    host = site.lab[PLAIN]
    said = host.run("apt-get update")
    assert not [line for line in said.stdout.splitlines() + said.stderr.splitlines() if line.startswith(("W:", "E:"))]
    assert f"http://{ADMIN_IP}:8099/signed trixie/main" in host.run("apt-cache policy jq").stdout
    assert host.read("/etc/apt/sources.list.d/lab.list").splitlines()[1] == "#~ deb http://10.10.10.98/nothing ./"
    assert host.run("tuned-adm active").stdout.strip() == "Current active profile: oltp"
    assert "1 2 3 4 * root true" in host.read("/etc/crontab")
    assert host.run("systemctl is-active cron tuned").stdout.split() == ["active", "active"]
    assert host.run("echo '{\"a\": 1}' | jq .a").stdout == "1\n"


@pytest.mark.usefixtures("before")
def test_each_part_does_its_work_whoever_manages_the_host(site: Site) -> None:
    for host in site.lab.hosts:
        name = f"node-{host.ip[-2:]}"
        assert host.run("hostname; date +%Z; sysctl -n net.ipv4.tcp_keepalive_time").stdout.split() == [
            name,
            "JST",
            "77",
        ]
        assert host.run(f"getent hosts nine {name}").stdout.split() == ["192.0.2.9", "nine", host.ip, name]
        assert host.run("bash -lic hi 2>/dev/null").stdout.strip() == "it's me"
        assert host.run("openssl version >/dev/null && ls /etc/ssl/certs/staddle.pem").stdout
        asked = host.run("resolvectl dns 2>/dev/null || grep nameserver /etc/resolv.conf").stdout
        assert ABSENT in asked, host.ip
        # Who runs Staddle may log in as the administrator, and become root.
        assert site.lab.admin_run(["ssh", f"dba@{host.ip}", "sudo -n id -u"]).stdout.strip() == "0"
        # And administrators from node to node.
        hop = f"ssh -o BatchMode=yes {MANAGED if host.ip != MANAGED else PLAIN} hostname"
        there = host.run(f"sudo -u dba -i {hop}").stdout.strip()
        assert there == f"node-{(MANAGED if host.ip != MANAGED else PLAIN)[-2:]}"


@pytest.mark.usefixtures("before")
def test_from_outside_only_what_is_open_answers_whichever_firewall_it_is(site: Site) -> None:
    plain, other = site.lab[PLAIN], site.lab[MANAGED]
    for ip in (RESOLVED, MANAGED):
        assert site.reaches(None, ip, PUBLIC), ip
        assert not site.reaches(None, ip, PRIVATE), ip
        assert site.reaches(plain, ip, PRIVATE), f"{ip} trusts {PLAIN}"
    assert site.reaches(other, PLAIN, PUBLIC)
    assert not site.reaches(other, PLAIN, PRIVATE)
    assert site.reaches(plain, PLAIN, PRIVATE), "itself"
    assert "ufw allow 7777/tcp comment 'mine'\nufw allow from 10.10.10.12 comment 'staddle'\n" in (
        other.run("ufw show added").stdout.replace("/32", "")
    )


@pytest.mark.usefixtures("before")
def test_rules_that_somebody_took_away_come_back_and_ports_that_are_given_up_close(site: Site) -> None:
    site.lab[MANAGED].run(f"ufw delete allow {PUBLIC}/tcp")
    site.lab[RESOLVED].run("rm /etc/firewalld/policies/staddle.xml && firewall-cmd --reload")
    site.lab[PLAIN].run("nft delete table inet staddle")
    site.run("apply")
    assert all(site.reaches(None, ip, PUBLIC) for ip in (RESOLVED, MANAGED, PLAIN))
    site.write({**ON, "node_firewall_public_port": [22]}, served(site, "signed"))
    site.run("apply", "--tags", "firewall")
    assert not any(site.reaches(None, ip, PUBLIC) for ip in (RESOLVED, MANAGED, PLAIN))
    assert not done(site.run("plan"))


def test_switched_off_the_hosts_are_as_they_were(site: Site, before: dict[str, str]) -> None:
    site.write(OFF)
    site.run("apply")
    # The CA stays: everything that our nodes say is signed by it.
    now = {ip: text.replace("staddle.crt\n", "") for ip, text in site.look().items()}
    assert now == before
    assert not done(site.run("plan"))
    assert "run-parts" in site.lab[PLAIN].read("/etc/crontab"), "as its package has it"


def test_a_firewall_is_switched_off_and_on_again_and_a_removed_node_is_as_it_was(
    site: Site, before: dict[str, str]
) -> None:
    site.write({**OFF, "node_firewall_mode": "off"})
    site.run("apply")
    assert all(site.reaches(None, ip, PRIVATE) for ip in (RESOLVED, MANAGED, PLAIN))
    assert not done(site.run("plan")), "and that is all there is to do"
    site.write(ON, served(site, "signed"))
    site.run("apply")
    assert not any(site.reaches(None, ip, PRIVATE) for ip in (RESOLVED, MANAGED, PLAIN))
    site.run("remove", "--yes")
    assert site.look() == before
    assert not site.reaches(None, MANAGED, PUBLIC)
    assert site.lab[PLAIN].run("systemctl is-active tuned cron", check=False).stdout.split() == ["inactive", "inactive"]
