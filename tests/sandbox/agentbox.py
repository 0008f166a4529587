"""A log agent and log stores of their own for tests: the real programs, with the very files that are compiled for a node."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.sandbox.stack import free_port, wait_for
from tests.unit.fleets import fleet_of

from staddle.components.base import Context
from staddle.components.log_agent import SYSLOG_NG_CORE, SYSLOG_NG_HTTP, LogAgent
from staddle.components.registration import LogFormat, LogSource, Registry
from staddle.manifest.layout import Layout
from staddle.manifest.resources import Directory, File, Manager
from staddle.programs.provision import provision

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.sandbox.stack import Stack

    from staddle.components.base import Draft
    from staddle.manifest.layout import Program

LABELS = {"job": "test", "cls": "demo", "ip": "127.0.0.1"}


def programs_of(stack: Stack) -> dict[str, Program]:
    """What `staddle up` unpacked: nothing is fetched."""
    directory = stack.root / "programs"
    return provision([SYSLOG_NG_CORE, SYSLOG_NG_HTTP], directory, directory / "no-cache", lambda _step: None)


@dataclass(slots=True)
class Store:
    """`staddle-logs` with its data below `home`; `flags` are added to its command line."""

    home: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *flags: str) -> None:
        argv = [
            sys.executable,
            "-m",
            "staddle.logs.main",
            f"-storageDataPath={self.home}",
            f"-httpListenAddr=127.0.0.1:{self.port}",
        ]
        self.process = subprocess.Popen([*argv, *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("the store to answer", lambda: self._get("/health") == b"OK", timeout=30)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    def query(self, logsql: str) -> list[dict[str, str]]:
        lines = self._get("/select/logsql/query?" + urllib.parse.urlencode({"query": logsql}))
        return [json.loads(line) for line in (lines or b"").splitlines()]

    def count(self, logsql: str, field: str = "_msg") -> tuple[int, int]:
        """How many rows match, and how many different ones."""
        [row] = self.query(f"{logsql} | stats count() n, count_uniq({field}) u")
        return int(row["n"]), int(row["u"])

    def _get(self, path: str) -> bytes | None:
        try:
            with urllib.request.urlopen(self.url + path, timeout=20) as reply:
                body: bytes = reply.read()
                return body
        except (OSError, urllib.error.URLError):
            return None


@dataclass(slots=True)
class AgentBox:
    """A node below `home` whose log agent reads `<home>/logs/<name>.log` for every name in `formats`."""

    home: Path
    programs: Mapping[str, Program]
    endpoints: list[str]
    formats: Mapping[str, LogFormat]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    @property
    def data(self) -> Path:
        return self.home / "data/vector"

    def command(self) -> list[str]:
        """How syslog-ng is run, up to its modules."""
        return list(self._draft().validators[0].argv[:3])

    def write(self) -> list[str]:
        """Puts the compiled files in place; returns the command that runs the agent."""
        draft = self._draft()
        assert draft.service
        (self.home / "logs").mkdir(parents=True, exist_ok=True)
        for resource in draft.resources:
            path = self.home.joinpath(resource.path)
            if isinstance(resource, Directory):
                path.mkdir(resource.mode or 0o755, parents=True, exist_ok=True)
            elif isinstance(resource, File):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(resource.content)
        self._environment = dict(draft.service.environment)
        return list(draft.service.argv)

    def _draft(self) -> Draft:
        variables = json.dumps({"vector_log_endpoint": self.endpoints, "vector_port": self.port, **self.parameters})
        fleet = fleet_of(f"all: {{children: {{infra: {{hosts: {{127.0.0.1: {{infra_seq: 1}}}}}}}}, vars: {variables}}}")
        sources = tuple(
            LogSource(name, style, {**LABELS, "ins": f"demo-{name}"}, (str(self.log(name)),))
            for name, style in self.formats.items()
        )
        layout = Layout(
            kind="sandbox",
            manager=Manager("supervisor"),
            root=str(self.home),
            programs=self.programs,
            python=sys.executable,
        )
        return LogAgent().build(replace(Context(fleet, fleet.nodes[0], layout), registry=Registry(logs=sources)))

    _environment: dict[str, str] = field(default_factory=dict)

    def start(self, **environment: str) -> None:
        argv = self.write()
        with (self.home / "agent.log").open("ab") as log:
            self.process = subprocess.Popen(
                argv, env={**os.environ, **self._environment, **environment}, stdout=log, stderr=log
            )
        wait_for("the agent to be healthy", self.healthy, timeout=30)

    def healthy(self) -> bool:
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=10) as reply,
        ):
            return bool(reply.status == 200)
        return False

    def metrics(self) -> dict[str, float]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as reply:
            lines = reply.read().decode().splitlines()
        return {
            name: float(value)
            for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
        }

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.process:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None
