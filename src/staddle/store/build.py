"""Which code this is: a server and its workers must be of one build, since each relies on what the other writes."""

from __future__ import annotations

import hashlib
from pathlib import Path

_FOLDERS = ("store", "traces")


def fingerprint() -> str:
    """A digest of the store's code as it is on the disk now, with what it is told to load from elsewhere."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for folder in _FOLDERS for path in (package / folder).glob("*.py")):
        digest.update(f"{path.relative_to(package)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


BUILD = fingerprint()
"""Of the code that this process was started with, as near as can be said."""
