"""The part of OpenPGP (RFC 4880, RFC 9580) that a package repository needs: v4 Ed25519 keys and their signatures.

Here is the format, and verification. Keys and signatures are made in `repo/signing.py`. What apt, gpg, Sequoia and rpm make of
it is what the tests ask those programs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import ed25519

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PUBLIC_KEY, SIGNATURE, USER_ID = 6, 2, 13
EDDSA = 22
CURVE = bytes.fromhex("2b06010401da470f01")
"""The object identifier of Ed25519."""
HASHES = {8: "sha256", 10: "sha512"}
BINARY, TEXT, CERTIFICATION = 0x00, 0x01, 0x13
_CREATED, _ISSUER = 2, 33
_BEGIN_CLEAR = "-----BEGIN PGP SIGNED MESSAGE-----"
_BEGIN_SIGNATURE = "-----BEGIN PGP SIGNATURE-----"
_ARMOR = re.compile(r"-----BEGIN PGP ([A-Z ]+)-----\r?\n(?:[!-~]+: .*\r?\n)*\r?\n(.*?)-----END PGP \1-----", re.DOTALL)


class SignatureError(Exception):
    """A key or signature is malformed, by somebody else, or does not fit. Its text says which."""


@dataclass(frozen=True)
class PublicKey:
    """A key that signatures are verified with. `fingerprint` is upper-case hex, as programs print it."""

    created: int
    point: bytes

    @property
    def body(self) -> bytes:
        """Its packet's content, which is what its fingerprint covers."""
        parts = (bytes([4]), self.created.to_bytes(4, "big"), bytes([EDDSA, len(CURVE)]), CURVE)
        return b"".join(parts) + mpi(b"\x40" + self.point)

    @property
    def fingerprint(self) -> str:
        return hashlib.sha1(self.hashed, usedforsecurity=False).hexdigest().upper()

    @property
    def hashed(self) -> bytes:
        """How it goes into fingerprints and certifications."""
        return b"\x99" + len(self.body).to_bytes(2, "big") + self.body


@dataclass(frozen=True)
class Signature:
    """One parsed signature. `hashed` is the part of it that is signed itself."""

    kind: int
    hash_name: str
    hashed: bytes
    created: int
    issuer: str
    raw: bytes

    def fits(self, key: PublicKey, digest: Any) -> bool:
        """Whether it is `key`'s, over what was fed to `digest`, which is used up."""
        digest.update(trailer(self.hashed))
        return ed25519.verify(key.point, self.raw, digest.digest())


def packet(tag: int, body: bytes) -> bytes:
    """A packet with a new-style header."""
    size = len(body)
    if size < 192:
        head = bytes([size])
    elif size < 8384:
        head = bytes([(size - 192 >> 8) + 192, size - 192 & 0xFF])
    else:
        head = b"\xff" + size.to_bytes(4, "big")
    return bytes([0xC0 | tag]) + head + body


