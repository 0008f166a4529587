"""Services under systemd, through systemctl.

All questions are asked in one call; names are given without `.service`.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from .services import TAIL_LINES, ManagerError, ServiceState

if TYPE_CHECKING:
    from collections.abc import Collection

    from .model import Service

_PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,MainPID,Result,ExecMainStatus,NeedDaemonReload,CanReload,"
    "UnitFileState,DropInPaths"
)
_TIMEOUT = 120.0


class Systemd:
    """ServiceManager for systemd."""

    def __init__(self) -> None:
        self._removed = False

    def states(self, names: Collection[str]) -> dict[str, ServiceState]:
        """One `systemctl show` for all."""
        return {name: _state(name, unit) for name, unit in self._show(names).items()}

    def start(self, service: Service) -> None:
        """Enables it too: an INFRA node that reboots must come back by itself."""
        self._refresh(service)
        # After repeated crashes systemd refuses further starts ("start request repeated too quickly") until it is
        # reset.
        self._systemctl("reset-failed", _unit(service.name), accept_failure=True)
        self._systemctl("start", _unit(service.name), timeout=service.health_timeout + _TIMEOUT)

    def enable(self, service: Service) -> None:
        """Takes a mask away, too: who wants the service off switches it off in the inventory."""
        self._refresh(service)

    def restart(self, service: Service) -> None:
        """With the unit as it is on disk now."""
        self._refresh(service)
        self._systemctl("reset-failed", _unit(service.name), accept_failure=True)
        timeout = service.stop_timeout + service.health_timeout + _TIMEOUT
        self._systemctl("restart", _unit(service.name), timeout=timeout)

    def reload(self, service: Service) -> None:
        """By the unit's own ExecReload if it has one, else by the signal to its main process."""
        self._refresh(service)
        if self._unit_can_reload(service.name):
            self._systemctl("reload", _unit(service.name))
        else:
            # --kill-who is what systemd < 252 understands; newer ones still take it.
            signal = service.reload_signal or "HUP"
            signal = signal if signal.startswith("SIG") else f"SIG{signal}"
            self._systemctl("kill", "--kill-who=main", f"--signal={signal}", _unit(service.name))

    def can_reload(self, service: Service) -> bool:
        """The unit supports it, or there is a signal for it."""
        return service.reload_signal is not None or self._unit_can_reload(service.name)

    def remove(self, name: str, stop_timeout: float) -> None:
        """Stops and disables it while its unit file is still there."""
        self._removed = True
        if self._show([name])[name].get("LoadState") != "not-found":
            self._systemctl("disable", "--now", _unit(name), timeout=stop_timeout + _TIMEOUT)
            self._systemctl("reset-failed", _unit(name), accept_failure=True)

    def settle(self) -> None:
        """Lets systemd forget the units whose files are gone."""
        if self._removed:
            self._removed = False
            self._systemctl("daemon-reload")

    def tail(self, name: str) -> str:
        """The journal's last lines about the unit."""
        try:
            return _run(
                ["journalctl", "--unit", _unit(name), "--lines", str(TAIL_LINES), "--no-pager", "--output", "cat"]
            )
        except ManagerError:
            return ""

    def _refresh(self, service: Service) -> None:
        """daemon-reload if, and only if, the unit on disk is another; unmask and enable if it can be and isn't."""
        name = service.name
        unit = self._show([name])[name]
        for scope in ((), ("--runtime",)):
            if unit.get("UnitFileState", "").startswith("masked"):
                self._systemctl("unmask", *scope, _unit(name))
                unit = self._show([name])[name]
        # systemd notices a changed unit, but not the first drop-in of one.
        drop_in = service.definition.endswith(".conf") and service.definition not in unit.get("DropInPaths", "").split()
        if drop_in or unit.get("NeedDaemonReload") == "yes" or unit.get("LoadState") in ("not-found", "masked"):
            self._systemctl("daemon-reload")
            unit = self._show([name])[name]
        if unit.get("LoadState") != "loaded":
            raise ManagerError(f"systemd can't load {_unit(name)}: {unit.get('LoadState') or 'unknown unit'}")
        if unit.get("UnitFileState") == "disabled":
            self._systemctl("enable", _unit(name))

    def _unit_can_reload(self, name: str) -> bool:
        return self._show([name])[name].get("CanReload") == "yes"

    def _show(self, names: Collection[str]) -> dict[str, dict[str, str]]:
        """Properties by name. systemctl prints the units in the order asked for, an empty line between them."""
        if not names:
            return {}
        output = _run(["systemctl", "show", f"--property={_PROPERTIES}", *map(_unit, names)])
        units = [dict(line.split("=", 1) for line in part.splitlines() if "=" in line) for part in output.split("\n\n")]
        if len(units) != len(names):
            raise ManagerError(f"systemctl show described {len(units)} units, not {len(names)}")
        return dict(zip(names, units))

    def _systemctl(self, verb: str, *args: str, timeout: float = _TIMEOUT, accept_failure: bool = False) -> None:
        try:
            _run(["systemctl", "--no-ask-password", "--quiet", verb, *args], timeout)
        except ManagerError:
            if not accept_failure:
                raise


def _unit(name: str) -> str:
    return f"{name}.service"


def _state(name: str, unit: dict[str, str]) -> ServiceState:
    active, sub = unit.get("ActiveState", ""), unit.get("SubState", "")
    pid = int(unit.get("MainPID") or 0) or None
    # `activating` is either on its way up, or between two attempts (auto-restart): then nothing runs.
    running = active in ("active", "reloading") or (active == "activating" and sub != "auto-restart")
    setting = unit.get("UnitFileState", "")
    boot = "masked" if setting.startswith("masked") else "disabled" if setting == "disabled" else ""
    if running:
        return ServiceState(name, running=True, pid=pid, boot=boot)
    if unit.get("LoadState") == "not-found":
        return ServiceState(name, running=False, detail="no such unit")
    result = unit.get("Result", "")
    detail = f"{active} ({sub})"
    if result not in ("", "success"):
        detail += f": {result}, exit status {unit.get('ExecMainStatus', '?')}"
    return ServiceState(name, running=False, pid=pid, detail=detail, boot=boot)


def _run(argv: list[str], timeout: float = _TIMEOUT) -> str:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=timeout, check=False)
    except FileNotFoundError:
        raise ManagerError(f"{argv[0]} is not installed: this host is not run by systemd") from None
    except subprocess.TimeoutExpired:
        raise ManagerError(f"{' '.join(argv)} did not end within {timeout:.0f} s") from None
    if done.returncode != 0:
        output = (done.stderr or done.stdout).strip()
        raise ManagerError(f"{' '.join(argv[:1] + [a for a in argv[1:] if not a.startswith('--')])}: {output}")
    return done.stdout
