"""What was fetched before, in the user's cache; shared by all inventories and safe for several runs at once.

packages/ab/abcd…       package files by their SHA-256, `.part` while they're under way
indexes/ab/abcd…        indexes, likewise
documents/<hash>/       signed documents by URL, with what asks the server for a newer one
keys/<fingerprint>.gpg  vendors' keys
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import zstandard

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Cache:
    """The cache below `root`."""

    root: Path

    @classmethod
    def of_user(cls) -> Cache:
        """`$STADDLE_CACHE`, or the place where the user's programs keep caches."""
        own = os.environ.get("STADDLE_CACHE")
        general = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cls((Path(own) if own else general / "staddle") / "repo")

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    def package(self, sha256: str) -> Path:
        """Where the package with this hash is, if it is there."""
        return self.root / "packages" / sha256[:2] / sha256

    def plain(self, sha256: str) -> bytes | None:
        """The plain content of the index with this hash. One that can't be read is none."""
        try:
            return zstandard.ZstdDecompressor().decompress(self._index(sha256).read_bytes())
        except (FileNotFoundError, zstandard.ZstdError):
            return None

    def keep_plain(self, sha256: str, content: bytes) -> None:
        """Keep the plain content of an index whose hash was checked; the copy has a checksum of its own."""
        file = self._index(sha256)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_cached(file, zstandard.ZstdCompressor(level=3, write_checksum=True).compress(content))

    def document(self, url: str) -> tuple[bytes, Mapping[str, str]] | None:
        """A document as it was last verified, with the headers that ask whether it changed."""
        folder = self._document(url)
        try:
            validators: dict[str, str] = json.loads((folder / "validators.json").read_text(encoding="utf-8"))
            body = (folder / "body").read_bytes()
        except (FileNotFoundError, ValueError):
            return None
        digest = validators.pop("sha256", "")
        return (body, validators) if hashlib.sha256(body).hexdigest() == digest else None

    def keep_document(self, url: str, body: bytes, validators: Mapping[str, str]) -> None:
        """Keep a document that was verified."""
        folder = self._document(url)
        folder.mkdir(parents=True, exist_ok=True)
        write_cached(folder / "body", body)
        data = {**validators, "sha256": hashlib.sha256(body).hexdigest()}
        write_cached(folder / "validators.json", json.dumps(data).encode())

    def _index(self, sha256: str) -> Path:
        return self.root / "indexes" / sha256[:2] / f"{sha256}.zst"

    def _document(self, url: str) -> Path:
        return self.root / "documents" / hashlib.sha256(url.encode()).hexdigest()[:32]


def write_cached(path: Path, content: bytes) -> None:
    """Write a file so that no reader, and no crash, ever sees half of it. It may be read by everybody."""
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as scratch:
        scratch.write(content)
    Path(scratch.name).chmod(0o644)
    Path(scratch.name).replace(path)
