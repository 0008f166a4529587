"""What the console's server answers: pages, dashboards, settings, and SQL of stored dashboards."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from staddle.console import stored
from staddle.console.assets import INDEX, POLICY
from staddle.console.databases import MOST_ROWS, DatabaseError
from staddle.console.sqltext import Range, SqlTextError, Values, filled
from staddle.logs.http.errors import HTTPError
from staddle.logs.http.messages import TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.console.assets import Asset, Assets
    from staddle.console.catalogue import Catalogue, Stored
    from staddle.console.databases import Databases
    from staddle.logs.http.messages import Answer, Request
    from staddle.logs.metrics import Metrics

PREFIXES = ("/console/", "/ui/")
"""Where the portal may serve it; the paths below are the same."""
_ENDPOINTS = ("config", "dashboards", "problems", "sql")
_LARGEST_REQUEST = 256 * 1024
_PAGES = frozenset(("d", "dashboards", "explore", "alerts", "targets", "pev"))
_SECURITY = (("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "same-origin"))


class App:
    """Routes requests; `handle` is what the HTTP server calls. `config` is what the pages are told as it is."""

    def __init__(
        self,
        assets: Assets,
        catalogue: Catalogue,
        databases: Databases,
        metrics: Metrics,
        config: Mapping[str, Any],
    ) -> None:
        self._assets = assets
        self._catalogue = catalogue
        self._databases = databases
        self._metrics = metrics
        self._config = config

    def handle(self, request: Request, answer: Answer) -> None:
        """One request."""
        began = time.monotonic()
        kind = "page"
        try:
            if request.path == "/health":
                kind = "health"
                answer.send(200, b"OK", TEXT)
            elif request.path == "/metrics":
                kind = "metrics"
                answer.send(200, self._metrics.render().encode(), TEXT)
            else:
                prefix = next((prefix for prefix in PREFIXES if request.path.startswith(prefix)), "")
                name = request.path.removeprefix(prefix)
                kind = f"api/{name.split('/')[1]}" if name.startswith("api/") else "page"
                kind = kind if kind.removeprefix("api/") in {*_ENDPOINTS, "page"} else "other"
                answer.headers += _SECURITY
                self._below(request, answer, prefix or "/", name.lstrip("/"))
        except HTTPError:
            self._metrics.add(f'console_http_errors_total{{kind="{kind}"}}')
            raise
        finally:
            self._metrics.add(f'console_http_requests_total{{kind="{kind}"}}')
            self._metrics.observe("console_http_request_duration_seconds", f'kind="{kind}"', time.monotonic() - began)

    def _below(self, request: Request, answer: Answer, base: str, name: str) -> None:
        if name.startswith("api/"):
            answer.headers.append(("Cache-Control", "no-cache"))
            self._api(request, answer, name.removeprefix("api/"))
        elif request.method not in {"GET", "HEAD"}:
            raise HTTPError(405, "pages are only to be read", (("Allow", "GET, HEAD"),))
        elif name and name != INDEX and (asset := self._assets.get(name)) is not None:
            if name.endswith(".html"):
                answer.headers.append(("Content-Security-Policy", POLICY))
            _send(request, answer, asset)
        elif not name or name == INDEX or name.split("/", maxsplit=1)[0] in _PAGES:
            answer.headers.append(("Content-Security-Policy", POLICY))
            _send(request, answer, self._assets.index(base))
        else:
            raise HTTPError(404, f"the console has no {name}")

    # --- what the pages ask for

    def _api(self, request: Request, answer: Answer, name: str) -> None:
        if name == "sql":
            if request.method != "POST":
                raise HTTPError(405, "SQL is run by POST", (("Allow", "POST"),))
            answer.json(self._sql(_body(request)))
        elif request.method not in {"GET", "HEAD"}:
            raise HTTPError(405, "this is only to be read", (("Allow", "GET, HEAD"),))
        elif name == "config":
            answer.json(self._config)
        elif name == "dashboards":
            ordered = sorted(self._catalogue.all()[0].values(), key=lambda one: (one.folder, one.title, one.uid))
            answer.json([_entry(one) for one in ordered])
        elif name == "problems":
            answer.json(self._catalogue.all()[1])
        elif name.startswith("dashboards/"):
            one = self._one(name.removeprefix("dashboards/"))
            answer.json({"meta": _entry(one), "dashboard": one.body})
        else:
            raise HTTPError(404, f"the console has no api/{name}")

    def _one(self, uid: str) -> Stored:
        found = self._catalogue.get(uid)
        if found is None:
            raise HTTPError(404, f"there is no dashboard with the uid {uid!r}")
        return found

    def _sql(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Runs SQL that a dashboard holds, named by its place there; the request has no SQL itself."""
        body = self._one(str(asked.get("dashboard", ""))).body
        ref = str(asked.get("refId") or "A")
        if "variable" in asked:
            what, query = f"variable {asked['variable']}", stored.variable_query(body, str(asked["variable"]))
        else:
            what, query = f"panel {asked.get('panel')}, query {ref}", stored.panel_query(body, asked.get("panel"), ref)
        if query is None:
            raise HTTPError(404, f"this dashboard has no SQL there: {what}")
        values = _values(asked.get("variables"))
        began = time.monotonic()
        try:
            text = filled(query.sql, Values(values, stored.several(body)), _range(asked))
            result = self._databases.run(query.source(values), text)
        except (SqlTextError, DatabaseError, LookupError) as error:
            self._metrics.add("console_sql_errors_total")
            raise HTTPError(422, f"{what}: {error}") from None
        finally:
            self._metrics.observe("console_sql_duration_seconds", 'kind="sql"', time.monotonic() - began)
        fields = [
            {"name": name, "type": kind, "values": list(values)}
            for (name, kind), values in zip(result.columns, result.values(), strict=True)
        ]
        notices = [{"severity": "warning", "text": f"only the first {MOST_ROWS} rows"}] if result.truncated else []
        return {"frames": [{"refId": ref, "fields": fields, "meta": {"notices": notices}}], "query": text}


