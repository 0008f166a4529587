"""Reading protocol buffers without generated code: fields as (number, wire type, value)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from staddle.logs.errors import IngestError

if TYPE_CHECKING:
    from collections.abc import Iterator

Value = int | memoryview


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at an offset, and the offset after it."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise IngestError("malformed protobuf: bad varint")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Number and value of every field: varints and fixed ones as unsigned integers, the rest as bytes."""
    at, end = 0, len(data)
    while at < end:
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = varint(data, at)
            yield number, value
            continue
        if kind == 2:
            size, at = varint(data, at)
        elif kind in {1, 5}:
            size = 8 if kind == 1 else 4
        else:
            raise IngestError(f"malformed protobuf: wire type {kind}")
        if at + size > end:
            raise IngestError("malformed protobuf: truncated")
        piece = data[at : at + size]
        at += size
        yield number, piece if kind == 2 else int.from_bytes(piece, "little")


def message(value: Value) -> memoryview:
    """A field's value as a nested message or bytes."""
    if isinstance(value, int):
        raise IngestError("malformed protobuf: a number where a message is expected")
    return value


def text(value: Value) -> str:
    """A field's value as a string."""
    return str(message(value), "utf-8", "replace")


def number(value: Value) -> int:
    """A field's value as an unsigned integer."""
    if not isinstance(value, int):
        raise IngestError("malformed protobuf: bytes where a number is expected")
    return value


def double(value: Value) -> float:
    """A field's value as a double."""
    return float(struct.unpack("<d", number(value).to_bytes(8, "little"))[0])


def signed(value: int) -> int:
    """A varint as a signed 64-bit integer."""
    return value - (1 << 64) if value >> 63 else value
