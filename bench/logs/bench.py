"""Ingestion, size and query latency of staddle-logs, and of a VictoriaLogs binary in the same run with
--peer.

    bench.py [--rows 2000000] [--peer PATH] [--work DIR] [--only PART,...] [--json FILE]

Every server gets the same requests over loopback, one server at a time, on a fresh folder. Parts: `ingest`
(one connection,
the whole corpus in one request), `gzip` (1000-row gzip batches, four clients), `queries`. Times are wall
clock; latencies are
medians of --repeat runs after one that warms up. RSS is that of the server with its child processes.
"""

import argparse
import gzip
import http.client
import json
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from server import Server, disk_bytes  # noqa: E402

PATH = "/insert/jsonline?_time_field=ts&_msg_field=msg&_stream_fields=job,ins,ip"
BLOCK = 1 << 20
START = "2026-11-22T00:00:00Z"

QUERIES = {
    "rare word, newest 100": ("query", {"query": "panicword", "limit": "100"}),
    "word count": ("query", {"query": "duration | count()"}),
    "absent word": ("query", {"query": "nosuchwordanywhere | count()"}),
    "phrase count": ("query", {"query": '"connection authorized" | count()'}),
    "exact field": ("query", {"query": 'user:="dbuser_cart" | count()'}),
    "regexp on the message": ("query", {"query": '~"duration: [0-9]{3}" | count()'}),
    "count by level": ("query", {"query": "* | stats by (level) count() n"}),
    "hits per 5 m": ("hits", {"query": "*", "step": "5m"}),
    "top 10": ("query", {"query": "* | top 10 by (user)"}),
    "count_uniq of 40 k": ("query", {"query": "* | count_uniq(pid)"}),
    "count_uniq of 780 k": ("query", {"query": "* | count_uniq(client)"}),
    "newest 100 of a stream": ("query", {"query": '{ins="pg-test-1",job="postgres"}', "limit": "100"}),
    "sort a stream by time": (
        "query",
        {"query": '{ins="pg-test-1",job="postgres"} | sort by (_time) limit 100'},
    ),
    "numeric range": ("query", {"query": "duration:>100 | count()"}),
    "p99 by group": ("query", {"query": "* | stats by (user) quantile(0.99, duration) p99"}),
    "field_values": ("field_values", {"query": "*", "field": "datname"}),
    "facets": ("facets", {"query": "*"}),
    "newest 100 of all": ("query", {"query": "*", "limit": "100"}),
    "word and field, count": ("query", {"query": "duration user:=dbuser_web | count()"}),
    "one hour, count by user": (
        "query",
        {
            "query": "* | stats by (user) count() n",
            "start": "2026-11-22T11:00:00Z",
            "end": "2026-11-22T11:59:59Z",
        },
    ),
}


def send_corpus(server: Server, corpus: pathlib.Path) -> None:
    """One request over one connection, with a known length."""
    with corpus.open("rb") as file, socket.create_connection(("127.0.0.1", server.port)) as sock:
        size = corpus.stat().st_size
        lines = [
            "Host: x",
            "Content-Type: application/stream+json",
            f"Content-Length: {size}",
            "Connection: close",
        ]
        head = "\r\n".join([f"POST {PATH} HTTP/1.1", *lines, "", ""])
        sock.sendall(head.encode())
        sock.sendfile(file)
        reply = sock.recv(200)
        if b" 200 " not in reply:
            sys.exit(f"{server.name}: {reply!r}")


def is_converted(server: Server) -> bool:
    """Are all rows in parts on disk?"""
    if server.name == "staddle":
        return server.metric("vl_pending_bytes") == 0
    return server.metric('vl_storage_parts{type="storage/inmemory"}') == 0


def bench_ingest(server: Server, corpus: pathlib.Path, rows: int, out: dict[str, object]) -> None:
    stop = threading.Event()
    watcher = threading.Thread(target=server.watch, args=(stop,))
    watcher.start()
    began = time.monotonic()
    send_corpus(server, corpus)
    acknowledged = time.monotonic() - began
    while (found := server.count()) < rows:
        time.sleep(0.02)
    searchable = time.monotonic() - began
    while not is_converted(server):
        time.sleep(0.02)
    converted = time.monotonic() - began
    stop.set()
    watcher.join()
    out.update(
        {
            "rows found": found,
            "acknowledged, k rows/s": rows / acknowledged / 1000,
            "searchable, k rows/s": rows / searchable / 1000,
            "converted, k rows/s": rows / converted / 1000,
            "peak RSS, MB": server.peak / 1e6,
        }
    )


