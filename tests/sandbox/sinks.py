"""Services on loopback that keep the notifications they get: a mail server, and HTTP servers that answer as each service."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

ANSWERS: dict[str, tuple[int, bytes]] = {
    "slack": (200, b"ok"),
    "pagerduty": (202, b'{"status":"success"}'),
    "opsgenie": (202, b'{"result":"Request will be processed"}'),
    "telegram": (200, b'{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":-100,"type":"group"}}}'),
    "msteams": (202, b""),
    "dingtalk": (200, b'{"errcode":0,"errmsg":"ok"}'),
    "feishu": (200, b'{"code":0,"msg":"success"}'),
    "wecom": (200, b'{"errcode":0,"errmsg":"ok"}'),
    "ntfy": (200, b'{"id":"x"}'),
}


@dataclass
class Told:
    """One request: the path with its query, headers, and body as text."""

    path: str
    headers: dict[str, str]
    body: str
    at: float = field(default_factory=time.time)

    @property
    def data(self) -> Any:
        return json.loads(self.body)


@dataclass
class HttpSink:
    """`url` takes anything below it. The first part of a path names the service whose answer is given."""

    told: list[Told] = field(default_factory=list)

    def __enter__(self) -> Self:
        told = self.told

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                told.append(Told(self.path, dict(self.headers), body))
                status, answer = ANSWERS.get(self.path.split("/")[1].split("?")[0], (200, b"{}"))
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if answer.startswith(b"{") else "text/plain")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def by(self, service: str, fits: Callable[[Told], bool] = lambda _: True) -> list[Told]:
        return [told for told in self.told if told.path.lstrip("/").startswith(service) and fits(told)]


@dataclass
class MailSink:
    """A mail server without encryption or log-in (RFC 5321, the part that sending needs)."""

    mails: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        mails = self.mails

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.say(220)
                while line := self.rfile.readline():
                    word = line[:4].upper().strip()
                    if word == b"DATA":
                        self.say(354)
                        lines = list(iter(self.rfile.readline, b".\r\n"))
                        mails.append(b"".join(lines).decode())
                    self.say(221 if word == b"QUIT" else 250)
                    if word == b"QUIT":
                        return

            def say(self, code: int) -> None:
                self.wfile.write(f"{code} sink\r\n".encode())

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"
