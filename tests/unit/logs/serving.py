"""A log server (or another store's) inside the test process."""

import http.client
import json
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from staddle.logs.flags import Flags
from staddle.logs.main import PROGRAM
from staddle.logs.program import Instance, Program

STREAM = {"Content-Type": "application/stream+json"}


class Running:
    """Requests to a server; `instance`, `app` and `store` are its insides."""

    def __init__(self, instance: Instance, port: int) -> None:
        self.instance = instance
        self.app = instance.app
        self.store = instance.store
        self.port = port

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            conn.request(method, path, body, headers or {})
            reply = conn.getresponse()
            return reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read()
        finally:
            conn.close()

    def insert(
        self, rows: list[dict[str, Any]], path: str = "/insert/jsonline?_stream_fields=app", **headers: str
    ) -> int:
        body = "".join(json.dumps(r) + "\n" for r in rows).encode()
        return self.request("POST", path, body, {**STREAM, **headers})[0]

    def ask(self, endpoint: str, tenant: int = 0, **args: str) -> tuple[int, bytes]:
        headers = {"AccountID": str(tenant), "Content-Type": "application/x-www-form-urlencoded"}
        status, _, body = self.request("POST", f"/select/logsql/{endpoint}", urllib.parse.urlencode(args), headers)
        return status, body

    def rows(self, query: str, tenant: int = 0, **args: str) -> list[dict[str, str]]:
        status, body = self.ask("query", tenant, query=query, **args)
        assert status == 200, body
        return [json.loads(line) for line in body.splitlines()]

    def count(self, query: str = "*") -> int:
        return int(self.rows(f"{query} | count() n")[0]["n"])


@contextmanager
def serving(folder: Path, *flags: str, program: Program = PROGRAM) -> Iterator[Running]:
    own = [f"-storageDataPath={folder}", "-httpListenAddr=127.0.0.1:0", "-retentionPeriod=100y"]
    instance = Instance(program, Flags(program.flags, [*own, "-memory.allowedBytes=512MiB", *flags], {}))
    try:
        yield Running(instance, instance.listen()[0])
    finally:
        instance.stop()
        # Every connection thread ends with its connection; a leak would show here.
        for thread in threading.enumerate():
            if thread.name == "connection":
                thread.join(5)
