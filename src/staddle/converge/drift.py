"""What is no longer as the last run left it. Needs the ledger only: no manifest, no inventory."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
from dataclasses import dataclass

from . import accounts, commands, packages, trees
from .facts import State, explain, observe, read
from .ledger import Entry, Ledger, Store
from .model import parse_block
from .sections import take
from .text import difference

KINDS = {
    "file": ("missing", "kind", "content", "mode", "owner"),
    "directory": ("missing", "kind", "mode", "owner"),
    "symlink": ("missing", "kind", "target"),
    "section": ("missing", "content"),
    "tree": ("missing", "content"),
    "package": ("missing", "version"),
    "group": ("missing",),
    "user": ("missing", "groups"),
    "command": ("undone",),
    "service": ("stopped", "disabled", "masked"),
}
"""What can be different, by kind of resource. (Anything with a path may also be `unreadable`.)"""


@dataclass(frozen=True)
class Drift:
    """One resource that differs: its kind, and in what. Packages, accounts, commands and services have a name for a path.

    `diff` is from ours to theirs.
    """

    kind: str
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
        foundations = [*_look_at_trees(ledger, store), *_look_at_foundations(ledger)]
    return (*(item for item in found if item is not None), *foundations)


def _look(path: str, entry: Entry, store: Store) -> Drift | None:
    try:
        now = observe(path)
    except OSError as error:
        return Drift(_kind(entry), path, entry.component, "unreadable", explain(error, path))
    if entry.section:
        return _look_at_section(path, entry, now)
    what, note = _compare(entry, now)
    diff = _diff(path, entry, store) if what == "content" else None
    return Drift(entry.kind, path, entry.component, what, note, diff) if what else None


def _kind(entry: Entry) -> str:
    return "section" if entry.section else entry.kind


def _look_at_section(path: str, entry: Entry, now: State) -> Drift | None:
    """Only our section of the file counts."""
    content = take(read(path), entry.section or "") if now.kind == "file" else None
    if content is None:
        return Drift("section", path, entry.component, "missing", f"section {entry.section} is gone")
    if hashlib.sha256(content).hexdigest() == entry.sha256:
        return None
    return Drift("section", path, entry.component, "content", f"section {entry.section} was changed")


def _look_at_trees(ledger: Ledger, store: Store) -> list[Drift]:
    """Trees that are not as they were unpacked."""
    found = []
    for path, entry in sorted(ledger.trees.items()):
        try:
            there = os.path.lexists(path)
            wrong = trees.differences(store, path, entry["sha256"]) if there else [("", "this tree is gone")]
        except OSError as error:
            wrong = [("", explain(error, path))]
            there = True
        if wrong:
            what = "content" if there else "missing"
            component, *others = entry["components"]
            note = trees.describe(wrong) + (f" ({', '.join(others)} run from it, too)" if others else "")
            found.append(Drift("tree", path, component, what, note))
    return found


def _look_at_foundations(ledger: Ledger) -> list[Drift]:
    """Packages and accounts that are gone, or are not as they have to be; commands whose effect is undone."""
    blocks = [parse_block(data) for data in ledger.components.values()]
    found = [
        Drift("package", name, ledger.packages[name]["components"][0], what, note)
        for name, what, note in packages.lacking(ledger.packages, blocks)
    ]
    for account, components in sorted(ledger.accounts.items()):
        kind, _, name = account.partition(" ")
        if accounts.missing(kind, name):
            found.append(Drift(kind, name, components[0], "missing", f"there is no such {kind} any more"))
    for name, component, groups in accounts.lacking_groups(blocks):
        found.append(Drift("user", name, component, "groups", f"is not in {', '.join(groups)} any more"))
    for block in blocks:
        for command in block.commands:
            if not commands.holds(command):
                note = "what it brings about is not so any more"
                found.append(Drift("command", command.name, block.component, "undone", note))
    return found


def _compare(entry: Entry, now: State) -> tuple[str, str]:
    """What is different, and how; the most telling difference only. Empty if nothing is."""
    mode = entry.mode if entry.kind != "symlink" else None
    differences = (
        (now.kind == "absent", "missing", f"this {entry.kind} is gone"),
        (now.kind != entry.kind, "kind", f"this {entry.kind} is a {now.kind} now"),
        (now.sha256 != entry.sha256 and not entry.initial, "content", "its content was changed"),
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
