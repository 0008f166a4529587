"""Small real programs for the portal to stand in front of: an app that echoes, over HTTP, HTTPS and WebSocket."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import ssl
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CHUNK = 1 << 20


class App(BaseHTTPRequestHandler):
    """Answers every request with what it got, as JSON; some paths behave like particular apps."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade") == "websocket":
            self._web_socket()
        elif self.path == "/old-fashioned-redirect":
            # It knows its host, but nothing of TLS in front of it.
            self._answer(302, b"", {"Location": f"http://{self.headers['Host']}/next?a=b"})
        elif self.path == "/strict":
            own = {"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
                   "Strict-Transport-Security": "max-age=1", "Content-Security-Policy": "default-src 'none'",
                   "Access-Control-Allow-Origin": "*"}  # fmt: skip
            self._answer(200, b"", own)
        elif self.path == "/latin1":
            self._answer(200, "<p>ä</p>".encode("latin-1"), {"Content-Type": "text/html"})
        elif self.path == "/large-header":
            self._answer(200, b"", {"Set-Cookie": "session=" + 24_000 * "x"})
        elif self.path == "/missing":
            self._answer(404, b"the app's own page", {"Content-Type": "text/html"})
        else:
            self._echo()

    def do_POST(self) -> None:
        left = int(self.headers.get("Content-Length") or 0)
        digest, size = hashlib.sha256(), left
        while left:
            piece = self.rfile.read(min(left, CHUNK))
            assert piece, "the portal hung up"
            digest.update(piece)
            left -= len(piece)
        self._echo(size=size, sha256=digest.hexdigest())

    def log_message(self, *_: Any) -> None:
        pass

    def _echo(self, **more: Any) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        data = {"method": self.command, "path": self.path, "headers": headers, **more}
        self._answer(200, json.dumps(data).encode(), {"Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _web_socket(self) -> None:
        """Accept (RFC 6455), then send every frame back until the peer goes."""
        accept = base64.b64encode(hashlib.sha1((self.headers["Sec-WebSocket-Key"] + GUID).encode()).digest()).decode()
        self.send_response(101)
        for name, value in {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        while header := self.rfile.read(2):
            length, mask = header[1] & 0x7F, self.rfile.read(4)
            text = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self.rfile.read(length)))
            self.wfile.write(bytes([header[0], len(text)]) + text)


@contextlib.contextmanager
def app(certificate: str | None = None, key: str | None = None) -> Iterator[int]:
    """The app on a loopback port of its own, over TLS with a certificate. Gives the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), App) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def web_socket(connection: socket.socket, host: str, path: str, text: str, **headers: str) -> tuple[int, str]:
    """Ask for a WebSocket and send one text frame: the status, and the text that comes back (empty without one)."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]  # fmt: skip
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    with connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        answer = b"".join(iter(stream.readline, b"\r\n")).decode().lower()
        if status != 101:
            return status, ""
        assert "s3pplmbitxaq9kygzzhzrbk+xoo=" in answer, "the accept key of RFC 6455, section 1.3"
        payload = bytes(byte ^ 0x55 for byte in text.encode())
        connection.sendall(struct.pack("!BB4s", 0x81, 0x80 | len(payload), b"\x55" * 4) + payload)
        _, length = stream.read(2)
        return status, stream.read(length).decode()
