"""From facts and manifest to what has to change: no writes, no services, the same in check mode and in a run."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .facts import ABSENT, Obstacle, State, explain, is_private, observe, read
from .files import Step
from .ledger import Entry, Ledger
from .sections import cut
from .text import difference

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .model import Block, Manifest, Resource

QUIET = ("none", "forget")
"""Actions that touch nothing on the disk."""


class Facts:
    """States of paths, read once. What this run changes (or, in check mode, would change) is noted here as it goes."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.coming: set[str] = set()
        """Accounts that would have been made by now, in check mode: `user NAME`, `group NAME`."""
        self._states: dict[str, State] = {}
        self._errors: dict[str, str] = {}
        for path in paths:
            self.read(path)

    def read(self, path: str) -> None:
        """Looks again."""
        self._errors.pop(path, None)
        try:
            self._states[path] = observe(path)
        except OSError as error:
            self._errors[path] = explain(error, "").lstrip(": ")

    def get(self, path: str) -> State:
        """The state of `path`. Raises Obstacle if it could not be looked at."""
        if path not in self._states and path not in self._errors:
            self.read(path)
        if path in self._errors:
            raise Obstacle(path, self._errors[path])
        return self._states[path]

    def put(self, path: str, state: State) -> None:
        """What is there now, or would be."""
        self._errors.pop(path, None)
        self._states[path] = state

    def awaits(self, text: str) -> bool:
        """Whether the text names a path that would have been made by now, in check mode, and is not there."""
        return any(s != ABSENT and path in text and not os.path.lexists(path) for path, s in self._states.items())

    def is_gone(self, path: str) -> bool:
        """Known to be absent: for a path nobody asked about, False."""
        return self._states.get(path) == ABSENT

    def is_directory(self, path: str) -> bool:
        """A directory, or a link to one, now or by the time it is needed."""
        state = self._states.get(path)
        if state is not None and state.kind in ("directory", "symlink"):
            return True
        return os.path.isdir(path)


@dataclass
class Change:
    """What is to be done about one path. `entry` is what the ledger says afterwards (None: nothing any more)."""

    kind: str
    path: str
    action: str
    before: State
    after: State
    on_change: str
    entry: Entry | None
    diff: str | None = None
    note: str | None = None
    section: str | None = None

    @property
    def touches(self) -> bool:
        """Something on the disk changes."""
        return self.action not in QUIET

    @property
    def replaces(self) -> bool:
        """The content, or what stands for it, changes: something that a service may want to read again."""
        return self.touches and self.action not in ("mode", "owner") and self.kind != "directory"


@dataclass
class Plan:
    """A block's changes, and what makes them impossible."""

    changes: list[Change] = field(default_factory=list)
    obstacles: list[Obstacle] = field(default_factory=list)

    @property
    def steps(self) -> list[Step]:
        """What touches the disk."""
        return [Step(c.path, c.before, c.after, c.section) for c in self.changes if c.touches]


def plan_block(block: Block, manifest: Manifest, ledger: Ledger, facts: Facts, pruned: Iterable[str]) -> Plan:
    """What the block needs; `pruned` are the ledger's files and symlinks of the component that are to go."""
    plan = Plan()
    made: set[str] = set()
    for resource in block.resources:
        try:
            _check_parent(resource, facts, made)
            change = _plan_resource(resource, block.component, manifest.blobs, ledger, facts)
            made.add(resource.path)
        except Obstacle as obstacle:
            plan.obstacles.append(obstacle)
            change = _unplanned(resource, ledger.paths.get(resource.path))
            change.note = obstacle.reason
        plan.changes.append(change)
    for path in pruned:
        plan.changes.append(_plan_removal(path, ledger.paths[path], facts, manifest.blobs))
    return plan


def _unplanned(resource: Resource, entry: Entry | None) -> Change:
    return Change(resource.kind, resource.path, "none", ABSENT, ABSENT, resource.on_change, entry)


def _plan_resource(
    resource: Resource, component: str, blobs: Mapping[str, bytes], ledger: Ledger, facts: Facts
) -> Change:
    path, old = resource.path, ledger.paths.get(resource.path)
    before = facts.get(path)
    if resource.kind == "directory" and resource.mode is None and before.kind == "symlink" and facts.is_directory(path):
        before = State("directory")  # it leads to one, which will do
    _check_way(resource, before, ours=old is not None and old.kind != "directory")
    after = _desired(resource, blobs, facts)
    change = Change(resource.kind, path, _action(before, after), before, after, resource.on_change, None)
    change.section = resource.section
    if change.action in ("mode", "owner") and before.kind == "file":
        # Only what is asked for changes; content and the unspecified owner stay.
        after = change.after = State(
            "file", after.mode, _or(after.uid, before.uid), _or(after.gid, before.gid), after.sha256
        )
    foreign = old is None and before.kind in ("file", "symlink") and resource.section is None
    change.entry = _entry(resource, component, old, before if foreign and change.touches else None)
    if old is None:
        change.entry.created = before == ABSENT
    if change.touches:
        _explain(change, resource, old, blobs)
    return change


