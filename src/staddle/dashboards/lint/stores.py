"""Running stores that queries are tried against: of a sandbox, or behind any portal."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from staddle.errors import StaddleError

if TYPE_CHECKING:
    from pathlib import Path

    from staddle.drive.sandbox import Sandbox

TIMEOUT = 30.0


class QueryError(StaddleError):
    """A store refused a query."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Base URLs of the stores; None: there is none, and its queries aren't tried. `window` is how far queries look back."""

    metrics: str
    logs: str | None = None
    traces: str | None = None
    window: int = 3600
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def of_sandbox(cls, sandbox: Sandbox) -> Stores:
        """Those of a sandbox. Raises StaddleError if it isn't up."""
        found = {row.component: row.health["url"].removesuffix("/health") for row in sandbox.applied()["rows"]
                 if row.component in {"vmetrics", "vlogs", "vtraces"}}  # fmt: skip
        if "vmetrics" not in found:
            raise StaddleError("this sandbox has no VictoriaMetrics", hint="vmetrics_enabled: true")
        return cls(found["vmetrics"], found.get("vlogs"), found.get("vtraces"))

    @classmethod
    def behind(cls, portal: str, ca: Path | None = None, authorization: str = "") -> Stores:
        """Those behind a portal. `ca` is whom to trust besides the system's authorities."""
        base = portal.rstrip("/")
        tls = ssl.create_default_context(cafile=str(ca)) if ca else None
        headers = (("Authorization", authorization),) if authorization else ()
        return cls(f"{base}/vmetrics", f"{base}/vlogs", f"{base}/vtraces", tls=tls, headers=headers)

    def parse(self, expr: str) -> None:
        """Raises QueryError if this isn't MetricsQL."""
        answer = self._get(self.metrics, "prettify-query", {"query": expr})
        if answer.get("status") != "success":
            raise QueryError(str(answer.get("msg") or answer))

    def metric_rows(self, expr: str, *, instant: bool) -> int:
        """How many series a query returns, now or, for one over time, at any time of the window."""
        now = int(time.time())
        if not instant:
            step = max(1, self.window // 120)
            args = {"query": expr, "start": str(now - self.window), "end": str(now), "step": str(step)}
            return len(self._get(self.metrics, "api/v1/query_range", args)["data"]["result"])
        return len(self._get(self.metrics, "api/v1/query", {"query": expr, "time": str(now)})["data"]["result"])

    def label_values(self, label: str, match: str) -> list[str]:
        """The values of a label, of the series that match (nothing: of all)."""
        args = {"start": str(int(time.time()) - self.window), **({"match[]": match} if match else {})}
        found: list[str] = self._get(self.metrics, f"api/v1/label/{label}/values", args)["data"]
        return found

    def series(self, expr: str) -> list[dict[str, Any]]:
        """The series that a query gives now."""
        found: list[dict[str, Any]] = self._get(self.metrics, "api/v1/query", {"query": expr})["data"]["result"]
        return found

    def log_rows(self, expr: str) -> int:
        """How many rows a query returns, one at most where it returns log lines."""
        args = {"query": expr, "start": f"-{self.window}s", "limit": "1"}
        return len(self._text(str(self.logs), "select/logsql/query", args).splitlines())

    def log_values(self, name: str, expr: str) -> list[str]:
        """The values of a field of the log rows that match."""
        args = {"query": expr or "*", "field": name, "start": f"-{self.window}s"}
        return [row["value"] for row in self._get(str(self.logs), "select/logsql/field_values", args)["values"]]

    def trace_count(self, args: dict[str, str]) -> int:
        """How many traces a search finds."""
        return len(self._get(str(self.traces), "select/jaeger/api/traces", {"limit": "1", **args})["data"] or [])

    def _get(self, base: str, path: str, args: dict[str, str]) -> dict[str, Any]:
        text = self._text(base, path, args)
        try:
            answer: dict[str, Any] = json.loads(text)
        except ValueError as error:
            raise QueryError(f"{base}/{path} does not answer in JSON") from error
        return answer

    def _text(self, base: str, path: str, args: dict[str, str]) -> str:
        url = f"{base}/{path}?{urllib.parse.urlencode(args)}"
        request = urllib.request.Request(url, headers=dict(self.headers))  # noqa: S310 - the user's own portal
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT, context=self.tls) as reply:  # noqa: S310
                return str(reply.read().decode(errors="replace"))
        except urllib.error.HTTPError as error:
            body = error.read().decode(errors="replace")
            if error.code in {400, 422}:
                raise QueryError(_reason(body)) from error
            raise StaddleError(f"{base} answers {error.code}: {body[:200].strip()}") from error
        except OSError as error:
            raise StaddleError(f"{base} does not answer: {error}") from error


def _reason(body: str) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body.strip()[:300]
