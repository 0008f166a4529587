"""As much of OpenPGP (RFC 4880, RFC 9580) as finding keys in a file takes. Verification is left to gpgv."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.repo.model import RepoError

if TYPE_CHECKING:
    from collections.abc import Iterator

_ARMOR = re.compile(
    rb"-----BEGIN PGP (?:PUBLIC KEY BLOCK|SIGNATURE)-----\r?\n(?:[^\r\n]+\r?\n)*\r?\n(.*?)(?:\r?\n=[\w+/]{4})?\r?\n-----END",
    re.DOTALL,
)
_PUBLIC_KEY, _PUBLIC_SUBKEY = 6, 14


@dataclass(frozen=True, slots=True)
class Certificate:
    """A public key with its user ids and subkeys, as bytes of a keyring."""

    fingerprint: str
    content: bytes


def dearmor(content: bytes) -> bytes:
    """The binary form of keys or a signature; what is binary already stays as it is."""
    if b"-----BEGIN PGP" not in content:
        return content
    try:
        return b"".join(base64.b64decode(b"".join(body.split()), validate=True) for body in _ARMOR.findall(content))
    except binascii.Error as error:
        raise RepoError(f"not OpenPGP's armor: {error}") from error


def certificates(content: bytes) -> list[Certificate]:
    """The keys of a file, armored or not. Raises RepoError if it is something else."""
    found: list[tuple[str, list[bytes]]] = []
    for tag, body, packet in _packets(dearmor(content)):
        if tag == _PUBLIC_KEY:
            found.append((_fingerprint(body), [packet]))
        elif found:
            found[-1][1].append(packet)
    if not found:
        raise RepoError("there is no OpenPGP public key in it")
    return [Certificate(fingerprint, b"".join(packets)) for fingerprint, packets in found]


def _fingerprint(body: bytes) -> str:
    if body[:1] == b"\x04":
        hashed = b"\x99" + len(body).to_bytes(2, "big") + body
        return hashlib.sha1(hashed, usedforsecurity=False).hexdigest().upper()
    return hashlib.sha256(b"\x9b" + len(body).to_bytes(4, "big") + body).hexdigest().upper()


def _packets(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, body, and the packet as it stands."""
    at = 0
    while at < len(content):
        start, head = at, content[at]
        at += 1
        if not head & 0x80:
            raise RepoError("it is not an OpenPGP file")
        if head & 0x40:
            tag = head & 0x3F
            length, at = _new_length(content, at)
        else:
            tag = head >> 2 & 0x0F
            size = {0: 1, 1: 2, 2: 4}.get(head & 3, 0)
            length = int.from_bytes(content[at : at + size], "big") if size else len(content) - at
            at += size
        if at + length > len(content):
            raise RepoError("it is a truncated OpenPGP file")
        yield tag, content[at : at + length], content[start : at + length]
        at += length


def _new_length(content: bytes, at: int) -> tuple[int, int]:
    first = content[at] if at < len(content) else 0
    if first < 192:
        return first, at + 1
    if first < 224:
        return (first - 192 << 8) + int.from_bytes(content[at + 1 : at + 2], "big") + 192, at + 2
    if first == 255:
        return int.from_bytes(content[at + 1 : at + 5], "big"), at + 5
    raise RepoError("it has packets of partial length, which keys never have")
