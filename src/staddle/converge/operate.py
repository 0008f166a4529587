"""Working on one service: decide what it needs, do it, and wait until it is healthy or clearly is not going to be."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import health
from .services import ManagerError, ServiceState, log_size, log_tail

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .ledger import ServiceEntry
    from .model import Block, Service
    from .plan import Plan
    from .report import ServiceResult
    from .services import ServiceManager

_ATTEMPT = 2.0
_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 0.5
_AFTER = {
    "start": "it was started",
    "restart": "it was restarted",
    "reload": "it was reloaded",
    "enable": "it was enabled",
    "none": "the change",
}


@dataclass(frozen=True)
class Trouble:
    """Why a service is not healthy, and the end of its log."""

    reason: str
    log_tail: str | None = None


def probe(services: Iterable[Service]) -> dict[str, str | None]:
    """One health check of each, all at the same time: name → None (healthy) or the reason."""
    wanted = list(services)
    if not wanted:
        return {}
    with ThreadPoolExecutor(max_workers=min(len(wanted), 16)) as pool:
        reasons = pool.map(lambda service: health.check(service.health, _ATTEMPT), wanted)
        return {service.name: reason for service, reason in zip(wanted, reasons)}


def decide(
    block: Block,
    plan: Plan,
    hashes: tuple[str, str],
    known: ServiceEntry | None,
    state: ServiceState,
    *,
    can_reload: bool,
) -> str:
    """none, start, restart, reload, or enable if nothing but its start at boot is missing.

    The ledger's hashes tell what the running process has read; what changes on the disk right now counts as well,
    because a file changed by hand may have been read since.
    """
    service = block.service
    if service is None:
        return "none"
    if not state.running:
        return "start"
    changed = {c.on_change if c.path != service.definition else "restart" for c in plan.changes if c.replaces}
    if "restart" in changed or known is None or known.restart != hashes[0]:
        return "restart"
    if "reload" in changed or known.reload != hashes[1]:
        return "reload" if can_reload else "restart"
    return "enable" if state.boot else "none"


class Operator:
    """Acts on services through their manager, and keeps watch over them."""

    def __init__(self, manager: ServiceManager, log_dir: str, states: Mapping[str, ServiceState]) -> None:
        self.manager = manager
        self.states = dict(states)
        self._log_dir = log_dir
        self._acted: dict[str, tuple[int | None, int]] = {}

    def act(self, service: Service, action: str, result: ServiceResult) -> Trouble | None:
        """Carries out the action and waits for health. Fills in `result`; None when the service is healthy."""
        began = time.monotonic()
        mark = 0 if action == "none" else log_size(self._log_dir, service.name)
        try:
            if action == "start":
                self.manager.start(service)
            elif action == "restart":
                self.manager.restart(service)
            elif action == "reload":
                self.manager.reload(service)
            elif action == "enable":
                self.manager.enable(service)
            trouble = self._watch(service, mark, _AFTER[action])
        except ManagerError as error:
            trouble = Trouble(str(error), self._tail(service.name, mark))
        state = self.states.get(service.name)
        self._acted[service.name] = (state.pid if state else None, mark)
        result.pid_after = state.pid if state and state.running else None
        result.seconds = round(result.seconds + time.monotonic() - began, 3)
        result.healthy = trouble is None
        return trouble

    def _watch(self, service: Service, mark: int, after: str) -> Trouble | None:
        """Checks until it is healthy, its time is up, or its process has died."""
        began = time.monotonic()
        first = self._look(service.name)
        pause = _FIRST_PAUSE
        while True:
            left = began + service.health_timeout - time.monotonic()
            reason = health.check(service.health, min(_ATTEMPT, max(left, 0.1)))
            state = self._look(service.name)
            if not state.running or not first.running or (first.pid and state.pid != first.pid):
                detail = f" ({state.detail})" if state.detail else ""
                when = f"{time.monotonic() - began:.1f} s after {after}"
                return Trouble(f"{service.name} died {when}{detail}", self._tail(service.name, mark))
            if reason is None:
                return None
            if left <= 0:
                text = f"{service.name} is not healthy after {service.health_timeout:g} s: {reason}"
                return Trouble(text, self._tail(service.name, mark))
            time.sleep(min(pause, max(left, 0)))
            pause = min(pause * 1.5, _LONGEST_PAUSE)

    def still_running(self) -> dict[str, Trouble]:
        """Services acted upon that were healthy and have died since: a process may answer once, and then give up."""
        if not self._acted:
            return {}
        try:
            states = self.manager.states(list(self._acted))
        except ManagerError:
            return {}
        dead: dict[str, Trouble] = {}
        for name, (pid, mark) in self._acted.items():
            state = states[name]
            if pid and (not state.running or state.pid != pid):
                detail = f" ({state.detail})" if state.detail else ""
                dead[name] = Trouble(f"{name} died after it had been healthy{detail}", self._tail(name, mark))
        return dead

    def remove(self, name: str, stop_timeout: float, result: ServiceResult | None = None) -> None:
        """Stops it for good. Raises ManagerError."""
        began = time.monotonic()
        self.manager.remove(name, stop_timeout)
        self.states[name] = ServiceState(name, running=False, detail="removed")
        self._acted.pop(name, None)
        if result is not None:
            result.seconds = round(time.monotonic() - began, 3)

    def _look(self, name: str) -> ServiceState:
        self.states[name] = self.manager.states([name])[name]
        return self.states[name]

    def _tail(self, name: str, since: int) -> str | None:
        return log_tail(self._log_dir, name, since) or self.manager.tail(name) or None
