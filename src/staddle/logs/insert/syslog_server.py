"""Syslog over TCP and UDP: RFC 3164 and RFC 5424, by line or octet-counted."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from staddle.logs.errors import FlagError
from staddle.logs.http.errors import HTTPError
from staddle.logs.insert.params import Defaults, InsertParams, Sink, parse_tenant
from staddle.logs.insert.syslog_format import parse_message
from staddle.store.rowformat import RowFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from staddle.logs.flags import Flags

log = logging.getLogger(__name__)

MAX_MESSAGE = 1 << 20
BATCH_SECONDS = 0.5
BATCH_ROWS = 2000
MAX_CONNECTIONS = 500
DEFAULT_STREAM = ("hostname", "app_name", "proc_id")


@dataclass(frozen=True, slots=True)
class Listener:
    """Settings of one address."""

    params: InsertParams
    compression: str
    local_time: bool


class SyslogServer:
    """All listeners; `close` ends them."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._sockets: list[socket.socket] = []
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._room = threading.BoundedSemaphore(MAX_CONNECTIONS)

    def _start(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, name="syslog", daemon=True)
        thread.start()
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]

    def tcp(self, address: tuple[str, int], listener: Listener) -> int:
        """Listen on TCP; the port."""
        sock = socket.create_server(address)
        self._sockets.append(sock)
        self._start(self._accept, sock, listener)
        return int(sock.getsockname()[1])

    def udp(self, address: tuple[str, int], listener: Listener) -> int:
        """Listen on UDP; the port."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(address)
        self._sockets.append(sock)
        self._start(self._datagrams, sock, listener)
        return int(sock.getsockname()[1])

    def close(self) -> None:
        """Stop listening; what has been received is stored."""
        self._stopping.set()
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(timeout=3)

    def _accept(self, sock: socket.socket, listener: Listener) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = sock.accept()
            except OSError:
                if self._stopping.is_set():
                    return
                time.sleep(0.1)
                continue
            if not self._room.acquire(blocking=False):
                connection.close()
                continue
            self._start(self._connection, connection, listener)

    def _connection(self, sock: socket.socket, listener: Listener) -> None:
        try:
            with sock:
                sock.settimeout(BATCH_SECONDS)
                self._store(_messages(_chunks(sock, listener.compression, self._stopping)), listener, "syslog_tcp")
        except (OSError, zlib.error, ValueError) as error:
            log.warning("syslog connection: %s", error)
        finally:
            self._room.release()

    def _datagrams(self, sock: socket.socket, listener: Listener) -> None:
        sock.settimeout(BATCH_SECONDS)

        def messages() -> Iterator[bytes | None]:
            while not self._stopping.is_set():
                try:
                    data = sock.recv(65536)
                except TimeoutError:
                    yield None
                    continue
                except OSError:
                    return
                yield from _inflate_all(data, listener.compression).split(b"\n")

        self._store(messages(), listener, "syslog_udp")

    def _store(self, messages: Iterator[bytes | None], listener: Listener, kind: str) -> None:
        """Rows in batches: when there are many, and at the latest after a short while."""
        rows: list[dict[str, str]] = []
        since = time.monotonic()
        for message in messages:
            if message:
                text = message.decode("utf-8", "replace").rstrip("\r\n\0")
                if text:
                    rows.append(parse_message(text, time.time_ns(), local_time=listener.local_time))
            if rows and (len(rows) >= BATCH_ROWS or message is None or time.monotonic() - since > BATCH_SECONDS):
                self._put(kind, listener, rows)
                rows, since = [], time.monotonic()
        if rows:
            self._put(kind, listener, rows)

    def _put(self, kind: str, listener: Listener, rows: list[dict[str, str]]) -> None:
        try:
            self._sink.rows(kind, listener.params, rows)
        except HTTPError as error:
            # The protocol has no way to refuse.
            log.warning("%d syslog rows are lost: %s", len(rows), error.message)


def _inflate_all(data: bytes, compression: str) -> bytes:
    if compression == "none":
        return data
    try:
        return zlib.decompressobj(31 if compression == "gzip" else 15).decompress(data, MAX_MESSAGE)
    except zlib.error as error:
        log.warning("syslog datagram: %s", error)
        return b""


def _chunks(sock: socket.socket, compression: str, stopping: threading.Event) -> Iterator[bytes | None]:
    """Decompressed pieces as they come; None when nothing came for a while."""
    engine = None if compression == "none" else zlib.decompressobj(31 if compression == "gzip" else 15)
    while not stopping.is_set():
        try:
            data = sock.recv(64 * 1024)
        except TimeoutError:
            yield None
            continue
        if not data:
            return
        if engine is None:
            yield data
            continue
        while data:
            yield engine.decompress(data, MAX_MESSAGE)
            data = engine.unconsumed_tail


def _messages(chunks: Iterator[bytes | None]) -> Iterator[bytes | None]:
    """Messages of a TCP stream: `<length> <message>` or lines."""
    buffer = b""
    for chunk in chunks:
        if chunk is None:
            yield None
            continue
        buffer += chunk
        while buffer:
            if buffer[:1].isdigit():
                size, space, _rest = buffer[:12].partition(b" ")
                if not space:
                    if len(buffer) > 12:
                        raise ValueError(f"bad message length {buffer[:12]!r}")
                    break
                length = int(size)
                if length > MAX_MESSAGE:
                    raise ValueError(f"a message of {length} bytes is too long")
                start = len(size) + 1
                if len(buffer) < start + length:
                    break
                yield buffer[start : start + length]
                buffer = buffer[start + length :].lstrip(b"\n")
                continue
            end = buffer.find(b"\n")
            if end < 0:
                if len(buffer) > MAX_MESSAGE:
                    raise ValueError("a line is too long")
                break
            yield buffer[:end]
            buffer = buffer[end + 1 :]
    if buffer:
        yield buffer


def start_syslog(flags: Flags, sink: Sink, defaults: Defaults) -> SyslogServer:
    """Listeners as the flags say. Raises FlagError."""
    server = SyslogServer(sink)
    for net, listen in (("tcp", server.tcp), ("udp", server.udp)):
        for i, address in enumerate(flags[f"syslog.listenAddr.{net}"]):
            host, colon, port = address.rpartition(":")
            if not colon or not port.isdigit():
                raise FlagError(f"bad address {address!r} in -syslog.listenAddr.{net}")
            bound = listen((host, int(port)), _listener(flags, net, i, defaults))
            log.info("receiving syslog over %s on port %d", net.upper(), bound)
    return server


def _listener(flags: Flags, net: str, index: int, defaults: Defaults) -> Listener:
    def setting(name: str, default: str) -> str:
        values = flags[f"syslog.{name}.{net}"]
        return str(values[index]) if index < len(values) else default

    def names(name: str) -> tuple[str, ...]:
        return tuple(_json(name, setting(name, "[]"), list))

    compression = setting("compressMethod", "none") or "none"
    if compression not in {"none", "gzip", "deflate"}:
        raise FlagError(f"bad value {compression!r} for -syslog.compressMethod.{net}: want none, gzip or deflate")
    row_format = RowFormat(
        stream_fields=names("streamFields") or DEFAULT_STREAM,
        ignore_fields=names("ignoreFields"),
        decolorize_fields=names("decolorizeFields"),
        extra_fields=tuple((k, str(v)) for k, v in _json("extraFields", setting("extraFields", "{}"), dict).items()),
        default_msg=defaults.default_msg,
        max_line=MAX_MESSAGE * 2,
        max_fields=defaults.max_fields,
    )
    local = setting("useLocalTimestamp", "false").lower() in {"1", "true", "t", "yes"}
    return Listener(InsertParams(parse_tenant(setting("tenantID", "0:0")), row_format), compression, local)


def _json(name: str, text: str, kind: type) -> Any:
    try:
        value = json.loads(text or ("[]" if kind is list else "{}"))
    except ValueError as error:
        raise FlagError(f"bad JSON {text!r} for -syslog.{name}: {error}") from error
    if not isinstance(value, kind):
        raise FlagError(f"bad value {text!r} for -syslog.{name}: want a JSON {'list' if kind is list else 'object'}")
    return value
