"""The server: listeners, a thread per connection, keep-alive, timeouts and graceful shutdown."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from staddle.logs.http.body import MAX_HEADER, BytesBody, ChunkedBody, Input, Reader, SizedBody
from staddle.logs.http.errors import DisconnectedError, HTTPError
from staddle.logs.http.messages import Answer, Request, read_head

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

log = logging.getLogger(__name__)

Handler = "Callable[[Request, Answer], None]"


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Timeouts are seconds."""

    idle_timeout: float = 60.0
    read_timeout: float = 60.0
    max_connections: int = 1000
    compress: bool = True
    tls: ssl.SSLContext | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)


class Server:
    """Serves `handle(request, answer)` on every address given to `listen`."""

    def __init__(self, handle: Callable[[Request, Answer], None], options: ServerOptions) -> None:
        self._handle = handle
        self._options = options
        self._listeners: list[socket.socket] = []
        self._connections: dict[socket.socket, bool] = {}
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(options.max_connections)
        self._stopping = False
        self.requests = 0
        self.headers = [
            ("X-Server-Hostname", socket.gethostname()),
            ("Vary", "Accept-Encoding"),
            *options.headers,
        ]

    def listen(self, host: str, port: int) -> int:
        """Accept connections on host (empty: all addresses) and port (0: any free one); returns the port."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=1024)
        self._listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener,), name="accept", daemon=True).start()
        return int(listener.getsockname()[1])

    def _accept(self, listener: socket.socket) -> None:
        while not self._stopping:
            self._room.acquire()
            try:
                sock, address = listener.accept()
            except OSError as error:
                self._room.release()
                if self._stopping:
                    return
                log.warning("cannot accept a connection: %s", error)
                time.sleep(0.1)
                continue
            threading.Thread(target=self._serve, args=(sock, str(address[0])), name="connection", daemon=True).start()

    def _serve(self, sock: socket.socket, peer: str) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(self._options.idle_timeout)
            if self._options.tls is not None:
                sock = self._options.tls.wrap_socket(sock, server_side=True)
            with self._lock:
                self._connections[sock] = False
            source = Input(sock)
            while not self._stopping and self._one(sock, source, peer):
                pass
        except (DisconnectedError, OSError) as error:
            log.debug("%s: %s", peer, error)
        finally:
            with self._lock:
                self._connections.pop(sock, None)
            with contextlib.suppress(OSError):
                sock.close()
            self._room.release()

    def _one(self, sock: socket.socket, source: Input, peer: str) -> bool:
        """One request; True when another may follow on this connection."""
        sock.settimeout(self._options.idle_timeout)
        try:
            method, target, version, headers = read_head(source, MAX_HEADER)
            with self._lock:
                self._connections[sock] = True
            body = self._body(headers, source)
        except HTTPError as error:
            refused = Request("GET", "/", {}, BytesBody(b""))
            Answer(refused, sock.sendall, [*self.headers, ("Connection", "close")], compress=False).error(error)
            return False
        sock.settimeout(self._options.read_timeout)
        if headers.get("expect", "").lower() == "100-continue":
            sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        request = Request(method, target, headers, body, peer)
        keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close" and not self._stopping
        extra = [] if keep else [("Connection", "close")]
        answer = Answer(request, sock.sendall, [*self.headers, *extra], compress=self._options.compress)
        self.requests += 1
        self._run(request, answer)
        with self._lock:
            self._connections[sock] = False
        return keep and _drained(body)

    def _run(self, request: Request, answer: Answer) -> None:
        try:
            self._handle(request, answer)
            if not answer.started:
                answer.send(200)
        except HTTPError as error:
            if answer.started:
                # Too late for a status: say it in the body and break the framing, so that nobody takes it
                # for whole.
                answer.write(f"\n{error.message}\n".encode())
                answer.flush()
                raise DisconnectedError(error.message) from error
            answer.error(error)
        except (DisconnectedError, OSError):
            raise
        except Exception:
            log.exception("internal error in %s %s", request.method, request.path)
            if answer.started:
                raise DisconnectedError("internal error") from None
            answer.error(HTTPError(500, "internal error; see the log of the server"))

    @staticmethod
    def _body(headers: dict[str, str], source: Input) -> Reader:
        coding = headers.get("transfer-encoding", "").lower()
        if coding:
            if coding != "chunked":
                raise HTTPError(400, f"unsupported Transfer-Encoding {coding!r}")
            return ChunkedBody(source)
        text = headers.get("content-length", "0")
        if not (text.isascii() and text.isdigit()) or len(text) > 18:
            raise HTTPError(400, f"bad Content-Length {text!r}")
        return SizedBody(source, int(text))

    def stop(self, grace: float) -> None:
        """Accept nothing more; requests under way get `grace` seconds."""
        self._stopping = True
        for listener in self._listeners:
            # shutdown wakes the thread in accept; close alone does not.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline:
            with self._lock:
                idle = [s for s, busy in self._connections.items() if not busy]
                left = len(self._connections)
            for sock in idle:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            if not left:
                return
            time.sleep(0.02)

    def connection_count(self) -> int:
        """Open connections."""
        with self._lock:
            return len(self._connections)


def _drained(body: Reader, limit: int = 1 << 20) -> bool:
    """Skip what the handler left of the body; False when that is too much to be worth it."""
    view = memoryview(bytearray(64 * 1024))
    skipped = 0
    try:
        while n := body.readinto(view):
            skipped += n
            if skipped > limit:
                return False
    except HTTPError:
        return False
    return True
