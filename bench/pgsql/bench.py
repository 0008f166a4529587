"""What watching PostgreSQL costs: time of a scrape, processor time, series, and transactions lost; beside the stock exporter.

    python bench/pgsql/bench.py [--databases 100] [--tables 50] [--blocks 12] [--exporter PATH]

Starts a server of its own (the machine's PostgreSQL), and fills it. Takes five minutes with what it does by default. Both
exporters are Debian's: ours with Staddle's queries, the stock one with its own metrics, looking into all databases.

Time runs ten times as fast, but for the rows that say otherwise: scrapes come every second, and what our queries keep is kept
for a tenth of the time, so that a scrape has as much to do as at every ten seconds.

Transactions are counted while pgbench keeps all processors busy, in windows of three seconds: without scrapes, with ours, with
the stock exporter's; the three follow each other in all orders. What is told is how much fewer there were than without, in
the same block of three, for a scrape every ten seconds (a tenth of what was measured): the median of the blocks, and what it
is in 95 of 100 samples that are drawn from them anew.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from itertools import permutations
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from exporters import Exporter, connections, ours, program, stock
from tests.sandbox.postgres import Postgres, load, postgres

from staddle.pgsql.prepare import script

FASTER, INTERVAL, WINDOW = 10, 10.0, 3
QUIET = {"log_destination": "stderr", "log_min_duration_statement": "-1", "auto_explain.log_min_duration": "-1"}
PROCESSORS = len(os.sched_getaffinity(0))


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        found = program(options.exporter, Path(scratch))
        # Three exporters have a connection to each database.
        settings = {
            "max_connections": str(3 * options.databases + 60),
            "shared_buffers": "256MB",
            "max_wal_size": "4GB",
        }
        with postgres(shared_preload_libraries="pg_stat_statements", autovacuum="off", **settings, **QUIET) as server:
            server.sql(script("dbuser_monitor", None))
            server.run("pgbench", "-i", "-q", "-s", "10")
            print(f"postgres_exporter {found[1]}, PostgreSQL {server.value('SHOW server_version')}, ", end="")
            print(f"{PROCESSORS} processors, load {os.getloadavg()[0]:.1f}")
            fill(server, 1, options.tables)
            compare(server, found, Path(scratch), f"1 database of {options.tables} tables", 12, 0, options.blocks // 3)
            fill(server, options.databases, options.tables)
            title = f"{options.databases} databases of {options.tables} tables"
            # Tables are looked into once a minute: eight scrapes at ten seconds have that among them.
            compare(server, found, Path(scratch), title, 30, 8, options.blocks)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--databases", type=int, default=100)
    parser.add_argument("--tables", type=int, default=50)
    parser.add_argument("--blocks", type=int, default=12)
    parser.add_argument("--exporter", help="its program; otherwise Debian's is fetched")
    return parser.parse_args()


def fill(server: Postgres, databases: int, tables: int) -> None:
    """So many databases, of which the first is there from the first call on."""
    if databases == 1:
        made = "".join(
            f"CREATE TABLE t{i} (id int PRIMARY KEY, x text);"
            f"INSERT INTO t{i} SELECT g, 'x' FROM generate_series(1, 100) g;\n"
            for i in range(tables)
        )
        server.sql("CREATE DATABASE d0")
        server.sql(f"{made} ANALYZE;", "d0")
        return
    # What templates are copied from must have no connections.
    server.sql("\n".join(f"CREATE DATABASE d{i} TEMPLATE d0 STRATEGY file_copy;" for i in range(1, databases)))


def compare(
    server: Postgres, found: tuple[str, str], scratch: Path, title: str, scrapes: int, real: int, blocks: int
) -> None:
    print(f"\n{title}, load {os.getloadavg()[0]:.1f}\n")
    with ExitStack() as keep:
        us = keep.enter_context(ours(server, found, scratch, FASTER))
        peer = keep.enter_context(stock(server, found))
        alternate(server, us, peer, scrapes, INTERVAL / FASTER)
        rows = [
            ("a scrape, median, ms", *(statistics.median(each.seconds) * 1000 for each in (us, peer))),
            (f"slowest of {scrapes}, ms", *(max(each.seconds) * 1000 for each in (us, peer))),
            ("the first, ms", us.first * 1000, peer.first * 1000),
            *kept_not(server, found, scratch),
            *at_ten_seconds(server, found, scratch, peer, real),
            ("processor time of a scrape, ms", us.cost * 1000, peer.cost * 1000),
            ("of it, the exporter's, ms", *(statistics.mean(each.own) * 1000 for each in (us, peer))),
            ("series", us.series, peer.series),
            ("connections", connections(server, us), connections(server, peer)),
        ]
        print("| | ours | stock | ratio |\n|---|---:|---:|---:|")
        for name, mine, theirs in rows:
            ratio = f"{mine / theirs:.2f}" if theirs else ""
            print(f"| {name} | {mine:,.0f} | {f'{theirs:,.0f}' if theirs else ''} | {ratio} |")
        shares = [each.cost / INTERVAL / PROCESSORS for each in (us, peer)]
        print(
            f"| of all processors, scraped every 10 s | {shares[0]:.2%} | {shares[1]:.2%} | {shares[0] / shares[1]:.2f} |"
        )
        if blocks:
            transactions(server, us, peer, blocks)
        error = next(line for line in us.text.splitlines() if line.startswith("pg_exporter_last_scrape_error "))
        assert error.endswith(" 0"), error


def alternate(server: Postgres, us: Exporter, peer: Exporter, rounds: int, interval: float) -> None:
    """Each scrapes every `interval`, and half of it after the other one."""
    begun = time.monotonic()
    for step in range(2 * rounds):
        time.sleep(max(0.0, begun + step * interval / 2 - time.monotonic()))
        (us, peer)[step % 2].measure(server)


def kept_not(server: Postgres, found: tuple[str, str], scratch: Path) -> list[tuple[str, float, float]]:
    """The worst that can come: whatever our queries keep runs out in the same scrape. (The stock ones keep nothing.)"""
    with ours(server, found, scratch, None) as exporter:
        for _ in range(7):
            exporter.measure(server)
            time.sleep(0.2)
    took = [seconds * 1000 for seconds in exporter.seconds]
    return [
        ("all that is kept asked anew, median of 7, ms", statistics.median(took), 0),
        ("the slowest of these, ms", max(took), 0),
    ]


def at_ten_seconds(
    server: Postgres, found: tuple[str, str], scratch: Path, peer: Exporter, rounds: int
) -> list[tuple[str, float, float]]:
    """As Staddle scrapes: what is rarely used isn't in the processor's caches any more."""
    if not rounds:
        return []
    before = len(peer.seconds)
    with ours(server, found, scratch, 1) as exporter:
        alternate(server, exporter, peer, rounds, INTERVAL)
    times = [[seconds * 1000 for seconds in taken] for taken in (exporter.seconds, peer.seconds[before:])]
    return [
        (f"every 10 s, median of {rounds}, ms", *map(statistics.median, times)),
        (f"slowest of these {rounds}, ms", *map(max, times)),
    ]


def transactions(server: Postgres, us: Exporter, peer: Exporter, blocks: int) -> None:
    orders = list(permutations((None, us, peer)))
    random.Random(1).shuffle(orders)
    losses: dict[str, list[float]] = {us.name: [], peer.name: []}
    alone = []
    with load(server, "-c", "4", "-j", "1", "-M", "prepared"), psycopg.connect(
        host=str(server.home), user="postgres", dbname="postgres", autocommit=True
    ) as connection:  # fmt: skip
        time.sleep(WINDOW)
        for block in range(blocks):
            rates = {each.name if each else "": window(connection, each) for each in orders[block % len(orders)]}
            alone.append(rates[""])
            for name, found in losses.items():
                found.append((1 - rates[name] / rates[""]) / FASTER)
    print(f"\n| transactions lost, {blocks} blocks; {statistics.median(alone):,.0f}/s without ", end="")
    print("| median | from | to |\n|---|---:|---:|---:|")
    for name, found in losses.items():
        low, high = bootstrap(found)
        print(f"| {name}, scraped every 10 s | {statistics.median(found):.2%} | {low:.2%} | {high:.2%} |")


def window(connection: psycopg.Connection, exporter: Exporter | None) -> float:
    """Transactions a second. Each of pgbench's takes one ID, and nothing else does."""
    begun, before = time.monotonic(), ids(connection)
    for second in range(WINDOW):
        time.sleep(max(0.0, begun + second * INTERVAL / FASTER - time.monotonic()))
        if exporter:
            exporter.scrape()
    time.sleep(max(0.0, begun + WINDOW - time.monotonic()))
    return (ids(connection) - before) / (time.monotonic() - begun)


def ids(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT txid_snapshot_xmax(txid_current_snapshot())").fetchone()
    assert row
    return int(row[0])


def bootstrap(values: list[float], samples: int = 4000) -> tuple[float, float]:
    """Between what the median lies in 95 of 100 samples that are drawn anew."""
    chance = random.Random(1)
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(samples))
    return medians[samples // 40], medians[-samples // 40]


if __name__ == "__main__":
    main()
