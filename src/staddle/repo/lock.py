"""`repo.lock` as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.repo.model import Lock, RepoError

if TYPE_CHECKING:
    from pathlib import Path


def read_lock(path: Path) -> Lock:
    """A lock from a file. Raises RepoError."""
    try:
        return Lock.parse(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise RepoError(f"can't read {path}: {error}") from error


def write_lock(path: Path, lock: Lock) -> None:
    """Atomically, and only if it changes. Raises RepoError."""
    text = lock.text()
    try:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return
        scratch = path.with_name(f".{path.name}.new")
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(path)
    except OSError as error:
        raise RepoError(f"can't write {path}: {error.strerror}") from error
