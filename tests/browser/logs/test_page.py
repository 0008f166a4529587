"""The log search page in a browser, over a real log server with real rows, behind a path prefix as a proxy would put it."""

from __future__ import annotations

import json
import re
import urllib.request
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from tests.browser.chromium import CONTRAST
from tests.browser.logs.page import EVIL, LogServer, Tab, messages, new_tab

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
pytest.importorskip("duckdb", reason="the log store needs the extra `logs`")

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_newest_rows_first_with_bars_and_fields(tab: Tab) -> None:
    page = tab.open()
    assert page.locator(".results-said").inner_text().split()[:4] == ["1,000", "newest", "of", "12,000"]
    assert messages(page)[0] == EVIL
    assert messages(page)[1] == "request 11998 took 67 ms"
    assert page.locator(".bars rect").count() > 40
    assert page.locator(".legend-item", has_text="error").inner_text().split() == ["error", "2,000"]
    page.locator(".facet[data-name=job] li").nth(1).wait_for()
    assert page.locator(".facet[data-name=job] li").all_inner_texts() == ["web\n8,000", "db\n4,000"]
    page.get_by_role("button", name="Load 1,000 older rows").click()
    page.locator(".results-said", has_text="2,000").wait_for()


def test_the_page_answers_with_and_without_a_slash(server: LogServer) -> None:
    with urllib.request.urlopen(f"{server.base}/select/vmui?a=b", timeout=5) as answer:
        assert answer.url == f"{server.base}/select/vmui/?a=b"
        assert b"<title>Logs</title>" in answer.read()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_every_state_in_every_look(browser: Browser, server: LogServer, width: int, theme: Any) -> None:
    tab = new_tab(browser, server, viewport={"width": width, "height": 800}, color_scheme=theme)

    def check(what: str) -> None:
        page = tab.page
        excess = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert excess <= 0, f"{what} is {excess} px too wide at {width}"
        assert page.evaluate(CONTRAST) == [], f"{what} in {theme}"
        unnamed = page.evaluate(
            "[...document.querySelectorAll('input,select,textarea,button,a,summary')].filter(e => e.checkVisibility() &&"
            " !e.labels?.length && !e.ariaLabel && !e.textContent.trim() && !e.title).map(e => e.outerHTML)"
        )
        assert unnamed == [], what

    page = tab.open()
    page.locator(".facet li").first.wait_for(state="attached")
    check("rows")
    page.locator(".row .line").nth(2).click()
    page.locator(".detail").wait_for()
    page.locator("#help-button").click()
    check("an opened row and help")
    page.locator("#help-button").click()
    tab.open(view="table")
    check("table")
    tab.open(view="json")
    check("json")
    tab.open("* | stats by (_time:5m, job) count() rows", wait=".legend tbody tr")
    check("statistics")
    tab.open("a or (", wait=".mistake")
    check("a mistake")
    tab.open("nosuchword", wait=".empty")
    check("nothing")
    tab.page.context.close()
    assert tab.troubles() == []


def test_what_a_row_says_is_never_markup(tab: Tab) -> None:
    page = tab.open(limit="1")
    page.locator(".row .line").first.click()
    expect(page.locator(".whole")).to_have_text(EVIL)
    expect(page.locator(".fv", has_text="evil field").locator("dd")).to_have_text(EVIL)
    for view in ("Table", "JSON", "Rows"):
        page.get_by_role("button", name=view, exact=True).click()
        page.locator(".vlist .row").first.wait_for()
        assert page.locator("main img, main script").count() == 0
    page.get_by_role("button", name="Only rows with this evil field").click()
    page.wait_for_url(lambda url: "evil" in url.partition("#")[2])
    tab.settled()
    expect(page.locator(".results-said b")).to_have_text("1")
    assert tab.query() == f'"evil field":={json.dumps(EVIL)}'
    assert page.title() == "Logs"


