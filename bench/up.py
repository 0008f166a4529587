"""How long `staddle up` takes: from nothing, and when nothing is to be done.

    bench/up.py [--runs N]

Prints a Markdown table. The first row downloads every program; the second has the archives in its cache, as a second
sandbox of the same user would; the last two are the same command run again, and after a line of the inventory changed.
Everything happens in a scratch directory and on free ports.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.sandbox.stack import Stack, free_offset

INVENTORY = "all: {{children: {{infra: {{hosts: {{127.0.0.1: {{infra_seq: 1, nodename: {name}}}}}}}}}}}\n"


def up(stack: Stack, cache: Path, name: str) -> tuple[float, dict[str, int]]:
    """Seconds, and the totals of the report."""
    stack.write(INVENTORY.format(name=name))
    command = [sys.executable, "-m", "staddle", "up", "--json", "--dir", str(stack.root)]
    command += ["--port-offset", str(stack.offset), "-i", str(stack.inventory)]
    began = time.perf_counter()
    result = subprocess.run(
        command, env={**os.environ, "STADDLE_CACHE": str(cache)}, capture_output=True, text=True, check=True
    )
    return time.perf_counter() - began, json.loads(result.stdout)["report"]["totals"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="how often the cheap ones are repeated")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="staddle-bench-") as scratch:
        cache = Path(scratch) / "cache"
        first, second = (Stack(Path(scratch) / name, offset=free_offset()) for name in ("first", "second"))
        for stack in (first, second):
            stack.home.mkdir()
        try:
            cold, totals = up(first, cache, "a")
            first.supervision.stop()
            cached, _ = up(second, cache, "a")
            same = [up(second, cache, "a") for _ in range(runs)]
            assert all(t["changed"] == 0 for _, t in same), "a run that should change nothing did"
            edited = [up(second, cache, f"b{n}") for n in range(runs)]
        finally:
            first.supervision.stop()
            second.supervision.stop()
    print("| `staddle up` | seconds | changed | started, restarted, reloaded |")
    print("|---|---:|---:|---|")
    rows = [("from nothing, downloading", cold, totals), ("from nothing, archives cached", cached, totals)]
    rows += [(f"again, median of {runs}", statistics.median(s for s, _ in same), same[-1][1])]
    rows += [(f"node renamed, median of {runs}", statistics.median(s for s, _ in edited), edited[-1][1])]
    for what, seconds, counts in rows:
        acted = ", ".join(str(counts[f"services_{action}"]) for action in ("start", "restart", "reload"))
        print(f"| {what} | {seconds:.1f} | {counts['changed']} | {acted} |")


if __name__ == "__main__":
    main()
