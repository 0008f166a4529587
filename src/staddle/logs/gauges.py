"""What /metrics says about the store and the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.process_metrics import process_values
from staddle.store.store import free_bytes

if TYPE_CHECKING:
    from staddle.logs.http.server import Server
    from staddle.logs.select.context import Selector
    from staddle.store.store import Store

_KINDS = {0: "storage/inmemory", 1: "storage/small"}


def gauges(program: str, store: Store, selector: Selector, server: Server) -> dict[str, float]:
    """Values by metric name with labels."""
    out: dict[str, float] = {}
    for kind in ("storage/inmemory", "storage/small", "storage/big"):
        for name in ("rows", "parts", "blocks"):
            out[f'vl_storage_{name}{{type="{kind}"}}'] = 0
    parts = store.manifest.parts
    for part in parts:
        kind = _KINDS.get(part.level, "storage/big")
        out[f'vl_storage_rows{{type="{kind}"}}'] += part.rows
        out[f'vl_storage_parts{{type="{kind}"}}'] += 1
        out[f'vl_storage_blocks{{type="{kind}"}}'] += 1
    counters = store.counters
    path = str(store.options.folder)
    out.update(
        {
            'vl_data_size_bytes{type="storage"}': sum(p.bytes for p in parts),
            'vl_data_size_bytes{type="indexdb"}': 0,
            'vl_compressed_data_size_bytes{type="storage/small"}': sum(p.bytes for p in parts),
            'vl_uncompressed_data_size_bytes{type="storage/small"}': sum(p.raw_bytes for p in parts),
            "vl_partitions": len({p.day for p in parts}),
            "vl_pending_bytes": store.pending_bytes(),
            "vl_merges_total": counters["merges"],
            "vl_active_merges": counters["merges_active"],
            f'vl_free_disk_space_bytes{{path="{path}"}}': free_bytes(store.options.folder),
            # Not the original's: what the disk budget is, so that one can be told before the oldest rows go early.
            "vl_disk_budget_bytes": store.options.max_disk_bytes,
            f'vl_storage_is_read_only{{path="{path}"}}': int(store.read_only),
            'vl_rows_dropped_total{reason="too_small_or_big_timestamp"}': counters["dropped_time"],
            'vl_rows_dropped_total{reason="cannot_parse"}': counters["dropped_bad"],
            "vl_too_long_lines_skipped_total": counters["dropped_too_long_line"],
            "vl_storage_errors_total": counters["convert_errors"]
            + counters["merge_errors"]
            + counters["background_errors"],
            "vl_storage_parts_lost_total": counters["parts_lost"],
            "vl_concurrent_select_capacity": selector.options.max_concurrent,
            "vl_concurrent_select_current": selector.current,
            "vl_http_connections": server.connection_count(),
            f'vm_app_version{{version="{program}"}}': 1,
            **process_values(),
        }
    )
    return out
