"""syslog-ng as a child, and the upkeep around it."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import control, follow
from .follow import Source
from .guard import guard
from .metrics import Snapshot

if TYPE_CHECKING:
    import ssl
    from types import FrameType

TICK = 0.2
"""How long a new file may go unnoticed."""
TIDY = 10.0
STOP_TIMEOUT = 20.0
_SETTLE_NS = 1_000_000_000
"""A directory that changed so recently may change again with the same time stamp."""
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Configuration:
    """What to run, what to read, and where things are. All paths are absolute."""

    directory: str
    argv: tuple[str, ...]
    persist_tool: tuple[str, ...]
    environment: dict[str, str]
    version: str
    read_from: str
    queues: dict[str, str]
    queue_limit: int
    sources: tuple[Source, ...]
    tls: ssl.SSLContext | None = None

    @classmethod
    def read(cls, path: str) -> Configuration:
        """Raises OSError, ValueError or KeyError if there's no configuration at `path`."""
        with open(path, encoding="utf-8") as file:
            data: dict[str, Any] = json.load(file)
        return cls(
            directory=data["directory"],
            argv=tuple(data["argv"]),
            persist_tool=tuple(data["persist_tool"]),
            environment=data["environment"],
            version=data["version"],
            read_from=data["read_from"],
            queues=data["queues"],
            queue_limit=data["queue_limit"],
            sources=tuple(Source.of(item) for item in data["sources"]),
            tls=guard(data["tls"]) if "tls" in data else None,
        )

    @property
    def persist(self) -> str:
        return os.path.join(self.directory, "syslog-ng.persist")

    @property
    def socket(self) -> str:
        """Relative to the directory, which is the working one: the length of a socket's path is limited."""
        return "syslog-ng.ctl"


class Agent:
    """Links files, runs syslog-ng, and ends with it."""

    def __init__(self, path: str, configuration: Configuration) -> None:
        self._path = path
        self._configuration = configuration
        self.guard = configuration.tls
        self._environment = {**os.environ, **configuration.environment}
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._reload = False
        self._seen: dict[str, tuple[int, int]] = {}
        os.makedirs(configuration.directory, 0o700, exist_ok=True)
        os.chdir(configuration.directory)

    def run(self) -> int:
        """Until syslog-ng ends. Returns its exit status, or 0 if it was asked to end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._hang_up)
        self._prepare()
        self._child = subprocess.Popen(
            [
                *self._configuration.argv,
                "--control",
                self._configuration.socket,
                "--persist-file",
                self._configuration.persist,
            ],
            env=self._environment,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - there's one thread more, and it isn't in Python when this forks
        )
        tidied = time.monotonic()
        while (status := self._child.poll()) is None:
            time.sleep(TICK)
            if self._reload:
                self._reload = False
                self._read_again()
                self._child.send_signal(signal.SIGHUP)
            if self._stopping:
                return self._end()
            self._link()
            if time.monotonic() - tidied > TIDY:
                self._tidy()
                tidied = time.monotonic()
        _say(f"syslog-ng ended with status {status}")
        return 0 if self._stopping else status or 1

    def statistics(self) -> control.Statistics:
        """Raises ControlError if syslog-ng does not answer."""
        return control.statistics(self._configuration.socket)

    def snapshot(self) -> Snapshot:
        """What there is to tell now. Never raises for anything that syslog-ng does."""
        configuration = self._configuration
        found = Snapshot(up=False, version=configuration.version, queue_limit=configuration.queue_limit)
        try:
            found.rows = self.statistics()
            found.up = True
            found.queue_bytes = {name: control.queue_bytes(folder) for name, folder in configuration.queues.items()}
            found.unread_bytes = follow.unread(configuration.sources, self._positions())
        except (control.ControlError, OSError) as error:
            _say(str(error))
        return found

    def _prepare(self) -> None:
        for folder in self._configuration.queues.values():
            os.makedirs(folder, 0o700, exist_ok=True)
        for source in self._configuration.sources:
            new = follow.prepare(source)
            links = follow.link(source)
            if new and links and self._configuration.read_from == "end":
                self._skip(links)

    def _skip(self, links: list[str]) -> None:
        """Takes files as read that were there before the agent. Only while syslog-ng doesn't run."""
        if self._child is not None:
            return
        folder = os.path.dirname(self._configuration.persist)
        tool = self._configuration.persist_tool
        if not os.path.exists(self._configuration.persist):
            subprocess.run(
                [*tool, "generate", "-o", folder], env=self._environment, check=True, stdout=subprocess.DEVNULL
            )
        with tempfile.NamedTemporaryFile("w", dir=folder, encoding="utf-8") as entries:
            entries.writelines(control.end_of(link) for link in links)
            entries.flush()
            argv = [*tool, "add", entries.name, "-o", folder]
            subprocess.run(argv, env=self._environment, check=True, stdout=subprocess.DEVNULL)

    def _link(self) -> None:
        """Looks only into directories that changed since they were looked into."""
        for source in self._configuration.sources:
            folder = os.path.dirname(source.paths[0])
            try:
                changed = os.stat(folder).st_mtime_ns
            except OSError:
                continue
            before, looked = self._seen.get(source.name, (0, 0))
            if changed == before and changed < looked - _SETTLE_NS:
                continue
            self._seen[source.name] = (changed, time.time_ns())
            try:
                follow.prepare(source)
                follow.link(source)
            except OSError as error:
                _say(f"can't follow {source.name}: {error}")

    def _tidy(self) -> None:
        try:
            if follow.orphans(self._configuration.sources):
                positions = self._positions()
                for source in self._configuration.sources:
                    follow.forget(source, positions)
            follow.clear(os.path.join(self._configuration.directory, "follow"), self._configuration.sources)
        except (control.ControlError, OSError) as error:
            _say(str(error))

    def _positions(self) -> dict[str, int]:
        return control.positions(self._configuration.persist_tool, self._configuration.persist, self._environment)

    def _read_again(self) -> None:
        try:
            self._configuration = Configuration.read(self._path)
            self.guard = self._configuration.tls
            self._prepare()
        except (OSError, ValueError, KeyError) as error:
            _say(f"keeping the configuration there was: {error}")

    def _end(self) -> int:
        assert self._child is not None  # noqa: S101 - it is only called while there's one
        self._child.terminate()
        try:
            self._child.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        return 0

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _hang_up(self, _number: int, _frame: FrameType | None) -> None:
        self._reload = True


def _end_with_parent() -> None:
    """A syslog-ng that goes on without this process would hold what the next one needs."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _say(text: str) -> None:
    print(f"logagent: {text}", file=sys.stderr, flush=True)
