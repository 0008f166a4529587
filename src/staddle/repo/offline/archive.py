"""The bundle's file: a zip archive that Python can run, with everything stored as it is.

    __main__.py, staddle_bundle/   the program that verifies and installs it
    manifest.json (.asc)           every other file's size and SHA-256; what machines it is for; signed
    sbom.cdx.json, repo/, …        what is in it

Packages and wheels are compressed already, so nothing is compressed again: files can be read in place, and the same content
is the same archive, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from . import openpgp
from .openpgp import PublicKey, SignatureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MANIFEST, SEAL, DELTA, SBOM = "manifest.json", "manifest.json.asc", "delta.json", "sbom.cdx.json"
WHOLE = "whole.asc"
"""In a delta: the signature over the archive that it leads to."""
KEY = "repo/repo.asc"
PROGRAM = ("__main__.py", "staddle_bundle/")
FORMAT = 1
SHEBANG = b"#!/usr/bin/env python3\n"
LIMIT = 0xFFFF0000
"""Python before 3.13 runs no archive that needs Zip64."""
_CHUNK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)


class BundleError(Exception):
    """A bundle that can't be made, read or trusted; says which file, and why."""


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself. `created` is Unix time; `machines` is which releases its packages are for.

    `pythons` are the versions that it has wheels for; `files` maps paths to sizes and SHA-256.
    """

    name: str
    version: str
    created: int
    key: str
    machines: list[dict[str, str]]
    pythons: list[str]
    files: dict[str, tuple[int, str]]

    def text(self) -> str:
        """The file's content."""
        return json.dumps({"format": FORMAT, **vars(self)}, indent=1, sort_keys=True) + "\n"