def test_an_opened_row_filters_and_chooses_columns(tab: Tab) -> None:
    page = tab.open("took")
    row = page.locator(".row").nth(5)
    row.locator(".line").click()
    ins = row.locator(".fv", has_text="ins-").first.locator("dd").inner_text()
    page.get_by_role("button", name="Only rows with this ins").click()
    page.wait_for_url(lambda url: "ins" in url.partition("#")[2])
    tab.settled()
    assert tab.query() == f"took ins:={json.dumps(ins)}"
    assert set(page.locator(".vlist .line > :nth-child(3)").all_inner_texts()) == {ins}
    page.locator(".row .line").first.click()
    page.locator(".detail").get_by_role("button", name="Show duration as a column").click()
    page.wait_for_url(lambda url: "displayFields=level%2Cins%2Cduration%2C_msg" in url)
    page.locator(".detail").get_by_role("button", name="Without rows with this job").click()
    page.wait_for_url(lambda url: "job" in url.partition("#")[2])
    tab.settled()
    assert tab.query().startswith(f"took ins:={json.dumps(ins)} -job:=")
    page.go_back()
    page.wait_for_url(lambda url: "job" not in url.partition("#")[2])


def test_surrounding_rows_come_from_the_same_stream(tab: Tab) -> None:
    page = tab.open("panic")
    page.locator(".row .line").nth(3).click()
    text = page.locator(".whole").inner_text()
    page.get_by_role("button", name="Surrounding rows").click()
    here = page.locator(".around .here .msg")
    here.wait_for()
    expect(here).to_have_text(text)
    expect(page.locator(".around .panel-head [role=status]")).to_have_text("20 before, 20 after")
    page.get_by_role("button", name="20 rows further back").click()
    page.get_by_text("40 before, 20 after").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("60 before, 20 after").wait_for()
    page.keyboard.press("Escape")
    expect(page.locator(".around")).to_have_count(0)


def test_fields_at_the_side_filter(tab: Tab) -> None:
    page = tab.open()
    page.locator(".facet[data-name=job]").get_by_text("web").click()
    page.wait_for_url(lambda url: "job" in url)
    page.locator(".facet[data-name=job] li[data-state=with]").wait_for()
    assert tab.query() == "job:=web"
    page.locator(".facet[data-name=level] li", has_text="warning").hover()
    page.get_by_role("button", name="Without level warning").click()
    page.wait_for_url(lambda url: "level" in url)
    assert tab.query() == "job:=web -level:=warning"
    page.locator(".facet[data-name=job] li[data-state=with]").get_by_text("web").click()
    page.wait_for_url(lambda url: "job" not in url)
    assert tab.query() == "-level:=warning"
    tab.settled()
    page.locator(".facet[data-name=trace_id]").locator("summary").click()
    page.get_by_label("Find a field").fill("trace")
    expect(page.locator(".facet:visible")).to_have_count(1)


def test_dragging_over_the_bars_zooms(tab: Tab) -> None:
    page = tab.open()
    box = page.locator(".bars svg").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 50)
    page.locator(".bars .tip li").first.wait_for()
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60, steps=3)
    page.mouse.up()
    page.wait_for_url(lambda url: "g0.end_input" in url)
    tab.settled()
    # A fifth of the hour, give or take the axis at the left, and of the rows a bit more.
    total = int(page.locator(".results-said").inner_text().split("newest of ")[1].split()[0].replace(",", ""))
    assert 2400 < total < 3300
    page.go_back()
    page.locator(".results-said", has_text="12,000").wait_for()
    page.get_by_role("button", name="Older ([)").click()
    page.locator(".empty").wait_for()
    page.get_by_role("button", name="Newer (])").click()
    page.locator(".vlist .row").first.wait_for()


