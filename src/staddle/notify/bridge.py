"""The server: `POST /<receiver>` with Alertmanager's JSON. After an answer of 5xx, Alertmanager tries again."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .channels import DeliveryError, deliver
from .message import message

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("staddle.notify")

LIMIT = 16 << 20


class Bridge:
    """The receivers of a settings file, which is read again when asked to, and counts of what became of messages."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.receivers = self._read()
        self.counts: dict[tuple[str, str], int] = {}

    def reload(self) -> None:
        """Take the file as it is now; keep what there is if it can't be read."""
        try:
            self.receivers = self._read()
        except (OSError, ValueError) as error:
            log.warning("%s: %s; the receivers stay as they are", self._path, error)

    def tell(self, name: str, body: bytes) -> tuple[int, str]:
        """Pass a webhook on. Gives the status to answer with, and what to say."""
        settings = self.receivers.get(name)
        if settings is None:
            return 404, f"no receiver {name}"
        try:
            told = message(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            return 400, f"not a webhook of Alertmanager: {error!r}"
        try:
            deliver(settings, told, time.time())
        except DeliveryError as error:
            self._count(name, "failed")
            log.warning("%s: %s", name, error)
            return (422 if error.permanent else 502), str(error)
        self._count(name, "delivered")
        return 200, "OK"

    def metrics(self) -> str:
        """In Prometheus' text format."""
        lines = ["# HELP staddle_notify_messages_total Messages by receiver and what became of them."]
        lines += ["# TYPE staddle_notify_messages_total counter"]
        with self._lock:
            counts = dict(self.counts)
        for name in sorted(self.receivers):
            for what in ("delivered", "failed"):
                labels = f'receiver="{name}",result="{what}"'
                lines.append(f"staddle_notify_messages_total{{{labels}}} {counts.get((name, what), 0)}")
        return "\n".join(lines) + "\n"

    def _read(self) -> Mapping[str, Mapping[str, str]]:
        found: dict[str, dict[str, str]] = json.loads(self._path.read_text(encoding="utf-8"))
        return found

    def _count(self, name: str, what: str) -> None:
        with self._lock:
            self.counts[name, what] = self.counts.get((name, what), 0) + 1


def handler(bridge: Bridge) -> type[BaseHTTPRequestHandler]:
    """Requests of this bridge."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 30

        def do_GET(self) -> None:
            known = {"/metrics": bridge.metrics(), "/health": "OK\n"}
            found = known.get(self.path)
            self._answer(200 if found else 404, found or "not found\n")

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            if size > LIMIT:
                self._answer(413, "too much\n")
                return
            status, said = bridge.tell(self.path.strip("/"), self.rfile.read(size))
            self._answer(status, f"{said}\n")

        def _answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """What matters is logged where it happens."""

    return Handler


def main(arguments: list[str] | None = None) -> int:
    """Until SIGTERM; SIGHUP reads the settings again."""
    parser = argparse.ArgumentParser(prog="notify", description=__doc__)
    parser.add_argument("settings", type=Path, help="receivers as JSON: name to type, url, secret, token")
    parser.add_argument("--listen", default="127.0.0.1:9596", help="HOST:PORT (%(default)s)")
    given = parser.parse_args(arguments)
    logging.basicConfig(
        format="%(asctime)s,%(msecs)03d %(levelname)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S", level=20
    )
    host, _, port = given.listen.rpartition(":")
    try:
        bridge = Bridge(given.settings)
        server = ThreadingHTTPServer((host, int(port)), handler(bridge))
    except (OSError, ValueError) as error:
        print(f"notify: {error}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGHUP, lambda *_: bridge.reload())
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    log.info("listening on %s for %s", given.listen, ", ".join(sorted(bridge.receivers)))
    server.serve_forever()
    return 0
