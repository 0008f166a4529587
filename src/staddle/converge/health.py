"""Protocol health checks over plain sockets: is the service doing its job, rather than: is a port open.

`check` answers None when the service is healthy, and otherwise the reason in a few words.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import struct
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from .model import Health

_BODY_LIMIT = 1 << 20
_TYPES = {"A": 1, "AAAA": 28}
_RCODES = {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


def check(health: Health, timeout: float) -> str | None:
    """One attempt. Never raises for anything the network or the peer does."""
    protocol = {"http": _http, "dns": _dns, "ntp": _ntp}[health.kind]
    try:
        return protocol(health, timeout)
    except socket.timeout:
        reason = f"no answer within {timeout:.1f} s"
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
    except (http.client.HTTPException, ValueError, IndexError, struct.error) as error:
        reason = str(error) or type(error).__name__
    return f"{_where(health)}: {reason}"


def _where(health: Health) -> str:
    return health.url or f"{health.kind} {health.address}:{health.port}"


def _http(health: Health, timeout: float) -> str | None:
    url = urlsplit(health.url)
    host = url.hostname or ""
    connection: http.client.HTTPConnection
    if url.scheme == "https":
        # The check is local and asks "does it work?"; whose certificate it is, other checks judge.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if health.certificate is not None:
            context.load_cert_chain(health.certificate, health.key)
        connection = http.client.HTTPSConnection(host, url.port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, url.port, timeout=timeout)
    try:
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("GET", path, headers={"User-Agent": "staddle-converge", "Connection": "close"})
        response = connection.getresponse()
        if response.status != health.status:
            return f"{health.url} answered {response.status}, expected {health.status}"
        if health.contains is not None and health.contains.encode() not in response.read(_BODY_LIMIT):
            return f"{health.url}: the answer does not contain {health.contains!r}"
        return None
    finally:
        connection.close()


def _ask(health: Health, packet: bytes, timeout: float) -> bytes:
    """One datagram there and one back. The socket is connected, so that a closed port is noticed at once."""
    address = socket.getaddrinfo(health.address, health.port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(address[0], socket.SOCK_DGRAM) as connection:
        connection.settimeout(timeout)
        connection.connect(address[4])
        connection.send(packet)
        return connection.recv(4096)


def _dns(health: Health, timeout: float) -> str | None:
    kind = "AAAA" if health.answer and ":" in health.answer else "A"
    question = b"".join(bytes([len(label)]) + label for label in _labels(health.name))
    question += b"\0" + struct.pack("!HH", _TYPES[kind], 1)
    number = os.urandom(2)
    reply = _ask(health, number + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + question, timeout)
    flags, questions, answers = struct.unpack("!HHH", reply[2:8])
    if reply[:2] != number or not flags & 0x8000:
        return f"{_where(health)}: not an answer to our question"
    if flags & 15:
        return f"{_where(health)}: {health.name} {kind}: {_RCODES.get(flags & 15, flags & 15)}"
    found = _addresses(reply, questions, answers, _TYPES[kind])
    if not found:
        return f"{_where(health)}: no {kind} record for {health.name}"
    if health.answer is not None and _canonical(health.answer) not in found:
        return f"{_where(health)}: {health.name} is {', '.join(found)}, expected {health.answer}"
    return None


def _labels(name: str) -> list[bytes]:
    return [label.encode("idna") for label in name.rstrip(".").split(".") if label]


def _canonical(address: str) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_ntop(family, socket.inet_pton(family, address))


def _addresses(reply: bytes, questions: int, answers: int, wanted: int) -> list[str]:
    at = 12
    for _ in range(questions):
        at = _skip_name(reply, at) + 4
    found = []
    for _ in range(answers):
        at = _skip_name(reply, at)
        kind, _class, _ttl, length = struct.unpack("!HHIH", reply[at : at + 10])
        data = reply[at + 10 : at + 10 + length]
        at += 10 + length
        if kind == wanted:
            found.append(socket.inet_ntop(socket.AF_INET if length == 4 else socket.AF_INET6, data))
    return found


def _skip_name(reply: bytes, at: int) -> int:
    while reply[at]:
        if reply[at] & 0xC0:  # a pointer ends the name
            return at + 2
        at += 1 + reply[at]
    return at + 1


def _ntp(health: Health, timeout: float) -> str | None:
    """A client packet of RFC 5905: version 4, mode 3. Our random transmit time must come back as the origin time."""
    cookie = os.urandom(8)
    reply = _ask(health, bytes([4 << 3 | 3]) + bytes(39) + cookie, timeout)
    if len(reply) < 48 or reply[0] & 7 != 4 or reply[24:32] != cookie:
        return f"{_where(health)}: not an answer to our question"
    if not 1 <= reply[1] <= 15:
        return f"{_where(health)}: stratum {reply[1]}: the clock is not usable"
    return None
