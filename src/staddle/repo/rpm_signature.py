"""Signatures of single RPM packages: what vendors sign who don't sign their index."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from staddle.repo import rpm
from staddle.repo.model import RepoError

if TYPE_CHECKING:
    from pathlib import Path

    from staddle.repo.model import LockedPackage
    from staddle.repo.signatures import Verifier

_PAYLOAD_DIGEST, _PAYLOAD_ALGORITHM, _SHA256 = 5092, 5093, 8
_CHUNK = 1024 * 1024


def verify(path: Path, package: LockedPackage, verifier: Verifier) -> None:
    """Raises RepoError unless the file is that package, signed by its upstream, and as it was when it was signed.

    The signature covers the header, and the header has the hash of all that follows.
    """
    what = package.file
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        header = rpm.header_of(what, descriptor)
        signatures = rpm.signatures_of(what, descriptor)
        if not signatures:
            raise RepoError(f"{verifier.upstream}: {what} is not signed")
        verifier.detached(os.pread(descriptor, header.end - header.start, header.start), signatures[0], what)
        found = rpm.identity(header)
        if found != (package.name, package.version.removeprefix("0:"), package.arch):
            raise RepoError(f"{verifier.upstream}: {what} is {' '.join(found)}, and not what its index says")
        digest, algorithm = header.text(_PAYLOAD_DIGEST), header.number(_PAYLOAD_ALGORITHM)
        if not digest or algorithm != _SHA256:
            raise RepoError(f"{verifier.upstream}: the signature of {what} does not cover its content")
        if _sha256(descriptor, header.end) != digest:
            raise RepoError(f"{verifier.upstream}: {what} was changed after it was signed")
    finally:
        os.close(descriptor)


def _sha256(descriptor: int, at: int) -> str:
    digest = hashlib.sha256()
    while chunk := os.pread(descriptor, _CHUNK, at):
        digest.update(chunk)
        at += len(chunk)
    return digest.hexdigest()
