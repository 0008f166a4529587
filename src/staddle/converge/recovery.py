"""What an interrupted run left behind, worked into the ledger before anything is planned."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from .context import Interrupted
from .facts import ABSENT, State, observe
from .files import remove_temporary
from .ledger import Entry, Journal, Ledger, ServiceEntry, Store

if TYPE_CHECKING:
    from .files import Step


def absorb(store: Store, ledger: Ledger) -> dict[str, Interrupted]:
    """Reads the journals of transactions that did not end, by component.

    Paths that they had already changed become the ledger's, and what their service may have missed is unknown from
    now on. Nothing but leftovers is removed, and in check mode not even those.
    """
    found: dict[str, Interrupted] = {}
    for journal in store.journals():
        if not store.readonly:
            for step in journal.steps:
                remove_temporary(step.path)
        states = {step.path: _look(step.path) for step in journal.steps}
        ended = ledger.committed.get(journal.component) == journal.id
        untouched = journal.phase == "do" and all(states[step.path].same(step.before) for step in journal.steps)
        if ended or untouched:
            if not store.readonly:
                store.close_journal(journal.component)
            continue
        paths = {step.path: ledger.paths.get(step.path) for step in journal.steps}
        for step in journal.steps:
            # A new directory may have been made, and not yet have its mode and owner.
            begun = step.before == ABSENT and step.after.kind == states[step.path].kind == "directory"
            if begun or states[step.path].same(step.after):
                _own(ledger, journal.component, step)
        found[journal.component] = Interrupted(journal, _mark_service(ledger, journal), paths)
    return found


def _look(path: str) -> State:
    try:
        return observe(path)
    except OSError:
        return State("other")


def _own(ledger: Ledger, component: str, step: Step) -> None:
    """The path is as the interrupted run made it, so it is ours, even if the ledger was not told."""
    if step.after == ABSENT:
        return
    old = ledger.paths.get(step.path)
    entry = copy.copy(old) if old else Entry(step.after.kind, component, created=step.before == ABSENT)
    if old is None and step.before.kind in ("file", "symlink"):
        entry.original = step.before.to_data()
    entry.kind, entry.sha256, entry.target = step.after.kind, step.after.sha256, step.after.target
    entry.mode = step.after.mode
    if step.section:
        entry.section, entry.original = step.section, None
    ledger.paths[step.path] = entry


def _mark_service(ledger: Ledger, journal: Journal) -> ServiceEntry | None:
    """The component's service as the ledger had it; the ledger's own copy forgets what the process may have missed."""
    if journal.service is None:
        return None
    name = journal.service["name"]
    before = copy.copy(ledger.services.get(name))
    if before is None:
        # Perhaps it was started, perhaps not: it is ours, in any case.
        definition, stop_timeout = journal.service["definition"], journal.service["stop_timeout"]
        ledger.services[name] = ServiceEntry(journal.component, definition, None, None, stop_timeout)
    elif journal.action == "restart":
        ledger.services[name].restart = None
    elif journal.action == "reload":
        ledger.services[name].reload = None
    return before
