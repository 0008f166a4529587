"""The exporters that are compared, on one server: ours as its component runs it, and the stock one as it is by default."""

from __future__ import annotations

import os
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from tests.sandbox.stack import free_port

from staddle.components.postgres_exporter import POSTGRES_EXPORTER, collectors
from staddle.components.postgres_exporter.catalogue import queries_file
from staddle.programs.provision import provision
from staddle.programs.shelf import cache_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.postgres import Postgres

TICKS = os.sysconf("SC_CLK_TCK")
KEPT_SIZES = "now - 240"


@dataclass
class Exporter:
    """One at work, and what its scrapes took."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    first: float = 0
    seconds: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    servers: list[float] = field(default_factory=list)
    text: str = ""

    def scrape(self) -> float:
        """How long it took."""
        begun = time.perf_counter()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=60) as reply:
            self.text = reply.read().decode()
        return time.perf_counter() - begun

    def measure(self, server: Postgres) -> None:
        """A scrape, with the processor time of the exporter and of all of the server. Nothing else may ask the server."""
        own, servers = _used(self.process.pid), server_time(server)
        self.seconds.append(self.scrape())
        time.sleep(0.05)  # who answered still has something to put away
        self.own.append(_used(self.process.pid) - own)
        self.servers.append(server_time(server) - servers)

    @property
    def cost(self) -> float:
        """Processor time of a scrape."""
        return (sum(self.own) + sum(self.servers)) / len(self.own)

    @property
    def series(self) -> int:
        return sum(line.startswith("pg_") for line in self.text.splitlines())


def program(given: str | None, scratch: Path) -> tuple[str, str]:
    """Path and version of postgres_exporter: the one that is named, else Debian's."""
    if given:
        done = subprocess.run([given, "--version"], capture_output=True, text=True, check=True)
        return given, (done.stdout + done.stderr).split()[2]
    found = provision([POSTGRES_EXPORTER], scratch / "programs", cache_directory() / "apt", lambda _: None)
    return found["postgres_exporter"].path, found["postgres_exporter"].version


def queries(faster: float | None) -> bytes:
    """Ours; what they keep is kept so many times shorter, or not at all."""
    content: dict[str, Any] = yaml.safe_load(queries_file())
    for entry in content.values():
        kept = entry.pop("cache_seconds", 0)
        if faster and kept:
            entry["cache_seconds"] = max(1, round(kept / faster))
    sizes = content["pg_database_size"]
    assert KEPT_SIZES in sizes["query"]
    sizes["query"] = sizes["query"].replace(KEPT_SIZES, f"now - {240 / faster if faster else 0}")
    return yaml.safe_dump(content, sort_keys=False).encode()


@contextmanager
def ours(server: Postgres, found: tuple[str, str], scratch: Path, faster: float | None = 1) -> Iterator[Exporter]:
    path = scratch / f"queries-{faster}.yml"
    path.write_bytes(queries(faster))
    flags = (
        "--disable-default-metrics",
        "--disable-settings-metrics",
        *(f"--no-collector.{each}" for each in collectors(found[1])),
        f"--extend.query-path={path}",
    )
    with _running("ours", server, found[0], flags) as exporter:
        yield exporter


@contextmanager
def stock(server: Postgres, found: tuple[str, str]) -> Iterator[Exporter]:
    """As whoever installs it and turns on what makes it look into all databases."""
    with _running("stock", server, found[0], ()) as exporter:
        yield exporter


@contextmanager
def _running(name: str, server: Postgres, path: str, flags: tuple[str, ...]) -> Iterator[Exporter]:
    port = free_port()
    source = f"host={server.home} user=dbuser_monitor dbname=postgres sslmode=disable application_name={name}"
    argv = [path, f"--web.listen-address=127.0.0.1:{port}", *flags, "--auto-discover-databases"]
    env = {**os.environ, "DATA_SOURCE_NAME": f"{source} statement_timeout=8000 jit=off"}
    process = subprocess.Popen([*argv, "--exclude-databases=template0,template1"], env=env, stderr=subprocess.DEVNULL)
    exporter = Exporter(name, port, process)
    try:
        for _ in range(100):
            time.sleep(0.1)
            try:
                exporter.first = exporter.scrape()
                break
            except OSError:
                continue
        yield exporter
    finally:
        process.terminate()
        process.wait()


def connections(server: Postgres, exporter: Exporter) -> int:
    return int(server.value(f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{exporter.name}'"))


def server_time(server: Postgres) -> float:
    """Processor time of all its processes, also of those that are gone."""
    parent = int((server.data / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    gone = _stat(parent)
    return _used(parent) + sum(map(_used, map(int, children))) + (int(gone[13]) + int(gone[14])) / TICKS


def _used(pid: int) -> float:
    """Processor time of a process; 0 once it is gone."""
    try:
        # In nanoseconds, of each thread. The usual figures are in hundredths of a second.
        return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    except FileNotFoundError:
        return 0


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
