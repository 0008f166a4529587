"""Spans as Jaeger's API shows them."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from staddle.store.names import MORE, TIME, field_of
from staddle.traces.names import DURATION, RESOURCE_ATTR, SCOPE_ATTR, SERVICE, SPAN_ATTR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

Json = dict[str, Any]
Row = dict[str, Any]
KINDS = {"1": "internal", "2": "server", "3": "client", "4": "producer", "5": "consumer"}
ERRORS = {"0": "unset", "1": "false", "2": "true"}
TAGS = {
    "status_message": "otel.status_description",
    "trace_state": "w3c.tracestate",
    "scope_name": "otel.scope.name",
    "scope_version": "otel.scope.version",
}
REF_TYPE = "opentracing.ref_type"


def tag(key: str, value: str) -> Json:
    """A tag: all values are text."""
    return {"key": key, "type": "string", "value": value}


@dataclass(slots=True)
class _Span:
    """What belongs to one span, as it is collected from columns."""

    plain: dict[str, Any] = field(default_factory=dict)
    tags: list[Json] = field(default_factory=list)
    process: list[tuple[str, str]] = field(default_factory=list)
    events: dict[int, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    links: dict[int, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))


def _setter(name: str) -> Callable[[_Span, Any], None]:  # noqa: PLR0911 (a table)
    """What puts the value of a field where it belongs in a span."""
    if name.startswith(SPAN_ATTR):
        key = name.removeprefix(SPAN_ATTR)
        return lambda span, value: span.tags.append({"key": key, "type": "string", "value": value})
    if name.startswith(SCOPE_ATTR):
        return lambda span, value: span.tags.append({"key": name, "type": "string", "value": value})
    if name.startswith(RESOURCE_ATTR) and name != SERVICE:
        label = name.removeprefix(RESOURCE_ATTR)
        return lambda span, value: span.process.append((label, value))
    if name.startswith(("event:", "link:")):
        kind, number, rest = name.split(":", 2)
        at = int(number)
        if kind == "event":
            return lambda span, value: span.events[at].__setitem__(rest, value)
        return lambda span, value: span.links[at].__setitem__(rest, value)
    if name == MORE:
        return _set_more
    return lambda span, value: span.plain.__setitem__(name, value)


def _set_more(span: _Span, value: str) -> None:
    for name, text in sorted(json.loads(value).items()):
        _setter(name)(span, text)


def _collect(table: pa.Table) -> list[_Span]:
    spans = [_Span() for _ in range(table.num_rows)]
    names = {c: c if c.startswith("^0") else field_of(c) for c in table.column_names}
    for column in sorted(names, key=lambda c: names[c]):
        values = table.column(column)
        if values.null_count == table.num_rows:
            continue
        put = _setter(names[column])
        for span, value in zip(spans, values.to_pylist(), strict=True):
            if value is not None:
                put(span, value)
    return spans


def _span_json(span: _Span, process: str) -> Json:
    plain = span.plain
    trace, duration = plain["trace_id"], plain[DURATION]
    tags = list(span.tags)
    if kind := KINDS.get(plain.get("kind", "")):
        tags.insert(0, tag("span.kind", kind))
    tags += [tag(name, plain[field]) for field, name in TAGS.items() if field in plain]
    tags.append(tag("error", ERRORS.get(plain.get("status_code", ""), "unset")))
    return {
        "duration": duration // 1000,
        "logs": [_log(span.events[n]) for n in sorted(span.events)],
        "operationName": plain.get("name", ""),
        "processID": process,
        "references": _references(trace, plain.get("parent_span_id", ""), [span.links[n] for n in sorted(span.links)]),
        "spanID": plain["span_id"],
        "startTime": (plain[TIME] - duration) // 1000,
        "tags": tags,
        "traceID": trace,
        "warnings": None,
    }


def _log(event: dict[str, str]) -> Json:
    fields = [tag(k.removeprefix("event_attr:"), v) for k, v in sorted(event.items()) if k.startswith("event_attr:")]
    if "event_name" in event:
        fields.append(tag("event", event["event_name"]))
    return {"timestamp": int(event.get("event_time_unix_nano", "0")) // 1000, "fields": fields}


def _references(trace: str, parent: str, links: Sequence[dict[str, str]]) -> list[Json]:
    references: list[Json] = []
    if parent:
        references.append({"refType": "CHILD_OF", "spanID": parent, "traceID": trace})
    for link in links:
        kind = "CHILD_OF" if link.get(f"link_attr:{REF_TYPE}") == "child_of" else "FOLLOWS_FROM"
        linked = link.get("link_trace_id", ""), link.get("link_span_id", "")
        if parent and linked == (trace, parent):
            references[0]["refType"] = kind
        else:
            references.append({"refType": kind, "spanID": linked[1], "traceID": linked[0]})
    return references


def traces_json(table: pa.Table, order: Sequence[str]) -> list[Json]:
    """Traces in the order of their ids. Processes are numbered over all of them."""
    processes: dict[tuple[Any, ...], str] = {}
    spans: dict[str, list[Json]] = defaultdict(list)
    used: dict[str, dict[str, Json]] = defaultdict(dict)
    for span in _collect(table):
        service = span.plain.get(SERVICE, "")
        key = (service, *span.process)
        name = processes.setdefault(key, f"p{len(processes) + 1}")
        trace = span.plain["trace_id"]
        used[trace][name] = {"serviceName": service, "tags": [tag(k, v) for k, v in span.process]}
        spans[trace].append(_span_json(span, name))
    return [
        {"processes": used[trace], "spans": spans[trace], "traceID": trace, "warnings": None}
        for trace in order
        if trace in spans
    ]


def envelope(data: Sequence[Any], total: int) -> Iterator[bytes]:
    """An answer around data, in pieces."""
    yield b'{"data":['
    for i, one in enumerate(data):
        yield (b"," if i else b"") + json.dumps(one, ensure_ascii=False, separators=(",", ":")).encode()
    yield b'],"errors": null,"limit": 0,"offset": 0,"total":%d}' % total
