"""Health checks against real sockets."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from staddle.converge.health import check
from staddle.converge.model import Health

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def datagrams(answer: Callable[[bytes], bytes | None]) -> Iterator[int]:
    """A UDP server on a free port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)

        def serve() -> None:
            with contextlib.suppress(OSError):
                packet, peer = server.recvfrom(4096)
                reply = answer(packet)
                if reply is not None:
                    server.sendto(reply, peer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


@pytest.fixture
def web() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/ok?x=1" else 302 if self.path == "/moved" else 404)
            self.send_header("Location", "/ok?x=1")
            self.end_headers()
            self.wfile.write(b"all is well")

        def log_message(self, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_http(web: str) -> None:
    assert check(Health("http", url=f"{web}/ok?x=1"), 2) is None
    assert check(Health("http", url=f"{web}/ok?x=1", contains="is well"), 2) is None
    assert check(Health("http", url=f"{web}/moved", status=302), 2) is None
    assert check(Health("http", url=f"{web}/no"), 2) == f"{web}/no answered 404, expected 200"
    reason = check(Health("http", url=f"{web}/ok?x=1", contains="sunshine"), 2)
    assert reason == f"{web}/ok?x=1: the answer does not contain 'sunshine'"


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_nobody_there() -> None:
    port = closed_port()
    for health in (
        Health("http", url=f"http://127.0.0.1:{port}/"),
        Health("http", url=f"https://127.0.0.1:{port}/"),
        Health("dns", address="127.0.0.1", port=port, name="home.test"),
        Health("ntp", address="127.0.0.1", port=port),
    ):
        assert (check(health, 2) or "").endswith("connection refused")


def test_no_answer() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert check(Health("http", url=url), 0.2) == f"{url}: no answer within 0.2 s"
    with datagrams(lambda _packet: None) as port:
        assert "no answer within 0.2 s" in (check(Health("ntp", address="127.0.0.1", port=port), 0.2) or "")


def test_something_else_answers() -> None:
    with socket.socket() as strange:
        strange.bind(("127.0.0.1", 0))
        strange.listen()

        def serve() -> None:
            peer, _ = strange.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        assert check(Health("http", url=f"http://127.0.0.1:{strange.getsockname()[1]}/"), 2) is not None
        thread.join()


def dns_reply(query: bytes, addresses: list[str], rcode: int = 0) -> bytes:
    header = query[:2] + struct.pack("!HHHHH", 0x8180 | rcode, 1, len(addresses) + 1, 0, 0)
    alias = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 60, 2) + b"\xc0\x0c"
    answers = b""
    for address in addresses:
        family, kind, length = (socket.AF_INET6, 28, 16) if ":" in address else (socket.AF_INET, 1, 4)
        answers += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, length) + socket.inet_pton(family, address)
    return header + query[12:] + alias + answers


@pytest.mark.parametrize(
    ("addresses", "expected", "reason"),
    [
        (["10.0.0.1"], "10.0.0.1", None),
        (["10.0.0.1", "10.0.0.2"], "10.0.0.2", None),
        (["10.0.0.1"], None, None),
        (["fd00::1"], "fd00:0::1", None),
        (["10.0.0.1"], "10.0.0.2", "home.test is 10.0.0.1, expected 10.0.0.2"),
        ([], None, "no A record for home.test"),
    ],
)
def test_dns(addresses: list[str], expected: str | None, reason: str | None) -> None:
    with datagrams(lambda query: dns_reply(query, addresses)) as port:
        said = check(Health("dns", address="127.0.0.1", port=port, name="home.test", answer=expected), 2)
    assert said == (reason and f"dns 127.0.0.1:{port}: {reason}")


def test_dns_refusals_and_rubbish() -> None:
    for answer, reason in (
        (lambda query: dns_reply(query, [], 3), "home.test A: NXDOMAIN"),
        (lambda query: dns_reply(query, [], 5), "home.test A: REFUSED"),
        (lambda query: b"\0\0" + query[2:], "not an answer to our question"),
        (lambda query: query[:5], ""),
        (lambda query: dns_reply(query, ["10.0.0.1"])[:-3], ""),
    ):
        with datagrams(answer) as port:
            said = check(Health("dns", address="127.0.0.1", port=port, name="home.test"), 2)
        assert said is not None
        assert reason in said


def ntp_reply(query: bytes, stratum: int) -> bytes:
    return bytes([4 << 3 | 4, stratum]) + bytes(22) + query[40:48] + bytes(16)


@pytest.mark.parametrize(("stratum", "healthy"), [(1, True), (10, True), (15, True), (0, False), (16, False)])
def test_ntp(stratum: int, healthy: bool) -> None:
    with datagrams(lambda query: ntp_reply(query, stratum)) as port:
        reason = check(Health("ntp", address="127.0.0.1", port=port), 2)
    assert (reason is None) is healthy
    assert healthy or f"stratum {stratum}" in (reason or "")


def test_ntp_that_answers_somebody_else() -> None:
    with datagrams(lambda _query: ntp_reply(bytes(48), 2)) as port:
        assert "not an answer" in (check(Health("ntp", address="127.0.0.1", port=port), 2) or "")
