"""`/select/jaeger/api/*`: Jaeger's query API."""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from staddle.logs.http.errors import HTTPError
from staddle.logs.insert.params import tenant_of
from staddle.traces.names import SPAN_ATTR
from staddle.traces.render import envelope, traces_json
from staddle.traces.rows import Search, Spans, lookbehind
from staddle.traces.traceindex import TraceIndex

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from staddle.logs.flags import Flags
    from staddle.logs.http.messages import Answer, Request
    from staddle.logs.select.context import Selector

ROOT = "/select/jaeger/api/"
DEFAULT_LIMIT = 20
MAX_LIMIT = 1000
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DURATION = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_STATUS = {"unset": "0", "false": "1", "true": "2"}
_KINDS = {"internal": "1", "server": "2", "client": "3", "producer": "4", "consumer": "5"}
_BUILTIN = {
    "otel.status_description": "status_message",
    "w3c.tracestate": "trace_state",
    "otel.scope.name": "scope_name",
    "otel.scope.version": "scope_version",
}


class Jaeger:
    """Answers Jaeger's questions about a tenant's spans."""

    def __init__(self, selector: Selector, flags: Flags) -> None:
        self._selector = selector
        self._index = TraceIndex()
        self._lookbehind = flags["search.traceServiceAndSpanNameLookbehind"]
        self._max_services = flags["search.traceMaxServiceNameList"]
        self._max_operations = flags["search.traceMaxSpanNameList"]
        self._graph = flags["servicegraph.enableTask"]

    def handle(self, request: Request, answer: Answer, path: str) -> bool:
        """Answer; False when there is no such path."""
        name = path.removeprefix(ROOT).rstrip("/")
        request.args(form=True)
        if name == "services":
            self._services(request, answer)
        elif (m := re.fullmatch(r"services/(.*)/operations", name)) is not None:
            self._operations(request, answer, m[1])
        elif name == "operations":
            self._operations_with_kinds(request, answer)
        elif name == "traces":
            self._search(request, answer)
        elif name.startswith("traces/"):
            self._trace(request, answer, name.removeprefix("traces/"))
        elif name == "dependencies":
            self._dependencies(request, answer)
        else:
            return False
        return True

    @contextmanager
    def _spans(self, request: Request) -> Iterator[Spans]:
        with self._selector.source(request, tenant_of(request)) as source:
            yield Spans(source, self._index)

    def _services(self, request: Request, answer: Answer) -> None:
        with self._spans(request) as spans:
            names = sorted(spans.operations(lookbehind(self._lookbehind)))[: self._max_services]
        _send(answer, names, len(names))

    def _operations(self, request: Request, answer: Answer, service: str) -> None:
        with self._spans(request) as spans:
            found = spans.operations(lookbehind(self._lookbehind)).get(service, set())
        names = sorted(found)[: self._max_operations]
        _send(answer, names, len(names))

    def _operations_with_kinds(self, request: Request, answer: Answer) -> None:
        """The form that newer clients ask for: names with the kinds of their spans, which are not kept apart here."""
        service = request.arg("service")
        if not service:
            raise HTTPError(400, "service name is required")
        with self._spans(request) as spans:
            found = spans.operations(lookbehind(self._lookbehind)).get(service, set())
        rows = [{"name": n, "spanKind": ""} for n in sorted(found)[: self._max_operations]]
        _send(answer, rows, len(rows))

    def _trace(self, request: Request, answer: Answer, trace_id: str) -> None:
        wanted = trace_id.lower().rjust(32, "0")
        data: list[dict[str, Any]] = []
        if re.fullmatch(r"[0-9a-f]{32}", wanted):
            with self._spans(request) as spans:
                table = spans.read([wanted])
            data = traces_json(table, [wanted]) if table is not None else []
        _send(answer, data, 1)

    def _search(self, request: Request, answer: Answer) -> None:
        try:
            search = read_search(request)
        except ValueError as error:
            raise HTTPError(400, f"incorrect trace query params: {error}") from error
        with self._spans(request) as spans:
            ids = spans.find(search)
            table = spans.read(ids) if ids else None
        data = traces_json(table, ids) if table is not None else []
        _send(answer, data, len(data))

    def _dependencies(self, request: Request, answer: Answer) -> None:
        if not self._graph:
            raise HTTPError(
                400, "/api/dependencies API is not supported yet: it is switched on by -servicegraph.enableTask"
            )
        try:
            end = _integer(request, "endTs") or time.time_ns() // 1_000_000
            span = _integer(request, "lookback") or 3_600_000
        except ValueError as error:
            raise HTTPError(400, str(error)) from error
        with self._spans(request) as spans:
            calls = spans.dependencies((end - span) * 1_000_000, end * 1_000_000)
        rows = [{"parent": p, "child": c, "callCount": n} for p, c, n in calls]
        _send(answer, rows, len(rows))


