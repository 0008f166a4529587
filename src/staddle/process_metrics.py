"""What a process takes of its host, under the names that all exporters use. Standard library only: shipped as source."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

_BEGAN = time.time()


def process_values() -> dict[str, float]:
    """Of this process, by metric name. It began when this was imported."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return {
        "process_cpu_seconds_total": sum(resource.getrusage(resource.RUSAGE_SELF)[:2]),
        "process_max_fds": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "process_open_fds": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 (names only, and often)
        "process_resident_memory_bytes": pages * os.sysconf("SC_PAGE_SIZE"),
        "process_start_time_seconds": _BEGAN,
    }
