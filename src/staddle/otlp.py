"""The sending side of OTLP: spans, and the request that carries them (protobuf over HTTP).

Source: opentelemetry-proto 1.x, `trace/v1/trace.proto` and `collector/trace/v1/trace_service.proto`; field numbers are theirs.
Only what Staddle sends: a full SDK is a thread, a queue and a dozen packages more than that takes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from staddle.protobuf import bytes_field, fixed_field, varint, varint_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Value = str | bool | int | float
CONTENT_TYPE = "application/x-protobuf"


class Kind(IntEnum):
    """SpanKind."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3


class Status(IntEnum):
    """Status.StatusCode."""

    UNSET = 0
    OK = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Event:
    """Something at one moment of a span. `time` is nanoseconds since the epoch."""

    name: str
    time: int
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """Another span that has to do with this one; ids in hexadecimal."""

    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True)
class Span:
    """One span. Ids are hexadecimal (32 and 16 digits), times are nanoseconds since the epoch."""

    trace_id: str
    span_id: str
    name: str
    start: int
    end: int
    parent_id: str = ""
    kind: Kind = Kind.INTERNAL
    attributes: Mapping[str, Value] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()
    status: Status = Status.UNSET
    message: str = ""


def request(groups: Iterable[tuple[Mapping[str, Value], Iterable[Span]]], scope: str) -> bytes:
    """An ExportTraceServiceRequest: for each resource (its attributes) its spans. `scope` names who made them."""
    return b"".join(bytes_field(1, _resource_spans(resource, spans, scope)) for resource, spans in groups)


def _resource_spans(resource: Mapping[str, Value], spans: Iterable[Span], scope: str) -> bytes:
    scope_spans = bytes_field(1, _text(1, scope)) + b"".join(bytes_field(2, _span(span)) for span in spans)
    return bytes_field(1, _attributes(1, resource)) + bytes_field(2, scope_spans)


def _span(span: Span) -> bytes:
    parts = [bytes_field(1, bytes.fromhex(span.trace_id)), bytes_field(2, bytes.fromhex(span.span_id))]
    if span.parent_id:
        parts.append(bytes_field(4, bytes.fromhex(span.parent_id)))
    parts += [_text(5, span.name), _number(6, span.kind), fixed_field(7, span.start), fixed_field(8, span.end)]
    parts.append(_attributes(9, span.attributes))
    for event in span.events:
        parts.append(
            bytes_field(11, fixed_field(1, event.time) + _text(2, event.name) + _attributes(3, event.attributes))
        )
    for link in span.links:
        parts.append(
            bytes_field(13, bytes_field(1, bytes.fromhex(link.trace_id)) + bytes_field(2, bytes.fromhex(link.span_id)))
        )
    if span.status or span.message:
        parts.append(bytes_field(15, _text(2, span.message) + _number(3, span.status)))
    return b"".join(parts)


def _attributes(number: int, attributes: Mapping[str, Value]) -> bytes:
    """KeyValue (1 key, 2 value) for each, sorted."""
    return b"".join(
        bytes_field(number, _text(1, key) + bytes_field(2, _any(value))) for key, value in sorted(attributes.items())
    )


def _any(value: Value) -> bytes:
    """AnyValue: 1 string, 2 bool, 3 int, 4 double. Set even if it is what a reader would assume: it tells the type."""
    match value:
        case bool():
            return bytes([2 << 3, value])
        case int():
            return bytes([3 << 3]) + varint(value)
        case float():
            return bytes([4 << 3 | 1]) + struct.pack("<d", value)
        case str():
            return bytes_field(1, value.encode("utf-8", "replace"))


def _text(number: int, text: str) -> bytes:
    return bytes_field(number, text.encode("utf-8", "replace")) if text else b""


def _number(number: int, value: int) -> bytes:
    return varint_field(number, value) if value else b""
