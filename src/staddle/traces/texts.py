"""Texts as Arrow string views: sixteen bytes each, which point into the buffers that the texts are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from staddle.traces.wire import Buffer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from staddle.traces.wire import Ints, Words

    Views = NDArray[np.uint64]

INLINE = 12
_HEX = np.array([int.from_bytes(f"{b:02x}".encode(), "little") for b in range(256)], np.uint16)
_FOUR = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)


class Texts:
    """Buffers, and views of texts in them."""

    def __init__(self, buffer: Buffer) -> None:
        self._buffers = [buffer]

    def views(self, begin: Ints, size: Ints, buffer: int = 0) -> Views:
        """Views of ranges of one buffer (0: the one that was given first)."""
        source = self._buffers[buffer]
        out = np.empty((len(begin), 2), np.uint64)
        prefix = source.words(begin, np.minimum(size, 4))
        out[:, 0] = size.astype(np.uint64) | prefix << _SHIFT
        rest = source.words(np.minimum(begin + 4, source.size), np.clip(size - 4, 0, 8))
        away = np.uint64(buffer) | begin.astype(np.uint64) << _SHIFT
        out[:, 1] = np.where(size > INLINE, away, rest)
        return out

    def of(self, texts: Sequence[str]) -> Views:
        """Views of strings."""
        parts = [t.encode("utf-8", "replace") for t in texts]
        sizes = np.fromiter(map(len, parts), np.int64, len(parts))
        return self._add(b"".join(parts), np.concatenate(([0], np.cumsum(sizes)[:-1])), sizes)

    def numbers(self, values: NDArray[np.generic]) -> Views:
        """Views of integers in decimal."""
        array = pc.cast(pa.array(values), pa.string())
        offsets = np.frombuffer(array.buffers()[1], np.int32)[: len(array) + 1].astype(np.int64)
        data = array.buffers()[2]
        return self._add(data if data is not None else b"", offsets[:-1], np.diff(offsets))

    def hexadecimal(self, begin: Ints, size: int) -> Views:
        """Views of the hexadecimal digits of byte strings of one size."""
        source = self._buffers[0]
        digits = _HEX[source.bytes[begin[:, None] + np.arange(size)]]
        return self._add(digits.tobytes(), np.arange(len(begin)) * (2 * size), np.full(len(begin), 2 * size))

    def _add(self, data: bytes | pa.Buffer, begin: Ints, size: Ints) -> Views:
        self._buffers.append(Buffer(data))
        return self.views(begin.astype(np.int64), size, len(self._buffers) - 1)

    def array(self, views: Views, present: NDArray[np.bool_] | None) -> pa.StringArray:
        """An Arrow array of views; those not `present` are null. Bytes that aren't UTF-8 become replacement characters."""
        validity = None if present is None else pa.py_buffer(np.packbits(present, bitorder="little"))
        # Only buffers that are pointed to: the cast copies no more than that anyway, but looks at all of them.
        data = [pa.py_buffer(b.bytes) for b in self._buffers]
        found = pa.Array.from_buffers(
            pa.string_view(), len(views), [validity, pa.py_buffer(np.ascontiguousarray(views)), *data]
        )
        try:
            found.validate(full=True)
        except pa.ArrowInvalid:
            raw = pa.Array.from_buffers(pa.binary_view(), len(views), found.buffers())
            texts = [None if b is None else b.decode("utf-8", "replace") for b in raw.to_pylist()]
            return pa.array(texts, pa.string())
        return pc.cast(found, pa.string())


def constant(text: str) -> Words:
    """The view of a text of at most twelve bytes."""
    data = text.encode()
    padded = data.ljust(INLINE, b"\0")
    return np.array(
        [len(data) | int.from_bytes(padded[:4], "little") << 32, int.from_bytes(padded[4:], "little")], np.uint64
    )
