"""One component, as a unit: everything of it is accepted, or everything is as it was before."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from . import commands, stage
from .bookkeeping import Bookkeeping
from .facts import Obstacle, explain, read
from .files import Step, Swap, undo
from .ledger import Journal, ServiceEntry
from .model import Health, Service, parse_block
from .operate import Trouble, decide
from .report import CHANGED, FAILED, OK, ROLLED_BACK, BlockResult
from .services import ManagerError

if TYPE_CHECKING:
    from .context import Interrupted


class Transaction(Bookkeeping):
    """Brings one block about."""

    def run(self) -> BlockResult:
        """Plans are made on construction; this carries them out (or, in check mode, says what that would be)."""
        began = time.monotonic()
        self._converge()
        foundations = self._context.foundations.get(self._block.component, [])
        self._result.resources = [*foundations, *self._resources, *self._commands]
        if self._result.outcome in (OK, CHANGED):
            self._count_brought()
        if self._result.outcome == OK and any(result.outcome == CHANGED for result in foundations):
            self._result.outcome = CHANGED
        self._result.seconds = round(time.monotonic() - began, 3)
        return self._result

    def _converge(self) -> None:
        context, plan, service = self._context, self._plan, self._block.service
        if self._block.component in context.lacking:
            self._refuse(context.lacking[self._block.component])
            return
        if plan.obstacles:
            self._refuse("; ".join(str(obstacle) for obstacle in plan.obstacles))
            for resource, change in zip(self._resources, plan.changes):
                if any(obstacle.path == change.path for obstacle in plan.obstacles):
                    resource.outcome = FAILED
            return
        if context.manager_error and (service or self._stale) and not context.check:
            self._refuse(context.manager_error)
            return
        # A program that is still to be installed can't judge anything yet.
        judged = not (context.check and self._block.component in context.coming)
        if judged and plan.steps and self._block.validators and not self._validated():
            return
        action = self._decide()
        steps = self._all_steps()
        if context.check:
            self._predict(action)
        elif steps or self._due or self._stale or self._removed or self._interrupted:
            self._swap(action, steps)
        elif service and action != "none":
            self._operate_only(service, action)
        else:
            self._record([])

    # Deciding

    def _validated(self) -> bool:
        context = self._context
        self._step("checking the new configuration")
        try:
            state = None if context.check else context.store.path
            refusal = stage.validate(self._block, context.manifest.blobs, state)
        except OSError as error:
            refusal = stage.Refusal(f"the new files can't be staged: {explain(error)}")
        if refusal and context.check and (refusal.provisional or context.facts.awaits(refusal.message)):
            self._result.message = f"by now, {refusal.message}"
            return True
        if refusal:
            self._refuse(refusal.message)
            self._result.origin = refusal.origin
        return refusal is None

    def _decide(self) -> str:
        service = self._block.service
        if service is None:
            return "none"
        operator, state = self._context.operator, self._state(service.name)
        known = self._context.ledger.services.get(service.name)
        can_reload = service.reload_signal is not None
        if state.running and not can_reload:
            try:
                can_reload = operator.manager.can_reload(service)
            except ManagerError:
                can_reload = False
        action = decide(self._block, self._plan, self._hashes, known, state, can_reload=can_reload)
        if action in ("none", "enable") and not self._all_steps() and self._context.probes.get(service.name):
            # It runs and nothing changed, but it did not answer a moment ago. Give it its time, then one restart.
            self._step("waiting for it to become healthy")
            trouble = operator.act(service, "none", self._own_service())
            if trouble:
                self._result.message = f"{trouble.reason}; restarting it"
                self._result.log_tail = trouble.log_tail
                action = "restart"
        return action

    def _all_steps(self) -> list[Step]:
        """The plan's steps and those of the interrupted transaction, each from what was there before either of them."""
        steps = {step.path: step for step in self._plan.steps}
        if self._interrupted:
            for old in self._interrupted.journal.steps:
                now = steps.pop(old.path, None)
                try:
                    after = now.after if now else self._context.facts.get(old.path)
                except Obstacle:  # it will be an obstacle to undoing, too, if it comes to that
                    after = old.after
                steps[old.path] = Step(old.path, old.before, after)
        order = {change.path: i for i, change in enumerate(self._plan.changes)}
        return sorted(steps.values(), key=lambda step: order.get(step.path, len(order)))

    def _predict(self, action: str) -> None:
        for change in self._plan.changes:
            if change.touches:
                self._context.facts.put(change.path, change.after)
        self._finish(action)

    # Doing

    def _swap(self, action: str, steps: list[Step]) -> None:
        context = self._context
        blobs = context.manifest.blobs
        planned = self._plan.steps
        swap = Swap(planned, lambda sha256: blobs[sha256])
        journal = self._journal(action, steps)
        try:
            self._back_up(planned)
            context.store.open_journal(journal)
            swap.prepare()
        except (OSError, Obstacle) as error:
            self._abandon(error)
            return
        try:
            for name, result in zip(self._stale, self._stale_results):
                self._step(f"stopping {name}")
                context.operator.remove(name, self._stop_timeout(name), result)
                result.pid_after = None
        except ManagerError as error:
            swap.abandon()
            self._abandon(error)
            return
        trouble: Trouble | None = None
        try:
            swap.commit()
        except Obstacle as obstacle:
            trouble = Trouble(str(obstacle))
            action = "none"
        trouble = trouble or self._run_commands()
        service = self._block.service
        if service and trouble is None:
            trouble = self._act(service, action)
            if trouble and action == "none" and context.probes.get(service.name):
                # It had not been healthy before either, so the change is not to blame yet.
                action = "restart"
                trouble = self._act(service, action)
        for step in planned:
            context.facts.read(step.path)
        if trouble:
            self._roll_back(journal, action, trouble)
        else:
            changes = [(self._block.component, step) for step in steps if not step.after.same(step.before)]
            if self._record(changes, journal.id):
                self._finish(action)

    def _run_commands(self) -> Trouble | None:
        """Up to the first that fails."""
        for command in self._due:
            self._step(command.name)
            reason = commands.run(command)
            if reason:
                return Trouble(reason)
        return None

    def _journal(self, action: str, steps: list[Step]) -> Journal:
        """Its action is what the service needs if this is interrupted; what a predecessor left to be done counts, too."""
        pending = {action, self._interrupted.journal.action if self._interrupted else "none"}
        least = "restart" if pending & {"restart", "start"} else "reload" if "reload" in pending else "none"
        service = self._block.service
        names = None
        if service:
            names = {"name": service.name, "definition": service.definition, "stop_timeout": service.stop_timeout}
        # What continues an interrupted transaction has touched the host already, whatever the paths look like.
        phase = "redo" if self._interrupted else "do"
        return Journal(uuid.uuid4().hex, self._block.component, least, steps, phase, names)

    def _back_up(self, steps: list[Step]) -> None:
        """Keeps what is replaced (to go back to now) and what is written (to go back to in a later run)."""
        for step in steps:
            if step.before.kind == "file":
                sha256 = self._context.store.keep(read(step.path))
                if sha256 != step.before.sha256:
                    raise Obstacle(step.path, "it was changed while converge was running: run again")
            if step.after.kind == "file" and step.after.sha256:
                self._context.store.keep(self._context.manifest.blobs[step.after.sha256])
        for resource in self._block.resources:
            if resource.content_sha256:  # so that a manifest of this generation can be put together again
                self._context.store.keep(self._context.manifest.blobs[resource.content_sha256])

    def _abandon(self, error: Exception) -> None:
        """Nothing was moved into place yet."""
        text = explain(error) if isinstance(error, OSError) else str(error)
        if not self._interrupted:
            self._close_journal()
        self._refuse(text)

    def _operate_only(self, service: Service, action: str) -> None:
        """No file changes: the service is down, or has not read its files yet."""
        trouble = self._act(service, action)
        if trouble:
            self._fail(FAILED, trouble.reason, trouble.log_tail)
            self._own_service().action = action
        elif self._record([]):
            self._finish(action)

    def _stop_timeout(self, name: str) -> float:
        entry = self._context.ledger.services.get(name)
        return entry.stop_timeout if entry else 10.0

    # Going back

    def _roll_back(self, journal: Journal, action: str, trouble: Trouble) -> None:
        """Previous files, then the same service action again, then health again."""
        context, service = self._context, self._block.service
        self._step("rolling back")
        if self._service_result:
            self._service_result.action = action
        journal.phase = "undo"
        first = service is not None and self._service_before is None
        problem = None
        try:
            context.store.open_journal(journal)
            if service and first and action != "none":
                context.operator.remove(service.name, service.stop_timeout)
                self._own_service().pid_after = None
        except (OSError, ManagerError) as error:
            problem = explain(error) if isinstance(error, OSError) else str(error)
        try:
            undo(journal.steps, context.store.content)
        except Obstacle as obstacle:
            self._fail(
                FAILED, f"{trouble.reason}; the previous files could not all be put back: {obstacle}", trouble.log_tail
            )
            return
        finally:
            for step in journal.steps:
                context.facts.read(step.path)
        # They read what is in the files, and those are the previous ones again. Were they not, the trouble is told already.
        if journal.steps:
            self._run_commands()
        again = self._bring_back(action, first=first)
        if problem or again:
            reason = problem or (again.reason if again else "")
            self._fail(FAILED, f"{trouble.reason}; the previous files are back, but: {reason}", trouble.log_tail)
        elif service is None or action == "none" or first:
            self._fail(FAILED, trouble.reason, trouble.log_tail)
            self._result.message = f"{trouble.reason}; {self._block.component} is as it was before"
        else:
            self._fail(ROLLED_BACK, trouble.reason, trouble.log_tail)
            self._result.message = (
                f"{trouble.reason}; the previous files are back and {service.name} is healthy with them"
            )
        self._restore_ledger()
        if first and service and not problem:
            context.ledger.services.pop(service.name, None)
        self._remember_service(None if again or problem else self._service_before)
        self._close_journal()

    def _bring_back(self, action: str, *, first: bool) -> Trouble | None:
        """The services as they were: those that were given up too."""
        service, operator = self._block.service, self._context.operator
        for name, result in zip(self._stale, self._stale_results):
            if result.action == "stop":
                try:
                    operator.manager.start(_bare_service(name, self._context.ledger.services.get(name)))
                    result.action = "restart"
                except ManagerError as error:
                    return Trouble(str(error))
        if service is None or first or action == "none":
            return None
        service = self._as_it_was(service)
        again = operator.act(service, "restart" if action == "start" else action, self._own_service())
        if again and action == "reload":
            again = operator.act(service, "restart", self._own_service())
        return again

    def _as_it_was(self, service: Service) -> Service:
        """With the health check that goes with the previous files: they may have another port."""
        data = self._context.ledger.components.get(self._block.component)
        known = parse_block(data).service if data else None
        return known if known and known.name == service.name else service

    def _refuse(self, message: str) -> None:
        """The block is left as it is; if an interrupted transaction had left it half-way, as it was before that."""
        self._fail(FAILED, message)
        if self._interrupted and not self._context.check:
            self._undo_interrupted(self._interrupted)

    def _undo_interrupted(self, interrupted: Interrupted) -> None:
        context, service = self._context, self._block.service
        text = "an interrupted earlier change was undone"
        new = interrupted.journal.service if interrupted.service is None else None
        try:
            if new and not context.manager_error:
                # It had never been there before, so nothing of it stays, running or not.
                context.operator.remove(new["name"], new["stop_timeout"])
                context.ledger.services.pop(new["name"], None)
            undo(interrupted.journal.steps, context.store.content)
        except (Obstacle, ManagerError) as error:
            self._result.message = f"{self._result.message}; an interrupted earlier change could not be undone: {error}"
            return
        self._restore_ledger()
        trouble = None
        action = interrupted.journal.action
        if service and action != "none" and self._state(service.name).running and not context.manager_error:
            trouble = self._act(self._as_it_was(service), action)
            self._own_service().action = action
        if trouble:
            text += f", but {trouble.reason}"
            self._result.log_tail = trouble.log_tail
        self._result.message = f"{self._result.message}; {text}"
        if service:
            self._remember_service(None if trouble or context.manager_error else interrupted.service)
        self._close_journal()


def _bare_service(name: str, entry: ServiceEntry | None) -> Service:
    definition, stop_timeout = (entry.definition, entry.stop_timeout) if entry else ("", 10.0)
    return Service(name, definition, Health("http"), None, 20.0, stop_timeout)
