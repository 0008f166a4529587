"""What each profile sets. Databases do their own caching and sync their own files; what differs is how much memory
may be dirty at a time (short stalls against throughput), and how eagerly the processor may sleep.

`[sysctl]` here gives way to files in `/etc/sysctl.d`: TuneD applies those again after its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MIB = 2**20


@dataclass(frozen=True, slots=True)
class _Profile:
    summary: str
    background: int
    """MiB of dirty memory from which on the kernel writes in the background."""
    dirty: int
    """MiB of dirty memory at which writers have to wait."""
    swappiness: int
    backlog: int
    """Connections that may wait to be accepted."""
    buffer: int
    """MiB that a socket's buffer may grow to."""
    read_ahead: int
    """KiB."""
    awake: bool = True
    """The processor does not fall into deep sleep, nor below its nominal speed."""
    more: Mapping[str, str] = field(default_factory=dict)

    def render(self) -> str:
        settings = {
            "fs.aio-max-nr": "1048576",
            "kernel.numa_balancing": "0",
            "net.core.netdev_max_backlog": str(self.backlog),
            "net.core.rmem_max": str(self.buffer * MIB),
            "net.core.somaxconn": str(self.backlog),
            "net.core.wmem_max": str(self.buffer * MIB),
            "net.ipv4.tcp_keepalive_intvl": "10",
            "net.ipv4.tcp_keepalive_probes": "6",
            "net.ipv4.tcp_keepalive_time": "60",
            "net.ipv4.tcp_max_syn_backlog": str(self.backlog),
            "net.ipv4.tcp_rmem": f"4096 131072 {self.buffer * MIB}",
            "net.ipv4.tcp_slow_start_after_idle": "0",
            "net.ipv4.tcp_wmem": f"4096 65536 {self.buffer * MIB}",
            "vm.dirty_background_bytes": str(self.background * MIB),
            "vm.dirty_bytes": str(self.dirty * MIB),
            "vm.max_map_count": "262144",
            "vm.swappiness": str(self.swappiness),
            "vm.zone_reclaim_mode": "0",
            **self.more,
        }
        processor = ["[cpu]", "governor=performance", "energy_perf_bias=performance", "min_perf_pct=100", ""]
        sections = [
            *("[main]", f"summary={self.summary}", ""),
            *(processor if self.awake else []),
            # Large pages made behind its back cost a database stalls; those it asks for are configured.
            *("[vm]", "transparent_hugepages=never", ""),
            *("[disk]", f"readahead=>{self.read_ahead}", ""),
            *("[sysctl]", *(f"{key}={value}" for key, value in sorted(settings.items()))),
        ]
        return "".join(f"{line}\n" for line in sections)


PROFILES: Mapping[str, str] = {
    "oltp": _Profile(
        "Many short transactions: even latency", background=64, dirty=512, swappiness=1, backlog=16384, buffer=16,
        read_ahead=256,
    ).render(),
    "olap": _Profile(
        "Few long queries: throughput", background=256, dirty=4096, swappiness=1, backlog=8192, buffer=32,
        read_ahead=4096,
    ).render(),
    "crit": _Profile(
        "Little may be lost or late: small amounts of dirty memory", background=16, dirty=128, swappiness=1,
        backlog=16384, buffer=16, read_ahead=256, more={"vm.dirty_expire_centisecs": "500"},
    ).render(),
    "tiny": _Profile(
        "Small virtual machines", background=16, dirty=128, swappiness=10, backlog=4096, buffer=4, read_ahead=256,
        awake=False,
    ).render(),
}  # fmt: skip
