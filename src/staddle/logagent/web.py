"""`/metrics` and `/health` of the agent."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .control import ControlError
from .guard import Answering, GuardedServer
from .metrics import render

if TYPE_CHECKING:
    import socket

    from .agent import Agent


class Server(GuardedServer):
    """That of the agent, whose guard may change while it runs."""

    agent: Agent

    def get_request(self) -> tuple[socket.socket, object]:
        self.guard = self.agent.guard
        return super().get_request()


def serve(agent: Agent, listen: str, metrics_path: str) -> GuardedServer:
    """Answers from a thread of its own, for as long as the process lives. Raises OSError if it can't listen."""

    class Handler(Answering):
        def do_GET(self) -> None:  # noqa: N802 - the name is the base class's
            if self.path == metrics_path:
                self.answer(200, render(agent.snapshot()), "text/plain; version=0.0.4; charset=utf-8")
            elif self.path == "/health":
                try:
                    agent.statistics()
                except ControlError as error:
                    self.answer(503, f"{error}\n")
                else:
                    self.answer(200, "OK\n")
            else:
                self.answer(404, "There are /metrics and /health.\n")

    host, _, port = listen.rpartition(":")
    server = Server((host, int(port)), Handler)
    server.agent = agent
    threading.Thread(target=server.serve_forever, daemon=True, name="http").start()
    return server