def parse(text: str) -> Manifest:
    """The inverse of `Manifest.text`. Raises BundleError."""
    try:
        data = json.loads(text)
        if data.pop("format") != FORMAT:
            raise BundleError(f"{MANIFEST}: it was written by another version of Staddle")
        data["files"] = {_plain(path): (int(size), str(sha)) for path, (size, sha) in data["files"].items()}
        return Manifest(**data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BundleError(f"{MANIFEST}: it can't be read: {error}") from error


class Bundle:
    """An archive that is there. Its manifest is only to be believed after `judge_seal`."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise BundleError(f"{path}: it is no bundle: {error}") from error
        self.names = self._zip.namelist()
        self._text = self.text(MANIFEST)
        self.manifest = parse(self._text)

    def __enter__(self) -> Bundle:  # noqa: PYI034 - Self came with Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @property
    def id(self) -> str:
        """The SHA-256 of its manifest: what a delta starts from."""
        return hashlib.sha256(self._text.encode()).hexdigest()

    @property
    def delta(self) -> dict[str, Any] | None:
        """What it is a delta to, if it is one."""
        data: dict[str, Any] | None = json.loads(self.text(DELTA)) if DELTA in self.names else None
        return data

    def read(self, path: str) -> bytes:
        """A small file's content. Raises BundleError."""
        return b"".join(self.chunks(path))

    def text(self, path: str) -> str:
        """The same, as text."""
        try:
            return self.read(path).decode()
        except UnicodeDecodeError as error:
            raise BundleError(f"{path}: it is no text") from error

    def chunks(self, path: str) -> Iterator[bytes]:
        """A file's content, bit by bit. Raises BundleError."""
        try:
            with self._zip.open(path) as file:
                while chunk := file.read(_CHUNK):
                    yield chunk
        except KeyError as error:
            raise BundleError(f"{path}: it is missing") from error
        except (OSError, EOFError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise BundleError(f"{path}: it is damaged: {error}") from error

    def key(self) -> PublicKey:
        """The key that it brings. Raises BundleError."""
        try:
            return openpgp.read_key(self.text(KEY))
        except SignatureError as error:
            raise BundleError(f"{KEY}: {error}") from error

    def judge_seal(self, key: PublicKey) -> str | None:
        """What is wrong with the signature over the manifest, if anything is."""
        try:
            openpgp.verify_detached(key, [self._text.encode()], self.text(SEAL))
        except (SignatureError, BundleError) as error:
            return f"{SEAL}: {str(error).removeprefix(f'{SEAL}: ')}"
        return None

    def judge(self) -> list[str]:
        """All that differs from the manifest, each with the name of the file. A delta may lack what the old bundle has."""
        expected = self.manifest.files
        known = {*expected, MANIFEST, SEAL}
        absent: set[str] = set()
        if self.delta is not None:
            known |= {DELTA, WHOLE}
            absent = set(self.delta["reuse"])
        problems = [f"{path}: it is not part of the bundle" for path in sorted(set(self.names) - known)]
        problems += [f"{path}: it is there twice" for path in sorted(set(self.names)) if self.names.count(path) > 1]
        problems += [f"{path}: it is missing" for path in sorted(set(expected) - set(self.names) - absent)]
        there = [path for path in sorted(expected) if path in self.names]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            problems += [problem for problem in pool.map(self._judge_one, there) if problem]
        return problems

    def judge_frame(self) -> list[str]:
        """What is between the files: nothing but the headers that `write` makes."""
        with open(self.path, "rb") as file:
            at = len(SHEBANG)
            if file.read(at) != SHEBANG:
                return ["the archive: it does not begin as it should"]
            for found in sorted(self._zip.infolist(), key=lambda item: item.header_offset):
                info = _info(found.filename)
                info.CRC, info.file_size, info.compress_size = found.CRC, found.file_size, found.file_size
                header = info.FileHeader()
                if found.header_offset != at or file.read(len(header)) != header:
                    return [f"{found.filename}: its header is not as it should be"]
                at = file.seek(found.file_size, os.SEEK_CUR)
        return []

    def _judge_one(self, path: str) -> str | None:
        size, sha256 = self.manifest.files[path]
        digest, found = hashlib.sha256(), 0
        try:
            for chunk in self.chunks(path):
                digest.update(chunk)
                found += len(chunk)
        except BundleError as error:
            return str(error)
        if (found, digest.hexdigest()) != (size, sha256):
            return f"{path}: its content is not what the manifest says (SHA-256)"
        return None


def write(
    path: str | None, contents: Mapping[str, Any], sums: Mapping[str, tuple[int, str]], digest: Any = None
) -> None:
    """An archive of these files: `contents` has bytes, the path of a file, or what gives its chunks.

    What `sums` knows is compared first. Nothing is there under `path` before all is; without a path, nothing is written.
    `digest`, if there is one, is fed with every byte. Raises BundleError, OSError.
    """
    names = in_order(contents)
    # Reading and hashing use all cores; after that, all headers are known, and writing is copying.
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        infos = list(pool.map(lambda name: _measured(name, contents[name], sums.get(name)), names))
    if sum(info.file_size + 200 + 2 * len(info.filename) for info in infos) > LIMIT or len(infos) >= 0xFFFF:
        raise BundleError(f"{path}: it would be larger than 4 GiB, which Python before 3.13 can't run")
    at = len(SHEBANG)
    for info in infos:
        info.header_offset = at
        at += len(info.FileHeader()) + info.file_size
    end = _directory(infos, at)
    with ThreadPoolExecutor(1) as beside:
        fed = beside.submit(_feed, digest, contents, infos, end) if digest else None
        if path is not None:
            _write(path, contents, infos, end)
        if fed:
            fed.result()


def _write(path: str, contents: Mapping[str, Any], infos: Sequence[zipfile.ZipInfo], end: bytes) -> None:
    scratch = f"{path}.new"
    try:
        with open(scratch, "wb", buffering=0) as file:
            file.write(SHEBANG)
            for info in infos:
                file.write(info.FileHeader())
                _copy(contents[info.filename], file, info)
            file.write(end)
        os.chmod(scratch, 0o755)  # noqa: S103 - a program for everybody
        os.replace(scratch, path)
    finally:
        if os.path.exists(scratch):
            os.unlink(scratch)


def _feed(digest: Any, contents: Mapping[str, Any], infos: Sequence[zipfile.ZipInfo], end: bytes) -> None:
    """The bytes that `_write` writes, for a hash."""
    digest.update(SHEBANG)
    for info in infos:
        digest.update(info.FileHeader())
        for chunk in _chunks(contents[info.filename]):
            digest.update(chunk)
    digest.update(end)


def in_order(names: Iterable[str]) -> list[str]:
    """The program first, then what tells of the rest, then the rest by name."""
    first = [*PROGRAM, MANIFEST, SEAL, DELTA, WHOLE, SBOM]

    def rank(name: str) -> tuple[int, str]:
        return next((i for i, start in enumerate(first) if name.startswith(start)), len(first)), name

    return sorted(names, key=rank)


def _measured(name: str, content: Any, expected: tuple[int, str] | None) -> zipfile.ZipInfo:
    """A file's header, once its content was looked at. Raises BundleError."""
    info, digest = _info(name), hashlib.sha256()
    for chunk in _chunks(content):
        digest.update(chunk)
        info.CRC = zlib.crc32(chunk, info.CRC if info.file_size else 0)
        info.file_size += len(chunk)
    info.CRC = info.CRC if info.file_size else 0
    info.compress_size = info.file_size
    if expected and (info.file_size, digest.hexdigest()) != expected:
        raise BundleError(f"{name}: its content is not what it should be (SHA-256)")
    return info


def _copy(content: Any, target: IO[bytes], info: zipfile.ZipInfo) -> None:
    """Writes a content that was measured. Raises BundleError if it is another by now."""
    written = 0
    if isinstance(content, str):
        with open(content, "rb", buffering=0) as source:
            while step := os.sendfile(target.fileno(), source.fileno(), written, info.file_size + 1 - written):
                written += step
    else:
        for chunk in _chunks(content):
            target.write(chunk)
            written += len(chunk)
    if written != info.file_size:
        raise BundleError(f"{info.filename}: it was changed just now")


def _directory(infos: Sequence[zipfile.ZipInfo], at: int) -> bytes:
    """The central directory and the end of an archive (APPNOTE 4.3.12, 4.3.16); `at` is where it begins."""
    parts = []
    for info in infos:
        header, name = info.FileHeader(), info.filename.encode()
        # From the version needed to the length of the extra field, both headers have the same.
        attributes = struct.pack("<HHHLL", 0, 0, 0, info.external_attr, info.header_offset)
        parts.append(b"PK\1\2" + bytes([20, info.create_system]) + header[4:30] + attributes + name)
    size = sum(map(len, parts))
    return b"".join([*parts, struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(infos), len(infos), size, at, 0)])


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system = 3
    info.external_attr = 0o100644 << 16
    return info


def _chunks(content: Any) -> Iterable[bytes]:
    if isinstance(content, bytes):
        return [content]
    if isinstance(content, str):
        return file_chunks(content)
    chunks: Iterable[bytes] = content()
    return chunks


def file_chunks(path: str) -> Iterator[bytes]:
    """A file's content, bit by bit. Raises OSError."""
    file: IO[bytes]
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def extract(bundle: Bundle, below: str, folder: str) -> None:
    """Everything below a path of the bundle, into a folder that is there. Raises BundleError, OSError."""
    for name in bundle.manifest.files:
        if name.startswith(below):
            target = os.path.join(folder, name[len(below) :])
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as file:
                file.writelines(bundle.chunks(name))
            os.chmod(target, 0o644)


def remove(path: str) -> None:
    """A directory with all that is in it, if it is there."""
    shutil.rmtree(path, ignore_errors=True)


def _plain(path: str) -> str:
    """Raises ValueError for a path that leads out of the bundle."""
    if path.startswith("/") or "\\" in path or any(part in {"", ".", ".."} for part in path.split("/")):
        raise ValueError(f"{path!r} is no path within a bundle")
    return path
