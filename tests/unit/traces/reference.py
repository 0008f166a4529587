"""What the fields of spans are, said once more and slowly: message by message, with OpenTelemetry's own classes."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from staddle.logs.insert.otlp import double_text

if TYPE_CHECKING:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

Row = dict[str, str]


def plain(value: AnyValue) -> Any:
    """An AnyValue inside of another one."""
    match value.WhichOneof("value"):
        case "array_value":
            return [plain(v) for v in value.array_value.values]
        case "kvlist_value":
            return {pair.key: plain(pair.value) for pair in value.kvlist_value.values}
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case "double_value":
            number = value.double_value
            return int(number) if abs(number) < 1e15 and number == int(number) else number
        case None:
            return None
        case kind:
            return getattr(value, kind)


def add(row: Row, name: str, value: AnyValue) -> None:
    """An attribute."""
    match value.WhichOneof("value"):
        case "kvlist_value":
            # The last one of a name counts, and takes the place of what an earlier one had.
            for key, inner in {pair.key: pair.value for pair in value.kvlist_value.values}.items():
                add(row, f"{name}.{key}", inner)
            return
        case "array_value":
            text = json.dumps(plain(value), ensure_ascii=False, separators=(",", ":"))
        case "bytes_value":
            text = base64.b64encode(value.bytes_value).decode()
        case "bool_value":
            text = "true" if value.bool_value else "false"
        case "int_value":
            text = str(value.int_value)
        case "double_value":
            text = double_text(value.double_value)
        case "string_value":
            text = value.string_value
        case _:
            text = ""
    row[name] = text or "-"


def attributes(row: Row, prefix: str, pairs: Any) -> None:
    """Repeated attributes; of one name, nested ones are added last."""
    items: list[KeyValue] = sorted(pairs, key=lambda p: p.value.WhichOneof("value") in NESTED)
    for pair in items:
        add(row, prefix + pair.key, pair.value)


NESTED = {"array_value", "kvlist_value", "bytes_value"}


def is_span(span: Span) -> bool:
    return len(span.trace_id) == 16 and any(span.trace_id) and len(span.span_id) == 8 and any(span.span_id)


def rows(request: ExportTraceServiceRequest, now: int) -> list[Row]:
    """The stored fields of every span, with `_time` and `^0duration` as numbers in text."""
    out = []
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                if not is_span(span):
                    continue
                row: Row = {}
                attributes(row, "resource_attr:", resource_spans.resource.attributes)
                attributes(row, "scope_attr:", scope_spans.scope.attributes)
                row["scope_name"], row["scope_version"] = scope_spans.scope.name, scope_spans.scope.version
                one(row, span, now)
                out.append({k: v for k, v in row.items() if v})
    return out


def one(row: Row, span: Span, now: int) -> None:
    """The fields of one span."""
    end = min(span.end_time_unix_nano, (1 << 63) - 1) or min(span.start_time_unix_nano, (1 << 63) - 1) or now
    start = min(span.start_time_unix_nano, (1 << 63) - 1) or end
    row["trace_id"], row["span_id"] = span.trace_id.hex(), span.span_id.hex()
    row["parent_span_id"] = identifier(span.parent_span_id, 8)
    row["trace_state"], row["name"], row["kind"] = span.trace_state, span.name, str(span.kind)
    row["dropped_attributes_count"] = str(span.dropped_attributes_count)
    row["dropped_events_count"] = str(span.dropped_events_count)
    row["dropped_links_count"] = str(span.dropped_links_count)
    row["flags"], row["_msg"] = "0", "-"
    row["status_message"], row["status_code"] = span.status.message, str(span.status.code)
    row["_time"], row["^0duration"] = str(end), str(end - start)
    attributes(row, "span_attr:", span.attributes)
    for i, event in enumerate(span.events):
        prefix = f"event:{i}:event_"
        row[prefix + "time_unix_nano"] = str(event.time_unix_nano)
        row[prefix + "name"] = event.name
        row[prefix + "dropped_attributes_count"] = str(event.dropped_attributes_count)
        attributes(row, prefix + "attr:", event.attributes)
    for i, link in enumerate(span.links):
        prefix = f"link:{i}:link_"
        row[prefix + "trace_id"], row[prefix + "span_id"] = identifier(link.trace_id, 16), identifier(link.span_id, 8)
        row[prefix + "trace_state"], row[prefix + "flags"] = link.trace_state, "0"
        row[prefix + "dropped_attributes_count"] = str(link.dropped_attributes_count)
        attributes(row, prefix + "attr:", link.attributes)


def identifier(value: bytes, size: int) -> str:
    return value.hex() if len(value) == size and any(value) else ""
