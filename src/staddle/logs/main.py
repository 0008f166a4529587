"""`staddle-logs`: the log store as a program of its own."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import ssl
import sys
import threading
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from staddle.logs.app import App
from staddle.logs.compile.engine import Engine
from staddle.logs.errors import FlagError
from staddle.logs.flags import Flags, help_text
from staddle.logs.gauges import gauges
from staddle.logs.http.server import Server, ServerOptions
from staddle.logs.insert.syslog_server import start_syslog
from staddle.logs.metrics import Metrics
from staddle.logs.select.context import SelectOptions, Selector
from staddle.logs.settings import FLAGS, USAGE
from staddle.store.errors import StoreError
from staddle.store.options import Options, total_memory
from staddle.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger("staddle.logs")

MIB = 1 << 20
LEVELS = {
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
    "PANIC": logging.CRITICAL,
}


def program_version() -> str:
    """The installed package's version."""
    try:
        return version("staddle")
    except PackageNotFoundError:
        return "unknown"


def split_address(address: str) -> tuple[str, int]:
    """`host:port`, `:port` or `[v6]:port`. Raises FlagError."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit():
        raise FlagError(f"bad address {address!r}: want HOST:PORT or :PORT")
    return host.strip("[]"), int(port)


def tls_context(flags: Flags) -> ssl.SSLContext | None:
    """The server's TLS, if it is on."""
    if not flags["tls"]:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if flags["tlsMinVersion"] == "TLS13" else ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(flags["tlsCertFile"], flags["tlsKeyFile"] or None)
    return context


def memory_budget(flags: Flags) -> int:
    """Bytes that everything together may use."""
    return int(flags["memory.allowedBytes"]) or int(total_memory() * flags["memory.allowedPercent"] / 100)


def open_store(flags: Flags, memory: int) -> Store:
    """The store that the flags describe. A worker gets a sixth of the memory, within what is known to be
    enough.
    """
    return Store(
        Options(
            folder=Path(flags["storageDataPath"]),
            retention=flags["retentionPeriod"],
            future_retention=flags["futureRetention"],
            max_disk_bytes=flags["retention.maxDiskSpaceUsageBytes"],
            min_free_bytes=flags["storage.minFreeDiskSpaceBytes"],
            flush_interval=flags["inmemoryDataFlushInterval"],
            fsync_interval=flags["storage.fsyncInterval"],
            memory_bytes=min(max(memory // 6, 128 * MIB), 300 * MIB),
        )
    )


def extra_headers(flags: Flags) -> list[tuple[str, str]]:
    """Headers that the flags add to every answer."""
    names = {
        "csp": "Content-Security-Policy",
        "frameOptions": "X-Frame-Options",
        "hsts": "Strict-Transport-Security",
    }
    return [(header, flags[f"http.header.{name}"]) for name, header in names.items() if flags[f"http.header.{name}"]]


def serve(flags: Flags) -> int:
    """Run until SIGTERM or SIGINT; the exit status."""
    began = time.monotonic()
    memory = memory_budget(flags)
    store = open_store(flags, memory)
    threads = os.cpu_count() or 1
    query_memory = max(memory // 2, 128 * MIB)
    temp = Path(flags["storageDataPath"]) / "tmp" / "queries"
    shutil.rmtree(temp, ignore_errors=True)
    engine = Engine(store, memory_bytes=query_memory, threads=threads, temp=temp)
    metrics = Metrics()
    options = SelectOptions(
        flags["search.maxQueryDuration"],
        flags["search.maxConcurrentRequests"],
        flags["search.maxQueueDuration"],
        flags["search.maxQueryTimeRange"],
        query_memory,
    )
    selector = Selector(engine, metrics, options)
    app = App(flags, store, selector, metrics)
    server = Server(
        app.handle,
        ServerOptions(
            idle_timeout=flags["http.idleConnTimeout"],
            max_connections=flags["http.maxConnections"],
            compress=not flags["http.disableResponseCompression"],
            tls=tls_context(flags),
            headers=extra_headers(flags),
        ),
    )
    metrics.gauges(lambda: gauges(store, selector, server, began))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    syslog = start_syslog(flags, app.sink, app.defaults)
    for address in flags["httpListenAddr"]:
        port = server.listen(*split_address(address))
        log.info("serving HTTP on %s (port %d), data in %s", address, port, flags["storageDataPath"])
    # A wait without a timeout would keep Python from running signal handlers on some systems.
    while not stop.wait(1.0):
        pass
    log.info("shutting down")
    app.stopping.set()
    syslog.close()
    server.stop(flags["http.maxGracefulShutdownDuration"])
    store.close()
    engine.close()
    log.info("stopped")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit status: 0 good, 1 failed, 2 bad flags."""
    try:
        flags = Flags(FLAGS, sys.argv[1:] if argv is None else argv, os.environ)
    except FlagError as error:
        sys.stderr.write(f"staddle-logs: {error}\n")
        return 2
    if flags["help"] or flags["h"]:
        sys.stdout.write(help_text(FLAGS, USAGE))
        return 0
    if flags["version"]:
        sys.stdout.write(f"staddle-logs {program_version()}\n")
        return 0
    logging.basicConfig(
        level=LEVELS.get(flags["loggerLevel"].upper(), logging.INFO),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stdout if flags["loggerOutput"] == "stdout" else sys.stderr,
    )
    try:
        return serve(flags)
    except (FlagError, StoreError, OSError) as error:
        log.critical("%s", error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
