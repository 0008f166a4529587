"""What watching PostgreSQL costs: time of a scrape, series, processor time, and transactions lost.

    python bench/pgsql/bench.py [--databases 100] [--tables 50] [--rounds 5] [--seconds 8] [--exporter PATH]

Starts a server of its own (the machine's PostgreSQL), fills it, and runs the exporter with Staddle's queries. Transactions are
counted with pgbench, side by side in one run: rounds with and without the exporter take turns.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.sandbox.postgres import Postgres, postgres

from staddle.components.postgres_exporter import POSTGRES_EXPORTER, collectors
from staddle.components.postgres_exporter.catalogue import queries_file
from staddle.pgsql.prepare import script
from staddle.programs.provision import provision
from staddle.programs.shelf import cache_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = 29_630
TICKS = os.sysconf("SC_CLK_TCK")
INTERVAL = 10.0


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        program, version = exporter_program(options.exporter, Path(scratch))
        settings = {"max_connections": str(options.databases + 60), "shared_buffers": "256MB", "max_wal_size": "4GB"}
        with postgres(shared_preload_libraries="pg_stat_statements", autovacuum="off", **settings) as server:
            fill(server, options.databases, options.tables)
            print(f"postgres_exporter {version}, {server.value('SHOW server_version')},", end=" ")
            print(f"{options.databases} databases of {options.tables} tables, load {os.getloadavg()[0]:.1f}\n")
            with exporter(server, program, version, Path(scratch)) as process:
                scrapes(server, process)
            if options.rounds:
                transactions(server, program, version, Path(scratch), options.rounds, options.seconds)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", type=int, default=100)
    parser.add_argument("--tables", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--exporter", help="its program; otherwise Debian's is fetched")
    return parser.parse_args()


def exporter_program(given: str | None, scratch: Path) -> tuple[str, str]:
    if given:
        done = subprocess.run([given, "--version"], capture_output=True, text=True, check=True)
        return given, (done.stdout + done.stderr).split()[2]
    found = provision([POSTGRES_EXPORTER], scratch / "programs", cache_directory() / "apt", lambda _: None)
    program = found["postgres_exporter"]
    return program.path, program.version


def fill(server: Postgres, databases: int, tables: int) -> None:
    server.sql(script("dbuser_monitor", None))
    made = "".join(
        f"CREATE TABLE t{i} (id int PRIMARY KEY, x text); INSERT INTO t{i} SELECT g, 'x' FROM generate_series(1, 100) g;\n"
        for i in range(tables)
    )
    server.sql("CREATE DATABASE d0")
    server.sql(f"{made} ANALYZE;", "d0")
    server.sql("\n".join(f"CREATE DATABASE d{i} TEMPLATE d0 STRATEGY file_copy;" for i in range(1, databases)))
    server.run("pgbench", "-i", "-q", "-s", "10")


@contextmanager
def exporter(server: Postgres, program: str, version: str, scratch: Path) -> Iterator[subprocess.Popen[bytes]]:
    queries = scratch / "queries.yml"
    queries.write_bytes(queries_file())
    name = f"host={server.home} port=5432 user=dbuser_monitor dbname=postgres sslmode=disable"
    argv = [
        *(program, f"--web.listen-address=127.0.0.1:{PORT}", "--disable-default-metrics", "--disable-settings-metrics"),
        *(f"--no-collector.{each}" for each in collectors(version)),
        *(f"--extend.query-path={queries}", "--auto-discover-databases", "--exclude-databases=template0,template1"),
    ]
    env = {**os.environ, "DATA_SOURCE_NAME": f"{name} application_name=staddle statement_timeout=8000 jit=off"}
    process = subprocess.Popen(argv, env=env, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            time.sleep(0.1)
            try:
                scrape()
                break
            except OSError:
                continue
        yield process
    finally:
        process.terminate()
        process.wait()


def scrape() -> tuple[float, str]:
    begun = time.perf_counter()
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=60) as reply:
        text = reply.read().decode()
    return time.perf_counter() - begun, text


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def scrapes(server: Postgres, process: subprocess.Popen[bytes], rounds: int = 13) -> None:
    """Every ten seconds, as Staddle scrapes: what is cached and what isn't come up as they do there."""
    backends = "SELECT pid FROM pg_stat_activity WHERE application_name = 'staddle'"
    pids = [process.pid, *(int(pid) for pid in server.run("psql", "-X", "-Atc", backends).split())]
    before, took, text = sum(map(cpu, pids)), [], ""
    for _ in range(rounds):
        seconds, text = scrape()
        took.append(seconds * 1000)
        time.sleep(max(0.0, INTERVAL - seconds))
    used = (sum(map(cpu, pids)) - before) / rounds
    error = next(line for line in text.splitlines() if line.startswith("pg_exporter_last_scrape_error "))
    series = sum(line.startswith("pg_") for line in text.splitlines())
    print("| scrape | |\n|---|---:|")
    print(f"| median, ms | {statistics.median(took):.0f} |\n| slowest of {rounds}, ms | {max(took):.0f} |")
    print(f"| series | {series} |\n| connections | {len(pids) - 1} |")
    print(f"| processor time, exporter and server together, ms | {used * 1000:.0f} |")
    print(f"| of one processor at a scrape every 10 s | {used / INTERVAL:.2%} |")
    print(f"| error | {error.split()[1]} |\n")


def transactions(server: Postgres, program: str, version: str, scratch: Path, rounds: int, seconds: int) -> None:
    without, beside = [], []
    for _ in range(rounds):
        without.append(pgbench(server, seconds))
        with exporter(server, program, version, scratch):
            running = subprocess.Popen([sys.executable, "-c", SCRAPER.format(port=PORT, interval=INTERVAL)])
            try:
                beside.append(pgbench(server, seconds))
            finally:
                running.terminate()
                running.wait()
    losses = [1 - watched / alone for alone, watched in zip(without, beside, strict=True)]
    print(
        f"| pgbench -c 4 -M prepared, {rounds} rounds of {seconds} s | tps, median | lowest | highest |\n|---|---:|---:|---:|"
    )
    for name, values in (("without", without), ("watched, scraped every 10 s", beside)):
        print(f"| {name} | {statistics.median(values):.0f} | {min(values):.0f} | {max(values):.0f} |")
    print(
        f"\nLoss, median of the rounds: {statistics.median(losses):.1%} (from {min(losses):.1%} to {max(losses):.1%})"
    )


SCRAPER = """
import time, urllib.request
while True:
    urllib.request.urlopen("http://127.0.0.1:{port}/metrics", timeout=60).read()
    time.sleep({interval})
"""


def pgbench(server: Postgres, seconds: int) -> float:
    text = server.run("pgbench", "-n", "-c", "4", "-M", "prepared", "-T", str(seconds))
    return float(next(line for line in text.splitlines() if line.startswith("tps")).split()[2])


if __name__ == "__main__":
    main()
