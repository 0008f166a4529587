"""Services under supervisord, over XML-RPC on its Unix socket.

Each service is a `[program:NAME]` in a file that supervisord includes, with autostart=false and autorestart=true.
"""

from __future__ import annotations

import http.client
import socket
import time
import xmlrpc.client
from typing import TYPE_CHECKING, Any
from xml.parsers.expat import ExpatError

from .services import ManagerError, ServiceState

if TYPE_CHECKING:
    from collections.abc import Collection

    from .model import Service

_BAD_NAME = 10
_BAD_SIGNAL = 11
_NO_FILE = 20
_NOT_EXECUTABLE = 21
_SPAWN_ERROR = 50
_ALREADY_STARTED = 60
_NOT_RUNNING = 70
_ALREADY_ADDED = 90
_CANT_REREAD = 92
_RPC_TIMEOUT = 30.0


class Supervisor:
    """ServiceManager for supervisord."""

    def __init__(self, path: str) -> None:
        self._path = path

    def states(self, names: Collection[str]) -> dict[str, ServiceState]:
        """One getAllProcessInfo."""
        known = {info["group"]: _state(info) for info in self._call("getAllProcessInfo")}
        return {name: known.get(name, ServiceState(name, running=False, detail="not started yet")) for name in names}

    def start(self, service: Service) -> None:
        """Takes over a new or changed definition first.

        A program in BACKOFF is stopped, so that this attempt is ours.
        """
        self._refresh(service.name, service.stop_timeout)
        self._start(service.name)

    def enable(self, service: Service) -> None:
        """Every definition is started with supervisord, so there is nothing to do."""

    def restart(self, service: Service) -> None:
        """Stop, take over the definition if it changed, start."""
        self._stop(service.name, service.stop_timeout)
        self._refresh(service.name, service.stop_timeout)
        self._start(service.name)

    def reload(self, service: Service) -> None:
        """Sends the reload signal."""
        self._call("signalProcess", service.name, service.reload_signal or "HUP")

    def can_reload(self, service: Service) -> bool:
        """Supervisor knows no reload of its own: it takes a signal."""
        return service.reload_signal is not None

    def remove(self, name: str, stop_timeout: float) -> None:
        """Stop, then drop the program from supervisord's running configuration."""
        self._stop(name, stop_timeout)
        self._call("removeProcessGroup", name, accept=(_BAD_NAME,))

    def settle(self) -> None:
        """Nothing: `remove` is final."""

    def tail(self, name: str) -> str:  # noqa: ARG002 - the interface's signature
        """The log file has it."""
        return ""

    def _refresh(self, name: str, stop_timeout: float) -> None:
        added, changed, _removed = self._call("reloadConfig")[0]
        if name in changed:
            self._stop(name, stop_timeout)
            self._call("removeProcessGroup", name)
        if name in changed or name in added:
            self._call("addProcessGroup", name, accept=(_ALREADY_ADDED,))

    def _start(self, name: str) -> None:
        if self._call("startProcess", name, False, accept=(_ALREADY_STARTED,)) is not None:
            return
        # Between its own attempts (BACKOFF) it counts as started. This attempt shall be ours, and now.
        self._stop(name, _RPC_TIMEOUT)
        self._call("startProcess", name, False)

    def _stop(self, name: str, timeout: float) -> None:
        """Supervisord kills it after its stopwaitsecs; we wait a little longer than the service may take."""
        deadline = time.monotonic() + timeout + _RPC_TIMEOUT
        # Asked to wait, supervisord answers only when the process is gone.
        self._call("stopProcess", name, True, timeout=timeout + _RPC_TIMEOUT, accept=(_BAD_NAME, _NOT_RUNNING))
        while time.monotonic() < deadline:
            infos = [info for info in self._call("getAllProcessInfo") if info["group"] == name]
            if not any(info["statename"] == "STOPPING" for info in infos):
                return
            time.sleep(0.05)
        raise ManagerError(f"{name} did not stop within {timeout:.0f} s")

    def _call(self, method: str, *args: Any, accept: Collection[int] = (), timeout: float = _RPC_TIMEOUT) -> Any:
        """One RPC. Faults in `accept` answer None."""
        proxy = xmlrpc.client.ServerProxy("http://supervisor/RPC2", transport=_Transport(self._path, timeout))
        try:
            with proxy:
                return getattr(proxy.supervisor, method)(*args)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode in accept:
                return None
            raise ManagerError(self._describe(fault, args)) from fault
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise ManagerError(f"supervisord is not running: nobody answers at {self._path}") from error
        except (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError) as error:
            raise ManagerError(
                f"supervisord at {self._path}: {method}: {str(error) or type(error).__name__}"
            ) from error

    def _describe(self, fault: xmlrpc.client.Fault, args: tuple[Any, ...]) -> str:
        name = str(args[0]) if args else ""
        text = fault.faultString.partition(": ")[2] or fault.faultString
        if fault.faultCode == _SPAWN_ERROR:
            infos = [info for info in self._call("getAllProcessInfo") if info["group"] == name]
            return f"{name} could not be started: {_detail(infos[0]) if infos else text}"
        if fault.faultCode in (_NO_FILE, _NOT_EXECUTABLE):
            problem = "its program does not exist" if fault.faultCode == _NO_FILE else "its program can't be executed"
            return f"{name} could not be started: {problem}: {text}"
        if fault.faultCode == _BAD_NAME:
            return f"supervisord knows no program {name}: its definition has no [program:{name}], or is not included"
        if fault.faultCode == _CANT_REREAD:
            return f"supervisord refuses its configuration: {text}"
        return f"supervisord: {fault.faultString}"


class _Transport(xmlrpc.client.Transport):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__()
        self._path = path
        self._timeout = timeout

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        # The base class closes what it finds here.
        connection = _UnixConnection(self._path, self._timeout)
        self._connection = host, connection
        return connection


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _state(info: dict[str, Any]) -> ServiceState:
    running = info["statename"] in ("RUNNING", "STARTING")
    return ServiceState(info["group"], running, info["pid"] or None, "" if running else _detail(info))


def _detail(info: dict[str, Any]) -> str:
    """RUNNING only means that startsecs have passed; everything else has a story."""
    state, error = info["statename"], info["spawnerr"]
    if state in ("BACKOFF", "FATAL"):
        return f"{state}: {error or 'exited too quickly'}"
    if state == "EXITED":
        return f"exited with status {info['exitstatus']}"
    return str(state).lower()
