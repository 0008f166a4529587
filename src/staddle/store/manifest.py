"""The list of live parts, replaced atomically: what it names exists for readers, nothing else does."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from staddle.store.errors import CorruptError

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file of rows.

    `day` is the UTC day number that all rows are of, -1 if they are of many; times are Unix ns, both ends
    included.
    `columns` are Parquet columns (see `names`); `tenants` those that have rows; `level` 0 comes from the
    log, higher from
    merging. `shapes`: there is a shapes file (see `merge`).
    """

    name: str
    day: int
    level: int
    rows: int
    bytes: int
    raw_bytes: int
    min_ns: int
    max_ns: int
    columns: tuple[str, ...]
    tenants: tuple[int, ...]
    shapes: bool = False

    @staticmethod
    def load(raw: dict[str, Any]) -> Part:
        """From `asdict`."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
        return Part(**values)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Live parts, and the log segments (numbers up to `wal_seq`) whose rows are in them."""

    parts: tuple[Part, ...] = ()
    wal_seq: int = 0
    next_part: int = 1
    lost: tuple[str, ...] = field(default=())

    @staticmethod
    def read(path: Path) -> Manifest:
        """The stored manifest, or an empty one when there is none. Raises CorruptError."""
        try:
            raw = json.loads(path.read_bytes())
        except FileNotFoundError:
            return Manifest()
        except ValueError as error:
            raise CorruptError(f"{path}: {error}") from error
        if raw.get("version") != VERSION:
            raise CorruptError(f"{path}: version {raw.get('version')!r}, this program reads {VERSION}")
        return Manifest(tuple(Part.load(p) for p in raw["parts"]), raw["wal_seq"], raw["next_part"], tuple(raw["lost"]))

    def write(self, path: Path) -> None:
        """Replace the stored manifest; durable on return."""
        raw = {
            "version": VERSION,
            "wal_seq": self.wal_seq,
            "next_part": self.next_part,
            "lost": self.lost,
            "parts": [asdict(p) for p in self.parts],
        }
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb") as file:
            file.write(json.dumps(raw, separators=(",", ":")).encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and new files in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
