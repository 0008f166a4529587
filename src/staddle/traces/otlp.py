"""OTLP traces over HTTP: protobuf and JSON in, what the protocol wants out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from staddle.logs.errors import IngestError
from staddle.logs.http.errors import HTTPError
from staddle.protobuf import bytes_field, varint_field
from staddle.store.rowformat import RowFormat
from staddle.traces import otlp_json
from staddle.traces.layout import count_spans

if TYPE_CHECKING:
    from staddle.logs.http.messages import Answer, Request
    from staddle.logs.insert.params import InsertParams, Sink

PROTOBUF, JSON = "application/x-protobuf", "application/json"
REASON = "spans without a valid trace id and span id, or of more than 2000 fields, can't be stored"
# google.rpc.Code
INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE = 3, 8, 12, 13, 14
_CODES = {
    400: INVALID_ARGUMENT,
    413: INVALID_ARGUMENT,
    415: INVALID_ARGUMENT,
    429: RESOURCE_EXHAUSTED,
    503: UNAVAILABLE,
}


def store(data: bytes, kind: str, params: InsertParams, sink: Sink) -> int:
    """Store the spans of an ExportTraceServiceRequest; how many had to be left out. Raises IngestError, HTTPError 429."""
    spans, rejected = count_spans(data)
    if spans > rejected:
        sink.lines(kind, params, data, spans - rejected)
    return rejected


def span_params(params: InsertParams) -> InsertParams:
    """What of the common arguments matters to spans."""
    given = params.row_format
    return replace(
        params,
        row_format=RowFormat(
            stream_fields=given.stream_fields,
            ignore_fields=given.ignore_fields,
            extra_fields=given.extra_fields,
        ),
    )


def success(rejected: int) -> bytes:
    """ExportTraceServiceResponse."""
    if not rejected:
        return b""
    return bytes_field(1, varint_field(1, rejected) + bytes_field(2, f"{rejected} {REASON}".encode()))


def handle(request: Request, answer: Answer, params: InsertParams, sink: Sink, limit: int) -> None:
    """POST .../v1/traces."""
    json_wanted = request.content_type == JSON
    try:
        rejected = _take(request, params, sink, limit)
    except HTTPError as error:
        _refuse(answer, error, json_wanted=json_wanted)
        return
    if not json_wanted:
        answer.send(200, success(rejected), PROTOBUF)
    elif rejected:
        answer.json({"partialSuccess": {"rejectedSpans": str(rejected), "errorMessage": f"{rejected} {REASON}"}})
    else:
        answer.json({})


def _take(request: Request, params: InsertParams, sink: Sink, limit: int) -> int:
    if request.method != "POST":
        raise HTTPError(405, "spans are sent with POST")
    if request.content_type not in {PROTOBUF, JSON, ""}:
        raise HTTPError(415, f"unsupported content type {request.content_type!r}: want {PROTOBUF} or {JSON}")
    body = request.read(limit)
    try:
        if request.content_type == JSON:
            return store(otlp_json.encode(body), "opentelemetry_json", params, sink)
        return store(body, "opentelemetry_protobuf", params, sink)
    except IngestError as error:
        raise HTTPError(400, f"cannot read OpenTelemetry protocol data: {error}") from error


def _refuse(answer: Answer, error: HTTPError, *, json_wanted: bool) -> None:
    """An error as a google.rpc.Status; what may work later says when to try again."""
    code = _CODES.get(error.status, INTERNAL)
    answer.headers += error.headers
    if error.status in {429, 503}:
        answer.headers.append(("Retry-After", "5"))
    if json_wanted:
        body = json.dumps({"code": code, "message": error.message}, ensure_ascii=False).encode()
        answer.send(error.status, body, JSON)
    else:
        body = varint_field(1, code) + bytes_field(2, error.message.encode("utf-8", "replace"))
        answer.send(error.status, body, PROTOBUF)
