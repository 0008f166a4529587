"""Request bodies as streams: framing (Content-Length, chunked) and content encodings, with bounded memory."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

from staddle.logs.http.errors import DisconnectedError, HTTPError

if TYPE_CHECKING:
    import socket

COMPRESSED_CHUNK = 128 * 1024
MAX_HEADER = 64 * 1024


class Reader(Protocol):
    """Anything to read a body from."""

    def readinto(self, view: memoryview) -> int:
        """Fill the beginning of `view` with at least one byte; 0 at the end."""
        ...


class Input:
    """What comes in on a connection: a small buffer for lines, and past it direct reads."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = bytearray()

    def line(self, limit: int) -> bytes:
        """The next line without its end. Raises DisconnectedError at the end of input."""
        found = self._buffer.find(b"\n")
        while found < 0:
            if len(self._buffer) > limit:
                raise HTTPError(431, "request header is too large")
            more = self.sock.recv(16 * 1024)
            if not more:
                raise DisconnectedError("closed")
            start = len(self._buffer)
            self._buffer += more
            found = self._buffer.find(b"\n", start)
        line = bytes(self._buffer[:found])
        del self._buffer[: found + 1]
        return line.removesuffix(b"\r")

    def readinto(self, view: memoryview) -> int:
        """At least one byte, as many as are there. Raises DisconnectedError at the end of input."""
        if self._buffer:
            n = min(len(view), len(self._buffer))
            view[:n] = self._buffer[:n]
            del self._buffer[:n]
            return n
        n = self.sock.recv_into(view)
        if not n:
            raise DisconnectedError("closed in the middle of a body")
        return n


class SizedBody:
    """A body of `length` bytes."""

    def __init__(self, source: Input, length: int) -> None:
        self._source = source
        self.left = length

    def readinto(self, view: memoryview) -> int:
        """See Reader."""
        if not self.left:
            return 0
        n = self._source.readinto(view[: self.left])
        self.left -= n
        return n


class ChunkedBody:
    """A body in chunked transfer coding; trailers are skipped."""

    def __init__(self, source: Input) -> None:
        self._source = source
        self._left = 0
        self._first = True
        self._done = False

    def readinto(self, view: memoryview) -> int:
        """See Reader."""
        if self._done:
            return 0
        if not self._left:
            if not self._first:
                self._source.line(16)
            self._first = False
            text = self._source.line(1024).split(b";")[0].strip()
            try:
                self._left = int(text, 16)
            except ValueError:
                raise HTTPError(400, f"bad chunk size {text[:20]!r}") from None
            if self._left < 0:
                raise HTTPError(400, f"bad chunk size {text[:20]!r}")
            if not self._left:
                while self._source.line(MAX_HEADER):
                    pass
                self._done = True
                return 0
        n = self._source.readinto(view[: self._left])
        self._left -= n
        return n


class ZlibBody:
    """A gzip (also of several members) or zlib body, decompressed as far as the caller's buffer goes."""

    def __init__(self, source: Reader, wbits: int) -> None:
        self._source = source
        self._wbits = wbits
        self._engine = zlib.decompressobj(wbits)
        self._chunk = memoryview(bytearray(COMPRESSED_CHUNK))
        self._input = b""

    def readinto(self, view: memoryview) -> int:
        """See Reader."""
        while True:
            if not self._input and not self._engine.eof:
                n = self._source.readinto(self._chunk)
                if not n:
                    raise HTTPError(400, "the compressed body ends too early")
                self._input = bytes(self._chunk[:n])
            elif self._engine.eof:
                self._input = self._input or self._engine.unused_data
                if not self._input:
                    n = self._source.readinto(self._chunk)
                    if not n:
                        return 0
                    self._input = bytes(self._chunk[:n])
                self._engine = zlib.decompressobj(self._wbits)
            try:
                out = self._engine.decompress(self._input, len(view))
            except zlib.error as error:
                raise HTTPError(400, f"cannot decompress the body: {error}") from None
            self._input = self._engine.unconsumed_tail
            if out:
                view[: len(out)] = out
                return len(out)


class _Raw:
    """`read` for libraries that want a file."""

    def __init__(self, source: Reader) -> None:
        self._source = source

    def read(self, size: int = COMPRESSED_CHUNK) -> bytes:
        view = memoryview(bytearray(min(max(size, 1), COMPRESSED_CHUNK)))
        return bytes(view[: self._source.readinto(view)])


class ZstdBody:
    """A zstd body."""

    def __init__(self, source: Reader) -> None:
        import zstandard  # noqa: PLC0415 (most senders use gzip)

        self._error = zstandard.ZstdError
        engine = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        self._reader = engine.stream_reader(_Raw(source), read_across_frames=True)  # type: ignore[arg-type]

    def readinto(self, view: memoryview) -> int:
        """See Reader."""
        try:
            return int(self._reader.readinto(view))
        except self._error as error:
            raise HTTPError(400, f"cannot decompress the body: {error}") from None


class BytesBody:
    """A body that is in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def readinto(self, view: memoryview) -> int:
        """See Reader."""
        n = min(len(view), len(self._data))
        view[:n] = self._data[:n]
        self._data = self._data[n:]
        return n


def read_all(reader: Reader, limit: int) -> bytes:
    """A whole body of at most `limit` bytes; HTTPError 413 if it is longer."""
    out = bytearray()
    view = memoryview(bytearray(min(limit + 1, COMPRESSED_CHUNK)))
    while n := reader.readinto(view):
        out += view[:n]
        if len(out) > limit:
            raise HTTPError(413, f"too big request body; it must not exceed {limit} bytes")
    return bytes(out)


def unsnappy(data: bytes, limit: int) -> bytes:
    """Decompress a snappy block of at most `limit` bytes."""
    size, shift = 0, 0
    for byte in data[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if size > limit:
        raise HTTPError(413, f"too big request body; it must not exceed {limit} bytes")
    import cramjam  # noqa: PLC0415 (only Loki and Prometheus clients need it)

    try:
        return bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError as error:
        raise HTTPError(400, f"cannot decompress the body: {error}") from None


def decoded(source: Reader, encoding: str, limit: int) -> Reader:
    """The body with its Content-Encoding removed. Snappy has no streaming form and is read whole, up to
    `limit` bytes.
    """
    match encoding.strip().lower():
        case "" | "none" | "identity":
            return source
        case "gzip":
            return ZlibBody(source, 31)
        case "deflate":
            return ZlibBody(source, 15)
        case "zstd":
            return ZstdBody(source)
        case "snappy":
            return BytesBody(unsnappy(read_all(source, limit), limit))
    raise HTTPError(400, f"unsupported Content-Encoding: {encoding!r}")
