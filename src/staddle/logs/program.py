"""Running a store as a program of its own: flags in, a server out. `staddle-logs` and `staddle-traces` are made of it."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import ssl
import sys
import threading
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from staddle.logs.compile.engine import Engine
from staddle.logs.errors import FlagError
from staddle.logs.flags import Flags, help_text, split_address
from staddle.logs.gauges import gauges
from staddle.logs.http.server import Server, ServerOptions
from staddle.logs.metrics import Metrics
from staddle.logs.select.context import SelectOptions, Selector
from staddle.store.codec import LINES
from staddle.store.errors import StoreError
from staddle.store.options import Options, total_memory
from staddle.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from staddle.logs.base import BaseApp
    from staddle.logs.flags import Flag

log = logging.getLogger("staddle.program")

MIB = 1 << 20
LEVELS = {
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
    "PANIC": logging.CRITICAL,
}


class Facts(Protocol):
    """What a codec finds out about rows, as metrics."""

    def add(self, facts: list[Any]) -> None:
        """Take in facts about rows that were just stored."""

    def values(self) -> dict[str, float]:
        """Series with labels, and values."""


class Listener(Protocol):
    """Something that takes rows in beside HTTP."""

    def close(self) -> None:
        """Take no more."""


def _nothing(_flags: Flags, _app: Any) -> Sequence[Listener]:
    return ()


@dataclass(frozen=True, slots=True)
class Program:
    """What one store differs from another in.

    `prefix` begins the names of its metrics. `codec`, `segment_bytes`, `derived`: see the store and the engine. `app`
    answers requests, `listen` starts what takes rows in beside HTTP, `facts` makes what counts the codec's facts.
    """

    name: str
    usage: str
    flags: Sequence[Flag]
    app: Callable[[Flags, Store, Selector, Metrics], BaseApp]
    prefix: str = "vl"
    codec: str = LINES
    segment_bytes: int = 32 * MIB
    derived: Mapping[str, str] = field(default_factory=dict)
    listen: Callable[[Flags, Any], Sequence[Listener]] = _nothing
    facts: Callable[[Flags], Facts] | None = None


def program_version() -> str:
    """The installed package's version."""
    try:
        return version("staddle")
    except PackageNotFoundError:
        return "unknown"


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


def open_store(program: Program, flags: Flags, memory: int, facts: Facts | None) -> Store:
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
            codec=program.codec,
            segment_bytes=program.segment_bytes,
        ),
        None if facts is None else facts.add,
    )


def extra_headers(flags: Flags) -> list[tuple[str, str]]:
    """Headers that the flags add to every answer."""
    names = {
        "csp": "Content-Security-Policy",
        "frameOptions": "X-Frame-Options",
        "hsts": "Strict-Transport-Security",
    }
    return [(header, flags[f"http.header.{name}"]) for name, header in names.items() if flags[f"http.header.{name}"]]


class Instance:
    """A store, what answers requests about it, and what takes rows in."""

    def __init__(self, program: Program, flags: Flags) -> None:
        """Open the store. Raises StoreError."""
        self._flags = flags
        memory = memory_budget(flags)
        facts = program.facts(flags) if program.facts is not None else None
        self.store = store = open_store(program, flags, memory, facts)
        query_memory = max(memory // 2, 128 * MIB)
        temp = Path(flags["storageDataPath"]) / "tmp" / "queries"
        shutil.rmtree(temp, ignore_errors=True)
        threads = os.cpu_count() or 1
        self.engine = Engine(store, memory_bytes=query_memory, threads=threads, temp=temp, derived=program.derived)
        metrics = Metrics(program.prefix)
        options = SelectOptions(
            flags["search.maxQueryDuration"],
            flags["search.maxConcurrentRequests"],
            flags["search.maxQueueDuration"],
            flags["search.maxQueryTimeRange"],
            query_memory,
        )
        selector = Selector(self.engine, metrics, options)
        self.app = program.app(flags, store, selector, metrics)
        self.server = server = Server(
            self.app.handle,
            ServerOptions(
                idle_timeout=flags["http.idleConnTimeout"],
                max_connections=flags["http.maxConnections"],
                compress=not flags["http.disableResponseCompression"],
                tls=tls_context(flags),
                headers=extra_headers(flags),
            ),
        )
        metrics.gauges(lambda: gauges(program.name, store, selector, server))
        if facts is not None:
            metrics.gauges(facts.values)
        self.listeners = program.listen(flags, self.app)

    def listen(self) -> list[int]:
        """Begin to serve HTTP; the ports."""
        ports = []
        for address in self._flags["httpListenAddr"]:
            ports.append(self.server.listen(*split_address(address)))
            log.info("serving HTTP on %s (port %d), data in %s", address, ports[-1], self._flags["storageDataPath"])
        return ports

    def stop(self) -> None:
        """Requests under way get their time; then everything is durable and closed."""
        self.app.stopping.set()
        for listener in self.listeners:
            listener.close()
        self.server.stop(self._flags["http.maxGracefulShutdownDuration"])
        self.store.close()
        self.engine.close()


def serve(program: Program, flags: Flags) -> int:
    """Run until SIGTERM or SIGINT; the exit status."""
    instance = Instance(program, flags)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    instance.listen()
    # A wait without a timeout would keep Python from running signal handlers on some systems.
    while not stop.wait(1.0):
        pass
    log.info("shutting down")
    instance.stop()
    log.info("stopped")
    return 0


def run(program: Program, argv: Sequence[str] | None = None) -> int:
    """The program; returns its exit status: 0 good, 1 failed, 2 bad flags."""
    try:
        flags = Flags(program.flags, sys.argv[1:] if argv is None else argv, os.environ)
    except FlagError as error:
        sys.stderr.write(f"{program.name}: {error}\n")
        return 2
    if flags["help"] or flags["h"]:
        sys.stdout.write(help_text(program.flags, program.usage))
        return 0
    if flags["version"]:
        sys.stdout.write(f"{program.name} {program_version()}\n")
        return 0
    logging.basicConfig(
        level=LEVELS.get(flags["loggerLevel"].upper(), logging.INFO),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stdout if flags["loggerOutput"] == "stdout" else sys.stderr,
    )
    try:
        return serve(program, flags)
    except (FlagError, StoreError, OSError) as error:
        log.critical("%s", error)
        return 1
