"""Trees on the ADMIN node: directories packed into archives that are addressed by what is in them, and kept.

An archive is a gzipped tar. Its first member is the listing, JSON: of every file its path, kind, mode and then size and
SHA-256, or where a link leads. The listing's SHA-256 is the tree's address; `converge/trees.py` reads it on the host.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LISTING = "listing.json"
_LEVEL = 6
KEPT = 24
"""How many archives stay."""


def cache_directory() -> Path:
    """Where everything is kept that was fetched or made, and can be again: `STADDLE_CACHE`, else the user's cache."""
    own = os.environ.get("STADDLE_CACHE")
    base = Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "staddle"
    return base.absolute()


@dataclass(frozen=True, slots=True)
class Parcel:
    """A file to be sent to hosts: `name` is the digest that they know it by, `sha256` that of the file itself."""

    name: str
    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Packed:
    """A tree in the shelf: its address, its archive, and what it weighs once it is unpacked."""

    parcel: Parcel
    files: int
    unpacked: int

    @property
    def sha256(self) -> str:
        return self.parcel.name


class Shelf:
    """Packed trees by what they were made from. Safe to use by several processes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def get(self, key: str) -> Packed | None:
        """What was made from `key`, if it is still there."""
        packed = _read(self._record(key))
        if packed:
            with suppress(OSError):
                os.utime(self._record(key))  # it is used
        return packed

    def find(self, sha256: str) -> Parcel | None:
        """The archive of the tree with this address."""
        for record in sorted(self._directory.glob("*.json")):
            packed = _read(record)
            if packed and packed.sha256 == sha256:
                return packed.parcel
        return None

    def make(self, key: str, fill: Callable[[Path], None], *, level: int = _LEVEL) -> Packed:
        """What was made from `key`; `fill` puts it into an empty directory if that wasn't done before.

        `level` is gzip's: 0 for what is compressed already.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        with locked(self._directory / "lock"):
            found = self.get(key)
            if found:
                return found
            with tempfile.TemporaryDirectory(prefix=".fill-", dir=self._directory) as scratch:
                tree = Path(scratch, "tree")
                tree.mkdir()
                fill(tree)
                packed = _pack(tree, self._directory, level)
            self._put(key, packed)
            self._forget()
            return packed

    def alias(self, key: str, packed: Packed) -> Packed:
        """Find it by this key, too."""
        self._put(key, packed)
        return packed

    def _put(self, key: str, packed: Packed) -> None:
        record = Path(f"{self._record(key)}.{os.getpid()}")
        record.write_text(json.dumps(asdict(packed), indent=1) + "\n", encoding="utf-8")
        record.replace(self._record(key))

    def _forget(self) -> None:
        """Archives that were not used for the longest time, and what led to them."""
        used: dict[str, float] = {}
        leads: dict[str, list[Path]] = {}
        for record in self._directory.glob("*.json"):
            packed = _read(record)
            path = packed.parcel.path if packed else ""
            used[path] = max(used.get(path, 0), record.stat().st_mtime)
            leads.setdefault(path, []).append(record)
        kept = sorted(filter(None, used), key=lambda path: used[path], reverse=True)[:KEPT]
        for record in (record for path, records in leads.items() if path not in kept for record in records):
            record.unlink(missing_ok=True)
        for archive in self._directory.glob("*.tgz"):
            if str(archive) not in kept:
                archive.unlink()

    def _record(self, key: str) -> Path:
        return self._directory / f"{key}.json"


def _read(record: Path) -> Packed | None:
    try:
        data = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    packed = Packed(Parcel(**data["parcel"]), data["files"], data["unpacked"])
    return packed if Path(packed.parcel.path).exists() else None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone among all processes. The kernel lets go of the lock when its holder dies."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def digest_of(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pack(tree: Path, directory: Path, level: int) -> Packed:
    names = sorted(str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_symlink() or path.is_file())
    listing = [_entry(tree / name, name) for name in names]
    text = json.dumps(listing, separators=(",", ":")).encode() + b"\n"
    address = hashlib.sha256(text).hexdigest()
    target = directory / f"{address}.tgz"
    partial = directory / f".{address}.partial"
    with (
        partial.open("wb") as raw,
        gzip.GzipFile("", "wb", level, raw, mtime=0) as packed,
        tarfile.open(mode="w|", fileobj=packed, format=tarfile.PAX_FORMAT) as tar,
    ):
        tar.addfile(_member(_LISTING, len(text)), io.BytesIO(text))
        for name, kind, _, *rest in listing:
            member = _member(name, rest[0] if kind == "file" else 0)
            if kind == "symlink":
                member.type, member.linkname = tarfile.SYMTYPE, rest[0]
                tar.addfile(member)
                continue
            with (tree / name).open("rb") as file:
                tar.addfile(member, file)
    partial.replace(target)
    sizes = [item[3] for item in listing if item[1] == "file"]
    return Packed(Parcel(address, str(target), target.stat().st_size, digest_of(target)), len(listing), sum(sizes))


def _entry(path: Path, name: str) -> list[Any]:
    if path.is_symlink():
        return [name, "symlink", 0, str(path.readlink())]
    info = path.stat()
    mode = 0o755 if info.st_mode & 0o100 else 0o644
    return [name, "file", mode, info.st_size, digest_of(path)]


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member
