"""A program to be killed: appends rows to a store as fast as it can, and says on stdout which ones were
acknowledged.

appender.py FOLDER FIRST_ID BATCH_ROWS
"""

import sys
import time
from pathlib import Path

from staddle.store.options import Options
from staddle.store.rowformat import RowFormat
from staddle.store.store import Store

FORMAT = RowFormat(stream_fields=("app",), default_msg="none")


def quick_options(folder: Path) -> Options:
    """Settings that let a kill hit converting and merging as often as appending."""
    return Options(
        folder,
        segment_bytes=32 << 10,
        flush_interval=0.05,
        merge_delay=0.05,
        retention=36_500 * 86_400.0,
        threads=1,
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


def main() -> None:
    folder, first, rows = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    store = Store(quick_options(folder))
    print("pids", *store.worker_pids(), flush=True)
    while True:
        print("begin", first, rows, flush=True)
        store.append(0, FORMAT, lines(first, rows))
        print("done", first, rows, flush=True)
        first += rows
        time.sleep(0.001)


if __name__ == "__main__":
    main()
