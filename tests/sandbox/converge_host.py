"""A real supervisord with a real, small HTTP server in it, for tests of converge."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from tests.sandbox.stack import free_port

from staddle.converge.agent import converge
from staddle.manifest.canonical import to_data
from staddle.manifest.resources import (
    Block,
    Directory,
    File,
    HttpHealth,
    Manager,
    Manifest,
    Service,
    Validator,
)

if TYPE_CHECKING:
    from pathlib import Path

    from staddle.converge.report import Report

# Says at / what it read at start (restart.conf) and at start or on HUP (reload.conf). "broken" in a file: answers 500
# (restart.conf) or 503 (reload.conf). "die": exits at once. No framework, so that it is up in some 20 ms.
SERVER = """
import os, signal, socket, sys
port, folder = int(sys.argv[1]), sys.argv[2]
def load(name):
    with open(os.path.join(folder, name)) as file:
        return file.read()
config = {"restart.conf": load("restart.conf"), "reload.conf": load("reload.conf")}
if "die" in config["restart.conf"]:
    sys.exit("server: told to die by restart.conf")
def hup(*_):
    config["reload.conf"] = load("reload.conf")
    if "die" in config["reload.conf"]:
        os.write(2, b"server: told to die by reload.conf\\n")
        os._exit(3)
signal.signal(signal.SIGHUP, hup)
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", port))
listener.listen()
print("server: up", flush=True)
while True:
    peer, _ = listener.accept()
    peer.recv(4096)
    broken = [name for name in config if "broken" in config[name]]
    status = {"restart.conf": "500 Broken", "reload.conf": "503 Broken"}[broken[0]] if broken else "200 OK"
    body = (config["restart.conf"] + config["reload.conf"]).encode()
    head = f"HTTP/1.1 {status}\\r\\nContent-Length: {len(body)}\\r\\nConnection: close\\r\\n\\r\\n"
    peer.sendall(head.encode() + body)
    peer.close()
"""


class SupervisedHost:
    """A scratch host: `base` (what the manifest is about), `state`, `log`, and a supervisord that includes
    `base/services/*.conf`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.base = root / "base"
        self.log = root / "log"
        self.state = root / "state"
        # A Unix socket's path must be short.
        self.socket = root / "s"
        for path in (self.base, self.log, self.base / "services"):
            path.mkdir()
        self.ports: dict[str, int] = {}
        (root / "server.py").write_text(SERVER)
        (root / "supervisord.conf").write_text(
            f"""[unix_http_server]
file={self.socket}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisord]
logfile={root}/supervisord.log
pidfile={root}/supervisord.pid
childlogdir={self.log}
nodaemon=true
[include]
files={self.base}/services/*.conf
"""
        )
        self._process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(root / "supervisord.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 15
        while not self.socket.exists():
            assert time.monotonic() < deadline, "supervisord did not start"
            time.sleep(0.02)

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)

    def definition(self, name: str, extra: str = "") -> File:
        port = self.ports.setdefault(name, free_port())
        text = f"""[program:{name}]
command={sys.executable} -ISu {self.root}/server.py {port} {self.base}/{name}
autostart=false
autorestart=true
startsecs=1
stopwaitsecs=3
redirect_stderr=true
stdout_logfile={self.log}/{name}.log
{extra}
"""
        return File(str(self.base / "services" / f"{name}.conf"), text.encode())

    def web(
        self,
        name: str = "web",
        *,
        restart: str = "r1\n",
        reload: str = "l1\n",
        none: str | None = None,
        extra: str = "",
        validators: tuple[Validator, ...] = (),
        signal_name: str | None = "HUP",
        health_timeout: float = 5.0,
        files: tuple[File, ...] = (),
    ) -> Block:
        """A component with the small server."""
        folder = self.base / name
        resources: list[Any] = [
            Directory(str(folder)),
            File(str(folder / "restart.conf"), restart.encode()),
            File(str(folder / "reload.conf"), reload.encode(), on_change="reload", origin=f"staddle.yml:7 ({name})"),
        ]
        if none is not None:
            resources.append(File(str(folder / "none.conf"), none.encode(), on_change="none"))
        definition = self.definition(name, extra)
        resources += [*files, definition]
        service = Service(
            name,
            definition.path,
            HttpHealth(f"http://127.0.0.1:{self.ports[name]}/"),
            reload_signal=signal_name,
            health_timeout=health_timeout,
            stop_timeout=3.0,
        )
        return Block(name, "test", tuple(resources), validators, service)

    def manifest(self, *blocks: Block) -> dict[str, Any]:
        manager = Manager("supervisor", str(self.socket))
        return to_data(Manifest("10.0.0.1", "test", str(self.state), str(self.log), manager, blocks))

    def converge(self, *blocks: Block, check: bool = False, only: tuple[str, ...] | None = None) -> Report:
        return converge(self.manifest(*blocks), check=check, only=only)

    def processes(self) -> dict[str, dict[str, Any]]:
        from staddle.converge.supervisor import Supervisor

        return {info["group"]: info for info in Supervisor(str(self.socket))._call("getAllProcessInfo")}

    def pid(self, name: str = "web") -> int:
        return int(self.processes()[name]["pid"])

    def answer(self, name: str = "web") -> str:
        with socket.create_connection(("127.0.0.1", self.ports[name]), timeout=3) as peer:
            peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return peer.makefile("rb").read().partition(b"\r\n\r\n")[2].decode()
