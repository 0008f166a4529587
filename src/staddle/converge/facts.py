"""What is on the disk right now, and safe access to it.

`State` describes one path. The same type says what was there before a change and what shall be there after it, so
that undoing a change is the same operation the other way round.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from typing import Any

_MAX_LINKS = 40
_REASONS = {
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "no space left on the device",
    errno.EDQUOT: "disk quota exceeded",
    errno.EISDIR: "a directory is in the way",
    errno.ENOTEMPTY: "the directory is not empty",
    errno.ELOOP: "too many symbolic links",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EIO: "input/output error",
}


class Obstacle(Exception):  # noqa: N818 - it is a fact about the host, not a fault of the program
    """Something about one path that makes it impossible, or not ours, to change it."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True)
class State:
    """One path: `absent`, `file`, `directory`, `symlink` or `other` (device, socket, …). uid and gid None:

    unspecified.
    """

    kind: str
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    sha256: str | None = None
    size: int | None = None
    target: str | None = None

    def to_data(self) -> dict[str, Any]:
        """Plain data without the fields that don't apply."""
        return {key: value for key, value in vars(self).items() if value is not None}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> State:
        """The inverse of `to_data`."""
        return cls(**data)

    def same(self, other: State) -> bool:
        """Equal as far as both sides say."""
        if (self.kind, self.sha256, self.target) != (other.kind, other.sha256, other.target):
            return False
        pairs = ((self.mode, other.mode), (self.uid, other.uid), (self.gid, other.gid))
        return self.kind == "symlink" or all(None in pair or pair[0] == pair[1] for pair in pairs)


ABSENT = State("absent")


def observe(path: str) -> State:
    """The state of `path` itself (a symlink is not followed). Raises OSError when it can't be looked at."""
    try:
        info = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT
    if stat.S_ISREG(info.st_mode):
        content = read(path)
        sha256 = hashlib.sha256(content).hexdigest()
        return State("file", stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, sha256, len(content))
    if stat.S_ISLNK(info.st_mode):
        return State("symlink", uid=info.st_uid, gid=info.st_gid, target=os.readlink(path))
    kind = "directory" if stat.S_ISDIR(info.st_mode) else "other"
    return State(kind, stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid)


def read(path: str) -> bytes:
    """The content of the regular file `path`, never through a symlink in its last component."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def open_directory(path: str) -> int:
    """A descriptor of the directory `path` (O_PATH), for use as dir_fd.

    Symbolic links on the way are followed only if root or we ourselves made them: nobody else can divert our writes.
    Raises Obstacle with the reason otherwise, or when there is no such directory.
    """
    names = _split(path)
    current = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    links = 0
    try:
        while names:
            name = names.pop()
            following = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=current)
            info = os.fstat(following)
            if stat.S_ISDIR(info.st_mode):
                os.close(current)
                current = following
                continue
            os.close(following)
            links += 1
            target = _follow(path, name, info, current, links)
            names.extend(_split(target))
            if target.startswith("/"):
                os.close(current)
                current = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except BaseException as error:
        os.close(current)
        if isinstance(error, FileNotFoundError):
            raise Obstacle(path, "this directory is missing, and nothing that was applied before makes it") from None
        raise
    return current


def _follow(path: str, name: str, info: os.stat_result, directory: int, links: int) -> str:
    """Where the link `name` leads, if it may be followed."""
    if not stat.S_ISLNK(info.st_mode):
        raise Obstacle(path, f"{name} on the way to it is not a directory")
    if info.st_uid not in (0, os.geteuid()):
        raise Obstacle(path, f"{name} on the way to it is a symbolic link made by user {info.st_uid}: not followed")
    if links > _MAX_LINKS:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
    return os.readlink(name, dir_fd=directory)


def explain(error: OSError, path: str | None = None) -> str:
    """One line for a human: what could not be done, and why."""
    reason = _REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()
    if error.errno in (errno.EACCES, errno.EPERM) and os.geteuid() != 0:
        reason += f" (running as user {os.geteuid()}, not root)"
    where = path or error.filename
    return f"{where}: {reason}" if where else reason


def _split(path: str) -> list[str]:
    return [name for name in reversed(path.split("/")) if name not in ("", ".")]


def is_private(state: State) -> bool:
    """Others may not read it."""
    return state.mode is not None and not state.mode & stat.S_IROTH
