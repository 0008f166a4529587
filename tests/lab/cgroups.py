"""Every process of a lab is in a control group of the lab's own, so that it can be found and ended without guessing.

<cgroup2>/staddle-lab/<lab>/<host>/{supervisor,payload}   systemd-nspawn; the host
<cgroup2>/staddle-lab/<lab>/admin                         commands run on the ADMIN side, package server
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.spec import LabError

if TYPE_CHECKING:
    from collections.abc import Callable

ADMIN = "admin"


def mounted() -> Path | None:
    """Where control groups v2 are mounted: at the usual place, or beside v1."""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    return None


def root() -> Path:
    """The group of all labs."""
    found = mounted()
    if found is None:
        raise LabError("no control groups v2 on this machine")
    return found / "staddle-lab"


def pids(group: Path) -> list[int]:
    """All processes in `group` and below it. Empty if there is no such group."""
    found: list[int] = []
    for file in group.glob("**/cgroup.procs"):
        with contextlib.suppress(OSError):  # ended meanwhile
            found += [int(line) for line in file.read_text(encoding="utf-8").split()]
    return found


def empty(group: Path) -> bool:
    """Nothing runs in it. A group that doesn't exist is empty."""
    try:
        return "populated 0" in (group / "cgroup.events").read_text(encoding="utf-8")
    except OSError:
        return True


def kill(group: Path) -> None:
    """End all processes in `group` and below at once, and wait until they are gone."""
    with contextlib.suppress(FileNotFoundError):
        (group / "cgroup.kill").write_text("1", encoding="utf-8")
    _wait(lambda: empty(group), f"processes in {group} don't end")


def remove(group: Path) -> None:
    """Kill what is in `group` and remove it with the groups below it."""
    kill(group)

    def gone() -> bool:
        for directory in sorted((p for p in group.glob("**/") if p.is_dir()), reverse=True):
            with contextlib.suppress(OSError):  # the kernel needs a moment after the last process
                directory.rmdir()
        return not group.exists()

    _wait(gone, f"the control group {group} can't be removed")


def _wait(done: Callable[[], bool], otherwise: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise LabError(otherwise)
        time.sleep(0.02)
