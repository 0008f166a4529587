"""What is no longer as the last run left it. Needs the ledger only: no manifest, no inventory."""

from __future__ import annotations

import grp
import pwd
from dataclasses import dataclass

from .facts import State, explain, observe, read
from .ledger import Entry, Store
from .text import difference


@dataclass(frozen=True)
class Drift:
    """One path that differs. `what`: missing, content, kind, target, mode, owner or unreadable.

    `diff` is from ours to theirs.
    """

    path: str
    component: str
    what: str
    note: str
    diff: str | None = None


def drift(state: str) -> tuple[Drift, ...]:
    """Everything recorded in the ledger of the state directory `state` that is not so any more, by path.

    Reads only. Raises StateError when the ledger can't be read, or a run is under way.
    """
    store = Store(state, readonly=True)
    with store.locked():
        ledger = store.load()
        found = [_look(path, entry, store) for path, entry in sorted(ledger.paths.items())]
    return tuple(item for item in found if item is not None)


def _look(path: str, entry: Entry, store: Store) -> Drift | None:
    try:
        now = observe(path)
    except OSError as error:
        return Drift(path, entry.component, "unreadable", explain(error, path))
    what, note = _compare(entry, now)
    diff = _diff(path, entry, store) if what == "content" else None
    return Drift(path, entry.component, what, note, diff) if what else None


def _compare(entry: Entry, now: State) -> tuple[str, str]:
    """What is different, and how; the most telling difference only. Empty if nothing is."""
    mode = entry.mode if entry.kind != "symlink" else None
    differences = (
        (now.kind == "absent", "missing", f"this {entry.kind} is gone"),
        (now.kind != entry.kind, "kind", f"this {entry.kind} is a {now.kind} now"),
        (now.sha256 != entry.sha256, "content", "its content was changed"),
        (now.target != entry.target, "target", f"{entry.target} → {now.target}"),
        (mode not in (None, now.mode), "mode", f"{mode or 0:04o} → {now.mode or 0:04o}"),
    )
    for differs, what, note in differences:
        if differs:
            return what, note
    return _compare_owner(entry, now)


def _compare_owner(entry: Entry, now: State) -> tuple[str, str]:
    try:
        uid = entry.owner and (int(entry.owner) if entry.owner.isdigit() else pwd.getpwnam(entry.owner).pw_uid)
        gid = entry.group and (int(entry.group) if entry.group.isdigit() else grp.getgrnam(entry.group).gr_gid)
    except KeyError as error:
        return "owner", str(error.args[0])
    if uid in (None, now.uid) and gid in (None, now.gid):
        return "", ""
    return "owner", f"{entry.owner or now.uid}:{entry.group or now.gid} → {now.uid}:{now.gid}"


def _diff(path: str, entry: Entry, store: Store) -> str | None:
    try:
        return difference(path, store.content(entry.sha256 or ""), read(path), secret=entry.secret)
    except OSError:
        return None
