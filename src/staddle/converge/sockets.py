"""Who listens on a port of this host."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

_TABLES = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
"""The kernel's tables of sockets, and the state of those that wait for others to begin."""
_DEFAULTS = {"http": 80, "https": 443}


def port_of(url: str) -> int | None:
    """The port that the URL leads to, if it is one."""
    try:
        parts = urlsplit(url)
        return parts.port or _DEFAULTS.get(parts.scheme)
    except ValueError:
        return None


def listener(port: int) -> str | None:
    """The program that listens on the port, as `name (pid N)`; None if nobody does. Needs root for others' names."""
    inodes = {inode for table in _TABLES for inode in _listening(table, port)}
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    holder = next((pid for pid in filter(str.isdigit, os.listdir("/proc")) if not wanted.isdisjoint(_held(pid))), None)
    return f"{_name(holder)} (pid {holder})" if holder else "another user's program"


def _held(pid: str) -> set[str]:
    """What the process has open; nothing if it has ended, or is another user's."""
    try:
        return {_target(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    except OSError:
        return set()


def _target(link: str) -> str:
    try:
        return os.readlink(link)
    except OSError:  # closed meanwhile
        return ""


def _name(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "a program"


def _listening(table: str, port: int) -> list[str]:
    try:
        with open(f"/proc/net/{table}", encoding="ascii") as file:
            rows = [line.split() for line in file.readlines()[1:]]
    except OSError:
        return []
    return [row[9] for row in rows if row[3] == _TABLES[table] and int(row[1].rpartition(":")[2], 16) == port]
