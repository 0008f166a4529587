"""The portal through changes of the inventory, and through accidents."""

from __future__ import annotations

import base64
import datetime as dt
import shutil
import socket
import ssl
import stat
from typing import TYPE_CHECKING

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from tests.sandbox.stack import Stack, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.changing import Changing


# What comes and goes


def test_a_removed_entry_is_gone_after_one_up(changing: Changing) -> None:
    changing.entries["extra"] = {"domain": "extra.example", "path": str(changing.docs)}
    changing.apply()
    assert changing.servers == {"home", "docs", "extra"}
    assert changing.stack.get("/", host="extra.example").text == "the manual"
    pid = changing.stack.pids()["nginx"]
    del changing.entries["extra"]
    changing.apply()
    assert changing.servers == {"home", "docs"}
    assert "<title>" in changing.stack.get("/", host="extra.example", tls=False).text
    assert changing.stack.pids()["nginx"] == pid, "a reload is enough"


def test_a_new_domain_is_covered_by_the_certificate_at_once(changing: Changing) -> None:
    pid, before = changing.stack.pids()["nginx"], changing.leaf()
    changing.entries["docs"]["domains"] = ["*.wild.example"]
    changing.apply()
    assert served(changing.stack, "any.wild.example") == changing.leaf() != before
    assert changing.stack.get("/", host="any.wild.example").text == "the manual"
    assert changing.stack.pids()["nginx"] == pid
    key = changing.stack.root / "etc/nginx/cert/nginx.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    again = changing.stack.up()
    assert again["report"]["totals"]["changed"] == 0


def test_changed_users_take_effect_at_once(changing: Changing) -> None:
    changing.entries["docs"]["auth"] = True
    for password in ("first", "second"):
        changing.apply(nginx_users={"ann": password})
        accepted = {p for p in ("first", "second") if log_in(changing, "ann", p) == 200}
        assert accepted == {password}


def test_files_of_others_are_read_unless_the_inventory_wants_none(changing: Changing) -> None:
    foreign = changing.stack.root / "etc/nginx/conf.d/by-hand.conf"
    foreign.write_text(
        f"server {{ listen 127.0.0.1:{changing.stack.port(8080)}; server_name hand.example; return 204; }}",
        encoding="utf-8",
    )
    for clean, status in ((False, 204), (True, 200)):
        changing.entries["docs"]["index"] = not clean  # so that there is something to reload
        changing.apply(nginx_clean=clean)
        assert changing.stack.get("/", host="hand.example", tls=False).status == status
    foreign.unlink()


# Modes of TLS


def test_enforced_https_redirects_everything_but_the_status(changing: Changing) -> None:
    changing.apply(nginx_sslmode="enforce")
    stack, tls_port = changing.stack, changing.stack.port(8443)
    for host in ("localhost", "i.staddle", "docs.example", "stranger.example"):
        answer = stack.get("/a?b=c", host=host, tls=False)
        assert (answer.status, answer.headers["location"]) == (301, f"https://{host}:{tls_port}/a?b=c")
        assert "strict-transport-security" not in answer.headers
    assert "Active connections" in stack.get("/nginx", tls=False).text
    for host in ("i.staddle", "docs.example"):
        assert stack.get("/", host=host).headers["strict-transport-security"] == "max-age=63072000"
    # It would hold for every port of the host, and of localhost that's other people's programs.
    assert "strict-transport-security" not in stack.get("/").headers
    assert stack.run("status").returncode == 0


def test_without_tls_everything_is_there_over_http_and_nothing_listens_for_tls(changing: Changing) -> None:
    result = changing.apply(nginx_sslmode="disable")
    stack = changing.stack
    assert result["portal_url"] == f"http://localhost:{stack.port(8080)}"
    assert stack.get("/", host="docs.example", tls=False).text == "the manual"
    assert "Active connections" in stack.get("/nginx", tls=False).text
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", stack.port(8443))) != 0
    assert not (stack.root / "etc/nginx/cert/nginx.key").exists()
    assert stack.run("status").returncode == 0


# The CA


def test_a_ca_of_ones_own_takes_over(changing: Changing) -> None:
    kept = changing.stack.root / "kept"
    changing.stack.ca.parent.rename(kept)
    changing.stack.write(changing.text(ca_create=False))
    refused = changing.stack.run("up", "--port-offset", str(changing.stack.offset), "-i", str(changing.stack.inventory))
    assert refused.returncode == 1
    assert "ca_create is false" in refused.stderr
    assert "put ca.key and ca.crt there" in refused.stderr
    own_rsa_ca(changing.stack.ca.parent)
    changing.apply(ca_create=False)
    assert served(changing.stack, "docs.example") == changing.leaf()
    assert changing.leaf().issuer.rfc4514_string() == "CN=Corporate CA"
    assert changing.stack.get("/ca.crt").body == changing.stack.ca.read_bytes()
    assert changing.stack.up()["report"]["totals"]["changed"] == 0
    shutil.rmtree(changing.stack.ca.parent)
    kept.rename(changing.stack.ca.parent)


