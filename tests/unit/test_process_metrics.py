"""What a process says of itself is what the kernel says of it."""

from __future__ import annotations

import os
import time

import psutil

from staddle.process_metrics import process_values


def test_a_process_tells_what_the_kernel_tells() -> None:
    own, kernel = process_values(), psutil.Process()
    assert abs(own["process_resident_memory_bytes"] - kernel.memory_info().rss) < 16 << 20
    times = kernel.cpu_times()
    assert abs(own["process_cpu_seconds_total"] - times.user - times.system) < 1
    assert abs(own["process_open_fds"] - kernel.num_fds()) <= 2
    assert kernel.create_time() - 1 <= own["process_start_time_seconds"] <= time.time()
    with open(os.devnull, encoding="ascii"):  # noqa: PTH123 (one more open file)
        assert process_values()["process_open_fds"] > own["process_open_fds"] - 2