def mpi(data: bytes) -> bytes:
    """A multiprecision integer."""
    number = int.from_bytes(data, "big")
    return number.bit_length().to_bytes(2, "big") + number.to_bytes((number.bit_length() + 7) // 8, "big")


def trailer(hashed: bytes) -> bytes:
    """What a v4 signature hashes after the data."""
    return hashed + b"\x04\xff" + len(hashed).to_bytes(4, "big")


def armor(kind: str, data: bytes) -> str:
    """ASCII armour: `kind` is `SIGNATURE` or `PUBLIC KEY BLOCK`."""
    text = base64.b64encode(data).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    check = base64.b64encode(_crc24(data).to_bytes(3, "big")).decode()
    return "\n".join([f"-----BEGIN PGP {kind}-----", "", *lines, f"={check}", f"-----END PGP {kind}-----", ""])


def unarmor(text: str) -> bytes:
    """The data of the first armoured block. Raises SignatureError."""
    found = _ARMOR.search(text)
    if not found:
        raise SignatureError("it has no PGP block")
    lines = [line for line in found[2].split() if not line.startswith("=")]
    try:
        return base64.b64decode("".join(lines), validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureError(f"its PGP block is damaged: {error}") from error


def clear_text(text: str) -> bytes:
    """A text as a signature in clear hashes it: no blanks at line ends, CRLF between lines, none after the last."""
    return "\r\n".join(line.rstrip(" \t\r") for line in text.removesuffix("\n").split("\n")).encode()


def escape(text: str) -> str:
    """A text as it stands in a message signed in clear."""
    return "".join(f"- {line}" if line.startswith("-") else line for line in text.splitlines(keepends=True))


def read_key(text: str) -> PublicKey:
    """The key of an armoured block. Raises SignatureError."""
    for tag, body in _packets(unarmor(text)):
        if tag == PUBLIC_KEY:
            start = 7 + len(CURVE)
            if body[:1] != b"\x04" or body[5] != EDDSA or body[7:start] != CURVE:
                raise SignatureError("it is no Ed25519 key")
            return PublicKey(int.from_bytes(body[1:5], "big"), _mpis(body[start:])[0][1:])
    raise SignatureError("it holds no public key")


def read_signature(text: str) -> Signature:
    """The signature of an armoured block. Raises SignatureError."""
    for tag, body in _packets(unarmor(text)):
        if tag == SIGNATURE:
            return _signature(body)
    raise SignatureError("it holds no signature")


def verify_detached(key: PublicKey, chunks: Iterable[bytes], signature: str) -> Signature:
    """The signature, if it is `key`'s over the chunks. Raises SignatureError."""
    parsed = read_signature(signature)
    digest = hashlib.new(parsed.hash_name)
    for chunk in chunks:
        digest.update(chunk)
    return _judge(key, parsed, digest)


def verify_clear(key: PublicKey, message: str) -> str:
    """The text of a message signed in clear, if `key` signed it and there is nothing around it. Raises SignatureError."""
    head, found, rest = message.partition(f"{_BEGIN_CLEAR}\n")
    body, also, tail = rest.partition(f"\n{_BEGIN_SIGNATURE}\n")
    if head or not found or not also:
        raise SignatureError("it is not signed in clear")
    _, _, escaped = body.partition("\n\n")
    text = "\n".join(line.removeprefix("- ") for line in escaped.split("\n"))
    parsed = read_signature(f"{_BEGIN_SIGNATURE}\n{tail}")
    digest = hashlib.new(parsed.hash_name, clear_text(text + "\n"))
    _judge(key, parsed, digest)
    return text + "\n"


def _judge(key: PublicKey, parsed: Signature, digest: Any) -> Signature:
    if parsed.issuer and parsed.issuer != key.fingerprint:
        raise SignatureError(f"it is signed by key {parsed.issuer}, not by {key.fingerprint}")
    if not parsed.fits(key, digest):
        raise SignatureError("its signature does not fit")
    return parsed


def _signature(body: bytes) -> Signature:
    try:
        version, kind, algorithm, hash_number = body[:4]
        size = int.from_bytes(body[4:6], "big")
        hashed, rest = body[: 6 + size], body[6 + size :]
        numbers = _mpis(rest[2 + int.from_bytes(rest[:2], "big") + 2 :])
        if version != 4 or algorithm != EDDSA or hash_number not in HASHES or len(numbers) != 2:
            raise SignatureError("its signature is of a kind that is not used here")
        raw = b"".join(number.rjust(32, b"\0") for number in numbers)
    except (ValueError, IndexError) as error:
        raise SignatureError(f"its signature is damaged: {error}") from error
    created, issuer = 0, ""
    for subtype, data in _subpackets(hashed[6:]):
        if subtype == _CREATED:
            created = int.from_bytes(data, "big")
        elif subtype == _ISSUER:
            issuer = data[1:].hex().upper()
    return Signature(kind, HASHES[hash_number], hashed, created, issuer, raw)


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        head = data[at]
        at += 1
        if head & 0xC0 == 0xC0:
            tag, (size, at) = head & 0x3F, _new_size(data, at)
        else:
            width = {0: 1, 1: 2, 2: 4}.get(head & 3)
            if not head & 0x80 or width is None:
                raise SignatureError("it is no sequence of PGP packets")
            tag, size, at = head >> 2 & 0xF, int.from_bytes(data[at : at + width], "big"), at + width
        yield tag, data[at : at + size]
        at += size


def _new_size(data: bytes, at: int) -> tuple[int, int]:
    first = data[at] if at < len(data) else 0
    if first < 192:
        return first, at + 1
    if first < 224:
        return (first - 192 << 8) + data[at + 1] + 192, at + 2
    return int.from_bytes(data[at + 1 : at + 5], "big"), at + 5


def _subpackets(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        size, at = _new_size(data, at)
        if not size:
            return
        yield data[at] & 0x7F, data[at + 1 : at + size]
        at += size


def _mpis(data: bytes) -> list[bytes]:
    found: list[bytes] = []
    while data:
        size = (int.from_bytes(data[:2], "big") + 7) // 8
        found.append(data[2 : 2 + size])
        data = data[2 + size :]
    return found


def _crc24(data: bytes, start: int | None = None) -> int:
    crc = 0xB704CE if start is None else start
    for byte in data:
        crc ^= byte << 16
        for _ in range(8):
            crc = (crc << 1) ^ (0x1864CFB if crc & 0x800000 else 0)
    return crc & 0xFFFFFF
