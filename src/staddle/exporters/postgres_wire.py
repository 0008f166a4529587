"""As much of PostgreSQL's protocol as asking PgBouncer's console takes: log in, and simple queries that give text.

The console doesn't know extended queries, prepared statements, or transactions, which is what most drivers begin with.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import struct

_PROTOCOL = 196608
_LONGEST = 64 << 20
_OK, _CLEARTEXT, _MD5, _SASL, _SASL_CONTINUE, _SASL_FINAL = 0, 3, 5, 10, 11, 12


class WireError(Exception):
    """The server refused, or what it said can't be understood. Never holds the password."""


class Connection:
    """A connection to `database` as `user`. `host` is an address, or the directory of a Unix socket.

    Raises OSError and WireError, as do all its methods.
    """

    def __init__(self, host: str, port: int, user: str, password: str, database: str, timeout: float) -> None:
        self._user, self._password = user, password
        self._socket = _connected(host, port, timeout)
        try:
            parameters = f"user\0{user}\0database\0{database}\0application_name\0staddle\0\0".encode()
            start = struct.pack("!I", _PROTOCOL) + parameters
            self._socket.sendall(struct.pack("!I", len(start) + 4) + start)
            self._log_in()
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        self._socket.close()

    def query(self, text: str) -> list[dict[str, str]]:
        """The rows of one statement, by column; what is NULL is left out."""
        self._send(b"Q", text.encode() + b"\0")
        columns: list[str] = []
        rows: list[dict[str, str]] = []
        refused = ""
        while True:
            kind, body = self._receive()
            if kind == b"T":
                columns = _columns(body)
            elif kind == b"D":
                rows.append({name: value for name, value in zip(columns, _values(body)) if value is not None})
            elif kind == b"E":
                refused = _message(body)
            elif kind == b"Z":
                if refused:
                    raise WireError(refused)
                return rows

    def _log_in(self) -> None:
        scram: _Scram | None = None
        while True:
            kind, body = self._receive()
            if kind == b"E":
                raise WireError(_message(body))
            if kind == b"Z":
                return
            if kind != b"R":
                continue
            [how] = struct.unpack("!I", body[:4])
            if how == _CLEARTEXT:
                self._send(b"p", self._password.encode() + b"\0")
            elif how == _MD5:
                inner = hashlib.md5(f"{self._password}{self._user}".encode()).hexdigest()  # noqa: S324 - the protocol's
                outer = hashlib.md5(inner.encode() + body[4:8]).hexdigest()  # noqa: S324
                self._send(b"p", f"md5{outer}\0".encode())
            elif how == _SASL:
                if b"SCRAM-SHA-256" not in body[4:].split(b"\0"):
                    raise WireError("the server wants a way to log in that is not SCRAM-SHA-256")
                scram = _Scram(self._password)
                first = scram.first()
                self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first)
            elif how == _SASL_CONTINUE and scram:
                self._send(b"p", scram.final(body[4:]))
            elif how == _SASL_FINAL and scram:
                scram.verify(body[4:])
            elif how != _OK:
                raise WireError(f"the server wants a way to log in that is not known here ({how})")

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def _receive(self) -> tuple[bytes, bytes]:
        head = self._exactly(5)
        [length] = struct.unpack("!I", head[1:])
        if not 4 <= length <= _LONGEST:
            raise WireError("this is not PostgreSQL's protocol")
        return head[:1], self._exactly(length - 4)

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            piece = self._socket.recv(count - len(found))
            if not piece:
                raise WireError("the server closed the connection")
            found += piece
        return found


class _Scram:
    """The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding."""

    def __init__(self, password: str) -> None:
        self._password = password.encode()
        self._nonce = base64.b64encode(os.urandom(18)).decode()
        self._signature = b""

    def first(self) -> bytes:
        return f"n,,n=,r={self._nonce}".encode()

    def final(self, challenge: bytes) -> bytes:
        said = challenge.decode()
        try:
            fields = dict(part.split("=", 1) for part in said.split(","))
            nonce, salt, rounds = fields["r"], base64.b64decode(fields["s"]), int(fields["i"])
        except (KeyError, ValueError) as error:
            raise WireError("the server's SCRAM challenge can't be read") from error
        if not nonce.startswith(self._nonce):
            raise WireError("the server's SCRAM challenge is not the answer to ours")
        bare = f"c=biws,r={nonce}"
        auth = f"n=,r={self._nonce},{said},{bare}".encode()
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, rounds)
        client = _hmac(salted, b"Client Key")
        proof = bytes(a ^ b for a, b in zip(client, _hmac(hashlib.sha256(client).digest(), auth)))
        self._signature = _hmac(_hmac(salted, b"Server Key"), auth)
        return f"{bare},p={base64.b64encode(proof).decode()}".encode()

    def verify(self, said: bytes) -> None:
        if not hmac.compare_digest(said, b"v=" + base64.b64encode(self._signature)):
            raise WireError("the server doesn't know the password itself")


def _hmac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


def _connected(host: str, port: int, timeout: float) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host, port), timeout)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.settimeout(timeout)
        made.connect(f"{host}/.s.PGSQL.{port}")
    except BaseException:
        made.close()
        raise
    return made


def _columns(body: bytes) -> list[str]:
    [count] = struct.unpack("!H", body[:2])
    names, at = [], 2
    for _ in range(count):
        end = body.index(b"\0", at)
        names.append(body[at:end].decode())
        at = end + 1 + 18
    return names


def _values(body: bytes) -> list[str | None]:
    [count] = struct.unpack("!H", body[:2])
    values: list[str | None] = []
    at = 2
    for _ in range(count):
        [length] = struct.unpack("!i", body[at : at + 4])
        at += 4
        values.append(None if length < 0 else body[at : at + length].decode("utf-8", "replace"))
        at += max(length, 0)
    return values


def _message(body: bytes) -> str:
    parts = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
    return parts.get(b"M", "refused without a reason")