def _check_parent(resource: Resource, facts: Facts, made: set[str]) -> None:
    parent = os.path.dirname(resource.path)
    if parent not in made and not facts.is_directory(parent):
        raise Obstacle(resource.path, f"its directory {parent} is missing, and nothing before it makes it")


def _or(first: int | None, second: int | None) -> int | None:
    return second if first is None else first


def _check_way(resource: Resource, before: State, *, ours: bool) -> None:
    """What is in the way and not ours is never deleted."""
    if before.kind in ("absent", resource.kind):
        return
    if before.kind in ("file", "symlink") and ours and resource.kind != "directory":
        return
    thing = {"other": "something that is neither a file, a directory nor a link", "symlink": "a symbolic link"}
    found = thing.get(before.kind, f"a {before.kind}")
    if before.kind == "symlink":
        found += f" to {before.target}"
    raise Obstacle(
        resource.path,
        f"{found} is in the way of this {resource.kind}, and was not made by staddle: move it away if it is not needed",
    )


def _desired(resource: Resource, blobs: Mapping[str, bytes], facts: Facts) -> State:
    if resource.kind == "symlink":
        return State("symlink", target=resource.target)
    uid = _lookup(resource, resource.owner, "user", facts)
    gid = _lookup(resource, resource.group, "group", facts)
    if resource.kind == "directory":
        # One that has to be made needs some mode; one that is there keeps its own.
        mode = 0o755 if resource.mode is None and facts.get(resource.path) == ABSENT else resource.mode
        return State("directory", mode, uid, gid)
    sha256 = resource.sha256 or ""
    return State("file", resource.mode, uid, gid, sha256, len(blobs[sha256]))


def _lookup(resource: Resource, name: str | None, what: str, facts: Facts) -> int | None:
    if name is None or name.isdigit():
        return None if name is None else int(name)
    try:
        return pwd.getpwnam(name).pw_uid if what == "user" else grp.getgrnam(name).gr_gid
    except KeyError:
        if f"{what} {name}" in facts.coming:
            return None
        raise Obstacle(resource.path, f"it shall belong to {what} {name}, who does not exist on this host") from None


def _action(before: State, after: State) -> str:
    if before == ABSENT:
        return "create"
    if before.kind != after.kind or before.sha256 != after.sha256:
        return "update"
    if before.target != after.target:
        return "retarget"
    if before.kind == "symlink" or before.same(after):
        return "none"
    return "mode" if before.mode != after.mode else "owner"


def _entry(resource: Resource, component: str, old: Entry | None, replaced: State | None) -> Entry:
    return Entry(
        kind=resource.kind,
        component=component,
        sha256=resource.content_sha256 or resource.sha256,
        target=resource.target,
        mode=None if resource.section else resource.mode,
        owner=None if resource.section else resource.owner,
        group=None if resource.section else resource.group,
        on_change=resource.on_change,
        section=resource.section,
        secret=resource.secret,
        initial=resource.initial,
        created=old.created if old else True,
        original=old.original if old else replaced.to_data() if replaced else None,
    )


def _explain(change: Change, resource: Resource, old: Entry | None, blobs: Mapping[str, bytes]) -> None:
    before = change.before
    if change.action == "mode":
        change.note = f"{before.mode or 0:04o} → {change.after.mode or 0:04o}"
    elif change.action == "owner":
        change.note = (
            f"{before.uid}:{before.gid} → {_or(change.after.uid, before.uid)}:{_or(change.after.gid, before.gid)}"
        )
    elif change.action == "retarget":
        change.note = f"{before.target} → {change.after.target}"
    elif resource.section:
        change.note = f"section {resource.section}"
    elif before.kind in ("file", "symlink") and old is None:
        change.note = "was not made by staddle; what was there is kept in the ledger"
    elif before.kind == "file" and old is not None and before.sha256 != old.sha256:
        change.note = "had been changed by hand"
    if resource.kind == "file" and change.action in ("create", "update"):
        hidden = resource.secret or (old.secret if old else is_private(before))
        current = _content(change.path, before)
        change.diff = difference(change.path, current, blobs[resource.sha256 or ""], secret=hidden)


