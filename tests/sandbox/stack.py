"""A real sandbox for tests: the command line as a user runs it, real programs, free ports."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import random
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from staddle.converge.report import FAILED, ROLLED_BACK
from staddle.drive.supervision import Supervision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")

PORTS = (
    *(3080, 8080, 8443, 8428, 8880, 9059, 9100, 9113, 9115, 9121, 9428, 9596, 9597, 9598, 9599, 9630, 9631, 9640, 9854),
    *(10053, 10123, 10428),
)
"""Every port of the built-in inventory and of its modules, and one to spare."""

_claims: list[IO[str]] = []
"""Locks on the ports that this process gave to its stacks; they end with it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


def free_offset() -> int:
    """An offset at which no port of the stack is taken, nor claimed by tests that run beside these.

    Below the range that the kernel takes ports of outgoing connections from: any of those could be anybody's by the time
    that the stack is up.
    """
    for _ in range(200):
        offset = random.randrange(11_000, 22_300, 50)
        if _claim([port + offset for port in PORTS]):
            return offset
    raise AssertionError("no free range of ports on this machine")


def free_port() -> int:
    """A port of this process's own, from below the same range."""
    for _ in range(200):
        port = random.randrange(20_000, 32_768)
        if _claim([port]):
            return port
    raise AssertionError("no free port on this machine")


def _claim(ports: list[int]) -> bool:
    folder = Path(tempfile.gettempdir()) / "staddle-test-ports"
    folder.mkdir(exist_ok=True)
    with contextlib.ExitStack() as undo:
        held = []
        for port in ports:
            held.append(undo.enter_context((folder / str(port)).open("w")))
            try:
                fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if not _is_free(port):
                return False
        undo.pop_all()
        _claims.extend(held)
        return True


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


@dataclass(slots=True)
class Stack:
    """A sandbox below `home`, with the inventory that `write` last wrote (the built-in one before that)."""

    home: Path
    offset: int = field(default_factory=free_offset)
    inventory: Path | None = None

    @property
    def root(self) -> Path:
        return self.home / "sandbox"

    @property
    def supervision(self) -> Supervision:
        return Supervision(self.root)

    @property
    def ca(self) -> Path:
        return self.root / "admin/pki/ca/ca.crt"

    def port(self, number: int) -> int:
        return number + self.offset

    def write(self, text: str) -> None:
        """Make this the inventory."""
        self.inventory = self.home / "fleet.yml"
        self.inventory.write_text(text, encoding="utf-8")

    def run(self, *arguments: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """`staddle …` on this sandbox."""
        argv = [sys.executable, "-m", "staddle", *arguments, "--dir", str(self.root)]
        return subprocess.run(argv, cwd=self.home, capture_output=True, text=True, check=False, timeout=timeout)

    def up(self, *arguments: str, ok: bool = True) -> dict[str, Any]:
        """`staddle up --json`; with `ok` it must exit 0."""
        which = ["-i", str(self.inventory)] if self.inventory else []
        result = self.run("up", "--json", "--port-offset", str(self.offset), *which, *arguments)
        assert not ok or result.returncode == 0, _why(result)
        data: dict[str, Any] = json.loads(result.stdout)
        data["exit"] = result.returncode
        return data

    def pids(self) -> dict[str, int]:
        """Main process of every service, by name."""
        return {name: info["pid"] for name, info in self.supervision.processes().items()}

    def get(
        self,
        path: str,
        *,
        host: str = "localhost",
        tls: bool = True,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """One request to the portal, without following redirects. The certificate is verified for `host`."""
        if tls:
            context = ssl.create_default_context(cafile=str(self.ca))
            raw = socket.create_connection(("127.0.0.1", self.port(8443)), timeout=10)
            connection = http.client.HTTPSConnection(host, self.port(8443), timeout=10)
            connection.sock = context.wrap_socket(raw, server_hostname=host)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port(8080), timeout=10)  # type: ignore[assignment]
        with contextlib.closing(connection):
            host_header = host if host != "localhost" else f"localhost:{self.port(8443 if tls else 8080)}"
            connection.request(method, path, body, {"Host": host_header, **(headers or {})})
            reply = connection.getresponse()
            return Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())

    def query(self, metricsql: str) -> list[dict[str, Any]]:
        """An instant query through the portal: `[{"metric": labels, "value": [time, text]}]`."""
        answer = self.get("/vmetrics/api/v1/query?" + urlencode({"query": metricsql}))
        assert answer.status == 200, answer.text
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result

    def down(self) -> None:
        result = self.run("down")
        assert result.returncode == 0, result.stderr


def _why(result: subprocess.CompletedProcess[str]) -> str:
    """What failed of an `up --json`."""
    try:
        report = json.loads(result.stdout)["report"]
    except (ValueError, KeyError, TypeError):
        return result.stdout[-6000:] + result.stderr
    failed = [
        f"{block['component']} {block['outcome']}: {block['message']}\n{block['log_tail'] or ''}"
        for block in report["blocks"]
        if block["outcome"] in (FAILED, ROLLED_BACK)
    ]
    return "\n".join([report["error"] or "", *failed, result.stderr])


def wait_for(
    what: str | Callable[[], str], look: Callable[[], T | None], timeout: float = 60, interval: float = 0.2
) -> T:
    """The first truthy result of `look`. Fails the test after `timeout` seconds; `what` may say then what is missing."""
    deadline = time.monotonic() + timeout
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {timeout:.0f} s for {what() if callable(what) else what}"
        time.sleep(interval)


def started(home: Path, text: str | None = None) -> Iterator[Stack]:
    """A stack that is up, and is brought down and found clean afterwards: a fixture's body."""
    stack = Stack(home)
    if text:
        stack.write(text)
    try:
        stack.up()
        yield stack
    finally:
        stack.supervision.stop()
    assert not stack.supervision.own_pids()
