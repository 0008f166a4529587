"""What recorded series save: the queries of the page of all clusters, as they are and as they would be without.

    python bench/pgsql/recorded.py [--instances 1000] [--databases 10] [--rounds 5]

Fills a VictoriaMetrics of its own with an hour of simulated instances (two to a cluster), and asks it each query of
`pgsql-overview` that has a recorded series in it: as it stands, and with what the rules record put in its place. Prints a
Markdown table: how many series the store read, and how long it took (median), without its cache.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from server import Server

from staddle.components.vmetrics import VICTORIA_METRICS
from staddle.dashboards import shipped
from staddle.programs.provision import provision
from staddle.programs.shelf import cache_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR, STEP = 3600, 15
RECORDED = re.compile(r"\b(pg:\w+:\w+)(\{[^}]*\})?")
OF_DATABASES = (
    *(f"pg_stat_database_{what}" for what in ("xact_commit", "xact_rollback", "blks_hit", "blks_read", "active_time")),
    *("pg_database_size_bytes", "pg_database_xid_age", "pg:db:tps"),
)
OF_INSTANCES = (
    *("pg_up", "pg_replication_is_replica", "pg_replication_lag_seconds", "pg_replication_lsn_bytes"),
    *("pg_activity_client_backends", "pg_settings_max_connections", "pg_settings_superuser_reserved_connections"),
)


def rules() -> dict[str, str]:
    """What each recorded series records."""
    path = Path(__file__).parents[2] / "src/staddle/alerting/rules/pgsql/recorded.yml"
    return {rule["record"]: rule["expr"] for rule in yaml.safe_load(path.read_bytes())["groups"][0]["rules"]}


def raw(expr: str, recorded: dict[str, str]) -> str:
    """A query without recorded series: with the same, not yet recorded, in their place."""
    while RECORDED.search(expr):
        expr = RECORDED.sub(lambda match: f"({recorded[match[1]]})", expr)
    return expr


def series(instances: int, databases: int, end: int, recorded: dict[str, str]) -> Iterator[str]:
    """Lines of VictoriaMetrics' own JSON."""
    times = list(range((end - HOUR) * 1000, end * 1000, STEP * 1000))
    stamps = json.dumps(times)
    shapes = [json.dumps([start + speed * i for i in range(len(times))])
              for start, speed in ((random.randrange(1, 9), random.randrange(1, 99)) for _ in range(40))]  # fmt: skip
    for number in range(instances):
        cls = f"pg-{number // 2:04}"
        labels = {
            "job": "pgsql",
            "cls": cls,
            "ins": f"{cls}-{number % 2 + 1}",
            "ip": f"10.0.{number >> 8}.{number & 255}",
        }
        own = [(name, {}) for name in (*OF_INSTANCES, *(name for name in recorded if name.startswith("pg:ins:")))]
        own += [(name, {"datname": f"db{i}"}) for i in range(databases) for name in OF_DATABASES]
        for name, more in own:
            metric = json.dumps({"__name__": name, **labels, **more})
            flag = {"pg_up": 1, "pg_replication_is_replica": number % 2}.get(name)
            values = random.choice(shapes) if flag is None else json.dumps([flag] * len(times))
            yield f'{{"metric":{metric},"values":{values},"timestamps":{stamps}}}\n'
        for name in recorded if number % 2 == 0 else ():
            if name.startswith("pg:cls:"):
                metric = json.dumps({"__name__": name, "job": "pgsql", "cls": cls})
                yield f'{{"metric":{metric},"values":{random.choice(shapes)},"timestamps":{stamps}}}\n'


def asked(server: Server, expr: str, end: int, rounds: int) -> tuple[int, float]:
    """Series read and milliseconds."""
    taken, read = [], 0
    for _ in range(rounds):
        query = {"query": expr, "start": end - HOUR, "end": end, "step": STEP, "nocache": 1}
        begun = time.perf_counter()
        answer = json.loads(server.request("GET", "/api/v1/query_range?" + urlencode(query)))
        taken.append((time.perf_counter() - begun) * 1000)
        if answer["status"] != "success" or not answer["data"]["result"]:
            sys.exit(f"no answer to {expr}: {answer}")
        read = int(answer["stats"]["seriesFetched"])
    return read, statistics.median(taken)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--databases", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    recorded, end = rules(), int(time.time()) // STEP * STEP
    (board,) = [each.data() for each in shipped() if each.uid == "pgsql-overview"]
    queries = {
        f"{panel['title']} {target['refId']}": re.sub(r'cls=~"\$cls"', 'cls=~".*"', target["expr"])
        for panel in board["panels"]
        for target in panel.get("targets", ())
        if RECORDED.search(target.get("expr", ""))
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        found = provision([VICTORIA_METRICS], folder / "programs", cache_directory() / "apt", lambda _step: None)
        (folder / "data").mkdir()
        program = found["victoria-metrics"]
        os.environ.update(program.environment)
        server = Server("vmetrics", [program.path], folder / "data")
        server.start()
        try:
            batch: list[str] = []
            for line in series(options.instances, options.databases, end, recorded):
                batch.append(line)
                if len(batch) == 2000:
                    server.request("POST", "/api/v1/import", "".join(batch).encode())
                    batch.clear()
            server.request("POST", "/api/v1/import", "".join(batch).encode())
            server.request("GET", "/internal/force_flush")
            rows = []
            for name, expr in queries.items():
                with_, without = (asked(server, each, end, options.rounds) for each in (expr, raw(expr, recorded)))
                rows.append((name, *without, *with_))
        finally:
            server.stop()
    print(f"{options.instances} instances, {options.databases} databases each, load {os.getloadavg()[0]:.1f}\n")
    print("| panel and query | series read without | ms | series read | ms |\n|---|---:|---:|---:|---:|")
    for row in rows:
        print("| {} | {} | {:.0f} | {} | {:.0f} |".format(*row))
    sums = [sum(row[i] for row in rows) for i in range(1, 5)]
    print("| all | {} | {:.0f} | {} | {:.0f} |".format(*sums))
    print(f"\nwithout, {sums[0] / sums[2]:.1f} times as many series, {sums[1] / sums[3]:.1f} times as long")


if __name__ == "__main__":
    main()
