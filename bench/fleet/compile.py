"""How long it takes to load and compile a big fleet, and how much memory.

    bench/fleet/compile.py [--nodes N …] [--runs N] [--profile]

Prints a Markdown table. Each run is a fresh process that reads the inventory and the facts of every host, and writes the
manifest of each, as `staddle plan` does on the ADMIN node: three INFRA nodes, everything that is not switched off by
default. "First" also makes the CA, all keys and all certificates. `--profile` prints where the time goes instead.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import os
import pstats
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
INFRA = 3
CLUSTER = 4
RUN = "files/runs/1-bench"


def address(number: int) -> str:
    return f"10.10.{number // 200}.{number % 200 + 10}"


def inventory(nodes: int) -> str:
    """Three INFRA nodes, and database clusters of four with their usual parameters."""
    infra = {address(n): {"infra_seq": n + 1} for n in range(min(INFRA, nodes))}
    groups: dict[str, object] = {"infra": {"hosts": infra}}
    for first in range(len(infra), nodes, CLUSTER):
        name = f"pg-{first:04}"
        members = {
            address(n): {"pg_seq": n - first + 1, "pg_role": "replica" if n > first else "primary"}
            for n in range(first, min(first + CLUSTER, nodes))
        }
        groups[name] = {"hosts": members, "vars": {"pg_cluster": name, "node_cluster": name}}
    shared = {"admin_ip": address(0), "nginx_users": {"dba": "a password of nobody"}}
    return json.dumps({"all": {"children": groups, "vars": shared}}, indent=1)


def prepare(home: Path, nodes: int) -> None:
    """The inventory, and facts of a host as Debian 13 gives them."""
    from tests.unit.systems import TRIXIE  # noqa: PLC0415 - not part of what is measured

    (home / "staddle.yml").write_text(inventory(nodes), encoding="utf-8")
    (home / "facts.json").write_text(json.dumps(TRIXIE.to_data()), encoding="utf-8")


def begin(home: Path, nodes: int) -> None:
    """A run's directory, as it is when all hosts have told what they are."""
    runs = home / RUN
    shutil.rmtree(runs, ignore_errors=True)
    runs.mkdir(parents=True)
    facts = (home / "facts.json").read_text(encoding="utf-8")
    for number in range(nodes):
        (runs / f"facts.{address(number)}.json").write_text(facts, encoding="utf-8")


def once(home: Path) -> dict[str, float]:
    """In a process of its own: seconds and megabytes."""
    began = time.perf_counter()
    from staddle.drive.compilation import compile_run, loaded  # noqa: PLC0415 - measured
    from staddle.drive.rundir import RunDirectory, admin_directory  # noqa: PLC0415

    path = home / "staddle.yml"
    imported = time.perf_counter()
    loaded(path)
    read = time.perf_counter()
    compiled = compile_run(RunDirectory(home / RUN), path, admin_directory(path))
    done = time.perf_counter()
    return {
        "manifests": len(compiled.digests),
        "import": imported - began,
        "load": read - imported,
        "compile": done - read,
        "wall": done - began,
        "cpu": time.process_time(),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure(home: Path, nodes: int) -> dict[str, float]:
    begin(home, nodes)
    result = subprocess.run([sys.executable, __file__, "--once", str(home)], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(result.stdout)
    return found


def row(what: str, runs: list[dict[str, float]], size: int) -> str:
    cells = [f"{statistics.median(run[key] for run in runs):.1f}" for key in ("load", "compile", "wall", "cpu")]
    return f"| {what} | {' | '.join(cells)} | {max(run['peak'] for run in runs):.0f} | {size / 2**20:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--once", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        print(json.dumps(once(arguments.once)))
        return
    print("| nodes | load, s | compile, s | in all, s | processor, s | peak memory, MB | manifests, MB |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for nodes in arguments.nodes:
        home = Path(tempfile.mkdtemp(prefix="staddle-bench-"))
        try:
            prepare(home, nodes)
            first = measure(home, nodes)
            assert first["manifests"] == nodes
            if arguments.profile:
                begin(home, nodes)
                profile(home)
                continue
            size = sum(file.stat().st_size for file in (home / RUN).glob("manifest.*"))
            print(row(f"{nodes:,}, first", [first], size))
            print(
                row(
                    f"{nodes:,}, median of {arguments.runs}",
                    [measure(home, nodes) for _ in range(arguments.runs)],
                    size,
                )
            )
        finally:
            shutil.rmtree(home)
    print(f"\n{time.strftime('%Y-%m-%d %H:%M')}, load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")


def profile(home: Path) -> None:
    profiler = cProfile.Profile()
    profiler.runcall(once, home)
    stats = pstats.Stats(profiler)
    stats.sort_stats("cumulative").print_stats(50)
    stats.sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main()
