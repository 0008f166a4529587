"""Settings of a store."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from staddle.store.codec import LINES

if TYPE_CHECKING:
    from pathlib import Path

DAY_SECONDS = 86_400.0


def total_memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@dataclass(frozen=True, slots=True)
class Options:
    """Where and how to keep events. Times are seconds, sizes bytes.

    `fsync_interval` 0 makes every append wait for the disk. `memory_bytes` bounds one converting or merging
    process. `codec` says what kind of rows (see `codec`).
    """

    folder: Path
    retention: float = 7 * DAY_SECONDS
    future_retention: float = 2 * DAY_SECONDS
    max_disk_bytes: int = 0
    min_free_bytes: int = 10_000_000
    flush_interval: float = 5.0
    fsync_interval: float = 1.0
    segment_bytes: int = 32 << 20
    memory_bytes: int = 300 << 20
    threads: int = field(default_factory=lambda: max(1, os.cpu_count() or 1))
    max_merged_rows: int = 4_000_000
    merge_delay: float = 5.0
    codec: str = LINES
