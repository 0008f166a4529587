"""What the ADMIN node sends ahead of a run: archives and packages, in pieces, so that nobody holds all of one in memory.

A piece goes behind what is there already; a broken connection costs the piece that was under way. What is complete and has
the SHA-256 that was announced is renamed to the name under which a run looks for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from typing import IO, Any

from .ledger import StateError

DIRECTORY = "incoming"
_FORGOTTEN = 86_400.0
_PIECE = 1 << 20


def receive(request: dict[str, Any], source: IO[bytes]) -> dict[str, Any]:
    """One piece of `name`, which is `size` bytes with this `sha256`, from `offset` on; without an offset, none.

    Replies how much of it is here. A piece that does not fit behind that is not taken. Raises StateError.
    """
    name, size, offset = str(request["name"]), int(request["size"]), request.get("offset")
    if not name.isalnum():
        raise StateError(f"{name!r} can't be the name of something that is sent")
    directory = os.path.join(request["host"]["state"], DIRECTORY)
    os.makedirs(directory, 0o700, exist_ok=True)
    os.chmod(request["host"]["state"], 0o700)
    clean(request["host"]["state"])
    whole = os.path.join(directory, name)
    part = f"{whole}.part"
    if os.path.exists(whole) and os.path.getsize(whole) == size:
        return {"have": size}
    descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StateError("another run is sending the same to this host: try again when it has ended") from None
        have = os.fstat(descriptor).st_size
        if offset == have:
            while chunk := source.read(_PIECE):
                file.write(chunk)
            file.flush()
            os.fsync(descriptor)
            have = os.fstat(descriptor).st_size
        if have >= size:
            file.seek(0)
            found = _sha256(file)
            if have != size or found != request["sha256"]:
                os.unlink(part)
                raise StateError(f"what was sent as {name[:12]} is not what was announced: damaged on the way?")
            os.rename(part, whole)
    return {"have": have}


def _sha256(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_PIECE):
        digest.update(chunk)
    return digest.hexdigest()


def clean(state: str) -> None:
    """Removes what was sent to this state directory, and nobody came back for."""
    directory = os.path.join(state, DIRECTORY)
    with contextlib.suppress(OSError):
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            if time.time() - os.path.getmtime(path) > _FORGOTTEN:
                os.unlink(path)
