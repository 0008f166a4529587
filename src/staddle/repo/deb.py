"""Reading Debian packages without starting dpkg: an ar archive (deb(5)) with a tar file that has the control data.

Only the first few kilobytes of a package are touched for it.
"""

from __future__ import annotations

import lzma
import os
import zlib
from typing import TYPE_CHECKING

from staddle.repo.model import RepoError

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"!<arch>\n"
_HEADER = 60
_FIRST = 32 * 1024
"""Read at once: most control members end before."""
_LIMIT = 16 * 1024 * 1024
"""A control member that is larger is none of a package's."""


def control_of(path: Path | str, descriptor: int | None = None) -> str:
    """The control stanza, without an empty line at its end. Raises RepoError with the name of a file that is no package.

    `descriptor` is the open file, if the caller has one.
    """
    if descriptor is None:
        try:
            opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise RepoError(f"can't read {path}: {error.strerror}") from error
        try:
            return control_of(path, opened)
        finally:
            os.close(opened)
    try:
        name, packed = _control_member(descriptor)
        stanza = _file_of_tar(_unpacked(name, packed), "control")
        return stanza.decode().strip("\n")
    except (ValueError, EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise RepoError(f"{path} is not a Debian package: {error}") from error


def fields_of(stanza: str) -> dict[str, str]:
    """A stanza's fields, by lower-case name; what is continued keeps its newlines."""
    fields: dict[str, str] = {}
    last = ""
    for line in stanza.split("\n"):
        if line[:1] in {" ", "\t"} and last:
            fields[last] += "\n" + line
        else:
            last, _, value = line.partition(":")
            last = last.lower()
            fields[last] = value.strip()
    return fields


def _control_member(descriptor: int) -> tuple[str, bytes]:
    """The member `control.tar…` of the archive: its name, and its content as it is."""
    head = os.pread(descriptor, _FIRST, 0)
    if not head.startswith(_MAGIC):
        raise ValueError("it does not begin like an ar archive")
    at = len(_MAGIC)
    while True:
        header = head[at : at + _HEADER] if at + _HEADER <= len(head) else os.pread(descriptor, _HEADER, at)
        if len(header) < _HEADER or header[58:] != b"`\n":
            raise ValueError("it has no control data")
        name, size = header[:16].decode("ascii").rstrip(" ").rstrip("/"), int(header[48:58])
        at += _HEADER
        if name.startswith("control.tar"):
            if size > _LIMIT:
                raise ValueError(f"its control data claim to have {size} bytes")
            packed = head[at : at + size] if at + size <= len(head) else os.pread(descriptor, size, at)
            if len(packed) < size:
                raise ValueError("it ends within its control data")
            return name, packed
        at += size + size % 2


def _unpacked(name: str, packed: bytes) -> bytes:
    suffix = name.removeprefix("control.tar")
    if suffix == ".xz":
        # A decoder sets aside what the stream's dictionary may need, so a bomb can't grow past this.
        return lzma.LZMADecompressor(memlimit=512 * 1024 * 1024).decompress(packed, _LIMIT)
    if suffix == ".gz":
        return zlib.decompressobj(wbits=31).decompress(packed, _LIMIT)
    if suffix == ".zst":
        # Imported here: Debian's own packages don't need it.
        import zstandard  # noqa: PLC0415

        try:
            return zstandard.ZstdDecompressor(max_window_size=_LIMIT * 8).stream_reader(packed).read(_LIMIT)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from error
    if not suffix:
        return packed
    raise ValueError(f"its control data are compressed in a way that is not known: {name}")


def _file_of_tar(tar: bytes, wanted: str) -> bytes:
    """A regular file at the top of a tar archive. `tarfile` would do, at ten times the price."""
    at, names = 0, (wanted.encode(), f"./{wanted}".encode())
    while at + 512 <= len(tar):
        header = tar[at : at + 512]
        if not header[0]:
            break
        size = int(header[124:136].rstrip(b"\0 ") or b"0", 8)
        if header[156:157] in {b"0", b"\0"} and header[:100].rstrip(b"\0") in names:
            return tar[at + 512 : at + 512 + size]
        at += 512 + (size + 511) // 512 * 512
    raise ValueError(f"its control data have no file {wanted}")
