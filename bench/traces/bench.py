"""Ingestion, size and query latency of staddle-traces, and of a VictoriaTraces binary in the same run with --peer.

    bench.py [--spans 1000000] [--peer PATH] [--work DIR] [--json FILE]

Every server gets the same requests over loopback, one server at a time, on a fresh folder. Ingestion: the corpus in
requests of 512 spans over four connections, as it is and (a fifth of it) with gzip. Times are wall clock; latencies are
medians over --repeat questions, each about another trace or window. CPU times are the server's: on a busy machine they
say more. RSS is that of the server with its child processes.
"""

import argparse
import gzip
import http.client
import json
import pathlib
import random
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from server import Server, disk_bytes  # noqa: E402

PATH = "/insert/opentelemetry/v1/traces"
START_US = 1_795_305_600_000_000
CLIENTS = 4


def requests(corpus: pathlib.Path) -> Iterator[bytes]:
    """The bodies in a corpus."""
    with corpus.open("rb") as file:
        while head := file.read(4):
            yield file.read(struct.unpack("<I", head)[0])


def send(server: Server, bodies: list[bytes], headers: dict[str, str]) -> float:
    """Seconds until all are acknowledged."""

    def client(mine: list[bytes]) -> None:
        conn = http.client.HTTPConnection("127.0.0.1", server.port, timeout=600)
        for body in mine:
            conn.request("POST", PATH, body, {"Content-Type": "application/x-protobuf", **headers})
            reply = conn.getresponse()
            reply.read()
            assert reply.status == 200, reply.status
        conn.close()

    threads = [threading.Thread(target=client, args=(bodies[i::CLIENTS],)) for i in range(CLIENTS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began


def count(server: Server) -> int:
    """How many spans can be found; none while a query can't be answered in its time, as on a busy machine after a burst."""
    try:
        return server.count()
    except RuntimeError as error:
        if " 503 " in str(error):
            return 0
        raise


def ingest(server: Server, bodies: list[bytes], spans: int, out: dict[str, object]) -> None:
    stop = threading.Event()
    watcher = threading.Thread(target=server.watch, args=(stop,), daemon=True)
    watcher.start()
    began, spent = time.monotonic(), server.cpu()
    acknowledged = send(server, bodies, {})
    while (found := count(server)) < spans:
        time.sleep(0.02)
    out["spans found"] = found
    out["acknowledged, k spans/s"] = spans / acknowledged / 1000
    out["found, k spans/s"] = spans / (time.monotonic() - began) / 1000
    out["found, k spans per CPU second"] = spans / (server.cpu() - spent) / 1000
    stop.set()
    watcher.join()
    out["peak RSS, MB"] = server.peak / 1e6


def settle(server: Server, spans: int, out: dict[str, object]) -> None:
    """Wait for merging, then restart and look at size and memory."""
    server.request("GET", "/internal/force_merge")
    if server.name == "staddle":
        quiet = 0
        while quiet < 8:
            busy = server.metric("vt_active_merges") or server.metric('vt_storage_parts{type="storage/inmemory"}')
            quiet = 0 if busy else quiet + 1
            time.sleep(0.5)
    else:
        time.sleep(15)
    out["parts"] = server.metric("vt_storage_parts")
    server.stop()
    out["bytes per span on disk"] = disk_bytes(server.folder) / spans
    server.start()
    server.count()
    time.sleep(3)
    out["idle RSS after restart, MB"] = server.rss() / 1e6


def jaeger(server: Server, path: str, **arguments: object) -> list[dict[str, object]]:
    query = "?" + urllib.parse.urlencode(arguments) if arguments else ""
    found: list[dict[str, object]] = json.loads(server.request("GET", f"/select/jaeger/api/{path}{query}"))["data"]
    return found


def ask(server: Server, hours: float, repeat: int, out: dict[str, object]) -> None:
    choose = random.Random(7)
    end = START_US + int(hours * 3.6e9) + 60_000_000
    window = {"start": START_US, "end": end, "limit": 20}
    ids = sorted(
        {
            str(t["traceID"])
            for n in range(10)
            for t in jaeger(
                server,
                "traces",
                service="gateway",
                start=START_US,
                end=START_US + int((n + 1) * hours * 3.6e8),
                limit=20,
            )
        }
    )
    questions: dict[str, Callable[[], object]] = {
        "trace by id": lambda: jaeger(server, f"traces/{choose.choice(ids)}"),
        "trace by id that is not there": lambda: jaeger(server, f"traces/{choose.getrandbits(128):032x}"),
        "20 newest traces of a service": lambda: jaeger(server, "traces", service="catalog", **window),
        "20 traces of an operation, in a window": lambda: jaeger(
            server, "traces", service="web", operation="POST /checkout",
            **{**window, "end": START_US + choose.randint(1, int(hours * 3.6e9))}),
        "20 traces by tag (errors of a service)": lambda: jaeger(
            server, "traces", service="payment", tags='{"error":"true"}', **window),
        "20 traces by a rare attribute": lambda: jaeger(
            server, "traces", service="web", **window,
            tags=json.dumps({"url.path": f"/products/{choose.randint(1, 200_000)}"})),
        "20 traces by duration": lambda: jaeger(server, "traces", service="web", minDuration="150ms", **window),
        "services": lambda: jaeger(server, "services"),
        "operations": lambda: jaeger(server, "services/catalog/operations"),
        "LogsQL: count by service": lambda: server.ask(
            "query", {"query": '* | stats by ("resource_attr:service.name") count() n'}),
        "LogsQL: p99 of an operation": lambda: server.ask(
            "query", {"query": 'name:="SELECT products" | stats quantile(0.99, duration) p99'}),
    }  # fmt: skip
    if server.name == "staddle":
        questions["dependencies of the hour"] = lambda: jaeger(
            server, "dependencies", endTs=end // 1000, lookback=int(hours * 3.6e6) + 120_000
        )
    for name, question in questions.items():
        question()
        times, spent = [], server.cpu()
        for _ in range(repeat):
            began = time.monotonic()
            question()
            times.append(time.monotonic() - began)
        out[f"{name}, ms"] = statistics.median(times) * 1000
        out[f"{name}, CPU ms"] = (server.cpu() - spent) / repeat * 1000


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--spans", type=int, default=1_000_000)
    args.add_argument("--peer", type=pathlib.Path, help="a victoria-traces binary")
    args.add_argument("--work", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "staddle-bench-traces")
    args.add_argument("--repeat", type=int, default=15)
    args.add_argument("--hours", type=float, default=1)
    args.add_argument("--json", type=pathlib.Path)
    opts = args.parse_args()
    opts.work.mkdir(parents=True, exist_ok=True)
    corpus = opts.work / f"corpus-{opts.spans}-{opts.hours:g}h.bin"
    if not corpus.exists():
        partial = corpus.with_suffix(".partial")
        with partial.open("wb") as file:
            command = [sys.executable, str(HERE / "corpus.py"), str(opts.spans), "--hours", str(opts.hours)]
            subprocess.run(command, stdout=file, check=True)
        partial.rename(corpus)
    bodies = list(requests(corpus))
    commands = {"staddle": [sys.executable, "-m", "staddle.traces.main", "-servicegraph.enableTask"]}
    if opts.peer:
        commands["peer"] = [str(opts.peer.resolve())]
    results: dict[str, dict[str, object]] = {}
    for name, command in commands.items():
        folder = opts.work / f"data-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        server = Server(name, command, folder)
        out = results[name] = {}
        server.start()
        try:
            ingest(server, bodies, opts.spans, out)
            total = count(server)
            settle(server, total, out)
            ask(server, opts.hours, opts.repeat, out)
            part = [gzip.compress(b, 1) for b in bodies[: len(bodies) // 5]]
            seconds = send(server, part, {"Content-Encoding": "gzip"})
            out["gzip, acknowledged, k spans/s"] = total * len(part) / len(bodies) / seconds / 1000
        finally:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(f"| measure | {' | '.join(results)} |\n|---|{'---:|' * len(results)}")
    for key in results["staddle"]:
        cells = []
        for out in results.values():
            value = out.get(key, "")
            cells.append(f"{value:,.1f}" if isinstance(value, float) else str(value))
        print(f"| {key} | {' | '.join(cells)} |")
    if opts.json:
        opts.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
