"""What kind of host this is, and which packages it has or could have: what the ADMIN node must know before it compiles.

Reads only, in few calls. `staddle.drive.facts.HostFacts` is what the other side makes of it.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING, Any

from .aside import BEFORE, NETWORK_MANAGER, OUR_SOURCES, SWITCHED_OFF, brought_back

if TYPE_CHECKING:
    from collections.abc import Iterable

_CAP_SYS_MODULE, _CAP_SYS_RESOURCE, _CAP_SYS_TIME = 16, 24, 25
_TIMEOUT = 120.0
RESOLV_CONF = "/etc/resolv.conf"
# Who may own a part of the host's configuration that Staddle would otherwise write itself.
_FEATURES = {
    "systemd-resolved": "/run/systemd/resolve/stub-resolv.conf",
    "networkmanager": "/run/NetworkManager",
    "dhclient": "/etc/dhcp/dhclient-enter-hooks.d",
    "dhcpcd": "/etc/dhcpcd.conf",
    "grub": "/usr/sbin/update-grub",
}
_SOURCES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d")


def host_facts(packages: Iterable[str] = (), *, refresh: bool = False) -> dict[str, Any]:
    """Facts in plain form. `refresh` updates apt's lists first if they don't know one of `packages`.

    Never raises: what can't be found out is None, empty or False.
    """
    names = list(packages)
    known = _packages(names)
    if refresh and any(known[name]["candidate"] is None for name in names):
        _run(["apt-get", "update", "-qq"], timeout=600.0)
        known = _packages(names)
    release = _os_release()
    return {
        "os_id": release.get("ID", ""),
        "codename": release.get("VERSION_CODENAME", ""),
        "version_id": release.get("VERSION_ID", ""),
        "arch": _architecture(),
        "python": platform.python_version(),
        "hostname": socket.gethostname(),
        "packages": known,
        "clock": may_set_clock(),
        "memory": _memory("MemTotal"),
        "huge_page": _memory("Hugepagesize") or 2048,
        "sources": _sources(),
        "features": sorted(_features()),
        "nameservers": _nameservers(),
        "search": _search(),
    }


def _os_release() -> dict[str, str]:
    values: dict[str, str] = {}
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        for line in _lines(path):
            key, equals, value = line.partition("=")
            if equals and not key.startswith("#"):
                values.setdefault(key.strip(), value.strip().strip("\"'"))
        if values:
            break
    return values


def _architecture() -> str:
    """In the distribution's words (amd64), else in the kernel's (x86_64)."""
    return _run(["dpkg", "--print-architecture"]).strip() or platform.machine()


def _packages(names: list[str]) -> dict[str, dict[str, str | None]]:
    """One `apt-cache policy` for all. What apt does not know has neither version."""
    found: dict[str, dict[str, str | None]] = {name: {"installed": None, "candidate": None} for name in names}
    output = _run(["apt-cache", "policy", *names]) if names else ""
    current = ""
    for line in output.splitlines():
        if not line.startswith(" "):
            current = line.rstrip(":")
            continue
        key, _, value = line.strip().partition(": ")
        if current in found and key in ("Installed", "Candidate") and value != "(none)":
            found[current][key.lower()] = value
    return found


def may_set_clock() -> bool:
    """Whether this host's clock is its own: many a container's is not."""
    return _may(_CAP_SYS_TIME)


def _may(capability: int) -> bool:
    """Containers lack some capabilities: the clock, for one, is their host's."""
    for line in _lines("/proc/self/status"):
        if line.startswith("CapBnd:"):
            return bool(int(line.split()[1], 16) >> capability & 1)
    return True


def _memory(what: str) -> int:
    """KiB."""
    for words in map(str.split, _lines("/proc/meminfo")):
        if len(words) > 1 and words[0] == f"{what}:":
            return int(words[1])
    return 0


def _sources() -> list[dict[str, Any]]:
    """The files in which others name package sources for apt: what is in them, were they not set aside."""
    names = os.listdir(_SOURCES[1]) if os.path.isdir(_SOURCES[1]) else []
    found = []
    for path in [_SOURCES[0], *(os.path.join(_SOURCES[1], name) for name in sorted(names))]:
        if path == OUR_SOURCES or not path.endswith((".list", ".sources")) or os.path.islink(path):
            continue
        text = brought_back("".join(f"{line}\n" for line in _lines(path)))
        if any(line.strip() and not line.startswith("#") for line in text.splitlines()):
            found.append({"path": path, "text": text, "mode": os.stat(path).st_mode & 0o777})
    return found


def _features() -> set[str]:
    """What manages parts of this host already."""
    found = {name for name, path in _FEATURES.items() if os.path.exists(path)}
    fixed = (("fixed-limits", _CAP_SYS_RESOURCE), ("fixed-modules", _CAP_SYS_MODULE))
    found |= {name for name, capability in fixed if not _may(capability)}
    found |= {name for name in ("ufw", "firewalld", "nft") if _which(name if name != "firewalld" else "firewall-cmd")}
    active = _run(["systemctl", "is-active", "firewalld.service", "nftables.service"]).split()
    found |= {f"{name}-active" for name, state in zip(("firewalld", "nftables"), active) if state == "active"}
    # Its unit is active even while it is disabled.
    if "ENABLED=yes" in _lines("/etc/ufw/ufw.conf"):
        found.add("ufw-active")
    found |= {f"{name}-active" for name in _lines(SWITCHED_OFF)}
    return found


def _nameservers() -> list[str]:
    """Whom this host asks of its own accord: without those that we added; behind systemd-resolved's stub, whom that asks."""
    for path in (RESOLV_CONF, NETWORK_MANAGER):
        for line in _lines(path):
            if line.startswith(BEFORE):
                return line[len(BEFORE) :].split()
    upstream = "/run/systemd/resolve/resolv.conf"
    servers = _servers_in(RESOLV_CONF)
    if servers == ["127.0.0.53"] and os.path.exists(upstream):
        servers = _servers_in(upstream)
    return servers


def _search() -> list[str]:
    """The domains that short names are looked up in."""
    found: list[str] = []
    for words in map(str.split, _lines(RESOLV_CONF)):
        if len(words) > 1 and words[0] in ("search", "domain"):
            found = [word for word in words[1:] if word != "."]
    return found


def _servers_in(path: str) -> list[str]:
    return [words[1] for words in map(str.split, _lines(path)) if len(words) > 1 and words[0] == "nameserver"]


def _which(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _run(argv: list[str], timeout: float = _TIMEOUT) -> str:
    """Standard output, whatever the exit status; empty if it can't be run."""
    try:
        return subprocess.run(
            argv,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
