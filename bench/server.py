"""A store under measurement: its process, its answers, its memory, its disk."""

import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse

import psutil

ROOT = pathlib.Path(__file__).resolve().parents[1]


class Server:
    """One server on a fresh folder."""

    def __init__(self, name: str, command: list[str], folder: pathlib.Path) -> None:
        self.name, self.command, self.folder = name, command, folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen[bytes] | None = None
        self.peak = 0

    def start(self) -> None:
        flags = [
            f"-storageDataPath={self.folder}",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            "-retentionPeriod=100y",
        ]
        env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
        log = (self.folder.parent / f"{self.name}.log").open("ab")
        self.process = subprocess.Popen(
            [*self.command, *flags], stdout=log, stderr=log, env=env, cwd=self.folder.parent
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                self.request("GET", "/health")
            except OSError:
                time.sleep(0.05)
            else:
                return
        sys.exit(f"{self.name} does not start; see its log")

    def stop(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)

    def request(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> bytes:
        conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        try:
            conn.request(method, path, body, headers or {})  # type: ignore[arg-type]
            reply = conn.getresponse()
            data = reply.read()
            if reply.status >= 400:
                raise RuntimeError(f"{self.name}: {path}: {reply.status} {data[:300]!r}")
            return data
        finally:
            conn.close()

    def ask(self, endpoint: str, args: dict[str, str]) -> bytes:
        body = urllib.parse.urlencode(args)
        return self.request(
            "POST", f"/select/logsql/{endpoint}", body, {"Content-Type": "application/x-www-form-urlencoded"}
        )

    def count(self) -> int:
        return int(json.loads(self.ask("query", {"query": "* | count() n"}))["n"])

    def rss(self) -> int:
        assert self.process is not None
        total = 0
        try:
            main = psutil.Process(self.process.pid)
            for p in [main, *main.children(recursive=True)]:
                total += p.memory_info().rss
        except psutil.NoSuchProcess:
            pass
        return total

    def cpu(self) -> float:
        """Seconds of processor time so far, with all child processes."""
        assert self.process is not None
        main = psutil.Process(self.process.pid)
        total = sum(main.cpu_times()[:4])
        for child in main.children(recursive=True):
            try:
                total += sum(child.cpu_times()[:2])
            except psutil.NoSuchProcess:
                continue
        return float(total)

    def watch(self, stop: threading.Event) -> None:
        while not stop.wait(0.05):
            self.peak = max(self.peak, self.rss())

    def metric(self, name: str) -> float:
        total = 0.0
        for line in self.request("GET", "/metrics").decode().splitlines():
            if line.startswith(name):
                total += float(line.rsplit(" ", 1)[1])
        return total


def disk_bytes(folder: pathlib.Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and "tmp" not in p.parts[len(folder.parts) :])
