"""Ports that are taken, and by whom."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Set as AbstractSet

ANYWHERE = {"0.0.0.0", "::", "127.0.0.1", "::ffff:127.0.0.1"}  # noqa: S104 - what it is compared with, not bound to


@dataclass(frozen=True, slots=True)
class Conflict:
    """A port that can't be used. `pid` is None if the holder belongs to another user."""

    component: str
    parameter: str
    port: int
    holder: str
    pid: int | None = None

    def __str__(self) -> str:
        return f"port {self.port} ({self.component}, {self.parameter}) {self.holder}"


def conflicts(ports: Mapping[tuple[str, str], int], ours: AbstractSet[int]) -> list[Conflict]:
    """The ports that somebody other than the processes in `ours` holds on loopback, or that we may not bind."""
    held: dict[int, int | None] = {}
    for connection in psutil.net_connections(kind="inet"):
        listening = connection.status == psutil.CONN_LISTEN or connection.type == socket.SOCK_DGRAM
        if listening and connection.laddr and connection.laddr.ip in ANYWHERE and connection.pid not in ours:
            # One that has a pid tells more than one that hasn't.
            held[connection.laddr.port] = held.get(connection.laddr.port) or connection.pid
    lowest = _lowest_unprivileged()
    found = []
    for (component, parameter), port in sorted(ports.items(), key=lambda item: item[1]):
        if port in held:
            found.append(Conflict(component, parameter, port, f"is taken by {_describe(held[port])}", held[port]))
        elif port < lowest:
            found.append(Conflict(component, parameter, port, f"needs root: this user may bind {lowest} and above"))
    return found


def _describe(pid: int | None) -> str:
    if pid is None:
        return "a process of another user"
    try:
        command = " ".join(" ".join(psutil.Process(pid).cmdline()).split())
    except psutil.Error:
        return f"pid {pid}"
    return f"pid {pid}: {command if len(command) <= 100 else command[:97] + '...'}"


def _lowest_unprivileged() -> int:
    if os.geteuid() == 0:
        return 1
    setting = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    return int(setting.read_text(encoding="ascii")) if setting.exists() else 1024
