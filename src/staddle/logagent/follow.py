"""Names for log files that outlive rotation.

syslog-ng remembers how far it read by the file's name. A file that is renamed while it's away is lost to it, or read twice.
So every file gets a second name, a hard link in a directory of ours, made once and never changed: rotation doesn't touch it,
and what it refers to stays until it was read, even if its first name is gone. syslog-ng reads those links.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ROTATED = r"(?:\.\d+|[-.]\d{4}-?\d\d-?\d\d(?:[-.]?\d+)?)?"
"""What rotation appends to a name. Compressed files are copies of what was read before."""
_BESIDE = ".staddle-log-agent"
_ONE_ROW = 256 * 1024
_ABANDONED = 600.0


@dataclass(frozen=True)
class Source:
    """A log: files of one directory that match `paths`, and the directory in which they're linked."""

    name: str
    folder: str
    paths: tuple[str, ...]

    @classmethod
    def of(cls, data: Mapping[str, object]) -> Source:
        paths = data["paths"]
        assert isinstance(paths, list)  # noqa: S101 - it is our own configuration
        return cls(str(data["name"]), str(data["folder"]), tuple(str(path) for path in paths))


def prepare(source: Source) -> bool:
    """Makes the directory of links; returns whether it is new.

    Links don't reach across file systems: where the log is on another one than ours, the directory is made beside the
    log, and a symbolic link leads to it.
    """
    if os.path.isdir(source.folder):
        return False
    logs = os.path.dirname(source.paths[0])
    os.makedirs(os.path.dirname(source.folder), 0o700, exist_ok=True)
    if os.path.isdir(logs) and os.stat(logs).st_dev != os.stat(os.path.dirname(source.folder)).st_dev:
        beside = os.path.join(logs, _BESIDE, source.name)
        os.makedirs(beside, 0o700, exist_ok=True)
        if os.path.islink(source.folder):
            os.unlink(source.folder)
        os.symlink(beside, source.folder)
    else:
        os.makedirs(source.folder, 0o700, exist_ok=True)
    return True


def link(source: Source) -> list[str]:
    """Links what has no link yet, the oldest first. Returns the new links."""
    linked = {_identity(entry.stat()) for entry in _links(source)}
    missing = {}
    for path in _files(source.paths):
        try:
            found = os.stat(path)
        except FileNotFoundError:
            continue  # rotated between listing and looking: it is found under its new name next time
        if stat.S_ISREG(found.st_mode) and _identity(found) not in linked:
            missing[_identity(found)] = (found.st_mtime_ns, path)
    made = []
    for identity, (_, path) in sorted(missing.items(), key=lambda item: item[1]):
        # The number of a file is used again when it's gone, and must not inherit its place.
        target = os.path.join(source.folder, f"{identity[1]}.{time.time_ns()}")
        try:
            os.link(path, target)
        except FileNotFoundError:
            continue
        if _identity(os.stat(target)) != identity:
            # Rotated between looking and linking. This is another file, which may have a link.
            os.unlink(target)
            continue
        made.append(target)
    return made


def forget(source: Source, positions: Mapping[str, int]) -> list[str]:
    """Removes links to files that have no other name and were read to the end. Returns them.

    `positions` says how far each link was read. The end may also be a line that was never finished: nobody can finish it
    who doesn't have the file open, and whoever has writes to it now and then.
    """
    gone = []
    for entry in _links(source):
        found = entry.stat()
        unread = found.st_size - positions.get(entry.path, 0)
        idle = time.time() - found.st_mtime
        if found.st_nlink == 1 and (unread <= 0 or (unread <= _ONE_ROW and idle > _ABANDONED)):
            os.unlink(entry.path)
            gone.append(entry.path)
    return gone


def clear(root: str, sources: Iterable[Source]) -> list[str]:
    """Removes the directories of links below `root` that belong to none of the sources. Returns their names."""
    known = {os.path.basename(source.folder) for source in sources}
    gone = []
    for name in os.listdir(root) if os.path.isdir(root) else ():
        path = os.path.join(root, name)
        if name not in known:
            shutil.rmtree(os.path.realpath(path), ignore_errors=True)
            if os.path.islink(path):
                os.unlink(path)
            gone.append(name)
    return gone


def orphans(sources: Iterable[Source]) -> bool:
    """Whether any link is the last name of its file."""
    return any(entry.stat().st_nlink == 1 for source in sources for entry in _links(source))


def unread(sources: Iterable[Source], positions: Mapping[str, int]) -> dict[str, int]:
    """How many bytes of each source were not read yet."""
    return {
        source.name: sum(max(0, entry.stat().st_size - positions.get(entry.path, 0)) for entry in _links(source))
        for source in sources
    }


def _files(paths: Iterable[str]) -> set[str]:
    """The files that match, and what rotation made of them, by the names that they really have."""
    found = set()
    for path in paths:
        wanted = re.compile("[^/]*".join(re.escape(part) for part in path.split("*")) + _ROTATED)
        found |= {
            os.path.realpath(candidate)
            for candidate in glob.glob(path) + glob.glob(f"{path}[-.]*")
            if wanted.fullmatch(candidate)
        }
    return found


def _links(source: Source) -> list[os.DirEntry[str]]:
    with os.scandir(source.folder) as entries:
        return list(entries)


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
