"""The log search page while things go on: rows that come, queries that take long, stores that are away, the portal."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.browser.logs.page import Tab, messages, stamp

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
pytest.importorskip("duckdb", reason="the log store needs the extra `logs`")

if TYPE_CHECKING:
    from playwright.sync_api import Route


def test_live_tail_pauses_and_goes_on(tab: Tab) -> None:
    page = tab.open("job:=tail", wait=".empty")
    page.keyboard.press("l")
    page.get_by_text("Live", exact=True).wait_for()

    def send(*texts: str) -> None:
        rows = [{"_time": stamp(time.time()), "_msg": text, "job": "tail", "level": "error"} for text in texts]
        tab.server.insert(rows)

    send("one", "two")
    page.get_by_text("two", exact=True).wait_for()
    page.get_by_role("button", name="Pause").click()
    send("three")
    page.get_by_role("button", name="Show 1 new").wait_for()
    assert page.get_by_text("three", exact=True).count() == 0
    page.get_by_role("button", name="Show 1 new").click()
    page.get_by_text("three", exact=True).wait_for()
    assert sorted(messages(page)) == ["one", "three", "two"]
    assert messages(page)[0] == "three"
    expect(page.locator(".results-said")).to_contain_text("3 rows")
    page.get_by_role("button", name="Stop").click()
    page.wait_for_url(lambda url: "live" not in url)
    tab.settled()
    page.locator(".results-said", has_text="ms").wait_for()
    tab.open("* | stats count()", wait="#problem .note", live="1")
    expect(page.locator("#problem")).to_contain_text("cannot be used in live tailing")


def test_after_a_break_nothing_comes_twice(tab: Tab) -> None:
    rows = [{"_time": stamp(time.time() - i), "_msg": f"row {i}", "_stream_id": "1"} for i in (2, 1)]
    body = "".join(json.dumps(row) + "\n" for row in rows)
    tab.page.route("**/logsql/tail", lambda route: route.fulfill(body=body))
    page = tab.open(live="1")
    for _ in range(2):
        page.wait_for_event("request", lambda request: request.url.endswith("/tail"))
    page.wait_for_timeout(200)
    assert messages(page) == ["row 1", "row 2"]
    expect(page.locator("#problem")).to_have_text("")


def test_a_slow_query_can_be_cancelled(tab: Tab) -> None:
    held: list[Route] = []
    page = tab.open()
    page.route("**/logsql/query", lambda route: held.append(route))  # noqa: PLW0108 (playwright marks the handler)
    area = page.get_by_role("combobox", name="Query")
    area.fill("slow")
    area.press("Enter")
    page.locator("#run", has_text="Cancel").click()
    page.get_by_text("Cancelled").wait_for()
    expect(page.locator("#run")).to_have_text("Run")
    assert len(held) == 1


def test_when_the_store_cannot_be_reached_the_page_says_so(tab: Tab) -> None:
    page = tab.open()
    page.route("**/logsql/**", lambda route: route.fulfill(status=502, body="<html>Bad Gateway</html>"))
    page.get_by_role("button", name="Run").click()
    page.locator("#problem").get_by_text("The log store can’t be reached.").wait_for()
    page.unroute("**/logsql/**")
    page.get_by_role("button", name="Try again").click()
    page.locator(".vlist .row").first.wait_for()
    expect(page.locator("#problem")).to_have_text("")


def test_rows_are_downloaded(tab: Tab) -> None:
    page = tab.open("panic", limit="3", displayFields="level,_msg")
    found = {}
    for name in ("CSV", "JSON lines"):
        page.locator("summary[aria-label='Download and share']").click()
        with page.expect_download() as started:
            page.get_by_role("button", name=name).click()
        found[name] = Path(started.value.path()).read_bytes().decode()
    rows = [json.loads(line) for line in found["JSON lines"].splitlines()]
    assert [row["_msg"].split("\n")[0] for row in rows] == ["panic 11507", "panic 11007", "panic 10507"]
    header, first = found["CSV"].split("\r\n")[:2]
    assert header.startswith("_time,_msg,")
    assert '"panic 11507\n  at main.c:1\n  at main.c:2"' in first


def test_the_portals_header_behind_the_portal(tab: Tab) -> None:
    pages = [("index", "Home", "/"), ("vlogs", "Logs", "/vlogs/"), ("x", "Bad", "javascript:document.title='owned'")]
    nav = [{"page": p, "title": t, "url": u, "available": True} for p, t, u in pages]
    tab.page.route(
        "**/_staddle/site.json",
        lambda route: route.fulfill(json={"name": "Barn", "features": {"metrics": False}, "nav": nav}),
    )
    page = tab.open()
    page.get_by_role("link", name="Home").wait_for()
    expect(page.locator("#nav [aria-current]")).to_have_text("Logs")
    expect(page.get_by_role("link", name="Barn")).to_have_attribute("href", "/")
    assert page.locator("a[href^=javascript]").count() == 0
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    page.reload()
    page.get_by_role("button", name="Theme: dark").wait_for()


@pytest.mark.parametrize("traces", [True, False])
def test_a_row_leads_to_its_trace_where_there_is_a_trace_page(tab: Tab, traces: bool) -> None:
    nav = [{"page": "vtraces", "title": "Traces", "url": "/vtraces/", "available": traces}]
    tab.page.route(
        "**/_staddle/site.json",
        lambda route: route.fulfill(json={"name": "Barn", "features": {"metrics": False}, "nav": nav}),
    )
    page = tab.open('"request 1234 "')
    page.locator(".vlist .row").first.click()
    page.locator(".detail").wait_for()
    page.get_by_role("link", name="Traces").wait_for()
    link = page.locator(".detail a", has_text="Open trace")
    assert link.is_visible() is traces
    if traces:
        expect(link).to_have_attribute("href", f"/vtraces/select/vmui/#/trace/{1234:032x}")
