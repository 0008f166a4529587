"""The isolated network: a namespace with a bridge, the ADMIN node's address on it, and no way out.

Nothing links a lab's namespace to any other: no route, no forwarding, no cable. Addresses of the lab mean nothing
outside. But there, packets to them would follow the machine's default route to whoever has 10.10.10.x. So a guard
route refuses them on this machine for as long as there is a lab.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import subprocess
import threading
from ipaddress import IPv4Network
from pathlib import Path

from tests.lab import cgroups
from tests.lab.spec import ADMIN_IP, NETWORK, LabError, LabUnavailableError

BRIDGE = "br0"
_NAMESPACES = Path("/run/netns")
_GUARD = ["unreachable", str(NETWORK), "proto", "199", "metric", "4199"]  # told from others' routes by these numbers
_CLONE_NEWNET = 0x40000000


def _ip(*arguments: str) -> str:
    result = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise LabError(f"`ip {' '.join(arguments)}` exited {result.returncode}: {result.stderr.strip()}")
    return result.stdout


def path(lab: str) -> Path:
    """The namespace's file."""
    return _NAMESPACES / lab


def exists(lab: str) -> bool:
    return path(lab).exists()


def inside(lab: str) -> list[str]:
    """What to put before a command to run it in the lab's network, seeing the rest of the machine as it is."""
    # Not `ip netns exec`: that mounts another /sys, which hides the control groups.
    return ["nsenter", f"--net={path(lab)}", "--"]


def why_not() -> str | None:
    """The reason why this machine must not use the lab's addresses, if there is one."""
    for route in json.loads(_ip("-4", "-j", "route", "show")):
        if route["dst"] == "default" or route.get("type") == "unreachable":
            continue
        if IPv4Network(route["dst"], strict=False).subnet_of(NETWORK):
            return f"this machine has a network of its own within {NETWORK}, the lab's"
    return None


def make(lab: str) -> None:
    """Put the guard in place, then make the lab's network. Call it alone (see `store.locked`)."""
    if reason := why_not():
        raise LabUnavailableError(reason)
    _ip("-4", "route", "replace", *_GUARD)
    _ip("netns", "add", lab)
    _ip("-n", lab, "link", "set", "lo", "up")
    _ip("-n", lab, "link", "add", BRIDGE, "type", "bridge")
    _ip("-n", lab, "addr", "add", f"{ADMIN_IP}/{NETWORK.prefixlen}", "dev", BRIDGE)
    _ip("-n", lab, "link", "set", BRIDGE, "up")


def remove(lab: str) -> None:
    """Remove the lab's network, which nothing may run in any more; with the last lab, the guard as well."""
    if exists(lab):
        _ip("netns", "del", lab)
    others = [group for group in cgroups.root().glob("*/") if group.is_dir() and group.name != lab]
    if not others and _ip("-4", "route", "show", *_GUARD[1:]).strip():
        _ip("-4", "route", "del", *_GUARD)


def port(ip: str) -> str:
    """The bridge's end of the cable to the host with that address."""
    return f"port{ip.rpartition('.')[2]}"


def plug(lab: str, ip: str, *, connected: bool) -> None:
    """Pull the cable of the host with that address, or put it back."""
    _ip("-n", lab, "link", "set", port(ip), "up" if connected else "down")


def connect(lab: str, address: tuple[str, int], timeout: float) -> socket.socket:
    """A TCP connection from the ADMIN's address, for use in this process.

    A socket stays in the namespace it was made in, and a namespace can be entered by one thread alone.
    """
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def run() -> None:
        try:
            with path(lab).open("rb") as namespace:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(namespace.fileno(), _CLONE_NEWNET):
                    number = ctypes.get_errno()
                    raise OSError(number, os.strerror(number), str(path(lab)))  # noqa: TRY301
            made.append(socket.create_connection(address, timeout))
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=run, name=f"connect-{lab}")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return made[0]
