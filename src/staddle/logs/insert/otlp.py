"""`/insert/opentelemetry/v1/logs`: OTLP logs in protobuf."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from staddle.logs.errors import IngestError
from staddle.logs.http.errors import HTTPError
from staddle.logs.insert import protobuf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.logs.http.messages import Answer, Request
    from staddle.logs.insert.params import InsertParams, Sink

Row = dict[str, str]
MAX_DEPTH = 32
_LEVELS = ("Trace", "Debug", "Info", "Warn", "Error", "Fatal")


def severity_name(number: int) -> str:
    """OTLP's severity number as text: four grades of each level."""
    if not 1 <= number <= 24:
        return "Unspecified"
    level, grade = divmod(number - 1, 4)
    return _LEVELS[level] + (str(grade + 1) if grade else "")


def any_value(data: memoryview, depth: int = 0) -> Any:  # noqa: PLR0911 (a table)
    """An AnyValue as str, bool, int, float, bytes, list or dict; None when it is empty."""
    if depth > MAX_DEPTH:
        raise IngestError("values are nested too deeply")
    for number, value in protobuf.fields(data):
        match number:
            case 1:
                return protobuf.text(value)
            case 2:
                return bool(protobuf.number(value))
            case 3:
                return protobuf.signed(protobuf.number(value))
            case 4:
                return protobuf.double(value)
            case 5:
                return [
                    any_value(protobuf.message(v), depth + 1)
                    for n, v in protobuf.fields(protobuf.message(value))
                    if n == 1
                ]
            case 6:
                return key_values([v for n, v in protobuf.fields(protobuf.message(value)) if n == 1], depth + 1)
            case 7:
                return bytes(protobuf.message(value))
    return None


def key_values(items: list[protobuf.Value], depth: int = 0) -> dict[str, Any]:
    """Repeated KeyValue as a dict."""
    out: dict[str, Any] = {}
    for item in items:
        key, value = "", None
        for number, raw in protobuf.fields(protobuf.message(item)):
            if number == 1:
                key = protobuf.text(raw)
            elif number == 2:
                value = any_value(protobuf.message(raw), depth)
        out[key] = value
    return out


def double_text(value: float) -> str:
    """A double as the original writes it: the shortest digits that say it, without an exponent."""
    if value != value:  # noqa: PLR0124 (NaN)
        return "NaN"
    if value in {float("inf"), float("-inf")}:
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.removesuffix(".0")


def value_text(value: Any) -> str:
    """A value as a field's text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return double_text(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, float) and abs(value) < 1e15 and value == int(value):
        return int(value)
    return value


def add_fields(out: Row, prefix: str, values: dict[str, Any], empty: str = "") -> None:
    """Attributes as fields; nested ones with dotted names. `empty` stands for empty values, which are left out without."""
    for key, value in values.items():
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(value, dict):
            add_fields(out, name, value, empty)
        elif text := value_text(value) or empty:
            out[name] = text


def resource_logs(data: memoryview) -> Iterator[tuple[Row, list[Row]]]:
    """Attributes of every resource, and its rows."""
    for number, value in protobuf.fields(data):
        if number != 1:
            continue
        resource: Row = {}
        rows: list[Row] = []
        for inner, item in protobuf.fields(protobuf.message(value)):
            if inner == 1:
                pairs = [v for n, v in protobuf.fields(protobuf.message(item)) if n == 1]
                add_fields(resource, "", key_values(pairs))
            elif inner == 2:
                rows += [_record(protobuf.message(v)) for n, v in protobuf.fields(protobuf.message(item)) if n == 2]
        yield resource, rows


def _record(data: memoryview) -> Row:
    row: Row = {}
    times = {1: 0, 11: 0}
    severity, severity_text = 0, ""
    attributes: list[protobuf.Value] = []
    body: Any = None
    for number, value in protobuf.fields(data):
        match number:
            case 1 | 11:
                times[number] = protobuf.number(value)
            case 2:
                severity = protobuf.number(value)
            case 3:
                severity_text = protobuf.text(value)
            case 5:
                body = any_value(protobuf.message(value))
            case 6:
                attributes.append(value)
            case 9:
                row["trace_id"] = protobuf.message(value).hex()
            case 10:
                row["span_id"] = protobuf.message(value).hex()
    add_fields(row, "", key_values(attributes))
    if isinstance(body, dict):
        add_fields(row, "", body)
    elif text := value_text(body):
        row["_msg"] = text
    row["severity"] = severity_text or severity_name(severity)
    if stamp := times[1] or times[11]:
        row["_time"] = str(stamp)
    return row


def handle(request: Request, answer: Answer, params: InsertParams, sink: Sink, limit: int) -> None:
    """POST /insert/opentelemetry/v1/logs."""
    if request.content_type == "application/json":
        raise HTTPError(400, "json encoding isn't supported for opentelemetry format. Use protobuf encoding")
    try:
        resources = list(resource_logs(memoryview(request.read(limit))))
    except IngestError as error:
        raise HTTPError(400, f"cannot read OpenTelemetry protocol data: {error}") from error
    wanted = params.row_format.stream_fields
    for resource, rows in resources:
        fields = wanted or tuple(sorted(resource))
        sink.rows(
            "opentelelemtry_protobuf",
            params.normalized(stream_fields=fields),
            ({**resource, **row} for row in rows),
        )
    answer.send(200)
