"""The log server: what serves which path."""

from __future__ import annotations

import base64
import hmac
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from staddle.logs.errors import IngestError
from staddle.logs.http.errors import HTTPError
from staddle.logs.http.messages import TEXT
from staddle.logs.insert import datadog, elastic, journald, jsonline, loki, otlp
from staddle.logs.insert.params import Defaults, Sink, common_params, parse_tenant
from staddle.logs.select import query, stats, values
from staddle.logs.ui import serve as ui

if TYPE_CHECKING:
    from staddle.logs.flags import Flags
    from staddle.logs.http.messages import Answer, Request
    from staddle.logs.metrics import Metrics
    from staddle.logs.select.context import Selector
    from staddle.store.store import Store

log = logging.getLogger(__name__)

Endpoint = Callable[["Request", "Answer"], None]
HOME = b"""<!doctype html><title>staddle-logs</title><h2>staddle-logs</h2>
<p>Logs by LogsQL over HTTP.</p><ul><li><a href="select/vmui/">search page</a></li><li><a
href="metrics">metrics</a></li>
<li><a href="flags">flags</a></li></ul>"""


def read_secret(text: str) -> str:
    """A flag's value, or the contents of the file that `file:///path` names."""
    if text.startswith("file://"):
        from pathlib import Path  # noqa: PLC0415

        return Path(text.removeprefix("file://")).read_text().strip()
    return text


