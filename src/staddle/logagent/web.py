"""`/metrics` and `/health` of the agent."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from .control import ControlError
from .guard import GuardedServer
from .metrics import render

if TYPE_CHECKING:
    import socket

    from .agent import Agent


TIMEOUT = 10.0


class Server(GuardedServer):
    """That of the agent, whose guard may change while it runs."""

    agent: Agent

    def get_request(self) -> tuple[socket.socket, object]:
        self.guard = self.agent.guard
        return super().get_request()


def serve(agent: Agent, listen: str, metrics_path: str) -> GuardedServer:
    """Answers from a thread of its own, for as long as the process lives. Raises OSError if it can't listen."""

    class Handler(BaseHTTPRequestHandler):
        timeout = TIMEOUT

        def do_GET(self) -> None:
            if self.path == metrics_path:
                self._answer(200, render(agent.snapshot()), "text/plain; version=0.0.4; charset=utf-8")
            elif self.path == "/health":
                try:
                    agent.statistics()
                except ControlError as error:
                    self._answer(503, f"{error}\n")
                else:
                    self._answer(200, "OK\n")
            else:
                self._answer(404, "There are /metrics and /health.\n")

        def _answer(self, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            """Scrapes are not worth a line each."""

    host, _, port = listen.rpartition(":")
    server = Server((host, int(port)), Handler)
    server.agent = agent
    threading.Thread(target=server.serve_forever, daemon=True, name="http").start()
    return server
