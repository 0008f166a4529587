"""A host looked over: what is needed to say what is wrong with it, and why. Reads only, and judges nothing.

`staddle.drive.doctor` makes findings of it.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import stat
import subprocess
import time
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import urlsplit

from . import drift as drifts, sockets
from .facts import read
from .host import may_set_clock
from .ledger import Ledger, StateError, Store
from .model import parse_block
from .services import ManagerError, connect, log_tail

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import Manager
    from .services import ServiceManager

_TIMEOUT = 20.0
_TAIL = 6
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_REBOOT = "/run/reboot-required"
_ALERTS = "/api/v1/alerts"
# Not disks: they are as full as they are meant to be.
_NO_DISKS = {"autofs", "cgroup2", "devpts", "devtmpfs", "iso9660", "proc", "squashfs", "sysfs"}


def look(host: dict[str, Any], manager: Manager, services: list[dict[str, Any]]) -> dict[str, Any]:
    """Everything about the host at once. `services` are as `status` has them. Raises StateError."""
    store = Store(host["state"], readonly=True)
    ledger = store.load()
    connected = connect(manager)
    whole = host["layout"] == "system"
    return {
        "time": time.time(),
        "installed": bool(ledger.components),
        "interrupted": sorted(journal.component for journal in store.journals()),
        "services": [_explained(item, ledger, host, connected) for item in services],
        "drift": _drift(host["state"]),
        "disks": _disks([host["state"], host["log_dir"], *ledger.paths], whole=whole),
        "certificates": _certificates(ledger),
        "units": _failed_units(set(ledger.services)) if whole else [],
        "synchronized": _synchronized() if whole else None,
        "reboot": _reboot() if whole else None,
        "alerts": _alerts(ledger, services),
    }


def _explained(item: dict[str, Any], ledger: Ledger, host: dict[str, Any], manager: ServiceManager) -> dict[str, Any]:
    """A service with what helps to understand why it is ill, and whether its program was replaced under it."""
    found = {**item, "log": [], "port": None, "outdated": bool(item["pid"]) and _is_replaced(item["pid"])}
    if item["healthy"]:
        return found
    found["log"] = _last_lines(log_tail(host["log_dir"], item["service"]) or _tail(manager, item["service"]))
    service = parse_block(ledger.components[item["component"]]).service
    port = (service.health.port or sockets.port_of(service.health.url)) if service else None
    if port and not item["running"]:
        holder = sockets.listener(port)
        found["port"] = {"number": port, "holder": holder} if holder else None
    return found


def _tail(manager: ServiceManager, name: str) -> str:
    try:
        return manager.tail(name)
    except ManagerError:
        return ""


def _is_replaced(pid: int) -> bool:
    """Whether the file that the process runs from was replaced or removed since it began."""
    try:
        return os.readlink(f"/proc/{pid}/exe").endswith(" (deleted)")
    except OSError:
        return False


def _drift(state: str) -> list[dict[str, Any]] | str:
    """As `drift` has it, without diffs; or why that can't be said now."""
    try:
        return [{**vars(item), "diff": None} for item in drifts.drift(state)]
    except StateError as error:
        return str(error)


def _disks(paths: Iterable[str], *, whole: bool) -> list[dict[str, Any]]:
    """The file systems that hold these paths (and, of a whole host, all other disks), each once."""
    found: dict[int, dict[str, Any]] = {}
    for path in [*(_mounts() if whole else ()), *sorted(set(paths))]:
        try:
            device = os.stat(path).st_dev
            if device in found:
                continue
            use, nodes = shutil.disk_usage(path), os.statvfs(path)
        except OSError:
            continue
        if use.total:
            inodes = 1 - nodes.f_favail / nodes.f_files if nodes.f_files else 0.0
            # As `df` counts: what only root may use is not free.
            full = use.used / (use.used + use.free) if use.used + use.free else 0.0
            found[device] = {"path": path, "total": use.total, "free": use.free, "full": full, "inodes": inodes}
    return list(found.values())


def _mounts() -> list[str]:
    """Where disks that can be written to are mounted, the root first."""
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="replace") as file:
            mounts = [line.split() for line in file]
    except OSError:
        return []
    return sorted(
        fields[1]
        for fields in mounts
        if len(fields) > 3 and fields[2] not in _NO_DISKS and "rw" in fields[3].split(",") and os.path.isdir(fields[1])
    )


def _certificates(ledger: Ledger) -> list[dict[str, Any]]:
    """Every certificate that we put here, as it is now."""
    found = []
    for path, entry in sorted(ledger.paths.items()):
        if entry.kind == "file" and path.endswith((".crt", ".pem")) and not entry.secret:
            try:
                content = read(path) if stat.S_ISREG(os.stat(path).st_mode) else b""
            except OSError:
                continue
            if content.lstrip().startswith(_CERTIFICATE):
                found.append({"path": path, "component": entry.component, "pem": content.decode(errors="replace")})
    return found


def _failed_units(ours: set[str]) -> list[dict[str, Any]]:
    """Failed units that aren't ours (ours are among the services), with what they said last."""
    output = _run(["systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager"])
    names = [line.split()[0] for line in output.splitlines() if line.strip()]
    return [
        {
            "unit": name,
            "log": _last_lines(_run(["journalctl", "-u", name, "-n", str(_TAIL), "--no-pager", "-o", "cat"])),
        }
        for name in names
        if name.rpartition(".")[0] not in ours
    ]


def _synchronized() -> bool | None:
    """Whether the kernel's clock follows another one; None if nobody can say, or it is not this host's to set."""
    if not may_set_clock():
        return None
    answer = _run(["timedatectl", "show", "--property=NTPSynchronized", "--value"]).strip()
    return {"yes": True, "no": False}.get(answer)


def _reboot() -> list[str] | None:
    """The packages that want the host to be restarted; None if it needn't be."""
    if not os.path.exists(_REBOOT):
        return None
    try:
        return sorted(set(read(f"{_REBOOT}.pkgs").decode(errors="replace").split()))
    except OSError:
        return []


def _alerts(ledger: Ledger, services: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the alerting rules say now, if this host evaluates them."""
    running = {item["component"] for item in services if item["healthy"]}
    if "vmalert" not in running or "vmalert" not in ledger.components:
        return []
    service = parse_block(ledger.components["vmalert"]).service
    answer = _get(service.health.url, _ALERTS) if service else None
    return answer["data"]["alerts"] if isinstance(answer, dict) and answer.get("status") == "success" else []


def _get(url: str, path: str) -> Any:
    """JSON from the server of that URL; None if there is none."""
    parts = urlsplit(url)
    kind: Callable[..., http.client.HTTPConnection]
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT)
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return None


def _last_lines(text: str | None) -> list[str]:
    return (text or "").splitlines()[-_TAIL:]


def _run(argv: list[str]) -> str:
    """Standard output, whatever the exit status; empty if it can't be run."""
    try:
        return subprocess.run(
            argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, encoding="utf-8",
            errors="replace", timeout=_TIMEOUT, check=False, env={**os.environ, "LC_ALL": "C"},
        ).stdout  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
