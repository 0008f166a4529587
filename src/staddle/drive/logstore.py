"""Asking a log store over its own protocol (LogsQL over HTTP, `/select/logsql/*`): a sandbox's, or one of a fleet's."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from staddle.drive.portal import Endpoint, portals
from staddle.errors import StaddleError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from staddle.drive.sandbox import Sandbox
    from staddle.inventory.fleet import Fleet

TIMEOUT = 60.0
PATH = "/vlogs"


class LogStoreError(StaddleError):
    """The log store does not answer, or not as asked."""


class LogStore:
    """One log store. `hint` is what to do when it doesn't answer."""

    def __init__(self, endpoint: Endpoint, hint: str) -> None:
        self._endpoint = endpoint
        self._hint = hint

    @classmethod
    def of_sandbox(cls, sandbox: Sandbox) -> LogStore:
        """That of the sandbox. Raises LogStoreError if it has none."""
        row = next((row for row in sandbox.applied()["rows"] if row.component == "vlogs"), None)
        if row is None:
            hint = "`staddle logs COMPONENT` reads a component's own file"
            raise LogStoreError("this sandbox has no log store", hint=hint)
        hint = "`staddle status` says why; `staddle logs COMPONENT` reads a component's own file"
        return cls(Endpoint.of_url(row.health["url"].removesuffix("/health")), hint)

    @classmethod
    def of_fleet(cls, fleet: Fleet, inventory: Path) -> LogStore:
        """The first of the fleet's that answers: each is sent all rows. Raises StaddleError."""
        found = [pair for pair in portals(fleet, inventory) if pair[0].params.vlogs_enabled]
        if not found:
            raise LogStoreError("no INFRA node has a log store", hint="vlogs_enabled: true")
        hint, reasons = "`staddle status -i …` says more", []
        for node, endpoint in found:
            store = cls(replace(endpoint, prefix=PATH), hint)
            try:
                store.query("*", since="1s", limit=1)
            except LogStoreError as error:
                reasons.append(f"{node.ip}: {error.message}")
            else:
                return store
        raise LogStoreError("\n".join(reasons), hint=hint)

    def query(self, logsql: str, *, since: str, limit: int) -> list[dict[str, str]]:
        """The newest `limit` rows of the last `since` (a duration such as `1h`), oldest first. Raises LogStoreError."""
        lines = self._ask("query", {"query": logsql, "start": f"-{since}", "limit": str(limit)}, TIMEOUT)
        return sorted((json.loads(line) for line in lines), key=lambda row: row.get("_time", ""))

    def tail(self, logsql: str) -> Iterator[dict[str, str]]:
        """New rows as they come, for ever. Raises LogStoreError."""
        while True:
            for line in self._ask("tail", {"query": logsql}, None):
                row: dict[str, str] = json.loads(line)
                yield row

    def _ask(self, endpoint: str, arguments: dict[str, str], timeout: float | None) -> Iterator[bytes]:
        form = urllib.parse.urlencode(arguments).encode()
        try:
            with self._endpoint.open(f"select/logsql/{endpoint}", form, timeout) as (status, lines):
                if status == http.client.UNAUTHORIZED:
                    hint = "it is that of nginx_users, as of the last apply"
                    raise LogStoreError("the portal does not accept this login", hint=hint)
                if status != http.client.OK:
                    raise LogStoreError(b"".join(lines).decode(errors="replace").strip()[:2000] or f"HTTP {status}")
                try:
                    yield from (line for line in lines if line.strip())
                except http.client.IncompleteRead:
                    if timeout is not None:
                        raise
                    # A portal cuts off what was silent for two minutes.
        except OSError as error:
            raise LogStoreError(f"the log store does not answer: {error}", hint=self._hint) from error


def component_filter(component: str) -> str:
    """LogsQL for everything that a component wrote.

    Some have several kinds of log: `nginx` and `nginx-error`. On hosts most write to the journal, by the name of their unit.
    """
    return f'(cls:~"^{component}(-|$)" OR (job:syslog unit:~"^{component}([.]service)?$"))'


def as_line(row: dict[str, Any]) -> str:
    """A row for people: when, how bad, who, what; rows of a statistics query as their fields."""
    if not {"_time", "_msg"} <= row.keys():
        return "  ".join(f"{key}={value}" for key, value in row.items())
    return "  ".join([row.get("_time", ""), f"{row.get('level', ''):7}", row.get("ins", ""), row["_msg"]])
