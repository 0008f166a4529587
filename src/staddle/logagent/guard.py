"""TLS for metrics: a server that shows a certificate, and demands one."""

from __future__ import annotations

import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

_PARTIAL_CHAIN = 0x80000
"""X509_V_FLAG_PARTIAL_CHAIN: a certificate among the trusted ones needs no CA. Python has a name for it since 3.10."""


def guard(data: Mapping[str, str]) -> ssl.SSLContext:
    """From the paths `certificate`, `key`, and `clients`: the certificates and CAs of those who may come in.

    Raises OSError if they can't be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= _PARTIAL_CHAIN
    context.load_cert_chain(data["certificate"], data["key"])
    context.load_verify_locations(data["clients"])
    return context


class Answering(BaseHTTPRequestHandler):
    """What handlers of such a server have in common."""

    timeout = 10.0

    def answer(self, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Scrapes are not worth a line each."""


class GuardedServer(ThreadingHTTPServer):
    """Behind TLS if it has a guard at that moment. Says nothing about those who break off, or are not let in."""

    daemon_threads = True
    guard: ssl.SSLContext | None = None

    def get_request(self) -> tuple[socket.socket, object]:
        """The handshake takes place in the connection's own thread: one that doesn't go on holds nobody up."""
        connection, address = super().get_request()
        if self.guard:
            connection = self.guard.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]
