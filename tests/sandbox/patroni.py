"""A real Patroni for tests, with its PostgreSQL: Debian's, run by Debian's own Python."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.sandbox.postgres import Postgres, programs, server_home
from tests.sandbox.stack import free_port, wait_for

from staddle.components.base import Package

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.debian import Debian

PATRONI = Package("patroni", {"patroni": "/usr/bin/patroni"}, smoke=())
PYTHON = Path("/usr/bin/python3")
"""Patroni's modules in C are made for that one."""
FAST = {"ttl": 20, "loop_wait": 1, "retry_timeout": 3, "failsafe_mode": True}
"""As fast as it lets itself be made: a dead leader's lease ends after 20 s."""


@dataclass
class Member:
    """One instance of a cluster, its files in `server.home`, listening on `address`."""

    name: str
    address: str
    api: int
    server: Postgres
    libraries: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.server.home / "patroni.out").open("ab") as log:
            self.process = subprocess.Popen(
                [PYTHON, "-m", "patroni", self.server.home / "patroni.yml"],
                env={**self.server.environment, "PYTHONPATH": self.libraries},
                user=self.server.user,
                cwd=self.server.home,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """As a power cut would: Patroni and PostgreSQL are gone without a word."""
        assert self.process
        pid_file = self.server.data / "postmaster.pid"
        self.process.kill()
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
        pid_file.unlink()
        self.process.wait()
        self.process = None

    def stop(self) -> None:
        """In good order, PostgreSQL with it."""
        if self.process:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def ask(self, path: str, method: str = "GET", body: dict[str, Any] | None = None) -> str:
        """Its API's answer; nothing if there is none."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.api}/{path}", json.dumps(body).encode() if body else None, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                text: str = answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()
        except OSError:
            return ""
        return text

    @property
    def state(self) -> tuple[str, str]:
        """Its role, and what PostgreSQL is doing."""
        found = json.loads(self.ask("patroni") or "{}")
        return found.get("role", ""), found.get("state", "")


@contextlib.contextmanager
def member(debian: Debian, name: str, address: str, etcd: int, log_dir: Path) -> Iterator[Member]:
    """A member that isn't started yet."""
    if not PYTHON.exists():
        pytest.skip(f"Debian's Patroni needs Debian's Python ({PYTHON})")
    libraries = sorted(str(path) for path in debian.home.glob("programs/*/usr/lib/python3/dist-packages"))
    with server_home(free_port()) as server:
        found = Member(name, address, free_port(), server, ":".join(libraries))
        (server.home / "patroni.yml").write_text(json.dumps(_configuration(found, etcd, log_dir)))
        if server.user:
            shutil.chown(log_dir, server.user)
        try:
            yield found
        finally:
            found.stop()
            if server.runs:
                server.stop()


def _configuration(member: Member, etcd: int, log_dir: Path) -> dict[str, Any]:
    api = f"127.0.0.1:{member.api}"
    return {
        "scope": "pg-test",
        "name": member.name,
        "log": {"dir": str(log_dir)},
        "restapi": {"listen": api, "connect_address": api},
        "etcd3": {"host": f"127.0.0.1:{etcd}"},
        "bootstrap": {"dcs": FAST, "initdb": ["no-sync", {"auth": "trust"}]},
        "postgresql": {
            "listen": f"{member.address}:{member.server.port}",
            "connect_address": f"{member.address}:{member.server.port}",
            "data_dir": str(member.server.data),
            "bin_dir": str(programs()),
            "use_unix_socket": True,
            "use_pg_rewind": True,
            "authentication": {"superuser": {"username": "postgres"}, "replication": {"username": "postgres"}},
            "parameters": {"unix_socket_directories": str(member.server.home), "fsync": "off"},
            "pg_hba": [
                "local all all trust",
                "host all all 127.0.0.0/8 trust",
                "host replication all 127.0.0.0/8 trust",
            ],
        },
    }


def wait_for_role(member: Member, *roles: str) -> None:
    """Releases before 4.0 call a primary master."""
    wait_for(f"{member.name} to be {roles[0]}", lambda: member.state[0] in roles and member.state[1] == "running", 60)
