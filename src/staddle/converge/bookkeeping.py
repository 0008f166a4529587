"""What a transaction keeps account of: its plan, what is reported, and what goes into the ledger."""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING

from . import commands
from .facts import explain
from .ledger import ServiceEntry
from .plan import Change, Plan, plan_block, service_hashes
from .report import CHANGED, FAILED, OK, BlockResult, ResourceResult, ServiceResult
from .sections import resolve
from .services import ServiceState

if TYPE_CHECKING:
    from .context import Context
    from .files import Step
    from .model import Block, Service
    from .operate import Trouble


class Bookkeeping:
    """The part of a transaction that changes nothing on the host.

    `pruned`: paths, `stale`: names of services, that the component had and the block has not, or that it displaces.
    """

    def __init__(
        self, context: Context, block: Block, pruned: list[str], stale: list[str], *, removed: bool = False
    ) -> None:
        self._context = context
        block = resolve(block, context.facts, context.manifest.blobs)
        self._fetch_originals(pruned)
        self._block = block
        self._stale = stale
        self._removed = removed
        self._interrupted = context.interrupted.get(block.component)
        self._plan: Plan = plan_block(block, context.manifest, context.ledger, context.facts, pruned)
        self._hashes = service_hashes(block)
        self._due = commands.due(block, self._plan, context.ledger)
        self._commands = [ResourceResult("command", command.name, OK, "run") for command in self._due]
        self._result = BlockResult(block.component, block.phase, removed=removed)
        self._resources = [_resource_result(change) for change in self._plan.changes]
        self._result.resources = self._resources
        self._service_result: ServiceResult | None = None
        if block.service:
            pid = self._state(block.service.name).pid
            self._service_result = ServiceResult(block.service.name, pid_before=pid, pid_after=pid)
            self._result.services.append(self._service_result)
        self._stale_results = []
        for name in stale:
            pid = self._state(name).pid
            self._stale_results.append(ServiceResult(name, "stop" if pid else "none", pid_before=pid, pid_after=pid))
        self._result.services += self._stale_results
        self._continues = self._interrupted is not None
        known = context.ledger.services.get(block.service.name) if block.service else None
        # What the running process had read before this transaction, and before an interrupted one that it continues.
        self._service_before = self._interrupted.service if self._interrupted else copy.copy(known)

    def _fetch_originals(self, pruned: list[str]) -> None:
        """What was there before us comes back when ours goes: its content, as far as the ledger still has it."""
        for path in pruned:
            sha256 = (self._context.ledger.paths[path].original or {}).get("sha256")
            if sha256:
                with contextlib.suppress(OSError):
                    self._context.manifest.blobs[sha256] = self._context.store.content(sha256)

    def _state(self, name: str) -> ServiceState:
        return self._context.operator.states.get(name) or ServiceState(name, running=False)

    def _step(self, text: str) -> None:
        self._context.step(self._block.component, text)

    def _own_service(self) -> ServiceResult:
        if self._service_result is None:
            raise AssertionError("only asked for blocks with a service")
        return self._service_result

    def _act(self, service: Service, action: str) -> Trouble | None:
        words = {"none": "checking", "restart": "restarting", "start": "starting", "reload": "reloading"}
        self._step(f"{words.get(action, 'enabling')} {service.name}")
        return self._context.operator.act(service, action, self._own_service())

    def _count_brought(self) -> None:
        """What a package put in place a moment ago was not there before this run: for all who look from outside, it is
        created by it, as the plan said.
        """
        brought = self._context.brought
        for resource in self._resources:
            if resource.path in brought:
                brought.discard(resource.path)
                resource.action, resource.outcome, self._result.outcome = "create", CHANGED, CHANGED

    def _fail(self, outcome: str, message: str, log_tail: str | None = None) -> None:
        self._result.outcome = outcome
        self._result.message = message
        self._result.log_tail = log_tail
        for resource, change in zip(self._resources, self._plan.changes):
            if change.touches:
                resource.outcome = outcome
        for result in self._commands:
            result.outcome = outcome

    def _finish(self, action: str) -> None:
        changed = action != "none" or any(result.action != "none" for result in self._stale_results)
        for resource, change in zip(self._resources, self._plan.changes):
            if change.touches:
                resource.outcome = CHANGED
                changed = True
        for result in self._commands:
            result.outcome, changed = CHANGED, True
        if self._service_result:
            self._service_result.action = action
        self._result.outcome = CHANGED if changed else OK
        if self._continues:
            self._result.message = "finished what an interrupted earlier run had begun"

    def _record(self, changes: list[tuple[str, Step]], journal: str | None = None) -> bool:
        """Success: into the ledger, if it says anything else.

        False (and the block has failed) if that can't be written.
        """
        context, ledger = self._context, self._context.ledger
        component, service = self._block.component, self._block.service
        services: dict[str, ServiceEntry | None] = dict.fromkeys(self._stale)
        if service:
            services[service.name] = ServiceEntry(component, service.definition, *self._hashes, service.stop_timeout)
        entries = {change.path: change.entry for change in self._plan.changes}
        differs = ledger.take(component, None if self._removed else self._block.data, entries, services) or bool(
            changes
        )
        differs |= ledger.take_commands(component, commands.digests(self._block))
        if journal:
            ledger.committed[component] = journal
        if self._removed:
            ledger.committed.pop(component, None)
        try:
            if differs:
                context.store.save(ledger, context.manifest.digest, changes)
            if journal:
                self._close_journal()
        except OSError as error:
            self._fail(FAILED, f"it was applied, but the ledger can't be written: {explain(error)}")
            return False
        return True

    def _remember_service(self, entry: ServiceEntry | None) -> None:
        """What the running process has read, after going back. None: nobody can tell."""
        service, ledger = self._block.service, self._context.ledger
        if service is None:
            return
        if entry is not None:
            ledger.services[service.name] = entry
        elif service.name in ledger.services:
            ledger.services[service.name].restart = None
        try:
            self._context.store.save(ledger, self._context.manifest.digest, [])
        except OSError as error:
            self._result.message = f"{self._result.message}; the ledger can't be written: {explain(error)}"

    def _restore_ledger(self) -> None:
        """What an interrupted transaction had made is no longer there."""
        if self._interrupted:
            for path, entry in self._interrupted.paths.items():
                self._context.ledger.take_path(path, entry)

    def _close_journal(self) -> None:
        self._context.store.close_journal(self._block.component)
        self._context.interrupted.pop(self._block.component, None)


def _resource_result(change: Change) -> ResourceResult:
    return ResourceResult(change.kind, change.path, OK, change.action, change.diff, change.note)
