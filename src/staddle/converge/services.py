"""The one interface behind which services are run, whatever runs them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .facts import explain

if TYPE_CHECKING:
    from collections.abc import Collection

    from .model import Manager, Service

TAIL_BYTES = 6000
TAIL_LINES = 30


class ManagerError(Exception):
    """The service manager can't be reached, or refused."""


@dataclass(frozen=True)
class ServiceState:
    """One service as the manager sees it. `detail` says why it is not running, in the manager's words; `boot` why it
    would not be started at boot: `disabled` or `masked`.
    """

    name: str
    running: bool
    pid: int | None = None
    detail: str = ""
    boot: str = ""


class ServiceManager(Protocol):
    """What converge needs from a service manager. Everything raises ManagerError and nothing else.

    Start, restart and remove notice by themselves that a definition has changed on disk. They return when the manager
    has done its part; whether the service is healthy is asked elsewhere.
    """

    def states(self, names: Collection[str]) -> dict[str, ServiceState]:
        """The state of each named service, all in one call. A service that the manager doesn't know is not running."""

    def start(self, service: Service) -> None:
        """Starts a service that is not running, and sees to it that it is started at boot."""

    def enable(self, service: Service) -> None:
        """Sees to it that it is started at boot, and leaves the process alone."""

    def restart(self, service: Service) -> None:
        """Stops and starts it, with its definition as it is on disk now."""

    def reload(self, service: Service) -> None:
        """Makes the running process re-read its configuration."""

    def can_reload(self, service: Service) -> bool:
        """False if only a restart makes it read its configuration."""

    def remove(self, name: str, stop_timeout: float) -> None:
        """Stops it and forgets it. Called while the definition is still there; fine if the service is unknown."""

    def settle(self) -> None:
        """Called once at the end, after definitions of removed services are gone."""

    def tail(self, name: str) -> str:
        """The manager's own record of the end of the service's output, if it keeps one."""


def connect(manager: Manager) -> ServiceManager:
    """The manager that the manifest names. Nothing is contacted yet."""
    if manager.kind == "systemd":
        from .systemd import Systemd  # noqa: PLC0415 - only one of them is ever needed

        return Systemd()
    from .supervisor import Supervisor  # noqa: PLC0415 - see above

    return Supervisor(manager.socket or "")


def log_size(log_dir: str, name: str) -> int:
    """Where the service's log ends now: what comes later is about what we do next."""
    try:
        return os.lstat(_log(log_dir, name)).st_size
    except OSError:
        return 0


def log_tail(log_dir: str, name: str, since: int = 0) -> str | None:
    """The last lines of the service's log that were written after position `since`; None if there are none."""
    try:
        descriptor = os.open(_log(log_dir, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            size = os.fstat(descriptor).st_size
            start = since if since <= size else 0  # shorter than before: it was rotated
            file.seek(max(start, size - TAIL_BYTES))
            text = file.read(TAIL_BYTES).decode(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"(its log can't be read: {explain(error)})"
    return "\n".join(text.splitlines()[-TAIL_LINES:]) or None


def _log(log_dir: str, name: str) -> str:
    return os.path.join(log_dir, f"{name}.log")
