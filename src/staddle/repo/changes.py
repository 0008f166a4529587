"""What differs between two locks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from staddle.repo.model import LockedPackage, Target, TargetLock


@dataclass(frozen=True, slots=True)
class Changes:
    """What a lock adds, removes and exchanges, compared with another. `missing` bytes of it are not here yet."""

    target: Target
    added: tuple[LockedPackage, ...]
    removed: tuple[LockedPackage, ...]
    changed: tuple[tuple[LockedPackage, LockedPackage], ...]
    missing: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def to_data(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "target": self.target.key,
            "added": [as_data(package) for package in self.added],
            "removed": [as_data(package) for package in self.removed],
            "changed": [{"from": as_data(before), "to": as_data(after)} for before, after in self.changed],
            "missing_bytes": self.missing,
        }


def changes(target: Target, old: TargetLock | None, new: TargetLock | None, missing: int = 0) -> Changes:
    """What leads from one lock of a target to another; either may not be there."""
    before = {(p.name, p.arch): p for p in old.packages} if old else {}
    after = {(p.name, p.arch): p for p in new.packages} if new else {}
    both = sorted(after.keys() & before.keys())
    return Changes(
        target,
        tuple(after[key] for key in sorted(after.keys() - before.keys())),
        tuple(before[key] for key in sorted(before.keys() - after.keys())),
        tuple((before[key], after[key]) for key in both if before[key].sha256 != after[key].sha256),
        missing,
    )


def as_data(package: LockedPackage) -> dict[str, Any]:
    """A locked package as JSON has it."""
    return {
        "name": package.name,
        "version": package.version,
        "arch": package.arch,
        "size": package.size,
        "sha256": package.sha256,
        "origin": package.origin,
        "file": package.file,
    }
