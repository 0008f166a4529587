"""Requests and answers."""

from __future__ import annotations

import json
import urllib.parse
import zlib
from typing import TYPE_CHECKING, Any

from staddle.logs.http.body import Input, Reader, decoded, read_all
from staddle.logs.http.errors import DisconnectedError, HTTPError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_FORM = 16 << 20
REASONS = {
    200: "OK",
    202: "Accepted",
    204: "No Content",
    302: "Found",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
TEXT = "text/plain; charset=utf-8"


class Request:
    """One request. Header names are lower case; `path` is decoded, with runs of slashes made one."""

    def __init__(self, method: str, target: str, headers: dict[str, str], body: Reader, peer: str = "") -> None:
        self.method = method
        raw_path, _, self.query_string = target.partition("?")
        path = urllib.parse.unquote(raw_path)
        while "//" in path:
            path = path.replace("//", "/")
        self.path = path
        self.headers = headers
        self.body = body
        self.peer = peer
        self._args: dict[str, list[str]] | None = None

    @property
    def content_type(self) -> str:
        """Media type without parameters, lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def args(self, *, form: bool = False) -> dict[str, list[str]]:
        """Query arguments; with `form` those of a form body too, which win."""
        if self._args is None:
            self._args = urllib.parse.parse_qs(self.query_string, keep_blank_values=True)
            if form and self.method == "POST":
                self._add_form(self._args)
        return self._args

    def _add_form(self, args: dict[str, list[str]]) -> None:
        if self.content_type == "application/x-www-form-urlencoded":
            text = self.read(MAX_FORM).decode("utf-8", "replace")
            found = urllib.parse.parse_qs(text, keep_blank_values=True)
        elif self.content_type == "multipart/form-data":
            found = _multipart(self.read(MAX_FORM), self.headers["content-type"])
        else:
            return
        for key, values in found.items():
            args[key] = values + args.get(key, [])

    def arg(self, name: str, default: str = "") -> str:
        """The first value of an argument."""
        values = self.args().get(name)
        return values[0] if values else default

    def reader(self, limit: int = 64 << 20) -> Reader:
        """The body without its content encoding."""
        return decoded(self.body, self.headers.get("content-encoding", ""), limit)

    def read(self, limit: int) -> bytes:
        """The whole decoded body; HTTPError 413 when it is longer than `limit`."""
        return read_all(self.reader(limit), limit)


def _multipart(data: bytes, content_type: str) -> dict[str, list[str]]:
    import email.parser  # noqa: PLC0415 (rare)
    import email.policy  # noqa: PLC0415

    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + data)
    out: dict[str, list[str]] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(payload, bytes):
            out.setdefault(name, []).append(payload.decode("utf-8", "replace"))
    return out


class Answer:
    """What goes back: either `send` once, or `start` and then `write` as often as needed."""

    MIN_GZIP = 1024
    FLUSH_BYTES = 64 * 1024

    def __init__(
        self,
        request: Request,
        send: Callable[[bytes], None],
        server_headers: list[tuple[str, str]],
        *,
        compress: bool,
    ) -> None:
        self._send = send
        self.headers: list[tuple[str, str]] = list(server_headers)
        self._head_only = request.method == "HEAD"
        self._compress = compress and "gzip" in request.headers.get("accept-encoding", "")
        self._gzip: Any = None
        self._pending = bytearray()
        self.started = False
        self.status = 0
        self.bytes_out = 0

    def send(self, status: int, body: bytes = b"", content_type: str = "") -> None:
        """A complete answer."""
        if self._compress and len(body) >= self.MIN_GZIP:
            engine = zlib.compressobj(1, zlib.DEFLATED, 31)
            body = engine.compress(body) + engine.flush()
            self.headers.append(("Content-Encoding", "gzip"))
        self.send_as_is(status, body, content_type)

    def send_as_is(self, status: int, body: bytes, content_type: str = "") -> None:
        """A complete answer that is compressed already, or isn't worth it."""
        if status != 204:
            self.headers.append(("Content-Length", str(len(body))))
        self._head(status, content_type)
        if not self._head_only and status != 204:
            self._pending += body
        self.flush()

    def json(self, value: Any, status: int = 200) -> None:
        """A complete answer in compact JSON."""
        self.send(status, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(), "application/json")

    def error(self, error: HTTPError) -> None:
        """A complete plain-text error."""
        self.headers += [*error.headers, ("X-Content-Type-Options", "nosniff")]
        self.send(error.status, error.message.encode("utf-8", "replace") + b"\n", TEXT)

    def start(self, status: int, content_type: str, *, compress: bool = True) -> None:
        """Begin an answer of unknown length."""
        if self._compress and compress:
            self._gzip = zlib.compressobj(1, zlib.DEFLATED, 31)
            self.headers.append(("Content-Encoding", "gzip"))
        self.headers.append(("Transfer-Encoding", "chunked"))
        self._head(status, content_type)

    def write(self, data: bytes) -> None:
        """More of a begun answer; goes out when enough has come together."""
        if self._head_only:
            return
        if self._gzip is not None:
            data = self._gzip.compress(data)
        if data:
            self._pending += b"%x\r\n%b\r\n" % (len(data), data)
        if len(self._pending) >= self.FLUSH_BYTES:
            self.flush()

    def finish(self) -> None:
        """End a begun answer."""
        if self._head_only:
            return self.flush()
        if self._gzip is not None and (data := self._gzip.flush()):
            self._pending += b"%x\r\n%b\r\n" % (len(data), data)
        self._pending += b"0\r\n\r\n"
        return self.flush()

    def flush(self) -> None:
        """Everything written so far goes out now."""
        if self._pending:
            data, self._pending = bytes(self._pending), bytearray()
            self.bytes_out += len(data)
            self._send(data)

    def _head(self, status: int, content_type: str) -> None:
        self.started = True
        self.status = status
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}"]
        if content_type:
            self.headers.append(("Content-Type", content_type))
        lines += [f"{k}: {v}" for k, v in self.headers]
        self._pending += ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def read_head(source: Input, max_header: int) -> tuple[str, str, str, dict[str, str]]:
    """Method, target, version and headers of the next request. Raises DisconnectedError when none comes."""
    line = source.line(max_header)
    if not line:
        line = source.line(max_header)
    parts = line.decode("latin-1").split(" ")
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise HTTPError(400, "malformed HTTP request")
    headers: dict[str, str] = {}
    total = len(line)
    while header := source.line(max_header):
        total += len(header)
        if total > max_header:
            raise HTTPError(431, "request header is too large")
        name, colon, value = header.decode("latin-1").partition(":")
        if not colon or not name or name != name.strip():
            raise HTTPError(400, "malformed HTTP header")
        key = name.lower()
        text = value.strip()
        if key in headers and key in {"content-length", "transfer-encoding"} and headers[key] != text:
            raise HTTPError(400, f"contradicting {name} headers")
        headers[key] = f"{headers[key]}, {text}" if key in headers and key != "content-length" else text
    return parts[0], parts[1], parts[2], headers


__all__ = ["TEXT", "Answer", "DisconnectedError", "Request", "read_head"]
