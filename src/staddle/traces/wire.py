"""Protocol buffers read many messages at a time: with numpy, the n-th field of all messages in one step.

A message is a range of a buffer. Messages of one kind have few fields each, so that reading a hundred thousand of
them takes as many steps as the longest has fields. Messages that break the rules are marked, never raised for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from staddle.logs.errors import IngestError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Words = NDArray[np.uint64]
    Flags = NDArray[np.bool_]

PADDING = 16
MAX_FIELDS = 2000
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_KNOWN = np.zeros(8, np.bool_)
_KNOWN[[VARINT, FIXED64, BYTES, FIXED32]] = True
_MASKS = np.array([(1 << (8 * n)) - 1 for n in range(9)], np.uint64)


class Buffer:
    """Bytes with room after them, so that whole words can be read at any offset."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self.size = len(data)
        self.bytes = np.zeros(self.size + PADDING, np.uint8)
        self.bytes[: self.size] = np.frombuffer(data, np.uint8)
        self._words: Words = np.ndarray((self.size + PADDING - 7,), "<u8", self.bytes.data, strides=(1,))

    def words(self, at: Ints, sizes: Ints | None = None) -> Words:
        """The eight bytes at every offset as a little-endian number; of those, `sizes` (0 to 8) when given."""
        found = self._words[at]
        return found if sizes is None else found & _MASKS[sizes]


@dataclass(slots=True)
class Fields:
    """The fields of many messages, in the order of the buffer.

    `owner`: which message; `tag`: number and wire type, as in the buffer; `begin`, `size`: where the contents are
    (8 and 4 bytes for fixed ones); `value`: a varint's. `bad` marks messages that can't be read.
    """

    owner: Ints
    tag: Ints
    begin: Ints
    size: Ints
    value: Words
    bad: Flags

    def pick(self, number: int, kind: int) -> Fields:
        """Those with a number and wire type."""
        return self.take(np.flatnonzero(self.tag == (number << 3 | kind)))

    def take(self, which: Flags | Ints) -> Fields:
        """Some of them."""
        return Fields(
            self.owner[which],
            self.tag[which],
            self.begin[which],
            self.size[which],
            self.value[which],
            self.bad,
        )


def scan(buffer: Buffer, start: Ints, end: Ints) -> Fields:
    """All fields of the messages at [start, end)."""
    bad = np.zeros(len(start), np.bool_)
    found: list[tuple[NDArray[np.generic], ...]] = []
    owner = np.flatnonzero(start < end)
    at, stop = start[owner], end[owner]
    while len(owner):
        if len(found) == MAX_FIELDS:
            # Nobody's span has so many; reading on would take as long as the sender likes.
            bad[owner] = True
            break
        key, at = _varints(buffer, at)
        tag = np.minimum(key, np.uint64(1 << 32)).astype(np.int64)
        kind = tag & 7
        value, after = _varints(buffer, at)
        fixed = np.flatnonzero((kind == FIXED64) | (kind == FIXED32))
        begin = after
        size = np.where(kind == BYTES, np.minimum(value, np.uint64(1 << 40)).astype(np.int64), 0)
        begin[fixed] = at[fixed]
        size[fixed] = np.where(kind[fixed] == FIXED64, 8, 4)
        at = begin + size
        good = _KNOWN[kind] & (at <= stop) & (tag > 7)
        if not good.all():
            bad[owner[~good]] = True
            owner, tag, begin, size, value, at, stop = (x[good] for x in (owner, tag, begin, size, value, at, stop))
        found.append((owner, tag, begin, size, value))
        more = at < stop
        if not more.all():
            owner, at, stop = owner[more], at[more], stop[more]
    if not found:
        none = np.zeros(0, np.int64)
        return Fields(none, none, none, none, none.astype(np.uint64), bad)
    owners, tags, begins, sizes, values = (np.concatenate(column) for column in zip(*found, strict=True))
    fields = Fields(owners, tags, begins, sizes, values, bad)
    return fields.take(np.argsort(fields.begin, kind="stable")) if len(found) > 1 else fields


def _varints(buffer: Buffer, at: Ints) -> tuple[Words, Ints]:
    """The number at every offset, and the offset after it. Eleven bytes and more count as the end of the buffer."""
    data = buffer.bytes
    first = data[np.minimum(at, buffer.size)]
    value = (first & 127).astype(np.uint64)
    after = at + 1
    rest = np.flatnonzero(first > 127)
    shift = 7
    while len(rest):
        if shift > 63:
            after[rest] = buffer.size + (1 << 40)
            break
        byte = data[np.minimum(after[rest], buffer.size)]
        value[rest] |= (byte & 127).astype(np.uint64) << np.uint64(shift)
        after[rest] += 1
        rest = rest[byte > 127]
        shift += 7
    return value, after


def varint(data: bytes | memoryview, at: int, end: int) -> tuple[int, int]:
    """One number, and the offset after it. Raises IngestError."""
    value = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise IngestError("malformed protobuf: bad varint")


def ranges(
    data: bytes | memoryview, at: int, end: int, wanted: int
) -> tuple[list[int], list[int], list[tuple[int, int, int]]]:
    """Begins and ends of the messages in field `wanted` of one long message; its others as (number, begin, end).

    Raises IngestError.
    """
    begins: list[int] = []
    ends: list[int] = []
    others: list[tuple[int, int, int]] = []
    tag = wanted << 3 | BYTES
    while at < end:
        key = data[at]
        at += 1
        if key > 127:
            key, at = varint(data, at - 1, end)
        kind = key & 7
        if kind == BYTES:
            if at >= end:
                raise IngestError("malformed protobuf: truncated")
            size = data[at]
            at += 1
            if size > 127:
                size, at = varint(data, at - 1, end)
        elif kind == VARINT:
            _, at = varint(data, at, end)
            size = 0
        elif kind in {FIXED64, FIXED32}:
            size = 8 if kind == FIXED64 else 4
        else:
            raise IngestError(f"malformed protobuf: wire type {kind}")
        stop = at + size
        if stop > end or key < 8:
            raise IngestError("malformed protobuf: truncated" if key >= 8 else "malformed protobuf: field number 0")
        if key == tag:
            begins.append(at)
            ends.append(stop)
        elif kind == BYTES:
            others.append((key >> 3, at, stop))
        at = stop
    return begins, ends, others
