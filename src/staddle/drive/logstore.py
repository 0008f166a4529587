"""Asking the sandbox's log store over its own protocol (LogsQL over HTTP, `/select/logsql/*`)."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

from staddle.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.drive.sandbox import Sandbox

TIMEOUT = 60.0


def component_filter(component: str) -> str:
    """LogsQL for everything that a component wrote. Some have several kinds of log: `nginx` and `nginx-error`."""
    return f'cls:~"^{component}(-|$)"'


def query(sandbox: Sandbox, logsql: str, *, since: str, limit: int) -> list[dict[str, str]]:
    """The newest `limit` rows of the last `since` (a duration such as `1h`), oldest first. Raises SandboxError."""
    lines = _ask(sandbox, "query", {"query": logsql, "start": f"-{since}", "limit": str(limit)})
    return sorted((json.loads(line) for line in lines), key=lambda row: row.get("_time", ""))


def tail(sandbox: Sandbox, logsql: str) -> Iterator[dict[str, str]]:
    """New rows as they come, for ever. Raises SandboxError."""
    for line in _ask(sandbox, "tail", {"query": logsql}):
        row: dict[str, str] = json.loads(line)
        yield row


def as_line(row: dict[str, Any]) -> str:
    """A row for people: when, how bad, who, what; rows of a statistics query as their fields."""
    if not {"_time", "_msg"} <= row.keys():
        return "  ".join(f"{key}={value}" for key, value in row.items())
    return "  ".join([row.get("_time", ""), f"{row.get('level', ''):7}", row.get("ins", ""), row["_msg"]])


def _ask(sandbox: Sandbox, endpoint: str, arguments: dict[str, str]) -> Iterator[bytes]:
    store = next((row for row in sandbox.applied()["rows"] if row.component == "vlogs"), None)
    if store is None:
        raise SandboxError(
            "this sandbox has no log store", hint="`staddle logs COMPONENT` reads a component's own file"
        )
    url = store.health["url"].removesuffix("/health") + f"/select/logsql/{endpoint}"
    body = urllib.parse.urlencode(arguments).encode()
    try:
        with urllib.request.urlopen(url, body, timeout=None if endpoint == "tail" else TIMEOUT) as reply:  # noqa: S310
            yield from (line for line in reply if line.strip())
    except urllib.error.HTTPError as error:
        raise SandboxError(error.read().decode(errors="replace").strip()) from error
    except (OSError, ValueError) as error:
        hint = "`staddle status` says why; `staddle logs COMPONENT` reads a component's own file"
        raise SandboxError(f"the log store does not answer: {error}", hint=hint) from error