def test_a_link_of_the_original_page(tab: Tab) -> None:
    asked: list[Any] = []
    tab.page.on("request", lambda r: asked.append(r) if r.url.endswith("/logsql/query") else None)
    end = datetime.fromtimestamp(tab.server.now, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    page = tab.open(
        "tenant",
        **{
            "g0.range_input": "30m",
            "g0.end_input": end,
            "g0.relative_time": "none",
            "limit": "5",
            "accountID": "7",
            "projectID": "3",
        },
    )
    assert messages(page) == ["of another tenant"]
    assert asked[0].url == f"{tab.server.base}/select/logsql/query"
    assert (asked[0].headers["accountid"], asked[0].headers["projectid"]) == ("7", "3")
    form = parse_qs(asked[0].post_data)
    assert form["limit"] == ["5"]
    assert abs(float(form["end"][0]) - tab.server.now) < 2
    assert 1798 < float(form["end"][0]) - float(form["start"][0]) < 1801
    expect(page.locator("#limit")).to_have_value("5")


def test_typing_a_query(tab: Tab) -> None:
    page = tab.open()
    area = page.get_by_role("combobox", name="Query")
    area.fill("")
    area.press_sequentially("lev")
    options = page.locator("#suggest").get_by_role("option")
    options.filter(has_text="level").wait_for()
    area.press("Tab")
    options.filter(has_text="warning").first.wait_for()
    area.press_sequentially("=err")
    options.filter(has_text="error").first.wait_for()
    area.press("Tab")
    area.press_sequentially(" {jo")
    options.filter(has_text="job").first.wait_for()
    area.press("Tab")
    options.filter(has_text="web").first.wait_for()
    area.press("Tab")
    area.press_sequentially("} | sta")
    options.filter(has_text="stats").first.wait_for()
    area.press("Tab")
    area.press_sequentially("by (in")
    options.filter(has_text="ins").first.wait_for()
    area.press("Tab")
    area.press_sequentially(") count() n")
    area.press("Control+Enter")
    page.wait_for_url(lambda url: "stats" in url)
    tab.settled()
    expect(area).to_have_value('level:=error {job="web"} | stats by (ins) count() n')
    page.locator(".thead").get_by_role("button", name="ins").wait_for()
    page.reload()
    page.locator(".vlist .row").first.wait_for()
    page.get_by_text("Recent and examples").click()
    expect(page.locator("#recent-body code").first).to_contain_text("stats by (ins)")
    page.keyboard.press("Escape")
    area.fill("draft")
    area.press("Control+ArrowUp")
    expect(area).to_have_value(re.compile(re.escape("stats by (ins)")))
    area.press("Control+ArrowDown")
    expect(area).to_have_value("draft")


def test_a_mistake_is_shown_where_it_is(tab: Tab) -> None:
    page = tab.open("level:error\nand (job:web | stats count()", wait=".mistake")
    said = page.locator("#problem")
    expect(said).to_contain_text("This isn’t LogsQL.")
    lines = page.locator(".mistake").inner_text().split("\n")
    assert lines[2].index("^") == lines[1].index("|")
    expect(page.locator("#editor .q-bad")).to_have_text("|")
    page.get_by_role("combobox", name="Query").fill("*")
    page.get_by_role("combobox", name="Query").press("Enter")
    page.locator(".vlist .row").first.wait_for()
    expect(said).to_have_text("")


def test_statistics_are_a_table_and_over_time_a_chart(tab: Tab) -> None:
    page = tab.open("* | stats by (job) count() rows, max(duration) slowest", wait=".thead")
    assert page.locator(".thead [role=columnheader]").all_inner_texts() == ["job", "rows", "slowest"]
    page.locator(".thead").get_by_role("button", name="rows").click()
    expect(page.locator(".row .line")).to_have_text(
        [re.compile(r"^web\s*8,000\s*96$"), re.compile(r"^db\s*4,000\s*96$")]
    )
    tab.open("* | stats by (_time:5m, job) count() rows", wait=".legend tbody tr")
    expect(page.locator("path.line")).to_have_count(2)
    expect(page.locator(".bars")).to_be_hidden()
    tab.open()
    expect(page.locator("path.line")).to_have_count(0)
    expect(page.locator(".bars")).to_be_visible()


def test_many_rows_are_few_elements(tab: Tab) -> None:
    page = tab.open(limit="50000")
    assert page.locator(".results-said").inner_text().startswith("12,000")
    page.get_by_role("button", name="Wrap lines (w)").click()
    page.locator(".vlist").focus()
    page.keyboard.press("End")
    page.get_by_text("request 0 took 0 ms").wait_for()
    assert page.locator(".vlist .row").count() < 150
    page.keyboard.press("Enter")
    page.locator(".detail").wait_for()
    # What is opened last must be reachable to its end.
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.get_by_text("That is all in this time range.").wait_for()
    expect(page.locator(".detail .fv").last).to_be_visible()
    page.keyboard.press("Home")
    page.locator(".row.current .msg", has_text="<img").wait_for()
