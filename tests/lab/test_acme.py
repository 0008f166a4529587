"""Certificates of a public authority, with Let's Encrypt's own test authority (pebble) on the ADMIN node."""

from __future__ import annotations

import datetime as dt
import json
import ssl
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.lab import image, packages, store
from tests.lab.spec import ADMIN_IP, HostSpec

from staddle.components.registry import all_components

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lab.fixtures import Boot
    from tests.lab.lab import Lab

HOST, OTHER, NAME = "10.10.10.10", "10.10.10.11", "wiki.example"
DIRECTORY = f"https://{ADMIN_IP}:14000/dir"


class Site:
    """Two INFRA nodes with a portal entry whose name leads to the second, and the authority that may sign for it."""

    def __init__(self, lab: Lab, home: Path) -> None:
        self.lab, self.home = lab, home
        self.running: list[subprocess.Popen[str]] = []

    def run(self, *arguments: str, exits: int = 0, **portal: Any) -> str:
        """Staddle with this entry for the portal. Gives what it printed."""
        entry = {"domain": NAME, "path": "/www/wiki", **portal}
        shared = {
            "admin_ip": HOST,
            "ansible_user": "root",
            "certbot_sign": True,
            "certbot_email": "dba@example.org",
            "infra_portal": {"home": {"domain": "i.staddle"}, "wiki": entry},
            "certbot_options": f"--server {DIRECTORY} --no-verify-ssl",
            **{f"{name}_enabled": False for name in ("alertmanager", "vlogs", "vector", "vmalert", "blackbox", "dns")},
        }
        inventory = self.home / "staddle.yml"
        hosts = {HOST: {"infra_seq": 1}, OTHER: {"infra_seq": 2}}
        inventory.write_text(json.dumps({"all": {"children": {"infra": {"hosts": hosts}}, "vars": shared}}))
        argv = [sys.executable, "-m", "staddle", *arguments, "-i", str(inventory)]
        result = self.lab.admin_run(argv, cwd=self.home, check=False, timeout=600)
        assert result.returncode == exits, result.stdout + result.stderr
        return result.stdout + result.stderr

    def shown(self, ip: str = HOST) -> x509.Certificate:
        """The certificate that a portal shows for the entry's name."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            self.lab.connect(ip, 443) as connection,
            context.wrap_socket(connection, server_hostname=NAME) as secured,
        ):
            return x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")

    def issuer(self, ip: str = HOST) -> str:
        return self.shown(ip).issuer.rfc4514_string()

    def open_authority(self) -> None:
        """From now on it answers, and finds every name at the second host."""
        programs = self.home / "pebble"
        certificate, key = _identity(self.home)
        settings = {
            "listenAddress": f"{ADMIN_IP}:14000",
            "managementListenAddress": f"{ADMIN_IP}:15000",
            "certificate": str(certificate),
            "privateKey": str(key),
            "httpPort": 80,
            "tlsPort": 443,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
        }
        config = self.home / "pebble.json"
        config.write_text(json.dumps({"pebble": settings}))
        names = [
            str(programs / "usr/bin/pebble-challtestsrv"),
            "-defaultIPv4",
            HOST,
            "-defaultIPv6",
            "",
            "-dns01",
            ":8053",
        ]
        names += [part for kind in ("doh", "http01", "https01", "tlsalpn01") for part in (f"-{kind}", "")]
        signing = [str(programs / "usr/bin/pebble"), "-config", str(config), "-dnsserver", "127.0.0.1:8053"]
        with (self.home / "pebble.log").open("w") as log:
            for argv in (names, signing):
                self.running.append(self.lab.admin_popen(argv, stdout=log, stderr=log, env={"PEBBLE_VA_NOSLEEP": "1"}))
        self.lab.admin_run(["sh", "-c", f"for i in $(seq 100); do {_reach(14000)} && exit; sleep 0.1; done; exit 1"])


def _reach(port: int) -> str:
    return f"{sys.executable} -c 'import socket; socket.create_connection((\"{ADMIN_IP}\", {port}))' 2>/dev/null"


def _identity(home: Path) -> tuple[Path, Path]:
    """A certificate for the authority's own server, which nobody verifies here."""
    private, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "pebble")])
    built = x509.CertificateBuilder(name, name, private.public_key(), 1, now, now + dt.timedelta(days=1))
    certificate, key = home / "pebble.crt", home / "pebble.key"
    certificate.write_bytes(built.sign(private, SHA256()).public_bytes(Encoding.PEM))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certificate, key


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture(scope="module")
def site(lab: Boot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    booted = lab([HostSpec("trixie"), HostSpec("trixie")])
    needed = {package.name for c in all_components() for package in c.packages if not package.optional}
    booted.serve_packages(sorted(needed))
    home = tmp_path_factory.mktemp("acme")
    fetched = store.cache() / "pebble"
    packages.fill(fetched, "trixie", image.path("trixie"), ["pebble"])
    for archive in fetched.glob("pebble_*.deb"):
        subprocess.run(["dpkg-deb", "--extract", archive, home / "pebble"], check=True)
    made = Site(booted, home)
    yield made
    for process in made.running:
        process.kill()
        process.communicate()


def test_from_our_own_to_the_authoritys_certificate_and_back(site: Site) -> None:
    host = site.lab.hosts[0]
    # Nobody answers: the run says so, and what can be up is up.
    said = site.run("apply", exits=1, certbot="site")
    assert "site: " in said
    assert "10.10.10.1" in said
    assert "staddle-ca" in site.issuer()
    assert host.run("systemctl is-active staddle-acme.timer nginx").stdout.split() == ["active", "active"]
    assert 'staddle_acme_failed{certificate="site"} 1' in host.read("/var/lib/node_exporter/acme.prom")
    assert "order" in site.run("plan", exits=2, certbot="site")

    site.open_authority()
    site.run("apply", certbot="site")
    # The challenge of the first was asked of the second, which passed it on.
    assert "Pebble" in site.issuer()
    assert "Pebble" in site.issuer(OTHER)
    assert NAME in str(site.shown().extensions)
    assert 'staddle_acme_failed{certificate="site"} 0' in host.read("/var/lib/node_exporter/acme.prom")
    site.run("plan", exits=0, certbot="site")
    site.run("drift", exits=0, certbot="site")

    # The timer's run takes what is new, whoever renewed it.
    before = site.shown().serial_number
    host.run("certbot renew --quiet --force-renewal --no-random-sleep-on-renew --no-verify-ssl")
    host.run("systemctl start staddle-acme")
    until(lambda: site.shown().serial_number != before)
    assert "Pebble" in site.issuer()

    # One more name is another certificate.
    site.run("apply", certbot="site", domains=["w.example"])
    until(lambda: "w.example" in str(site.shown().extensions))

    site.run("apply")
    until(lambda: "staddle-ca" in site.issuer())
    left = host.run("systemctl is-active staddle-acme.timer; find /etc/nginx/acme /etc/staddle/acme.json", check=False)
    assert left.stdout.split() == ["inactive"]
    site.run("plan", exits=0)
