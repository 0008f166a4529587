"""What the log server and the trace server have in common: who may ask, and the paths that both have."""

from __future__ import annotations

import base64
import hmac
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from staddle.logs.errors import IngestError
from staddle.logs.http.errors import HTTPError
from staddle.logs.http.messages import TEXT
from staddle.logs.insert.params import Defaults, Sink
from staddle.logs.select import query, stats, values

if TYPE_CHECKING:
    from staddle.logs.flags import Flags
    from staddle.logs.http.messages import Answer, Request
    from staddle.logs.metrics import Metrics
    from staddle.logs.select.context import Selector
    from staddle.logs.ui.serve import Pages
    from staddle.store.store import Store

Endpoint = Callable[["Request", "Answer"], None]
LOGSQL = (
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
COMMON_PATHS = (
    "/internal/force_flush",
    "/internal/force_merge",
    "/metrics",
    "/health",
    *(f"/select/logsql/{name}" for name in LOGSQL),
)


def read_secret(text: str) -> str:
    """A flag's value, or the contents of the file that `file:///path` names."""
    if text.startswith("file://"):
        return Path(text.removeprefix("file://")).read_text().strip()
    return text


class BaseApp:
    """Routes requests. `handle` is what the HTTP server calls.

    Subclasses say what they are called (`name`, `about`), which pages they serve, what paths may be labels of metrics
    (`paths`), which paths take rows besides `/insert/` (`insert_paths`), and answer what is their own: `rows` and `select`.
    """

    name: str
    about: str
    paths: frozenset[str]
    insert_paths: frozenset[str] = frozenset()
    pages: Pages

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
            self.metrics.add(f'vl_http_errors_total{{path="{self._known(label)}"}}')
            raise
        finally:
            known = self._known(label)
            self.metrics.add(f'vl_http_requests_total{{path="{known}"}}')
            if known != "*":
                self.metrics.observe("vl_http_request_duration_seconds", f'path="{known}"', time.monotonic() - began)

    def _check_auth(self, request: Request) -> None:
        if request.path not in {"/health", "/-/healthy", "/-/ready"}:
            self.check_login(request.headers)

    def check_login(self, headers: Mapping[str, str]) -> None:
        """Is that whom -httpAuth lets in? Raises HTTPError 401."""
        if not self._user:
            return
        kind, _, text = headers.get("authorization", "").partition(" ")
        expected = base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
        if kind.lower() != "basic" or not hmac.compare_digest(text.strip().encode(), expected.encode()):
            raise HTTPError(
                401,
                "The provided username/password do not match -httpAuth",
                (("WWW-Authenticate", f'Basic realm="{self.name}"'),),
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
        if path.startswith("/insert/") or path in self.insert_paths:
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
        if self.ready(answer, path):
            return True
        began = time.monotonic()
        if not self._inserts.acquire(timeout=self.flags["insert.maxQueueDuration"]):
            raise HTTPError(503, "cannot handle more than -maxConcurrentInserts concurrent inserts")
        try:
            return self.rows(request, answer, path)
        except IngestError as error:
            raise HTTPError(400, str(error)) from error
        finally:
            self._inserts.release()
            self.metrics.observe(
                "vl_insert_flush_duration_seconds", f'path="{self._known(path)}"', time.monotonic() - began
            )

    def rows(self, request: Request, answer: Answer, path: str) -> bool:
        """An /insert request; False when there is no such path."""
        raise NotImplementedError

    def ready(self, answer: Answer, path: str) -> bool:
        """Questions that some clients ask before they insert."""
        if path != "/insert/ready":
            return False
        answer.send(200, b'{"status":"ok"}', "application/json")
        return True

    def select(self, request: Request, answer: Answer, path: str) -> bool:  # noqa: ARG002 (for those who have more)
        """A /select request beyond LogsQL; False when there is no such path."""
        return False

    # --- /select

    def _query(self, request: Request, answer: Answer, path: str) -> bool:
        if path == "/select/vmui":
            location = "vmui/" + (f"?{request.query_string}" if request.query_string else "")
            answer.headers.append(("Location", location))
            answer.send(302)
            return True
        if path.startswith(self.pages.root):
            return self.pages.serve(request, answer)
        if not self.flags["http.disableCORS"]:
            answer.headers.append(("Access-Control-Allow-Origin", "*"))
        name = path.removeprefix("/select/logsql/")
        if name == "tail":
            query.tail(request, answer, self.selector, self.stopping.is_set)
            return True
        endpoint = self._select.get(name)
        if endpoint is None:
            return self.select(request, answer, path)
        with self.selector.turn():
            endpoint(request, answer)
        return True

    # --- the rest

    def _own(self, request: Request, answer: Answer, path: str) -> bool:
        match path:
            case "/":
                answer.send(200, self._home(), "text/html; charset=utf-8")
            case "/health":
                answer.send(200, b"OK", TEXT)
            case "/ping":
                answer.send(204)
            case "/-/healthy" | "/-/ready":
                answer.send(200, f"{self.name} is ready.\n".encode(), TEXT)
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

    def _home(self) -> bytes:
        return (
            f"<!doctype html><title>{self.name}</title><h2>{self.name}</h2><p>{self.about}</p><ul>"
            '<li><a href="select/vmui/">search page</a></li><li><a href="metrics">metrics</a></li>'
            '<li><a href="flags">flags</a></li></ul>'
        ).encode()

    def _known(self, path: str) -> str:
        """The path as a label: clients can't make new ones."""
        return path if path in self.paths else "*"