class App:
    """Routes requests. `handle` is what the HTTP server calls."""

    def __init__(self, flags: Flags, store: Store, selector: Selector, metrics: Metrics) -> None:
        self.flags = flags
        self.store = store
        self.selector = selector
        self.metrics = metrics
        self.stopping = threading.Event()
        self.sink = Sink(store, metrics, log_rows=flags["logIngestedRows"])
        self.defaults = Defaults(
            flags["defaultMsgValue"], flags["insert.maxLineSizeBytes"], flags["insert.maxFieldsPerLine"]
        )
        self._inserts = threading.BoundedSemaphore(flags["maxConcurrentInserts"])
        self._user = flags["httpAuth.username"]
        self._password = read_secret(flags["httpAuth.password"])
        self._prefix = flags["http.pathPrefix"].rstrip("/")
        self._select: dict[str, Endpoint] = {
            "query": lambda r, a: query.handle(r, a, selector),
            "hits": lambda r, a: values.hits(r, a, selector),
            "facets": lambda r, a: values.facets(r, a, selector),
            "field_names": lambda r, a: values.field_names(r, a, selector),
            "field_values": lambda r, a: values.field_values(r, a, selector),
            "stream_field_names": lambda r, a: values.stream_field_names(r, a, selector),
            "stream_field_values": lambda r, a: values.stream_field_values(r, a, selector),
            "streams": lambda r, a: values.streams(r, a, selector),
            "stream_ids": lambda r, a: values.stream_ids(r, a, selector),
            "stats_query": lambda r, a: stats.instant(r, a, selector),
            "stats_query_range": lambda r, a: stats.over_range(r, a, selector),
        }

    def handle(self, request: Request, answer: Answer) -> None:
        """One request."""
        began = time.monotonic()
        label = request.path
        try:
            self._check_auth(request)
            self._strip_prefix(request)
            label = request.path
            self._route(request, answer)
        except HTTPError:
            self.metrics.add(f'vl_http_errors_total{{path="{_known(label)}"}}')
            raise
        finally:
            known = _known(label)
            self.metrics.add(f'vl_http_requests_total{{path="{known}"}}')
            if known != "*":
                self.metrics.observe("vl_http_request_duration_seconds", f'path="{known}"', time.monotonic() - began)

    def _check_auth(self, request: Request) -> None:
        if not self._user or request.path in {"/health", "/-/healthy", "/-/ready"}:
            return
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        expected = base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        if kind.lower() != "basic" or not hmac.compare_digest(text.strip().encode(), expected.encode()):
            raise HTTPError(
                401,
                "The provided username/password do not match -httpAuth",
                (("WWW-Authenticate", 'Basic realm="staddle-logs"'),),
            )

    def _strip_prefix(self, request: Request) -> None:
        if not self._prefix:
            return
        if request.path == self._prefix:
            raise HTTPError(302, "", (("Location", self._prefix + "/"),))
        if not request.path.startswith(self._prefix + "/"):
            raise HTTPError(400, f'missing -http.pathPrefix="{self._prefix}" in the requested path "{request.path}"')
        request.path = request.path[len(self._prefix) :]

    def _route(self, request: Request, answer: Answer) -> None:
        path = request.path
        if path.startswith("/insert/"):
            if self.flags["insert.disable"]:
                raise HTTPError(400, "requests to /insert/* are disabled with -insert.disable command-line flag")
            done = self._insert(request, answer, path)
        elif path.startswith("/select/"):
            if self.flags["select.disable"]:
                raise HTTPError(400, "requests to /select/* are disabled with -select.disable command-line flag")
            done = self._query(request, answer, path)
        else:
            done = self._own(request, answer, path)
        if not done:
            raise HTTPError(400, f'unsupported path requested: "{path}"')

    # --- /insert

    def _insert(self, request: Request, answer: Answer, path: str) -> bool:
        if path == "/insert/ready":
            answer.send(200, b'{"status":"ok"}', "application/json")
            return True
        if path == "/insert/loki/ready":
            answer.send(200, b"ready", TEXT)
            return True
        if path.startswith("/insert/datadog/") and path.endswith("/validate"):
            answer.send(200, b"{}", TEXT)
            return True
        began = time.monotonic()
        if not self._inserts.acquire(timeout=self.flags["insert.maxQueueDuration"]):
            raise HTTPError(503, "cannot handle more than -maxConcurrentInserts concurrent inserts")
        try:
            return self._rows(request, answer, path)
        except IngestError as error:
            raise HTTPError(400, str(error)) from error
        finally:
            self._inserts.release()
            self.metrics.observe("vl_insert_flush_duration_seconds", f'path="{_known(path)}"', time.monotonic() - began)

    def _rows(self, request: Request, answer: Answer, path: str) -> bool:
        flags, sink = self.flags, self.sink
        if path == "/insert/jsonline":
            jsonline.handle(request, answer, common_params(request, self.defaults), sink)
        elif path == "/insert/elasticsearch" or path.startswith("/insert/elasticsearch/"):
            rest = path.removeprefix("/insert/elasticsearch")
            params = common_params(request, self.defaults)
            return elastic.handle(request, answer, rest, params, sink, flags["elasticsearch.version"])
        elif path == "/insert/loki/api/v1/push":
            params = common_params(request, self.defaults, loki.default_tenant(request))
            parse = not flags["loki.disableMessageParsing"]
            loki.handle(request, answer, params, sink, flags["loki.maxRequestSize"], parse_messages=parse)
        elif path in {"/insert/opentelemetry/v1/logs", "/insert/opentelemetry/api/v1/push"}:
            otlp.handle(
                request,
                answer,
                common_params(request, self.defaults),
                sink,
                flags["opentelemetry.maxRequestSize"],
            )
        elif path == "/insert/datadog/api/v2/logs":
            defaults = (flags["datadog.streamFields"], flags["datadog.ignoreFields"])
            datadog.handle(
                request,
                answer,
                common_params(request, self.defaults),
                sink,
                flags["datadog.maxRequestSize"],
                defaults,
            )
        elif path == "/insert/journald/upload":
            params = common_params(request, self.defaults, parse_tenant(flags["journald.tenantID"]))
            params = params.with_streams(flags["journald.streamFields"]).with_ignored(flags["journald.ignoreFields"])
            journald.handle(
                request,
                answer,
                params,
                sink,
                flags["journald.maxRequestSize"],
                flags["journald.timeField"],
                metadata=flags["journald.includeEntryMetadata"],
            )
        else:
            return False
        return True

    # --- /select

    def _query(self, request: Request, answer: Answer, path: str) -> bool:
        if path == "/select/vmui":
            location = "vmui/" + (f"?{request.query_string}" if request.query_string else "")
            answer.headers.append(("Location", location))
            answer.send(302)
            return True
        if path.startswith(ui.ROOT):
            return ui.serve(request, answer)
        if not self.flags["http.disableCORS"]:
            answer.headers.append(("Access-Control-Allow-Origin", "*"))
        name = path.removeprefix("/select/logsql/")
        if name == "tail":
            query.tail(request, answer, self.selector, self.stopping.is_set)
            return True
        endpoint = self._select.get(name)
        if endpoint is None:
            return False
        with self.selector.turn():
            endpoint(request, answer)
        return True

    # --- the rest

    def _own(self, request: Request, answer: Answer, path: str) -> bool:
        match path:
            case "/":
                answer.send(200, HOME, "text/html; charset=utf-8")
            case "/health":
                answer.send(200, b"OK", TEXT)
            case "/ping":
                answer.send(204)
            case "/-/healthy" | "/-/ready":
                answer.send(200, b"staddle-logs is ready.\n", TEXT)
            case "/metrics":
                self._check_key(request, "metricsAuthKey")
                answer.send(200, self.metrics.render().encode(), TEXT)
            case "/flags":
                self._check_key(request, "flagsAuthKey")
                answer.send(200, self.flags.describe().encode(), TEXT)
            case "/internal/force_flush":
                self._check_key(request, "forceFlushAuthKey")
                self.store.flush()
                answer.send(200)
            case "/internal/force_merge":
                self._check_key(request, "forceMergeAuthKey")
                self.store.merge_all()
                answer.send(200)
            case "/robots.txt":
                answer.send(200, b"User-agent: *\nDisallow: /\n", TEXT)
            case "/favicon.ico":
                answer.send(204)
            case _:
                return False
        return True

    def _check_key(self, request: Request, flag: str) -> None:
        key = read_secret(self.flags[flag])
        if key and not hmac.compare_digest(request.arg("authKey").encode(), key.encode()):
            raise HTTPError(401, f"The provided authKey doesn't match -{flag}")


_PATHS = (
    "/insert/jsonline",
    "/insert/elasticsearch/_bulk",
    "/insert/loki/api/v1/push",
    "/insert/opentelemetry/v1/logs",
    "/insert/datadog/api/v2/logs",
    "/insert/journald/upload",
    "/internal/force_flush",
    "/internal/force_merge",
    "/metrics",
    "/health",
    *(
        f"/select/logsql/{n}"
        for n in (
            "query",
            "tail",
            "hits",
            "facets",
            "field_names",
            "field_values",
            "streams",
            "stream_ids",
            "stream_field_names",
            "stream_field_values",
            "stats_query",
            "stats_query_range",
        )
    ),
)


def _known(path: str) -> str:
    """The path as a label: clients can't make new ones."""
    return path if path in _PATHS else "*"
