"""OTLP in JSON as protobuf: one decoder for both, and what is stored is the same.

Follows the protocol: lowerCamelCase names (the original ones are taken, too), ids in hexadecimal, enums as numbers, 64-bit
integers as numbers or text, unknown names ignored.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Callable
from typing import Any

from staddle.logs.errors import IngestError
from staddle.protobuf import bytes_field, fixed_field, varint, varint_field

MAX_DEPTH = 32
Encode = Callable[[Any, str, int], bytes]


def _wrong(path: str, found: Any, wanted: str) -> IngestError:
    return IngestError(f"{path}: want {wanted}, found {json.dumps(found)[:80]}")


def _integer(value: Any, path: str) -> int:
    if isinstance(value, int | str) and not isinstance(value, bool):
        try:
            return int(value)
        except ValueError:
            raise _wrong(path, value, "an integer") from None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise _wrong(path, value, "an integer")


def _number(number: int) -> Encode:
    return lambda value, path, _: varint_field(number, _integer(value, path))


def _fixed(number: int, size: int) -> Encode:
    def encode(value: Any, path: str, _depth: int) -> bytes:
        whole = _integer(value, path)
        if not 0 <= whole < 1 << (8 * size):
            raise _wrong(path, value, f"an unsigned {8 * size}-bit integer")
        return fixed_field(number, whole, size)

    return encode


def _text(number: int) -> Encode:
    def encode(value: Any, path: str, _depth: int) -> bytes:
        if not isinstance(value, str):
            raise _wrong(path, value, "text")
        return bytes_field(number, value.encode("utf-8", "replace"))

    return encode


def _hex(number: int) -> Encode:
    def encode(value: Any, path: str, _depth: int) -> bytes:
        try:
            return bytes_field(number, bytes.fromhex(value))
        except (ValueError, TypeError):
            raise _wrong(path, value, "hexadecimal digits") from None

    return encode


def _boolean(value: Any, path: str, _depth: int) -> bytes:
    if not isinstance(value, bool):
        raise _wrong(path, value, "true or false")
    return varint_field(2, int(value))


def _double(value: Any, path: str, _depth: int) -> bytes:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            return varint(4 << 3 | 1) + struct.pack("<d", float(value))
        except (ValueError, OverflowError):
            raise _wrong(path, value, "a number") from None
    raise _wrong(path, value, "a number")


def _base64(value: Any, path: str, _depth: int) -> bytes:
    try:
        text = value.replace("-", "+").replace("_", "/")
        return bytes_field(7, base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except (AttributeError, binascii.Error):
        raise _wrong(path, value, "base64 text") from None


def _message(number: int, name: str) -> Encode:
    return lambda value, path, depth: bytes_field(number, _object(value, name, path, depth + 1))


def _list(number: int, name: str) -> Encode:
    def encode(value: Any, path: str, depth: int) -> bytes:
        if not isinstance(value, list):
            raise _wrong(path, value, "a list")
        return b"".join(
            bytes_field(number, _object(item, name, f"{path}[{i}]", depth + 1)) for i, item in enumerate(value)
        )

    return encode


def _object(value: Any, name: str, path: str, depth: int) -> bytes:
    if not isinstance(value, dict):
        raise _wrong(path, value, "an object")
    if depth > MAX_DEPTH:
        raise IngestError(f"{path}: values are nested too deeply")
    known = MESSAGES[name]
    out = []
    for key, item in value.items():
        encode = known.get(key) or known.get(_camel(key))
        if encode is not None and item is not None:
            out.append(encode(item, f"{path}.{key}" if path else key, depth))
    return b"".join(out)


def _camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(part.capitalize() for part in rest)


MESSAGES: dict[str, dict[str, Encode]] = {
    "request": {"resourceSpans": _list(1, "resource_spans")},
    "resource_spans": {
        "resource": _message(1, "resource"),
        "scopeSpans": _list(2, "scope_spans"),
        "schemaUrl": _text(3),
    },
    "resource": {"attributes": _list(1, "pair"), "droppedAttributesCount": _number(2)},
    "scope_spans": {"scope": _message(1, "scope"), "spans": _list(2, "span"), "schemaUrl": _text(3)},
    "scope": {
        "name": _text(1),
        "version": _text(2),
        "attributes": _list(3, "pair"),
        "droppedAttributesCount": _number(4),
    },
    "span": {
        "traceId": _hex(1),
        "spanId": _hex(2),
        "traceState": _text(3),
        "parentSpanId": _hex(4),
        "name": _text(5),
        "kind": _number(6),
        "startTimeUnixNano": _fixed(7, 8),
        "endTimeUnixNano": _fixed(8, 8),
        "attributes": _list(9, "pair"),
        "droppedAttributesCount": _number(10),
        "events": _list(11, "event"),
        "droppedEventsCount": _number(12),
        "links": _list(13, "link"),
        "droppedLinksCount": _number(14),
        "status": _message(15, "status"),
        "flags": _fixed(16, 4),
    },
    "event": {
        "timeUnixNano": _fixed(1, 8),
        "name": _text(2),
        "attributes": _list(3, "pair"),
        "droppedAttributesCount": _number(4),
    },
    "link": {
        "traceId": _hex(1),
        "spanId": _hex(2),
        "traceState": _text(3),
        "attributes": _list(4, "pair"),
        "droppedAttributesCount": _number(5),
        "flags": _fixed(6, 4),
    },
    "status": {"message": _text(2), "code": _number(3)},
    "pair": {"key": _text(1), "value": _message(2, "value")},
    "value": {
        "stringValue": _text(1),
        "boolValue": _boolean,
        "intValue": _number(3),
        "doubleValue": _double,
        "arrayValue": _message(5, "values"),
        "kvlistValue": _message(6, "pairs"),
        "bytesValue": _base64,
    },
    "values": {"values": _list(1, "value")},
    "pairs": {"values": _list(1, "pair")},
}


def encode(body: bytes) -> bytes:
    """An ExportTraceServiceRequest in JSON as protobuf. Raises IngestError, which says where it goes wrong."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise IngestError(f"malformed JSON: {error}") from error
    return _object(request, "request", "", 0)
