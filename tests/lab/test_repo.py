"""A fleet with no way out: an INFRA host installed from a bundle serves Debian 12 and 13 nodes, signatures enforced."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.lab import image, packages, store
from tests.lab.spec import HostSpec
from tests.unit.repo_publish.packages import BOOKWORM, TRIXIE, locked

from staddle.components.registry import all_components
from staddle.repo.publish import HOME, WHEELS, Part, publish
from staddle.repo.signing import open_signer
from staddle.repo.wheelhouse import collect

if TYPE_CHECKING:
    from tests.lab.fixtures import Boot
    from tests.lab.host import Host
    from tests.lab.lab import Lab

INFRA, NODES = "10.10.10.10", ("10.10.10.11", "10.10.10.12", "10.10.10.13")
EXTRA = "tree"
"""A package that nothing of ours needs."""
TARGETS = {"bookworm": BOOKWORM, "trixie": TRIXIE}
SITE = "/root/site"
STADDLE = "/opt/staddle/venv/bin/staddle"
SERVED = "/data/nginx/staddle"


@dataclass
class Offline:
    """A lab that nothing was told of, and the bundle that goes there on foot."""

    lab: Lab
    bundle: Path
    key: Path

    @property
    def infra(self) -> Host:
        return self.lab[INFRA]

    @property
    def nodes(self) -> list[Host]:
        return [self.lab[ip] for ip in NODES]

    def staddle(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.infra.run(f"cd {SITE} && {STADDLE} {shlex.join(arguments)}", check=check, timeout=900)


def inventory() -> dict[str, Any]:
    shared = {
        "admin_ip": INFRA,
        "ansible_user": "root",
        "node_package_source": "host",
        "vector_enabled": False,  # the log agent has tests of its own
    }
    groups = {"infra": {"hosts": {INFRA: {"infra_seq": 1}}}, "nodes": {"hosts": {ip: {} for ip in NODES}}}
    return {"all": {"children": groups, "vars": shared}}


@pytest.fixture(scope="module")
def offline(lab: Boot, tmp_path_factory: pytest.TempPathFactory) -> Offline:
    """Where there is a network: packages of both releases, wheels, the repository, the bundle. And four bare hosts."""
    admin = tmp_path_factory.mktemp("builder") / "files"
    admin.mkdir(mode=0o700)
    (admin.parent / "staddle.yml").write_text(json.dumps(inventory()), encoding="utf-8")
    needed = {p.name for c in all_components() for p in c.packages if not p.optional} - {"victoria-metrics"}
    downloads = {release: admin / "repo/staging" / release for release in TARGETS}

    def fill(release: str) -> Part:
        names = sorted({*needed, EXTRA} | ({"victoria-metrics", "openssh-client"} if release == "trixie" else set()))
        names = [name for name in names if name != "systemd-timesyncd"]
        files = packages.fill(downloads[release], release, image.ensure(release), names)
        return Part(locked(TARGETS[release], [downloads[release] / file for file in files]), downloads[release])

    with ThreadPoolExecutor(3) as pool:
        wheels = pool.submit(collect, store.cache() / "wheels", ["3.13"], "x86_64", lambda _: None)
        hosts = pool.submit(lab, [HostSpec("trixie"), HostSpec("bookworm"), HostSpec("trixie"), HostSpec("bookworm")])
        parts = [fill(release) for release in TARGETS]
    now = int(time.time())
    signer = open_signer(admin / "pki", "Builder", now)
    own = sorted(wheels.result())
    assert WHEELS
    publish(parts, admin / HOME, "staddle", signer, work=admin / "repo/work", wheel_files=own, now=now)
    bundle = admin.parent / "staddle.pyz"
    run = [sys.executable, "-m", "staddle", "bundle", "build", "-o", str(bundle)]
    subprocess.run(run, cwd=admin.parent, check=True, capture_output=True)
    return Offline(hosts.result(), bundle, admin / "pki/repo/repo.asc")


def test_an_infra_host_without_a_network_is_installed_from_one_file(offline: Offline) -> None:
    host = offline.infra
    host.put(offline.bundle, "/root/staddle.pyz")
    host.put(offline.key, "/root/key.asc")
    assert "as they were signed" in host.run("python3 /root/staddle.pyz verify --key /root/key.asc", timeout=300).stdout
    wrong = offline.nodes[0]
    for what in (host, wrong):
        assert not what.run("ip route show default").stdout.strip(), "there is no way out"
    told = host.run(
        f"mkdir -p {SITE} && cd {SITE} && python3 /root/staddle.pyz install --key /root/key.asc", timeout=600
    ).stdout
    assert "Installed." in told
    assert host.run(f"{STADDLE} --version").stdout.startswith("staddle ")
    host.write(f"{SITE}/staddle.yml", json.dumps(inventory()))
    # The ADMIN node's own way to the nodes: the lab's key.
    for name in ("id_ed25519", "known_hosts"):
        host.put(offline.lab.home / "ssh" / name, f"/root/.ssh/{name}")
    host.run("chmod 600 /root/.ssh/id_ed25519")


def test_it_installs_itself_and_serves_nodes_of_both_releases(offline: Offline) -> None:
    applied = offline.staddle("apply", "--json", check=False)
    assert applied.returncode == 0, applied.stdout[-6000:] + applied.stderr[-3000:]
    status = json.loads(offline.staddle("status", "--json").stdout)
    for ip, host in status["hosts"].items():
        assert all(service["healthy"] for service in host["services"]), (ip, host)
    healthy = {service["component"] for service in status["hosts"][INFRA]["services"]}
    assert healthy >= {"nginx", "vmetrics", "vmalert", "alertmanager", "blackbox", "dnsmasq", "vlogs", "vtraces"}
    for ip in NODES:
        assert "node_exporter" in {service["component"] for service in status["hosts"][ip]["services"]}
    again = offline.staddle("plan", check=False)
    assert again.returncode == 0, again.stdout[-3000:]


def test_apt_of_every_host_reads_it_without_a_warning(offline: Offline) -> None:
    for host in [offline.infra, *offline.nodes]:
        told = host.run("apt-get update", timeout=120)
        assert told.stderr == "", host.name
        assert "W:" not in told.stdout
        assert "N:" not in told.stdout
        sources = host.run("cat /etc/apt/sources.list.d/*.sources").stdout
        assert "Signed-By:" in sources
        assert (
            "trusted"
            not in host.run("cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null", check=False).stdout
        )


def test_everything_that_was_installed_is_from_there(offline: Offline) -> None:
    for host in offline.nodes:
        policy = host.run("apt-cache policy prometheus-node-exporter").stdout
        assert f"http://{INFRA}/staddle" in policy
        host.run(
            f"DEBIAN_FRONTEND=noninteractive apt-get install -y -q {EXTRA} && test -x /usr/bin/{EXTRA}", timeout=120
        )


def test_the_page_and_the_python_index_are_there_for_everybody(offline: Offline) -> None:
    fetch = "import sys, urllib.request; r = urllib.request.urlopen(sys.argv[1]); print(r.headers); print(r.read().decode())"
    node = offline.nodes[0]
    page = node.run(["python3", "-c", fetch, f"http://{INFRA}/staddle/"]).stdout
    assert "default-src 'self'" in page
    assert "prometheus-node-exporter" in page
    index = node.run(["python3", "-c", fetch, f"http://{INFRA}/staddle/simple/staddle/"]).stdout
    assert "#sha256=" in index
    listing = node.run(["python3", "-c", fetch, f"http://{INFRA}/staddle/pool/bookworm/main/"]).stdout
    assert 'href="t/"' in listing


SPOIL = """\
import os, sys
path = os.path.realpath(sys.argv[1])
data = bytearray(open(path, "rb").read())
data[len(data) // 2] ^= 1
os.rename(path, path + ".kept")
open(path, "wb").write(data)
os.chmod(path, 0o644)
"""


@pytest.mark.parametrize(
    ("victim", "command"),
    [
        ("dists/bookworm/InRelease", "apt-get update --error-on=any"),
        ("dists/bookworm/main/binary-amd64/by-hash/SHA256/*", "apt-get update --error-on=any"),
        (f"pool/bookworm/main/t/{EXTRA}/*.deb", f"apt-get install -y --reinstall {EXTRA}"),
    ],
)
def test_a_node_refuses_what_was_tampered_with(offline: Offline, victim: str, command: str) -> None:
    host, node = offline.infra, offline.nodes[0]
    files = host.run(f"ls -d {SERVED}/{victim}").stdout.split()
    if len(files) == 1 and victim.endswith("InRelease"):
        files.append(f"{SERVED}/dists/bookworm/Release")
    node.run("rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/*.deb" if "update" in command else "apt-get clean")
    paths = [host.run(f"realpath {path}").stdout.strip() for path in files]
    for path in paths:
        host.run(["python3", "-c", SPOIL, path])
    try:
        told = node.run(command, check=False, timeout=120)
        assert told.returncode != 0
        assert "E:" in told.stderr
        drifted = offline.staddle("drift", "--json", check=False)
        assert Path(paths[0]).name in drifted.stdout, "and drift names it"
    finally:
        for path in paths:
            host.run(f"mv {path}.kept {path}")
    assert node.run("apt-get update", timeout=120).stderr == ""
