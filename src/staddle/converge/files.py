"""Changing files: everything is made ready beside its place first, then moved into place by renames.

A `Swap` never follows a symlink in the last component, never leaves a half-written file, and asks the disk to keep
what was done (fsync of files and directories). Undoing is a Swap of the opposite steps.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .facts import Obstacle, State, explain, observe, open_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TEMPORARY = ".staddle-tmp"


@dataclass(frozen=True)
class Step:
    """One path, from what is there to what shall be there."""

    path: str
    before: State
    after: State
    section: str | None = None
    """Set if only this section of the file is ours."""

    def reversed(self) -> Step:
        """The step that undoes this one."""
        return Step(self.path, self.after, self.before, self.section)


class Swap:
    """Carries out steps together: `prepare` (may fail without a trace), then `commit`.

    `content` gives a file's bytes by SHA-256. Both raise Obstacle naming the path at fault; after a failed `commit`,
    the caller undoes the steps.
    """

    def __init__(self, steps: Sequence[Step], content: Callable[[str], bytes]) -> None:
        self._steps = steps
        self._content = content
        self._parents: dict[str, int] = {}
        self._made: list[str] = []
        self._prepared: list[Step] = []

    def prepare(self) -> None:
        """Makes new directories, and writes new files and symlinks beside their places."""
        try:
            for step in self._steps:
                with _blame(step.path):
                    self._prepare(step)
        except Obstacle:
            self.abandon()
            raise

    def commit(self) -> None:
        """Moves everything into place, removes what shall be gone, and syncs the directories."""
        try:
            for step in self._prepared:
                with _blame(step.path):
                    os.replace(temporary(step.path), _name(step.path), **self._both(step.path))
            for step in self._steps:
                if step.before.kind == step.after.kind == "directory":
                    with _blame(step.path):
                        self._own_directory(step)
            for step in reversed(self._steps):  # what is in a directory, or behind a link, goes first
                if step.after.kind == "absent":
                    with _blame(step.path):
                        self._remove(step)
            for path, parent in self._parents.items():
                with _blame(path):
                    _sync(parent)
        finally:
            self._close()

    def _prepare(self, step: Step) -> None:
        after = step.after
        if after.kind == "directory" and step.before.kind == "absent":
            name, parent = _name(step.path), self._parent(step.path)
            os.mkdir(name, 0o700, dir_fd=parent)
            self._made.append(step.path)
            self._own_directory(step)
        elif after.kind == "symlink" and self._leads_on(step):
            os.symlink(after.target or "", _name(step.path), dir_fd=self._parent(step.path))
            self._made.append(step.path)
        elif after.kind == "symlink":
            self._clear(step.path)
            os.symlink(after.target or "", temporary(step.path), dir_fd=self._parent(step.path))
            self._prepared.append(step)
        elif after.kind == "file":
            self._clear(step.path)
            self._write(step)
            self._prepared.append(step)

    def _write(self, step: Step) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(temporary(step.path), flags, 0o600, dir_fd=self._parent(step.path))
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._content(step.after.sha256 or ""))
                file.flush()
                self._own(descriptor, step)
                os.fsync(descriptor)
        except BaseException:
            self._clear(step.path)
            raise

    def _own(self, descriptor: int, step: Step) -> None:
        """Owner first: changing it would clear set-id bits."""
        uid, gid = step.after.uid, step.after.gid
        if os.geteuid() == 0 and step.before.kind == "file":
            # An unspecified owner means: as it was.
            uid = step.before.uid if uid is None else uid
            gid = step.before.gid if gid is None else gid
        info = os.fstat(descriptor)
        if (uid not in (None, info.st_uid)) or (gid not in (None, info.st_gid)):
            os.fchown(descriptor, -1 if uid is None else uid, -1 if gid is None else gid)
        if step.after.mode is not None:
            os.fchmod(descriptor, step.after.mode)

    def _own_directory(self, step: Step) -> None:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(_name(step.path), flags, dir_fd=self._parent(step.path))
        try:
            self._own(descriptor, step)
        finally:
            os.close(descriptor)

    def _remove(self, step: Step) -> None:
        if step.before.kind in ("file", "symlink"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(_name(step.path), dir_fd=self._parent(step.path))
        elif step.before.kind == "directory":
            # Only what we made is ours to remove, and only when nobody else uses it.
            with contextlib.suppress(OSError):
                os.rmdir(_name(step.path), dir_fd=self._parent(step.path))

    def _leads_on(self, step: Step) -> bool:
        """Other steps lie behind this link, so it has to be in place before they are prepared."""
        return step.before.kind == "absent" and any(s.path.startswith(f"{step.path}/") for s in self._steps)

    def _parent(self, path: str) -> int:
        directory = os.path.dirname(path)
        if directory not in self._parents:
            self._parents[directory] = open_directory(directory)
        return self._parents[directory]

    def _both(self, path: str) -> dict[str, int]:
        return {"src_dir_fd": self._parent(path), "dst_dir_fd": self._parent(path)}

    def _clear(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary(path), dir_fd=self._parent(path))

    def abandon(self) -> None:
        """Removes what `prepare` made."""
        for step in self._prepared:
            with contextlib.suppress(OSError, Obstacle):
                self._clear(step.path)
        for path in reversed(self._made):
            with contextlib.suppress(OSError, Obstacle):
                (os.unlink if os.path.islink(path) else os.rmdir)(_name(path), dir_fd=self._parent(path))
        self._close()

    def _close(self) -> None:
        for descriptor in self._parents.values():
            os.close(descriptor)
        self._parents.clear()


def temporary(path: str) -> str:
    """The name beside `path` under which its next content is written.

    It begins with a dot and has its own ending, so that no `*.conf` include and no directory watcher takes it for the
    real thing.
    """
    name = os.path.basename(path)
    while len(os.fsencode(name)) > 240:
        name = name[:-1]
    return f".{name}{TEMPORARY}"


def remove_temporary(path: str) -> None:
    """Removes what an interrupted run may have left beside `path`."""
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(os.path.dirname(path), temporary(path)))


def remove(path: str) -> None:
    """Removes a symlink or an empty directory. Raises Obstacle if it can't be."""
    with _blame(path):
        parent = open_directory(os.path.dirname(path))
        try:
            (os.rmdir if observe(path).kind == "directory" else os.unlink)(_name(path), dir_fd=parent)
            _sync(parent)
        finally:
            os.close(parent)


def write_atomically(path: str, content: bytes) -> None:
    """Replaces our own bookkeeping file `path` (0600), durably. Raises OSError."""
    beside = f"{path}{TEMPORARY}"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    os.replace(beside, path)
    sync_directory(os.path.dirname(path))


def sync_directory(path: str) -> None:
    """Makes renames and removals in `path` durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def undo(steps: Sequence[Step], content: Callable[[str], bytes]) -> None:
    """Brings back what was there before `steps`, whichever of them had been done. Raises Obstacle."""
    pending: list[Step] = []
    for step in steps:
        with _blame(step.path):
            current = observe(step.path)
        remove_temporary(step.path)
        if not current.same(step.before):
            pending.append(Step(step.path, current, step.before))
    swap = Swap(pending, content)
    swap.prepare()
    swap.commit()


def _sync(directory: int) -> None:
    descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _name(path: str) -> str:
    return os.path.basename(path)


@contextlib.contextmanager
def _blame(path: str) -> Iterator[None]:
    """OSError → Obstacle, with the path of the resource rather than that of some file beside it."""
    try:
        yield
    except OSError as error:
        raise Obstacle(path, explain(error, "").lstrip(": ")) from error