def _send(answer: Answer, data: Sequence[Any], total: int) -> None:
    answer.send(200, b"".join(envelope(data, total)), "application/json")


def _integer(request: Request, name: str) -> int:
    text = request.arg(name)
    if text and not _INTEGER.fullmatch(text):
        raise ValueError(f'cannot parse {name} [{text}]: strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text or 0)


def go_duration(text: str) -> int:
    """A duration as Go writes them (`1h30m`, `1.5s`, `100ms`) in ns. Raises ValueError."""
    if text == "0":
        return 0
    sign, body = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    parts = _DURATION.findall(body)
    if not parts or "".join(n + u for n, u in parts) != body:
        missing = re.fullmatch(r"[0-9.]+", body) is not None and any(c.isdigit() for c in body)
        raise ValueError(f'time: {"missing unit in" if missing else "invalid"} duration "{text}"')
    return sign * int(sum(float(n) * _UNITS[u] for n, u in parts))


def _duration(request: Request, name: str) -> int | None:
    text = request.arg(name)
    if not text:
        return None
    try:
        return go_duration(text)
    except ValueError as error:
        raise ValueError(f"cannot parse {name} [{text}]: {error}") from error


def read_search(request: Request) -> Search:
    """The arguments of a search. Raises ValueError, with what Jaeger's clients know the original to say."""
    service = request.arg("service")
    if not service:
        raise ValueError("service name is required")
    limit = _integer(request, "limit") or DEFAULT_LIMIT
    if limit > MAX_LIMIT:
        raise ValueError(f"limit should be not higher than {MAX_LIMIT}")
    start, end = _integer(request, "start"), _integer(request, "end")
    return Search(
        service,
        request.arg("operation"),
        tuple(_tags(request)),
        _duration(request, "minDuration"),
        _duration(request, "maxDuration"),
        start * 1000,
        end * 1000 if end else time.time_ns(),
        max(limit, 1),
    )


def _tags(request: Request) -> Iterator[tuple[str, str]]:
    """`tags` (a JSON object) and `tag` (`key:value`, repeatable) as fields and values."""
    text = request.arg("tags")
    try:
        tags = json.loads(text) if text else {}
    except ValueError as error:
        raise ValueError(f"cannot parse tags [{text}]: {error}") from error
    if not isinstance(tags, dict) or not all(isinstance(v, str) for v in tags.values()):
        raise ValueError(f"cannot parse tags [{text}]: want a JSON object of strings")
    for item in request.args().get("tag", ()):
        key, colon, value = item.partition(":")
        if not colon:
            raise ValueError(f"cannot parse tag [{item}]: want key:value")
        tags[key] = value
    for key, value in tags.items():
        yield field_of_tag(key, value)


def field_of_tag(key: str, value: str) -> tuple[str, str]:
    """The field and value that a tag of Jaeger's stands for."""
    if key == "error":
        return "status_code", _STATUS.get(value, value)
    if key == "span.kind":
        return "kind", _KINDS.get(value, value)
    if key in _BUILTIN:
        return _BUILTIN[key], value
    if key.startswith(("resource_attr:", "scope_attr:")):
        return key, value
    return SPAN_ATTR + key, value