def _entry(one: Stored) -> dict[str, Any]:
    return {"uid": one.uid, "title": one.title, "folder": one.folder, "tags": one.tags, "source": one.source}


def _send(request: Request, answer: Answer, asset: Asset) -> None:
    answer.headers += [("Cache-Control", asset.cache), ("ETag", asset.tag)]
    if asset.tag in request.headers.get("if-none-match", ""):
        answer.send(304)
    elif asset.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        answer.headers.append(("Content-Encoding", "gzip"))
        answer.send_as_is(200, asset.packed, asset.content_type)
    else:
        answer.send_as_is(200, asset.plain(), asset.content_type)


def _body(request: Request) -> Mapping[str, Any]:
    if request.content_type != "application/json":
        raise HTTPError(415, "the request must be application/json")
    try:
        data = json.loads(request.read(_LARGEST_REQUEST))
    except ValueError as error:
        raise HTTPError(400, f"the request is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise HTTPError(400, "the request must be a JSON object")
    return data


def _values(given: object) -> dict[str, list[str]]:
    """Variables as a text or a list of texts each."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise HTTPError(400, "variables must be an object")
    return {
        str(name): [str(item) for item in value] if isinstance(value, list) else [str(value)]
        for name, value in given.items()
    }


def _range(asked: Mapping[str, Any]) -> Range:
    """`range` has two moments (ISO 8601), `interval` milliseconds."""
    given = asked.get("range")
    try:
        if not isinstance(given, dict):
            now = int(time.time() * 1000)
            return Range(now - 3_600_000, now)
        moments = [datetime.fromisoformat(str(given[name])) for name in ("from", "to")]
        start, end = (int(moment.timestamp() * 1000) for moment in moments)
        return Range(start, end, max(int(asked.get("interval", 60_000)), 1))
    except (TypeError, ValueError, KeyError, OverflowError):
        raise HTTPError(400, "`range` must have `from` and `to` (ISO 8601), `interval` be milliseconds") from None
