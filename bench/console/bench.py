"""How fast the console is: a dashboard with 40 panels over 24 hours of 10-second data, in headless Chromium.

    bench/console/bench.py [--runs N] [--refreshes N]

Prints a Markdown table. A sandbox with the real stores is brought up in a scratch directory; its metrics store is given the
data. "Warm" means that the browser and the store have seen the dashboard once. All panels are within the window, so that all
are asked for. Interactive: the page's title and every panel's frame are there and the main thread answers. Drawn: every panel
has its data, and the frame after that was painted. Memory is what JavaScript holds after garbage was collected, over
refreshes that come faster than every 10 s; the hour is extrapolated from the second half of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.browser.chromium import CHROMIUM, FLAGS
from tests.sandbox.stack import Stack, started

HOURS, STEP, INSTANCES = 24, 10, 4
FRAMES = "(n) => document.querySelectorAll('[data-testid=panel]').length >= n && document.querySelector('h1')"
DRAWN = (
    "(n) => [...document.querySelectorAll('[data-testid=panel]')].filter((p) => p.dataset.state === 'Done').length >= n"
)
PAINTED = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))"
SIZE = """() => performance.getEntriesByType('resource')
  .filter((entry) => /\\.(js|css)$/.test(new URL(entry.name).pathname))
  .reduce((sum, entry) => sum + entry.encodedBodySize, 0)"""
SCROLL = """(seconds) => new Promise((done) => {
  const times = [], began = performance.now();
  const frame = (now) => {
    times.push(now);
    window.scrollBy(0, 12);
    if (window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 1) window.scrollTo(0, 0);
    if (now - began < seconds * 1000) requestAnimationFrame(frame);
    else done([(times.length - 1) / (times.at(-1) - times[0]) * 1000,
               Math.max(...times.slice(1).map((time, i) => time - times[i]))]);
  };
  requestAnimationFrame(frame);
})"""


def board(uid: str, panels: int) -> dict[str, Any]:
    found = []
    for i in range(panels):
        kind = "stat" if i % 4 == 2 else "timeseries"
        series = f'{{k="{i % 40}"}}'
        expr = f"bench_value{series}" if kind == "stat" else f"rate(bench_total{series}[$__rate_interval])"
        place = {"x": i % 4 * 6, "y": i // 4 * 6, "w": 6, "h": 6}
        target = {"refId": "A", "expr": expr, "legendFormat": "{{ins}}"}
        found.append({"id": i + 1, "type": kind, "title": f"Panel {i}", "gridPos": place, "targets": [target]})
    return {"uid": uid, "title": uid, "schemaVersion": 42, "panels": found, "time": {"from": "now-24h", "to": "now"}}


def fill(stack: Stack) -> None:
    """A day of data, by the store's own import."""
    now = int(time.time()) // STEP * STEP
    stamps = [(now - HOURS * 3600 + i * STEP) * 1000 for i in range(HOURS * 3600 // STEP)]
    lines = []
    for k in range(40):
        for i in range(INSTANCES):
            labels = {"k": str(k), "ins": f"db-{i}"}
            rises = [(n * (k + 1 + i) + n % 17) for n in range(len(stamps))]
            waves = [50 + (n * (i + 3) % 97) / 2 for n in range(len(stamps))]
            for name, values in (("bench_total", rises), ("bench_value", waves)):
                lines.append(
                    json.dumps({"metric": {"__name__": name, **labels}, "values": values, "timestamps": stamps})
                )
    request = urllib.request.Request(f"http://127.0.0.1:{stack.port(8428)}/api/v1/import", "\n".join(lines).encode())
    urllib.request.urlopen(request, timeout=120).close()


def load(page: Page, url: str, panels: int) -> tuple[float, float]:
    """Seconds until it was interactive, and until all was drawn."""
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_function(FRAMES, arg=panels, polling=20)
    page.evaluate(PAINTED)
    interactive = time.perf_counter() - began
    page.wait_for_function(DRAWN, arg=panels, polling=20, timeout=120_000)
    page.evaluate(PAINTED)
    return interactive, time.perf_counter() - began


def heap(session: CDPSession) -> float:
    session.send("HeapProfiler.collectGarbage")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["JSHeapUsedSize"]) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--refreshes", type=int, default=120)
    asked = parser.parse_args()
    load_before = os.getloadavg()[0]
    rows: list[tuple[str, str, str]] = []
    with tempfile.TemporaryDirectory(prefix="staddle-bench-") as scratch, sync_playwright() as driver:
        for stack in started(Path(scratch)):
            for uid, count in (("forty", 40), ("hundred", 100)):
                path = stack.root / f"data/infra/dashboards/{uid}.json"
                path.write_text(json.dumps(board(uid, count)), encoding="utf-8")
            fill(stack)
            time.sleep(3)
            browser = driver.chromium.launch(
                executable_path=str(CHROMIUM), args=[*FLAGS, "--enable-precise-memory-info"]
            )
            context = browser.new_context(ignore_https_errors=True, viewport={"width": 1600, "height": 2400})
            page = context.new_page()
            base = f"https://localhost:{stack.port(8443)}/console/d"
            cold = load(page, f"{base}/forty", 40)
            size = page.evaluate(SIZE)
            warm = [load(page, f"{base}/forty", 40) for _ in range(asked.runs)]
            rows.append(("JavaScript and CSS of the first view, gzip", f"{size / 1000:.0f} KB", "≤ 900 KB"))
            rows.append(("first visit: interactive, all 40 drawn", f"{cold[0]:.2f} s, {cold[1]:.2f} s", ""))
            for name, index, goal in (("interactive", 0, "≤ 1.5 s"), ("all 40 panels drawn", 1, "≤ 3 s")):
                times = [one[index] for one in warm]
                text = f"{statistics.median(times):.2f} s ({min(times):.2f}–{max(times):.2f})"
                rows.append((f"warm: {name}, median of {asked.runs}", text, goal))
            session = context.new_cdp_session(page)
            session.send("Performance.enable")
            held = [heap(session)]
            for number in range(asked.refreshes):
                page.get_by_role("button", name="Refresh", exact=True).click()
                page.wait_for_timeout(400)
                if number % 10 == 9:
                    held.append(heap(session))
            half = held[len(held) // 2 :]
            slope = (half[-1] - half[0]) / max(1, (len(half) - 1) * 10)
            rows.append(
                (
                    f"memory after {asked.refreshes} refreshes (at the start)",
                    f"{held[-1]:.0f} MB ({held[0]:.0f} MB)",
                    "",
                )
            )
            hour = held[-1] + max(0.0, slope) * (360 - asked.refreshes)
            rows.append(("the same after an hour of one every 10 s, extrapolated", f"{hour:.0f} MB", "≤ 300 MB"))
            page.set_viewport_size({"width": 1600, "height": 900})
            load(page, f"{base}/hundred?from=now-1h&to=now", 12)
            rates = [page.evaluate(SCROLL, 6) for _ in range(2)]
            for name, (rate, longest) in zip(("first time, panels load", "again"), rates, strict=True):
                text = f"{rate:.0f} frames/s (longest {longest:.0f} ms)"
                rows.append((f"scrolling 100 panels, {name}", text, "≥ 50 frames/s"))
            browser.close()
    print(f"load before: {load_before:.1f}, after: {os.getloadavg()[0]:.1f}\n")
    print("| | measured | goal |\n|---|---:|---:|")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()
