"""What a fleet on hosts of the lab answers: metrics, log lines, alerts, pages of the portal, names."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from tests.lab.fleet import FIRST, OTHER, Admin, until

ASK = """\
import sys
from pathlib import Path
from staddle.drive.portal import portals
from staddle.inventory import load_inventory
inventory = Path(sys.argv[1])
[(_, endpoint), *_] = portals(load_inventory(inventory).fleet, inventory)
status, body = endpoint.call("GET", sys.argv[2], None, 60)
print(status, body.decode(), sep="\\n")
"""
RESOLVE = """\
import socket, struct, sys
server, name = sys.argv[1:]
labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
question = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + labels + b"\\0" + struct.pack("!2H", 1, 1)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(5)
    sock.sendto(question, (server, 53))
    reply = sock.recv(4096)
print(socket.inet_ntoa(reply[-4:]) if struct.unpack("!6H", reply[:12])[3] else "")
"""


def values(admin: Admin, query: str, ip: str = FIRST) -> dict[str, float]:
    """What an INFRA node's store has of a query, by instance."""
    return {row["metric"].get("ins", ""): float(row["value"][1]) for row in admin.metrics(ip, query)}


def value(admin: Admin, query: str) -> float:
    [found] = admin.metrics(FIRST, query)
    return float(found["value"][1])


def wait_for(admin: Admin, query: str, wanted: dict[str, float], ip: str = FIRST) -> None:
    until(f"{query} at {ip}", lambda: values(admin, query, ip), lambda found: found == wanted)


def at_least(admin: Admin, query: str, least: float) -> float:
    """The value of the only series, once it is that."""
    return until(query, lambda: max(values(admin, query).values(), default=0.0), lambda found: found >= least)


def fresh(admin: Admin, series: str) -> float:
    """The value of a series at a scrape that began after this call."""
    begun = time.time()
    until(f"a new {series}", lambda: value(admin, f"timestamp({series})"), lambda found: found > begun)
    return value(admin, series)


def rows(admin: Admin, logsql: str) -> list[dict[str, str]]:
    """Rows that `staddle logs` finds, as soon as there are some."""

    def look() -> list[dict[str, str]]:
        return [json.loads(line) for line in admin.run("logs", "-q", logsql, "--json").stdout.splitlines()]

    return until(logsql, look, bool)


def firing(admin: Admin, alert: str, name: str) -> dict[str, Any]:
    """The alert about that instance, as `staddle alerts` has it; nothing if it doesn't fire."""
    every = admin.json("alerts", "ls")["alerts"]
    return next((one for one in every if (one["labels"]["alertname"], one["labels"].get("ins")) == (alert, name)), {})


def asked(admin: Admin, path: str) -> tuple[int, str]:
    """Status and body that the portal gives for a path to who has the login."""
    status, _, body = admin.lab.admin_run(
        [sys.executable, "-c", ASK, admin.inventory, path.lstrip("/")], cwd=admin.home
    ).stdout.partition("\n")
    return int(status), body


def resolved(admin: Admin, server: str, name: str) -> str:
    """The address that a name server gives for a name, asked from a node."""
    return admin.host(OTHER).run(["python3", "-c", RESOLVE, server, name]).stdout.strip()
