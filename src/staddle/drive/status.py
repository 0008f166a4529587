"""What runs in a sandbox, how it is, and what it logged."""

from __future__ import annotations

import datetime as dt
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import psutil

from staddle.converge.health import check
from staddle.converge.model import Health
from staddle.converge.remote import answer
from staddle.drive.doctor import IN_SANDBOX, Finding, judge, look_at_admin, merged
from staddle.drive.sandbox import ADMIN
from staddle.errors import SandboxError
from staddle.inventory.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from staddle.drive.sandbox import Row, Sandbox

CHECK_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """One component now. `state` is the supervisor's word, `reason` why it isn't healthy; `memory` in bytes."""

    component: str
    title: str
    healthy: bool
    state: str
    version: str
    provider: str
    url: str
    pid: int | None = None
    seconds: float | None = None
    memory: int | None = None
    reason: str | None = None

    def to_data(self) -> dict[str, Any]:
        return asdict(self)


def status_of(sandbox: Sandbox) -> list[ComponentStatus]:
    """Every component that was brought up, checked over its own protocol, all at once."""
    rows: list[Row] = sandbox.applied()["rows"]
    processes = sandbox.supervision.processes()
    with ThreadPoolExecutor(max_workers=max(1, len(rows))) as pool:
        return list(pool.map(lambda row: _status(row, processes), rows))


def examine(sandbox: Sandbox) -> list[Finding]:
    """Everything that is wrong with it. Raises SandboxError if there is none."""
    sandbox.applied()
    if not sandbox.supervision.running():
        remedy = "staddle up"
        return [Finding("running", "error", "", "sandbox", f"the sandbox in {sandbox.root} is stopped", remedy)]
    now = dt.datetime.now(dt.UTC)
    found = look_at_admin(sandbox.root / ADMIN, (), now)
    seen = answer({"op": "doctor", "host": sandbox.host_data})
    return merged([*found, *judge("", seen, now, IN_SANDBOX)])


def wait_until_healthy(sandbox: Sandbox, row: Row, timeout: float = 30.0) -> ComponentStatus:
    """The component's status as soon as it is healthy, or when `timeout` seconds are over."""
    deadline = time.monotonic() + timeout
    while True:
        status = _status(row, sandbox.supervision.processes())
        if status.healthy or time.monotonic() > deadline:
            return status
        time.sleep(0.1)


def pick(sandbox: Sandbox, names: Iterable[str]) -> list[Row]:
    """The components with these names. Raises SandboxError that names the nearest for each unknown one."""
    rows = {row.component: row for row in sandbox.applied()["rows"]}
    unknown = [name for name in names if name not in rows]
    if unknown:
        likely = {name: nearest(name, rows) for name in unknown}
        text = "; ".join(
            f"there is no component {name!r}" + (f" (did you mean {near!r}?)" if near else "")
            for name, near in likely.items()
        )
        raise SandboxError(text, hint=f"there are: {', '.join(rows)}")
    return [rows[name] for name in names]


def tail(file: Path, lines: int) -> list[str]:
    """The last lines of a file that need not exist."""
    if not file.exists():
        return []
    with file.open(encoding="utf-8", errors="replace") as handle:
        return [line.rstrip("\n") for line in deque(handle, maxlen=lines)]


def follow(files: list[Path], interval: float = 0.25) -> Iterator[str]:
    """New lines of the files as they come, for ever; a file that was rotated is read on from the new one's beginning."""
    positions = {file: (_inode(file), file.stat().st_size if file.exists() else 0) for file in files}
    while True:
        for file in files:
            inode, position = positions[file]
            if _inode(file) != inode:
                inode, position = _inode(file), 0
            if inode is not None:
                with file.open(encoding="utf-8", errors="replace") as handle:
                    handle.seek(position)
                    yield from (line.rstrip("\n") for line in handle)
                    position = handle.tell()
            positions[file] = (inode, position)
        time.sleep(interval)


def _status(row: Row, processes: Mapping[str, Mapping[str, Any]]) -> ComponentStatus:
    process = processes.get(row.service, {})
    state, pid = str(process.get("statename", "NOT RUNNING")), process.get("pid") or None
    reason = process.get("spawnerr") or None
    if state == "RUNNING" or pid:
        reason = check(Health(**row.health), CHECK_TIMEOUT)
    elif not reason:
        reason = f"its process is {state}"
    return ComponentStatus(
        component=row.component,
        title=row.title,
        healthy=reason is None,
        state=state,
        version=row.version,
        provider=row.provider,
        url=row.url,
        pid=pid,
        seconds=float(process["now"] - process["start"]) if pid else None,
        memory=_memory(pid) if pid else None,
        reason=reason,
    )


def _memory(pid: int) -> int | None:
    try:
        process = psutil.Process(pid)
        return int(sum(p.memory_info().rss for p in (process, *process.children(recursive=True))))
    except psutil.Error:
        return None


def _inode(file: Path) -> int | None:
    return file.stat().st_ino if file.exists() else None
