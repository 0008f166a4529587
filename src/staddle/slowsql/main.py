"""`staddle-slowsql`: the program. Imports nothing but Python's standard library, so that it is shipped as source."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from staddle.errors import StaddleError
from staddle.process_metrics import process_values
from staddle.slowsql.follow import Follower
from staddle.slowsql.spans import Options
from staddle.slowsql.stores import Logs, StoreUnavailableError, Traces

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger("staddle.slowsql")

EXAMPLES = """\
examples:
  staddle-slowsql --state /infra/slowsql
  staddle-slowsql --logs http://127.0.0.1:9428 --traces http://127.0.0.1:10428 --state . --min-duration 250 --no-redact
"""
VISIBLE_AFTER = 2.0
"""Seconds until a trace store that was just written to surely finds it."""
MAX_PAUSE = 30.0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="staddle-slowsql",
        description="Follows PostgreSQL's logs in a log store, and sends what took time to a trace store, as spans.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--logs", default="http://127.0.0.1:9428", help="URL of the log store (%(default)s)")
    made.add_argument("--traces", default="http://127.0.0.1:10428", help="URL of the trace store (%(default)s)")
    made.add_argument("--state", type=Path, required=True, help="directory that keeps how far it got")
    made.add_argument("--listen", default="127.0.0.1:9597", help="HOST:PORT for /metrics and /health (%(default)s)")
    made.add_argument(
        "--select", default='{job="postgres"} sid:*', help="LogsQL filter for PostgreSQL's rows (%(default)s)"
    )
    made.add_argument("--min-duration", type=float, default=0.0, help="leave out what took less, in ms (%(default)g)")
    made.add_argument(
        "--interval", type=float, default=1.0, help="seconds between looks at the log store (%(default)g)"
    )
    made.add_argument(
        "--no-redact", action="store_false", dest="redact", help="show the values of statements, plans and parameters"
    )
    return made


class Health:
    """What the follower did last, for whoever asks."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.problem = ""

    def metrics(self) -> str:
        """In Prometheus' text format."""
        totals = self.follower.totals
        values = (
            ("spans_total", "counter", "Spans sent to the trace store.", totals.spans),
            ("late_spans_total", "counter", "Those of rows that came late.", totals.late),
            ("known_spans_total", "counter", "Spans that the trace store had already.", totals.already),
            ("ignored_rows_total", "counter", "Rows that tell no duration.", totals.ignored),
            ("failures_total", "counter", "Times that a store gave no answer.", totals.failures),
            ("behind_seconds", "gauge", "How far back in time it is.", round(totals.behind_seconds, 3)),
            ("up", "gauge", "Whether both stores answered the last time.", int(not self.problem)),
        )
        own = "".join(
            f"# HELP slowsql_{name} {text}\n# TYPE slowsql_{name} {kind}\nslowsql_{name} {value}\n"
            for name, kind, text, value in values
        )
        return own + "".join(f"{name} {value}\n" for name, value in process_values().items())


def serve(address: str, health: Health) -> ThreadingHTTPServer:
    """Answers /metrics and /health from a thread. Raises StaddleError if the address can't be listened on."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = {"/metrics": health.metrics(), "/health": "OK\n"}
            answer = known.get(self.path.partition("?")[0])
            body = (answer or "not found\n").encode()
            self.send_response(200 if answer else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Scrapes are no news."""

    host, _, port = address.rpartition(":")
    try:
        server = ThreadingHTTPServer((host.strip("[]"), int(port)), Handler)
    except (OSError, ValueError, OverflowError) as error:
        raise StaddleError(f"can't listen on {address}: {error}") from error
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def follow(health: Health, interval: float, stop: threading.Event) -> None:
    """Until told to stop. A store that gives no answer is asked again, less and less often."""
    pause = interval
    while not stop.wait(pause):
        try:
            health.follower.step(time.time_ns())
        except StoreUnavailableError as error:
            health.follower.totals.failures += 1
            if health.problem != error.message:
                log.warning("%s", error.message)
            health.problem, pause = error.message, min(MAX_PAUSE, pause * 2)
            # What was on its way may have arrived.
            stop.wait(VISIBLE_AFTER)
        else:
            if health.problem:
                log.info("both stores answer again")
            health.problem, pause = "", interval


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. Exit status 0 after a signal to end, 1 if it can't start, 2 for a bad command line."""
    given = parser().parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    options = Options(given.redact, int(given.min_duration * 1_000_000))
    state = given.state / "progress.json"
    logs, traces = Logs(given.logs, given.select), Traces(given.traces)
    try:
        given.state.mkdir(parents=True, exist_ok=True)
        health = Health(Follower(logs, traces, state, options, time.time_ns()))
        server = serve(given.listen, health)
    except (OSError, StaddleError) as error:
        print(f"staddle-slowsql: {error}", file=sys.stderr)
        return 1
    log.info("from %s to %s, everything since %s", given.logs, given.traces, _when(health.follower.progress.until))
    # What was sent just before it was killed must be found.
    stop.wait(VISIBLE_AFTER)
    follow(health, given.interval, stop)
    server.shutdown()
    return 0


def _when(nanoseconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(nanoseconds // 1_000_000_000))
