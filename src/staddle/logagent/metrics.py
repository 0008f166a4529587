"""The agent's metrics, in Prometheus' text format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .control import Statistics

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Snapshot:
    """What is told. Numbers by source name or receiver name."""

    up: bool
    version: str
    restarts: int = 0
    queue_limit: int = 0
    rows: Statistics = field(default_factory=Statistics)
    queue_bytes: Mapping[str, int] = field(default_factory=dict)
    unread_bytes: Mapping[str, int] = field(default_factory=dict)


def render(snapshot: Snapshot) -> str:
    """One answer to a scrape."""
    lines: list[str] = []

    def add(name: str, kind: str, text: str, values: Mapping[str, int], label: str) -> None:
        lines.extend((f"# HELP {name} {text}", f"# TYPE {name} {kind}"))
        lines.extend(f'{name}{{{label}="{key}"}} {value}' for key, value in sorted(values.items()))

    rows = snapshot.rows
    lines += [
        "# HELP log_agent_up Whether syslog-ng answers on its control socket.",
        "# TYPE log_agent_up gauge",
        f"log_agent_up {int(snapshot.up)}",
        "# HELP log_agent_info The program behind the agent.",
        "# TYPE log_agent_info gauge",
        f'log_agent_info{{provider="syslog-ng",version="{snapshot.version}"}} 1',
    ]
    add("log_agent_read_rows_total", "counter", "Rows read.", rows.received, "source")
    add(
        "log_agent_unread_bytes", "gauge", "Bytes in log files that were not read yet.", snapshot.unread_bytes, "source"
    )
    add("log_agent_sent_rows_total", "counter", "Rows that a receiver accepted.", rows.sent, "receiver")
    add("log_agent_dropped_rows_total", "counter", "Rows given up for a receiver.", rows.dropped, "receiver")
    add("log_agent_queue_rows", "gauge", "Rows waiting for a receiver.", rows.queued, "receiver")
    add("log_agent_queue_bytes", "gauge", "Disk used by rows waiting.", snapshot.queue_bytes, "receiver")
    limits = dict.fromkeys(snapshot.queue_bytes, snapshot.queue_limit)
    add("log_agent_queue_limit_bytes", "gauge", "Disk that they may use.", limits, "receiver")
    return "\n".join(lines) + "\n"