# Accidents


def test_a_killed_master_is_replaced_and_leaves_no_workers_behind(changing: Changing) -> None:
    master, workers = psutil.Process(changing.stack.pids()["nginx"]), changing.workers()
    assert workers
    # Somebody is in the middle of a request, so that one of them would rather stay.
    with socket.create_connection(("127.0.0.1", changing.stack.port(8080))) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\n")
        master.kill()
        new = wait_for("another master", lambda: {changing.stack.pids()["nginx"]} - {0, master.pid}).pop()
        wait_for("its workers", changing.workers)
    assert not [worker for worker in workers if worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE]
    assert changing.stack.get("/", host="docs.example").text == "the manual"
    assert changing.stack.pids()["nginx"] == new
    assert changing.stack.up()["report"]["totals"]["changed"] == 0


def test_a_killed_worker_is_replaced_by_its_master(changing: Changing) -> None:
    master, workers = changing.stack.pids()["nginx"], changing.workers()
    for worker in workers:
        worker.kill()
    wait_for("new workers", lambda: len(changing.workers() - workers) == len(workers))
    assert changing.stack.get("/", host="docs.example").text == "the manual"
    assert changing.stack.pids()["nginx"] == master


# What is switched off


@pytest.mark.parametrize(
    ("off", "gone", "there"),
    [
        (
            ("blackbox_enabled",),
            ("/blackbox/",),
            ("/vmetrics/api/v1/labels", "/vmalert/api/v1/rules", "/alertmgr/-/ready"),
        ),
        (
            ("vmalert_enabled", "nginx_exporter_enabled"),
            ("/vmalert/",),
            ("/vmetrics/api/v1/labels", "/alertmgr/-/ready"),
        ),
        (("alertmanager_enabled",), ("/alertmgr/",), ("/vmetrics/api/v1/labels", "/vmalert/api/v1/rules")),
        (
            ("blackbox_enabled", "vmalert_enabled", "alertmanager_enabled", "nginx_exporter_enabled"),
            ("/blackbox/", "/vmalert/", "/alertmgr/"),
            ("/vmetrics/api/v1/labels",),
        ),
    ],
    ids=lambda names: "+".join(names) if isinstance(names, tuple) else str(names),
)
def test_routes_of_what_is_switched_off_vanish_and_the_rest_is_well(
    changing: Changing, off: tuple[str, ...], gone: tuple[str, ...], there: tuple[str, ...]
) -> None:
    switches = {name: name not in off for name in (
        "vmetrics_enabled", "vmalert_enabled", "alertmanager_enabled", "blackbox_enabled", "nginx_exporter_enabled",
    )}  # fmt: skip
    changing.apply(**switches)
    assert {path: changing.stack.get(path).status for path in gone} == dict.fromkeys(gone, 404)
    assert {path: changing.stack.get(path).status for path in there} == dict.fromkeys(there, 200)
    assert changing.servers - {"home", "docs"} == {
        "_metrics",
        *(["_alerts"] if "alertmanager_enabled" not in off else []),
    }
    assert changing.stack.run("status").returncode == 0


def test_metrics_can_do_without_a_portal(changing: Changing) -> None:
    names = ("nginx", "nginx_exporter", "node_ntp", "console")
    others = {f"{name}_enabled": False for name in names}
    changing.apply(vmetrics_enabled=True, **others)
    assert set(changing.stack.supervision.processes()) == {"vmetrics"}
    assert changing.stack.run("status").returncode == 0
    with socket.create_connection(("127.0.0.1", changing.stack.port(8428))):
        pass


def served(stack: Stack, host: str) -> x509.Certificate:
    """The certificate that the portal presents for a name."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", stack.port(8443)), timeout=10) as raw,
        context.wrap_socket(raw, server_hostname=host) as connection,
    ):
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")


def log_in(changing: Changing, user: str, password: str) -> int:
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    return changing.stack.get("/", host="docs.example", headers={"Authorization": f"Basic {token}"}).status


def own_rsa_ca(folder: Path) -> None:
    """What a user would put there."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Corporate CA")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + dt.timedelta(days=900))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    folder.mkdir()
    plain, pem = serialization.NoEncryption(), serialization.Encoding.PEM
    (folder / "ca.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    (folder / "ca.crt").write_bytes(certificate.public_bytes(pem))
