"""The parts that are in service: which there are, who reads them, and what becomes of their files."""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from staddle.store.manifest import Manifest, Part
from staddle.store.parts import index_path, part_path, shapes_path, summary_path

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Parts that stay on disk until the snapshot is given back."""

    parts: tuple[Part, ...]
    folder: Path

    def path(self, part: Part) -> Path:
        """The part's file."""
        return part_path(self.folder, part.name)

    def summary(self, part: Part) -> Path:
        """The part's summary, which may not exist."""
        return summary_path(self.folder, part.name)

    def shapes(self, part: Part) -> Path:
        """The part's shapes, if `part.shapes`."""
        return shapes_path(self.folder, part.name)

    def index(self, part: Part) -> Path:
        """What the codec keeps beside the part, which may not exist."""
        return index_path(self.folder, part.name)


class PartSet:
    """The manifest of a store and the files it names. All methods are thread-safe."""

    def __init__(self, folder: Path, changed: threading.Condition, counters: Counter[str]) -> None:
        """Of the store in `folder`; `changed` is told of every commit. Raises StoreError if the manifest can't be read."""
        self._folder = folder
        self._parts = folder / "parts"
        self._path = folder / "manifest.json"
        self._changed = changed
        self._counters = counters
        self._boot = secrets.token_hex(3)
        self._refs: Counter[str] = Counter()
        self._obsolete: set[str] = set()
        self.manifest = Manifest.read(self._path)
        """What is stored now."""
        self.swept_at = 0.0
        """When files that no part needs were last looked for, on the monotonic clock."""

    def recover(self) -> None:
        """Forget what an earlier process began and did not finish, and take what can't be read out of service."""
        self.sweep()
        missing = [part for part in self.manifest.parts if not self._readable(part)]
        if missing:
            names = ", ".join(part.name for part in missing)
            log.error("%d part(s) are missing or damaged, serving the rest: %s", len(missing), names)
            self._give_up(missing)

    def sweep(self) -> None:
        """Delete files of parts that were never finished. A worker that outlived its server may make some later, too."""
        live = {part.name for part in self.manifest.parts} | set(self._refs) | self._obsolete
        for path in self._parts.iterdir():
            name = path.name.split(".")[0]
            if name not in live and self._boot not in name:
                path.unlink(missing_ok=True)
        self.swept_at = time.monotonic()

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The parts of this moment; their files stay as long as the context."""
        with self._changed:
            parts = self.manifest.parts
            self._refs.update(part.name for part in parts)
        try:
            yield Snapshot(parts, self._parts)
        finally:
            with self._changed:
                self._refs.subtract(part.name for part in parts)
                gone = [name for name in self._obsolete if self._refs[name] <= 0]
                self._obsolete.difference_update(gone)
                for part in parts:
                    if self._refs[part.name] <= 0:
                        del self._refs[part.name]
            self.delete(gone)

    def next_name(self) -> str:
        """A name that no part has or had."""
        with self._changed:
            number = self.manifest.next_part
            self.manifest = replace(self.manifest, next_part=number + 1)
        # The boot's own mark: a worker that outlives a killed server must never write what its successor reads.
        return f"{number:08d}{self._boot}"

    def commit(self, old: list[Part], new: list[Part], wal_seq: int = 0, lost: str = "") -> None:
        """Exchange parts, and remember that log segments up to `wal_seq` are in them (or, as `lost` says, aside)."""
        gone = {part.name for part in old}
        with self._changed:
            now = self.manifest
            self.manifest = replace(
                now,
                parts=(*(part for part in now.parts if part.name not in gone), *new),
                wal_seq=max(now.wal_seq, wal_seq),
                lost=(*now.lost, lost) if lost else now.lost,
            )
            self.manifest.write(self._path)
            free = [name for name in gone if self._refs[name] <= 0]
            self._obsolete.update(gone.difference(free))
            self._changed.notify_all()
        self.delete(free)

    def delete(self, names: list[str]) -> None:
        """Remove the files of parts that are not in the manifest."""
        for name in names:
            for path in (part_path, summary_path, shapes_path, index_path):
                path(self._parts, name).unlink(missing_ok=True)

    def report_damaged(self, names: set[str]) -> None:
        """Take parts that can't be read out of service."""
        with self._changed:
            bad = [part for part in self.manifest.parts if part.name in names]
            if not bad:
                return
            log.error("damaged part(s) moved to quarantine: %s", ", ".join(sorted(names)))
            self._give_up(bad)

    def quarantine(self, paths: list[Path]) -> None:
        """Move files where nothing reads or deletes them, for a person to look at."""
        target = self._folder / "quarantine"
        target.mkdir(exist_ok=True)
        for path in paths:
            if path.exists():
                path.replace(target / path.name)

    def _give_up(self, parts: list[Part]) -> None:
        kept = tuple(part for part in self.manifest.parts if part not in parts)
        lost = (*self.manifest.lost, *(f"part {part.name}: {part.rows} rows" for part in parts))
        self.manifest = replace(self.manifest, parts=kept, lost=lost)
        self.manifest.write(self._path)
        self._counters["parts_lost"] += len(parts)
        self.quarantine([part_path(self._parts, part.name) for part in parts])

    def _readable(self, part: Part) -> bool:
        """A cheap look at size and both ends; damage in between is found by whoever reads it."""
        try:
            with part_path(self._parts, part.name).open("rb") as file:
                if os.fstat(file.fileno()).st_size != part.bytes or file.read(4) != b"PAR1":
                    return False
                file.seek(-4, os.SEEK_END)
                return file.read(4) == b"PAR1"
        except OSError:
            return False
