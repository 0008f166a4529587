"""How long after a fault somebody is told: a component is stopped, and a webhook on loopback waits for the message.

    bench/alerts/latency.py [--rounds N] [--interval 10s]

One sandbox, InfraDown (CRIT) without its `for`, default grouping. Each component is stopped once a round, at a random
moment between two scrapes. At worst that takes a scrape, an evaluation, and what messages wait for each other. Prints a
Markdown table.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.sandbox.faults import names
from tests.sandbox.sinks import HttpSink, Told
from tests.sandbox.stack import Stack, wait_for

from staddle.inventory.parameters import Duration

COMPONENTS = ("vtraces", "vlogs", "blackbox", "nginx_exporter")
INSTANCES = {"nginx_exporter": "nginx-1"}
INVENTORY = """\
all:
  children: {{ infra: {{ hosts: {{ 127.0.0.1: {{ infra_seq: 1, nodename: box }} }} }} }}
  vars:
    vmetrics_scrape_interval: {interval}
    alert_receivers: {{ ops: {{ type: webhook, url: "{url}/told" }} }}
    alert_rules: {{ InfraDown: {{ for: 0s }} }}
"""


def component_of(told: Told) -> str:
    return str(told.data["alerts"][0]["labels"].get("ins", ""))


def rounds(stack: Stack, sink: HttpSink, count: int, interval: float) -> list[float]:
    """Seconds from each fault to its message."""
    found = []
    wait_for("all to be scraped", lambda: stack.query('min(up{job="infra"}) == 1'), timeout=120)
    for _ in range(count):
        for component in COMPONENTS:
            news = ("InfraDown", INSTANCES.get(component, f"{component}-1"))
            time.sleep(random.uniform(0, interval))
            sink.told.clear()
            stack.supervision.call("supervisor.stopProcess", component)
            fault = time.time()
            wait_for(f"a message about {component}", lambda news=news: news in names(sink, "firing"), timeout=180)
            # Whatever came before it was about something else.
            found.append(min(told.at for told in sink.told if component_of(told) == news[1]) - fault)
            stack.supervision.call("supervisor.startProcess", component)
        wait_for("all to be well", lambda: stack.query('min(up{job="infra"}) == 1'), timeout=120)
        # What was told within the last group interval would wait for its end.
        time.sleep(45)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--interval", type=Duration, default=Duration("10s"), help="between scrapes, and evaluations")
    chosen = parser.parse_args()
    interval = chosen.interval.seconds
    with tempfile.TemporaryDirectory(prefix="staddle-bench-") as scratch, HttpSink() as sink:
        stack = Stack(Path(scratch))
        stack.write(INVENTORY.format(interval=chosen.interval, url=sink.url))
        try:
            stack.up()
            found = rounds(stack, sink, chosen.rounds, interval)
        finally:
            stack.supervision.stop()
    print("| scrapes and evaluations every | faults | median, s | slowest, s | allowed, s |")
    print("|---|---:|---:|---:|---:|")
    row = (
        chosen.interval,
        len(found),
        f"{statistics.median(found):.1f}",
        f"{max(found):.1f}",
        f"{2 * interval + 5:.0f}",
    )
    print("| " + " | ".join(map(str, row)) + " |")


if __name__ == "__main__":
    main()