def _plan_removal(path: str, entry: Entry, facts: Facts, blobs: dict[str, bytes]) -> Change:
    """A path that no manifest names any more: what was there before us comes back, else it goes. What we can't
    recognise as ours is left where it is.
    """
    try:
        before = facts.get(path)
    except Obstacle as obstacle:
        return Change(entry.kind, path, "forget", ABSENT, ABSENT, "none", None, note=f"left alone: {obstacle.reason}")
    if before == ABSENT:
        return Change(entry.kind, path, "forget", ABSENT, ABSENT, entry.on_change, None, note="was already gone")
    if before.kind not in ("file", "symlink"):
        note = f"left alone: it is a {before.kind} now"
        return Change(entry.kind, path, "forget", before, before, "none", None, note=note)
    if entry.section and (before.kind == "symlink" or _content(path, before) is None):
        return Change(entry.kind, path, "forget", before, before, "none", None, note="left alone: it can't be read")
    if entry.section:
        return _plan_cut(path, entry, before, blobs)
    return _plan_return(path, entry, before, blobs)


def _plan_return(path: str, entry: Entry, before: State, blobs: Mapping[str, bytes]) -> Change:
    """Back to what was there before us, which may be nothing."""
    after, lost = _original(entry, blobs)
    if before.same(after):
        return Change(entry.kind, path, "forget", before, before, entry.on_change, None, note="is as it was before us")
    change = Change(entry.kind, path, "remove" if after == ABSENT else "restore", before, after, entry.on_change, None)
    if before.kind == "file":
        hidden = entry.secret or is_private(after)
        old = blobs[after.sha256] if after.sha256 else None
        change.diff = difference(path, _content(path, before), old, secret=hidden)
    change.note = "what was there before could not be read from the ledger" if lost else None
    if not entry.initial and (before.kind, before.sha256, before.target) != (entry.kind, entry.sha256, entry.target):
        words = ["had been changed by hand"]
        words += [f"that content is kept in the ledger as {before.sha256}"] if before.sha256 else []
        change.note = "; ".join([*words, *filter(None, [change.note])])
    return change


def _original(entry: Entry, blobs: Mapping[str, bytes]) -> tuple[State, bool]:
    """What was at the path before we wrote to it (nothing, if that was ours); whether it can't be had any more."""
    state = State.from_data(entry.original) if entry.original else ABSENT
    lost = state.kind not in ("absent", "file", "symlink") or (state.sha256 is not None and state.sha256 not in blobs)
    return (ABSENT, True) if lost else (state, False)


def _plan_cut(path: str, entry: Entry, before: State, blobs: dict[str, bytes]) -> Change:
    """Our section leaves a file that is not ours; a file that we made and nobody else wrote to goes altogether."""
    old = _content(path, before) or b""
    new = cut(old, entry.section or "")
    if not new.strip() and entry.created:
        return Change(entry.kind, path, "remove", before, ABSENT, entry.on_change, None, section=entry.section)
    if new == old:
        return Change(entry.kind, path, "forget", before, before, "none", None, note="was already gone")
    sha256 = hashlib.sha256(new).hexdigest()
    blobs[sha256] = new
    after = State("file", before.mode, before.uid, before.gid, sha256, len(new))
    note = f"without section {entry.section}"
    diff = difference(path, old, new, secret=entry.secret or is_private(before))
    return Change(entry.kind, path, "update", before, after, entry.on_change, None, diff, note, entry.section)


def _content(path: str, before: State) -> bytes | None:
    if before.kind != "file":
        return None
    try:
        return read(path)
    except OSError:
        return None


def service_hashes(block: Block) -> tuple[str, str]:
    """What the running process depends on: by restart (the definition included), and by reload."""
    definition = block.service.definition if block.service else ""
    lines: dict[str, list[str]] = {"restart": [], "reload": [], "none": [], "": []}
    for resource in block.resources:
        kind = "restart" if resource.path == definition else resource.on_change
        if resource.kind == "directory":
            kind = ""
        lines[kind].append(
            f"{resource.kind} {resource.path} {resource.content_sha256 or resource.sha256 or resource.target}"
        )
    digests = [hashlib.sha256("\n".join(sorted(lines[kind])).encode()).hexdigest() for kind in ("restart", "reload")]
    return digests[0], digests[1]
