"""Reading RPM packages without rpm: lead, signature header, header (LSB, "Package File Format"; rpm's tag list)."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.repo.model import RepoError

if TYPE_CHECKING:
    from collections.abc import Mapping

_LEAD = 96
_LEAD_MAGIC = b"\xed\xab\xee\xdb"
_HEADER_MAGIC = b"\x8e\xad\xe8\x01"
_LIMIT = 256 * 1024 * 1024
"""rpm's own: a header that claims more is refused."""
_PAYLOAD_SIZES = (1007, 271)
"""Tags of the signature header."""
_SIZES = {2: "B", 3: "H", 4: "I", 5: "Q"}
_STRINGS = (6, 8, 9)
_BINARY = 7
_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH = 1000, 1001, 1002, 1003, 1022
_HEADER_SIGNATURES = (267, 268)
"""DSA (and what came after it), RSA."""

Value = tuple[int, ...] | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """A package's header: tag → values. `start` and `end` are where it lies in the file, `payload` is its unpacked size."""

    tags: Mapping[int, Value]
    start: int
    end: int
    payload: int

    def texts(self, tag: int) -> tuple[str, ...]:
        """The strings of a tag; none if it's missing."""
        return tuple(value for value in self.tags.get(tag, ()) if isinstance(value, str))

    def numbers(self, tag: int) -> tuple[int, ...]:
        """The numbers of a tag; none if it's missing."""
        return tuple(value for value in self.tags.get(tag, ()) if isinstance(value, int))

    def text(self, tag: int) -> str:
        """The first string; an empty one if it's missing."""
        return next(iter(self.texts(tag)), "")

    def number(self, *tags: int) -> int:
        """The first number of the first of these tags that is there; else 0."""
        return next((number for tag in tags for number in self.numbers(tag)), 0)


def identity(header: Header) -> tuple[str, str, str]:
    """Name, version (`epoch:version-release`, without an epoch of 0) and architecture."""
    epoch = header.number(_EPOCH)
    version = f"{header.text(_VERSION)}-{header.text(_RELEASE)}"
    return header.text(_NAME), f"{epoch}:{version}" if epoch else version, header.text(_ARCH)


def header_of(path: str, descriptor: int) -> Header:
    """The header of an open package. Raises RepoError with the name of a file that is none."""
    try:
        return _header(descriptor)
    except (ValueError, struct.error, OSError) as error:
        raise RepoError(f"{path} is not an RPM package: {error}") from error


def _header(descriptor: int) -> Header:
    if os.pread(descriptor, 4, 0) != _LEAD_MAGIC:
        raise ValueError("it does not begin like one")
    signatures, end = _section(descriptor, _LEAD)
    start = (end + 7) // 8 * 8
    tags, end = _section(descriptor, start)
    payload = next((size for tag in _PAYLOAD_SIZES for size in signatures.get(tag, ()) if isinstance(size, int)), 0)
    return Header(tags, start, end, payload)


def _section(descriptor: int, start: int) -> tuple[dict[int, Value], int]:
    """The tags of the header that begins there, and where it ends."""
    entries, size = _intro(descriptor, start)
    end = start + 16 + entries * 16 + size
    data = os.pread(descriptor, end - start, start)
    if len(data) < end - start:
        raise ValueError("it ends within its header")
    index, store = data[16 : 16 + entries * 16], data[16 + entries * 16 :]
    return {tag: _value(kind, store, at, count) for tag, kind, at, count in struct.iter_unpack(">4I", index)}, end


def _intro(descriptor: int, at: int) -> tuple[int, int]:
    """How many entries a header has, and how large its store is."""
    head = os.pread(descriptor, 16, at)
    if len(head) < 16 or not head.startswith(_HEADER_MAGIC):
        raise ValueError("it has no header where there should be one")
    entries, size = struct.unpack(">2I", head[8:])
    if entries * 16 + size > _LIMIT:
        raise ValueError("its header claims to be larger than rpm accepts")
    return int(entries), int(size)


def _value(kind: int, store: bytes, at: int, count: int) -> Value:
    if kind in _SIZES:
        numbers: tuple[int, ...] = struct.unpack_from(f">{count}{_SIZES[kind]}", store, at)
        return numbers
    if kind in _STRINGS:
        parts = []
        for _ in range(count):
            end = store.index(b"\0", at)
            parts.append(store[at:end].decode("utf-8", "replace"))
            at = end + 1
        return tuple(parts)
    return ()


def signatures_of(path: str, descriptor: int) -> list[bytes]:
    """The OpenPGP signatures of its header. Raises RepoError with the name of a file that is no package."""
    try:
        entries, size = _intro(descriptor, _LEAD)
        data = os.pread(descriptor, entries * 16 + size, _LEAD + 16)
        index, store = data[: entries * 16], data[entries * 16 :]
        found = [(tag, store[at : at + count]) for tag, kind, at, count in struct.iter_unpack(">4I", index)
                 if kind == _BINARY and tag in _HEADER_SIGNATURES]  # fmt: skip
    except (ValueError, struct.error, OSError) as error:
        raise RepoError(f"{path} is not an RPM package: {error}") from error
    return [signature for _, signature in sorted(found)]