def settle(server: Server, rows: int, out: dict[str, object]) -> None:
    """Wait for merging, then restart and look at size and memory."""
    if server.name == "staddle":
        server.request("GET", "/internal/force_merge")
        quiet = 0
        while quiet < 8:
            busy = server.metric("vl_active_merges") or server.metric('vl_storage_parts{type="storage/inmemory"}')
            quiet = 0 if busy else quiet + 1
            time.sleep(0.5)
    else:
        server.request("GET", "/internal/force_merge")
        time.sleep(15)
    out["parts"] = server.metric("vl_storage_parts")
    server.stop()
    out["bytes per row on disk"] = disk_bytes(server.folder) / rows
    server.start()
    server.count()
    time.sleep(3)
    out["idle RSS after restart, MB"] = server.rss() / 1e6


def bench_gzip(server: Server, corpus: pathlib.Path, rows: int, out: dict[str, object]) -> None:
    batches: list[bytes] = []
    with corpus.open("rb") as file:
        while len(batches) < min(rows, 500_000) // 1000 and (lines := [file.readline() for _ in range(1000)])[0]:
            batches.append(gzip.compress(b"".join(lines), 1))
    before = server.count()
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/stream+json", "AccountID": "0"}

    def client(mine: list[bytes]) -> None:
        conn = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
        for body in mine:
            conn.request("POST", PATH, body, headers)
            reply = conn.getresponse()
            reply.read()
            assert reply.status == 200, reply.status
        conn.close()

    threads = [threading.Thread(target=client, args=(batches[i::4],)) for i in range(4)]
    began = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    acknowledged = time.monotonic() - began
    while server.count() < before + 1000 * len(batches):
        time.sleep(0.02)
    searchable = time.monotonic() - began
    out["gzip batches acknowledged, k rows/s"] = len(batches) / acknowledged
    out["gzip batches searchable, k rows/s"] = len(batches) / searchable


def bench_queries(server: Server, repeat: int, out: dict[str, object]) -> None:
    for name, (endpoint, args) in QUERIES.items():
        server.ask(endpoint, args)
        times = []
        for _ in range(repeat):
            began = time.monotonic()
            reply = server.ask(endpoint, args)
            times.append(time.monotonic() - began)
        out[f"{name}, ms"] = statistics.median(times) * 1000
        out.setdefault("answers", {})[name] = len(reply)  # type: ignore[index, attr-defined]


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--rows", type=int, default=2_000_000)
    args.add_argument("--peer", type=pathlib.Path, help="a victoria-logs binary")
    args.add_argument("--work", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "staddle-bench-logs")
    args.add_argument("--only", default="ingest,gzip,queries")
    args.add_argument("--repeat", type=int, default=7)
    args.add_argument("--hours", type=float, default=24)
    args.add_argument("--json", type=pathlib.Path)
    opts = args.parse_args()
    opts.work.mkdir(parents=True, exist_ok=True)
    corpus = opts.work / f"corpus-{opts.rows}-{opts.hours:g}h.jsonl"
    if not corpus.exists():
        partial = corpus.with_suffix(".partial")
        with partial.open("wb") as file:
            command = [sys.executable, str(HERE / "corpus.py"), str(opts.rows), "--hours", str(opts.hours)]
            subprocess.run(command, stdout=file, check=True)
        partial.rename(corpus)
    commands = {"staddle": [sys.executable, "-m", "staddle.logs.main"]}
    if opts.peer:
        commands["peer"] = [str(opts.peer.resolve())]
    results: dict[str, dict[str, object]] = {}
    parts = opts.only.split(",")
    for name, command in commands.items():
        folder = opts.work / f"data-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        server = Server(name, command, folder)
        out: dict[str, object] = {}
        results[name] = out
        server.start()
        try:
            bench_ingest(server, corpus, opts.rows, out)
            settle(server, opts.rows, out)
            if "queries" in parts:
                bench_queries(server, opts.repeat, out)
            if "gzip" in parts:
                bench_gzip(server, corpus, opts.rows, out)
        finally:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    measures = [k for k in results["staddle"] if k != "answers"]
    print(f"| measure | {' | '.join(results)} |\n|---|{'---:|' * len(results)}")
    for key in measures:
        cells = []
        for out in results.values():
            value = out.get(key, "")
            cells.append(f"{value:,.1f}" if isinstance(value, float) else str(value))
        print(f"| {key} | {' | '.join(cells)} |")
    if opts.json:
        opts.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
