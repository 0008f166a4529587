"""What PostgreSQL instances are at this moment, as the metrics store knows it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from staddle.drive.portal import Endpoint, portals
from staddle.errors import StaddleError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from staddle.drive.sandbox import Sandbox
    from staddle.inventory.fleet import Fleet

TIMEOUT = 5.0
QUERY = 'pg_replication_is_replica{job="pgsql"} or (pg_up{job="pgsql"} == 0) + 2'
NAMES = {0.0: "primary", 1.0: "replica", 2.0: "down"}


def of_sandbox(sandbox: Sandbox) -> dict[str, str]:
    """`primary`, `replica` or `down`, by instance; without those of which nothing is known. Raises StaddleError."""
    row = next((row for row in sandbox.applied()["rows"] if row.component == "vmetrics"), None)
    if row is None:
        raise StaddleError("this sandbox has no metrics store", hint="vmetrics_enabled: true")
    return _first([("the sandbox", Endpoint.of_url(row.health["url"].removesuffix("/health")))])


def of_fleet(fleet: Fleet, inventory: Path) -> dict[str, str]:
    """The same, of the first INFRA node that answers."""
    asked = [(node, endpoint) for node, endpoint in portals(fleet, inventory) if node.params.vmetrics_enabled]
    if not asked:
        raise StaddleError("no INFRA node has a metrics store", hint="vmetrics_enabled: true")
    return _first((node.ip, replace(endpoint, prefix="/vmetrics")) for node, endpoint in asked)


def _first(stores: Iterable[tuple[str, Endpoint]]) -> dict[str, str]:
    reasons = []
    for where, endpoint in stores:
        try:
            status, body = endpoint.call("GET", f"api/v1/query?{urlencode({'query': QUERY})}", None, TIMEOUT)
            if status == 200:
                return _roles(body)
            reasons.append(f"{where}: its metrics store answers {status}")
        except OSError as error:
            reasons.append(f"{where}: {error}")
        except (ValueError, KeyError, TypeError):
            reasons.append(f"{where}: what answers is no metrics store")
    raise StaddleError("\n".join(reasons), hint="`staddle status` says more")


def _roles(body: bytes) -> dict[str, str]:
    series = json.loads(body)["data"]["result"]
    return {each["metric"]["ins"]: NAMES[float(each["value"][1])] for each in series}
