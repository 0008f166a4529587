"""A program to be killed: appends rows to a store as fast as it can, and says on stdout which ones were
acknowledged.

appender.py FOLDER FIRST_ID BATCH_ROWS KIND

KIND is `lines` (rows of logs) or `spans`.
"""

import sys
import time
from pathlib import Path

from staddle import otlp
from staddle.store.codec import LINES
from staddle.store.options import Options
from staddle.store.rowformat import RowFormat
from staddle.store.store import Store
from staddle.traces.names import SPANS

FORMAT = RowFormat(stream_fields=("app",), default_msg="none")


def quick_options(folder: Path, kind: str) -> Options:
    """Settings that let a kill hit converting and merging as often as appending."""
    return Options(
        folder,
        segment_bytes=32 << 10,
        flush_interval=0.05,
        merge_delay=0.05,
        retention=36_500 * 86_400.0,
        threads=1,
        codec=SPANS if kind == "spans" else LINES,
    )


def lines(first: int, count: int) -> bytes:
    """Rows with consecutive ids, over three streams and two days."""
    out = []
    for i in range(first, first + count):
        day = 20 + i % 2
        out.append(
            f'{{"_time":"2026-11-{day}T00:00:00.{i % 1000:03d}Z","_msg":"row {i} of the test",'
            f'"app":"a{i % 3}","id":"{i}"}}\n'
        )
    return "".join(out).encode()


def spans(first: int, count: int) -> bytes:
    """The same as spans: ids count from 1, five to a trace."""
    made = []
    for i in range(first + 1, first + count + 1):
        end = (20_778 + i % 2) * 86_400 * 10**9 + i * 1_000
        made.append(
            otlp.Span(trace_id=f"{i // 5 + 1:032x}", span_id=f"{i:016x}", name=f"a{i % 3}", start=end - 500, end=end)
        )
    return otlp.request([({"service.name": "app"}, made)], "test")


def main() -> None:
    folder, first, rows, kind = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    store = Store(quick_options(folder, kind))
    payload = spans if kind == "spans" else lines
    print("pids", *store.worker_pids(), flush=True)
    while True:
        print("begin", first, rows, flush=True)
        store.append(0, FORMAT, payload(first, rows))
        print("done", first, rows, flush=True)
        first += rows
        time.sleep(0.001)


if __name__ == "__main__":
    main()
