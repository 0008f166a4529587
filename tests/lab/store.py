"""Where the lab keeps things on disk, and the locks that let several labs of one user live side by side.

<cache>/base/<release>-<recipe>/   images, shared read-only by all labs
<cache>/apt/<release>/             package lists and packages, shared
<cache>/labs/<name>/               one lab: its record, keys, hosts' disks. Gone after `down`
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from tests.lab.spec import HostSpec

if TYPE_CHECKING:
    from collections.abc import Iterator


def cache() -> Path:
    """The lab's directory. Made if need be."""
    base = os.environ.get("STADDLE_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "staddle")
    path = Path(base).expanduser().absolute() / "lab"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextlib.contextmanager
def locked(name: str, *, wait: bool = True) -> Iterator[TextIO | None]:
    """Alone among all processes with this cache. The kernel lets go of the lock when its holder dies.

    Gives the lock; without `wait`, None if somebody else has it.
    """
    with (cache() / f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield None
        else:
            yield file


_owned: dict[Path, TextIO] = {}  # here, so that a lab lives on if its objects are dropped


@dataclass(frozen=True, slots=True)
class Record:
    """What must be known of a lab to use it, or to clear it away, from another process."""

    name: str
    keep: bool  # outlives the process that made it
    hosts: tuple[HostSpec, ...]

    @property
    def home(self) -> Path:
        return labs_dir() / self.name

    @property
    def owner_lock(self) -> Path:
        """Held by the process a lab belongs to, for as long as it lives. Of no meaning if `keep`."""
        return self.home / "owner.lock"

    def save(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = self.home / "lab.json.new"
        new.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        new.replace(self.home / "lab.json")

    def take(self) -> None:
        """Own the lab until `release`, or until this process ends."""
        _owned[self.home] = file = self.owner_lock.open("w")
        fcntl.flock(file, fcntl.LOCK_EX)

    def release(self) -> None:
        """No longer own it. Does nothing if it is someone else's."""
        if file := _owned.pop(self.home, None):
            file.close()

    def abandoned(self) -> bool:
        """It should have ended with its owner, and the owner is dead."""
        if self.keep:
            return False
        with self.owner_lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True


def labs_dir() -> Path:
    return cache() / "labs"


def records() -> list[Record]:
    """All labs of this cache, the abandoned ones too, by name."""
    found = [read(path.parent.name) for path in sorted(labs_dir().glob("*/lab.json"))]
    return [record for record in found if record]


def read(name: str) -> Record | None:
    """The lab of that name, if there is one."""
    try:
        data = json.loads((labs_dir() / name / "lab.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Record(data["name"], data["keep"], tuple(HostSpec(**host) for host in data["hosts"]))
