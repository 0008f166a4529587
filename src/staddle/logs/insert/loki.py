"""`/insert/loki/*`: Loki's push API, JSON and protobuf."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from staddle.logs.errors import IngestError
from staddle.logs.http.body import read_all, unsnappy
from staddle.logs.http.errors import HTTPError
from staddle.logs.insert import protobuf
from staddle.logs.insert.params import parse_tenant
from staddle.store.flatten import flatten, parse_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.logs.http.messages import Answer, Request
    from staddle.logs.insert.params import InsertParams, Sink

_LABEL = re.compile(r'\s*([^=,{}\s]+)\s*=\s*("(?:[^"\\]|\\.)*")\s*(,|\}|$)', re.DOTALL)
Row = dict[str, str]


def default_tenant(request: Request) -> int:
    """The tenant of `X-Scope-OrgID`."""
    org = request.headers.get("x-scope-orgid", "")
    return parse_tenant(org) if re.fullmatch(r"\d+(:\d+)?", org, re.ASCII) else 0


def handle(
    request: Request, answer: Answer, params: InsertParams, sink: Sink, limit: int, *, parse_messages: bool
) -> None:
    """POST /insert/loki/api/v1/push."""
    disabled = request.arg("disable_message_parsing") or request.headers.get("vl-loki-disable-message-parsing", "")
    if disabled.lower() in {"1", "true", "t", "yes", "y", "on"}:
        parse_messages = False
    is_json = request.content_type == "application/json"
    if not is_json and "content-encoding" not in request.headers:
        data = unsnappy(read_all(request.body, limit), limit)
    else:
        data = request.read(limit)
    try:
        streams = list(_json_streams(data) if is_json else _protobuf_streams(memoryview(data)))
    except IngestError as error:
        kind = "json" if is_json else "protobuf"
        raise HTTPError(400, f"cannot read Loki {kind} data: {error}") from error
    kind = "loki_json" if is_json else "loki_protobuf"
    wanted = params.row_format.stream_fields
    grouped: dict[tuple[str, ...], list[Row]] = {}
    for labels, entries in streams:
        fields = wanted or tuple(sorted(labels))
        grouped.setdefault(fields, []).extend(
            _row(labels, *entry, params.row_format.msg_fields, parse=parse_messages) for entry in entries
        )
    for fields, rows in grouped.items():
        sink.rows(kind, params.normalized(stream_fields=fields, msg_fields=()), rows)
    answer.send(204)


Entry = tuple[str, str, Row]


def _row(labels: Row, stamp: str, line: str, metadata: Row, msg_fields: tuple[str, ...], *, parse: bool) -> Row:
    row = {**metadata, **labels}
    if stamp:
        row["_time"] = stamp
    if parse and line.startswith("{") and line.rstrip().endswith("}"):
        parsed = parse_object(line)
        flat = flatten(parsed, 2000) if parsed is not None else None
        if flat is not None:
            for name in msg_fields:
                if flat.get(name):
                    flat["_msg"] = flat.pop(name)
                    break
            return {**flat, **row}
    row["_msg"] = line
    return row


def _json_streams(data: bytes) -> Iterator[tuple[Row, list[Entry]]]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise IngestError(f"cannot parse JSON: {error}") from error
    if not isinstance(body, dict) or not isinstance(body.get("streams"), list):
        raise IngestError("missing the `streams` array")
    for stream in body["streams"]:
        if not isinstance(stream, dict):
            raise IngestError("an item of `streams` is not an object")
        labels = _strings(stream.get("stream") or {}, "stream")
        values = stream.get("values") or []
        if not isinstance(values, list):
            raise IngestError("`values` is not an array")
        yield labels, [_json_entry(v) for v in values]


def _json_entry(value: Any) -> Entry:
    if not isinstance(value, list) or not 2 <= len(value) <= 3:
        raise IngestError("an item of `values` must be an array of two or three items")
    stamp, line = value[:2]
    if not isinstance(stamp, str) or not isinstance(line, str):
        raise IngestError("time and line in `values` must be strings")
    if stamp and not re.fullmatch(r"\d+", stamp, re.ASCII):
        raise IngestError(f"cannot parse timestamp {stamp!r}")
    return stamp, line, _strings(value[2], "structured metadata") if len(value) == 3 else {}


def _strings(value: Any, what: str) -> Row:
    if not isinstance(value, dict):
        raise IngestError(f"{what} is not an object")
    return {str(k): v if isinstance(v, str) else json.dumps(v) for k, v in value.items()}


def parse_labels(text: str) -> Row:
    """`{a="b", c="d"}`."""
    body = text.strip()
    if not body.startswith("{") or not body.endswith("}"):
        raise IngestError(f"cannot parse labels {text[:200]!r}")
    labels: Row = {}
    at = 1
    while at < len(body) - 1:
        m = _LABEL.match(body, at)
        if m is None:
            raise IngestError(f"cannot parse labels {text[:200]!r}")
        try:
            labels[m[1]] = json.loads(m[2])
        except ValueError:
            labels[m[1]] = m[2][1:-1].replace('\\"', '"')
        at = m.end() if m[3] == "," else len(body)
    return labels


def _protobuf_streams(data: memoryview) -> Iterator[tuple[Row, list[Entry]]]:
    for number, value in protobuf.fields(data):
        if number != 1:
            continue
        labels: Row = {}
        entries: list[Entry] = []
        for inner, item in protobuf.fields(protobuf.message(value)):
            if inner == 1:
                labels = parse_labels(protobuf.text(item))
            elif inner == 2:
                entries.append(_protobuf_entry(protobuf.message(item)))
        yield labels, entries


def _protobuf_entry(data: memoryview) -> Entry:
    stamp, line = "", ""
    metadata: Row = {}
    for number, value in protobuf.fields(data):
        if number == 1:
            parts = {n: protobuf.number(v) for n, v in protobuf.fields(protobuf.message(value))}
            stamp = str(protobuf.signed(parts.get(1, 0)) * 10**9 + parts.get(2, 0))
        elif number == 2:
            line = protobuf.text(value)
        elif number == 3:
            pair = {n: protobuf.text(v) for n, v in protobuf.fields(protobuf.message(value))}
            metadata[pair.get(1, "")] = pair.get(2, "")
    return ("" if stamp == "0" else stamp), line, metadata
