"""What the tests of the log search page share: a log server with rows, and a browser tab under watch."""

from __future__ import annotations

import json
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from tests.browser.engines import serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from playwright.sync_api import Browser, Page

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
LEVELS = ("info", "info", "info", "debug", "warning", "error")
PAGE = "/select/vmui/"


@dataclass
class LogServer:
    """A running log server."""

    base: str
    now: float

    def insert(self, rows: Sequence[dict[str, str]], **headers: str) -> None:
        body = "\n".join(json.dumps(row) for row in rows).encode()
        url = f"{self.base}/insert/jsonline?_stream_fields=job,ins"
        request = urllib.request.Request(url, body, {"Content-Type": "application/stream+json", **headers})
        urllib.request.urlopen(request, timeout=30).close()


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def corpus(now: float, count: int) -> list[dict[str, str]]:
    """Rows over the last fifty minutes (tests of ten are still within the hour), the newest a minute old.

    Every 500th has a message of several lines, one is evil.
    """
    rows = []
    for i in range(count):
        row = {
            "_time": stamp(now - 60 - (count - i) * 2940 / count),
            "_msg": f"request {i} took {i % 97} ms",
            "job": "web" if i % 3 else "db",
            "ins": f"ins-{i % 4}",
            "level": LEVELS[i % len(LEVELS)],
            "duration": str(i % 97),
            "trace_id": f"{i:032x}",
        }
        if i % 500 == 7:
            row["_msg"] = f"panic {i}\n  at main.c:1\n  at main.c:2"
        rows.append(row)
    rows[-1] |= {"_msg": EVIL, "evil field": EVIL, "level": "error"}
    return rows


@contextmanager
def log_server(folder: Path) -> Iterator[LogServer]:
    """A log server with the corpus, until it is done with."""
    with serving("logs", folder) as base:
        made = LogServer(base, time.time())
        made.insert(corpus(made.now, 12_000))
        made.insert(
            [{"_time": stamp(made.now - 90), "_msg": "of another tenant", "job": "other"}], AccountID="7", ProjectID="3"
        )
        urllib.request.urlopen(f"{made.base}/internal/force_flush", timeout=30).close()
        yield made


@dataclass
class Tab:
    """A page under watch: what it logged and threw."""

    page: Page
    server: LogServer
    said: list[str] = field(default_factory=list)

    def open(self, query: str = "*", wait: str = ".vlist .row", **params: str) -> Page:
        """Search; returns when there are rows (or whatever `wait` finds) and nothing is under way."""
        params = {"query": query, "g0.range_input": "1h", **params}
        self.page.goto(f"{self.server.base}{PAGE}#/?{urlencode(params)}")
        self.page.locator(wait).first.wait_for()
        self.settled()
        return self.page

    def settled(self) -> None:
        """Nothing is under way, also not by a change of the address just now, which the page is told about a bit later."""
        self.page.evaluate("new Promise((done) => setTimeout(done, 50))")
        self.page.locator("body:not([data-busy])").wait_for()

    def query(self) -> str:
        return parse_qs(self.page.url.partition("?")[2], keep_blank_values=True)["query"][0]

    def troubles(self) -> list[str]:
        """What was said apart from Chromium's own line about a request that failed (a test may want it to fail)."""
        return [line for line in self.said if "Failed to load resource" not in line]


def new_tab(browser: Browser, server: LogServer, **options: Any) -> Tab:
    settings = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **options}
    context = browser.new_context(**settings)
    context.set_default_timeout(15_000)
    tab = Tab(context.new_page(), server)
    tab.page.on("console", lambda m: tab.said.append(m.text) if m.type in {"error", "warning"} else None)
    tab.page.on("pageerror", lambda error: tab.said.append(f"uncaught: {error}"))
    return tab


def messages(page: Page) -> list[str]:
    return page.locator(".vlist .msg").all_inner_texts()
