"""What is known of package files, so that a file is read once: its SHA-256, and what its indexes say of it.

A file is the same as long as its size, its time of change and its inode are: what is trusted there is what make and git trust.
`staddle repo verify` reads everything again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from staddle.repo.model import RepoError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FORMAT = 1
Reader = Callable[[str, int], Any]
"""What there is to say of a file, from its path and an open descriptor: plain data."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file and what is known of it. `data` is what its reader said."""

    size: int
    sha256: str
    data: Any


class IndexCache:
    """What is known, kept in one file; a file that can't be read is no knowledge, and no mistake."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: dict[str, list[Any]] = {}
        self._asked: dict[str, list[Any]] = {}
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            data = json.loads(file.read_bytes())
            if data["format"] == FORMAT:
                self._known = data["files"]

    def entries(self, files: Sequence[str], read: Reader, hashes: Mapping[str, str] | None = None) -> list[Entry]:
        """What is known of the files, in the same order; those that are new or changed are read. Raises RepoError.

        `hashes` are of files whose content was hashed a moment ago, when it came in: that isn't done twice.
        """
        given = hashes or {}
        try:
            stamps = [_stamp(os.stat(path)) for path in files]  # noqa: PTH116
        except OSError as error:
            raise RepoError(f"can't read {error.filename}: {error.strerror}") from error
        known = self._known
        rows = [
            row if (row := known.get(path)) and row[:3] == stamp else None
            for path, stamp in zip(files, stamps, strict=True)
        ]
        if todo := [index for index, row in enumerate(rows) if row is None]:
            # Hashing and unpacking let go of the interpreter, so that threads are worth their while.
            with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
                for index, row in zip(
                    todo, pool.map(lambda i: _look(files[i], stamps[i], read, given.get(files[i])), todo), strict=True
                ):
                    rows[index] = row
        found = [row for row in rows if row is not None]
        self._asked.update(zip(files, found, strict=True))
        return [Entry(row[0], row[3], row[4]) for row in found]

    def save(self) -> None:
        """Keep what was asked for since this object was made; what nobody asked for is forgotten. Raises RepoError."""
        if self._asked == self._known:
            return
        scratch = self._file.with_name(f"{self._file.name}.new")
        try:
            scratch.write_text(json.dumps({"format": FORMAT, "files": self._asked}), encoding="utf-8")
            scratch.replace(self._file)
        except OSError as error:
            raise RepoError(f"can't write {self._file}: {error.strerror}") from error


def _stamp(status: os.stat_result) -> list[int]:
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _look(path: str, stamp: list[int], read: Reader, known: str | None) -> list[Any]:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            sha256 = known or hashlib.file_digest(file, "sha256").hexdigest()
            return [*stamp, sha256, read(path, file.fileno())]
    except OSError as error:
        raise RepoError(f"can't read {path}: {error.strerror}") from error
