"""The log agent's metrics behind TLS: INFRA nodes and the node itself come in, and nobody else does."""

from __future__ import annotations

import datetime as dt
import http.client
import socket
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from staddle.components.material import CertificateRequest
from staddle.converge.health import check
from staddle.converge.model import Health
from staddle.logagent.control import Statistics
from staddle.logagent.guard import guard
from staddle.logagent.metrics import Snapshot
from staddle.logagent.web import serve
from staddle.pki.authority import open_authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from staddle.components.material import Role


class Agent:
    """What the server asks."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.guard: ssl.SSLContext | None = context

    def statistics(self) -> Statistics:
        return Statistics()

    def snapshot(self) -> Snapshot:
        return Snapshot(up=True, version="1")


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    """`<name>.crt` and `.key` of: this node, an INFRA node, another node, and one of a CA that only has the right name."""
    now = dt.datetime.now(dt.UTC)
    infra = open_authority(tmp_path / "infra", "staddle-infra", create=True, now=now)
    nodes = open_authority(tmp_path / "nodes", "staddle-nodes", create=True, now=now)
    forged = open_authority(tmp_path / "forged", "staddle-infra", create=True, now=now)
    made: list[tuple[Any, str, str, Role]] = [
        (nodes, "own", "127.0.0.1", "node"),
        (nodes, "other", "127.0.0.2", "node"),
        (infra, "infra", "127.0.0.3", "infra"),
        (forged, "forged", "127.0.0.3", "infra"),
    ]
    for signer, name, ip, role in made:
        pair, _ = signer.ensure(name, CertificateRequest(name, ip, (), (ip,), 10, role), now)
        (tmp_path / f"{name}.crt").write_bytes(pair.certificate)
        (tmp_path / f"{name}.key").write_bytes(pair.key)
    (tmp_path / "clients.crt").write_bytes(infra.pem + (tmp_path / "own.crt").read_bytes())
    (tmp_path / "nodes.crt").write_bytes(nodes.pem)
    return tmp_path


@pytest.fixture
def port(pki: Path) -> Iterator[int]:
    settings = {"certificate": f"{pki}/own.crt", "key": f"{pki}/own.key", "clients": f"{pki}/clients.crt"}
    server = serve(Agent(guard(settings)), "127.0.0.1:0", "/metrics")  # type: ignore[arg-type]
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def ask(pki: Path, port: int, who: str | None) -> int:
    context = ssl.create_default_context(cafile=f"{pki}/nodes.crt")
    if who:
        context.load_cert_chain(pki / f"{who}.crt", pki / f"{who}.key")
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("who", ["infra", "own"])
def test_who_may_look(pki: Path, port: int, who: str) -> None:
    assert ask(pki, port, who) == 200


@pytest.mark.parametrize("who", [None, "other", "forged"])
def test_who_may_not(pki: Path, port: int, who: str | None) -> None:
    with pytest.raises(OSError):
        ask(pki, port, who)


def test_a_health_check_shows_the_nodes_own_certificate(pki: Path, port: int) -> None:
    nobody = Health("http", url=f"https://127.0.0.1:{port}/health", contains="OK")
    own = replace(nobody, certificate=f"{pki}/own.crt", key=f"{pki}/own.key")
    assert check(own, 5) is None
    assert "127.0.0.1" in str(check(nobody, 5))
    assert "no such file" in str(check(replace(own, key=f"{pki}/none.key"), 5))


def test_a_connection_that_says_nothing_holds_nobody_up(pki: Path, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)):
        assert ask(pki, port, "infra") == 200


def test_plain_http_gets_no_answer(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/metrics")
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.getresponse()
    connection.close()
