"""The console in a browser, over the real stores, with a real PostgreSQL under load: what it shows is what there is."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from tests.browser.chromium import CONTRAST
from tests.browser.console_box import IN_VIEW, OTHERS, console_stack, panel, settled
from tests.browser.test_pages import Tab, new_tab
from tests.sandbox.stack import Stack, wait_for

from staddle.console.assets import are_built
from staddle.dashboards import BUILT

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser
    from tests.sandbox.postgres import Postgres

pytestmark = pytest.mark.skipif(not are_built(), reason="the console's pages were not built (make console)")

BOARDS = {path.stem: json.loads(path.read_bytes()) for path in sorted(BUILT.glob("*/*.json"))}
CORE = ("home", "node-instance", "pgsql-query")
"""Looked at in every run; the others with mark `more`."""
ON_A_PHONE = ("home", "pgsql-cluster")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Postgres]]:
    with console_stack(tmp_path_factory.mktemp("console")) as found:
        yield found


@pytest.fixture(scope="module")
def box(both: tuple[Stack, Postgres]) -> Stack:
    return both[0]


@pytest.fixture(scope="module")
def server(both: tuple[Stack, Postgres]) -> Postgres:
    return both[1]


@pytest.fixture(scope="module")
def tab(browser: Browser, box: Stack) -> Iterator[Tab]:
    """One tab for all tests, so high that every panel is in view. Time zones must agree to compare times."""
    made = new_tab(browser, box, viewport={"width": 1400, "height": 6000}, timezone_id="UTC")
    made.page.set_default_timeout(30_000)
    yield made
    made.page.context.close()


def complaints(tab: Tab) -> list[str]:
    """What a browser says of a page, requests that failed among it; but not that it was slow."""
    return [line for line in tab.said if "preloaded using link preload" not in line]


def excused(board: dict[str, Any], panel_id: str) -> bool:
    """Whether a panel says itself why it may have nothing to show, or is about a module that this stack doesn't run."""
    others = ("redis", "etcd", "infra-grafana", "node-haproxy", "pgsql-pgbouncer", "pgsql-patroni", "pgsql-backup")
    if board["uid"].startswith(others):
        return True
    for each in board["panels"]:
        for one in (each, *each.get("panels", ())):
            if str(one.get("id")) == panel_id.rstrip("'").partition("-")[0]:
                says = (one.get("fieldConfig", {}).get("defaults") or {}).get("noValue")
                return bool(says)
    return False


@pytest.mark.parametrize(
    "uid", [pytest.param(uid, marks=() if uid in CORE else pytest.mark.more) for uid in BOARDS], ids=list(BOARDS)
)
def test_a_shipped_dashboard_has_no_errors_and_no_panel_without_data_that_should_have_some(tab: Tab, uid: str) -> None:
    tab.said.clear()
    page = tab.open(f"/ui/d/{uid}?from=now-5m&to=now")
    panels = settled(page)
    wrong = [one for one in panels if one["state"] == "Error" or one["alert"]]
    assert not wrong
    empty = [one for one in panels if one["state"] == "Empty" and not excused(BOARDS[uid], one["id"])]
    if empty:  # a rate takes two scrapes
        page.wait_for_timeout(5000)
        page.reload()
        empty = [one for one in settled(page) if one["state"] == "Empty" and not excused(BOARDS[uid], one["id"])]
    assert not empty
    assert not complaints(tab)


@pytest.fixture(scope="module")
def phone(browser: Browser, box: Stack) -> Iterator[Tab]:
    made = new_tab(browser, box, viewport={"width": 375, "height": 3000}, color_scheme="dark")
    made.page.set_default_timeout(60_000)
    yield made
    made.page.context.close()


@pytest.mark.parametrize(
    "uid", [pytest.param(uid, marks=() if uid in ON_A_PHONE else pytest.mark.more) for uid in BOARDS], ids=list(BOARDS)
)
def test_a_shipped_dashboard_fits_a_phone_in_the_dark(phone: Tab, uid: str) -> None:
    phone.said.clear()
    page = phone.open(f"/ui/d/{uid}?from=now-5m&to=now")
    page.wait_for_function(IN_VIEW)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    wide = "(p) => p.getBoundingClientRect().right > 375 || p.getBoundingClientRect().left < 0"
    assert not page.evaluate(
        f"[...document.querySelectorAll('[data-testid=panel]')].filter({wide}).map((p) => p.ariaLabel)"
    )
    assert not complaints(phone)


@pytest.mark.more
@pytest.mark.parametrize("path", sorted(OTHERS.glob("*.json")), ids=lambda path: path.stem)
def test_dashboards_as_others_write_them_are_drawn(tab: Tab, path: Path) -> None:
    tab.said.clear()
    body = json.loads(path.read_bytes())
    inner = body.get("dashboard") if isinstance(body.get("dashboard"), dict) else body
    uid = inner.get("uid") or (body.get("metadata") or {}).get("name") or path.stem
    page = tab.open(f"/console/d/{quote(str(uid))}")
    assert settled(page)
    assert not [line for line in tab.said if line.startswith("uncaught")]


def test_what_is_drawn_is_what_was_asked_for(tab: Tab, box: Stack) -> None:
    page = tab.open("/console/d/own")
    settled(page)
    count = box.query("count(up)")[0]["value"][1]
    expect(panel(page, "Targets")).to_have_text(re.compile(rf"^Targets\s*{count}$"))
    panel(page, "Up").get_by_role("row").nth(1).wait_for()

    def shown() -> set[tuple[str, str]]:
        rows = [text.split() for text in panel(page, "Up").get_by_role("row").all_inner_texts()]
        return {(cells[0], cells[-1]) for cells in rows[1:] if cells}

    asked = {(row["metric"]["ins"], row["value"][1]) for row in box.query('up{job="infra"}')}
    wait_for(lambda: f"{asked}, not {shown()}", lambda: shown() == asked)
    strange = panel(page, "Strange")
    expect(strange).to_contain_text("never-heard-of")


def test_sql_runs_as_the_monitoring_role_and_only_reads(tab: Tab) -> None:
    page = tab.open("/console/d/own?" + urlencode({"var-text": "it's; drop"}))
    states = {one["title"]: one["state"] for one in settled(page)}
    panel(page, "SQL").get_by_text("dbuser_monitor").wait_for()
    expect(panel(page, "SQL").get_by_role("row").nth(1)).to_have_text(
        re.compile(r"^\s*dbuser_monitor\s*on\s*it's; drop\s*42\s*$")
    )
    assert states["Write"] == states["Two"] == "Error"
    expect(panel(page, "Write")).to_contain_text("read-only")
    expect(panel(page, "Two")).to_contain_text("multiple commands")


def test_from_home_down_to_a_statement_to_logs_and_back(tab: Tab, box: Stack) -> None:
    """By the links that the dashboards have, with what was chosen carried along."""
    steps = ("pgsql-overview", "pgsql-cluster", "pgsql-instance", "pgsql-database", "pgsql-query", "pgsql-logs")
    page = tab.open("/ui/d/home?from=now-15m&to=now")
    settled(page)
    for step in steps:
        if step == "pgsql-instance":  # a cell with several links opens a menu
            panel(page, "Instances").get_by_text("pg-test-1", exact=True).click()
        page.locator(f'a[href*="/d/{step}"]').first.click()
        page.wait_for_url(f"**/d/{step}?**")
        settled(page)
        chosen = parse_qs(urlsplit(page.url).query)
        assert chosen["from"] == ["now-15m"]
        if step != "pgsql-overview":
            assert {"pg-test", "pg-test-1"} & {*chosen.get("var-cls", ()), *chosen.get("var-ins", ())}, page.url
    for step in ("pgsql-query", "pgsql-database", "pgsql-instance", "pgsql-cluster", "pgsql-overview", "home"):
        page.go_back()
        page.wait_for_url(f"**/d/{step}?**")
    # In a new tab, a link of a dashboard is the portal's to answer.
    assert box.get("/d/pgsql-query?var-ins=x").headers["location"].endswith("/ui/d/pgsql-query?var-ins=x")


def test_metrics_are_explored_with_names_that_are_offered(tab: Tab, box: Stack) -> None:
    page = tab.open("/console/explore/metrics")
    query = page.get_by_role("combobox", name="Query")
    query.press_sequentially("node_memory_MemTot")
    page.get_by_role("option", name="node_memory_MemTotal_bytes").wait_for()
    query.press("ArrowDown")
    query.press("Enter")
    expect(query).to_have_value("node_memory_MemTotal_bytes")
    query.press_sequentially('{ins="b')
    page.get_by_role("option", name="box").wait_for()
    query.press("Tab")
    query.press_sequentially('"}')
    query.press("Enter")
    page.wait_for_url("**query=*")
    settled(page)
    text = box.query("node_memory_MemTotal_bytes")[0]["value"][1]
    panel(page, "Now").get_by_text(text).wait_for()
    assert parse_qs(urlsplit(page.url).query)["query"] == ['node_memory_MemTotal_bytes{ins="box"}']
    page.goto(f"{tab.base}/console/explore/metrics?query=sum(")
    assert settled(page)[0]["state"] == "Error", "a query that can't be understood says so"


def test_logs_and_traces_are_the_stores_own_pages_within_ours(tab: Tab) -> None:
    page = tab.open("/console/explore/logs?" + urlencode({"query": "app:=nginx OR *", "from": "now-15m", "to": "now"}))
    frame = page.frame_locator("iframe")
    frame.locator(".vlist .row").first.wait_for()
    expect(frame.locator("header.top")).to_be_hidden()
    page.wait_for_url("**/explore/logs#/?*query=app*")
    page.get_by_role("link", name="Traces").click()
    page.frame_locator('iframe[title="Traces"]').locator("main").wait_for()


def test_an_alert_is_silenced_from_the_page(tab: Tab, box: Stack) -> None:
    alert = {"labels": {"alertname": "Made up", "severity": "CRIT", "ins": "box", "instance": "x:1"},
             "annotations": {"summary": "A summary", "runbook_url": "https://i.staddle/runbooks/NodeDown.html",
                             "dashboard": "https://i.staddle/ui/d/node-instance?var-ins=box"}}  # fmt: skip
    body = json.dumps([alert]).encode()
    posted = box.get("/alertmgr/api/v2/alerts", method="POST", headers={"Content-Type": "application/json"}, body=body)
    assert posted.status == 200, posted.text
    page = tab.open("/console/alerts")
    card = page.get_by_role("region", name="Made up")
    card.get_by_text("A summary").wait_for()
    expect(card.get_by_role("link", name="Runbook")).to_have_attribute("href", "/runbooks/NodeDown.html")
    expect(card.get_by_role("link", name="Dashboard")).to_have_attribute("href", "/ui/d/node-instance?var-ins=box")
    card.get_by_role("button", name="Silence").click()
    form = page.get_by_role("dialog")
    form.get_by_label("1h").check(force=True)
    form.get_by_label("Your name").fill("Ann")
    form.get_by_label("Comment").fill("I know")
    form.get_by_role("button", name="Silence", exact=True).click()
    card.get_by_text("silenced").wait_for()
    (silence,) = [one for one in box.get("/alertmgr/api/v2/silences").json() if one["comment"] == "I know"]
    assert silence["createdBy"] == "Ann"
    assert {(m["name"], m["value"]) for m in silence["matchers"]} == {("alertname", "Made up"), ("ins", "box")}
    page.get_by_role("tab", name="Silences").click()
    page.get_by_role("button", name="End", exact=True).click()
    page.get_by_role("button", name="End it now").click()
    page.get_by_text("No silence", exact=True).wait_for()


def test_an_alert_leads_to_its_dashboard_its_logs_and_the_span_of_a_slow_statement(
    tab: Tab, box: Stack, server: Postgres
) -> None:
    server.sql("SELECT pg_sleep(0.5), 'mine'")
    wait_for("the span", lambda: _spans(box, "name:pg_sleep"), 60)
    wait_for("the alert", lambda: "PostgresDurabilityOff" in box.get("/alertmgr/api/v2/alerts").text, 60)
    page = tab.open("/console/alerts")
    page.get_by_role("region", name="PostgresDurabilityOff").get_by_role("link", name="Dashboard").click()
    page.wait_for_url("**/d/pgsql-instance?**")
    assert parse_qs(urlsplit(page.url).query)["var-ins"] == ["pg-test-1"]
    settled(page)
    slow = panel(page, "Slow statements")
    slow.get_by_role("button").filter(has_text="SELECT pg_sleep(0.5), 'mine'").first.click()
    for name, value in {"ins": "pg-test-1", "cls": "pg-test", "job": "postgres"}.items():
        slow.get_by_role("row").filter(has_text=re.compile(rf"^{name}\s*{value}$")).first.wait_for()
    slow.get_by_role("link", name="Its span").click()
    page.wait_for_url("**/explore/traces*")
    found = page.frame_locator('iframe[title="Traces"]').locator(".found-row")
    found.first.wait_for()
    expect(found).to_have_count(1)
    expect(found).to_contain_text("SELECT pg_sleep(?)")


def _spans(box: Stack, query: str) -> str:
    return box.get("/vtraces/select/logsql/query?" + urlencode({"query": query, "start": "-1h"})).text


def test_rules_and_targets_are_those_that_there_are(tab: Tab, box: Stack) -> None:
    groups = box.get("/vmalert/api/v1/rules").json()["data"]["groups"]
    page = tab.open("/console/alerts?tab=rules")
    page.get_by_text(f"{sum(len(group['rules']) for group in groups)} rules in {len(groups)} groups").wait_for()
    targets = box.get("/vmetrics/api/v1/targets?state=active").json()["data"]["activeTargets"]
    page = tab.open("/console/targets")
    page.get_by_text(f"{len(targets)} targets").wait_for()
    page.get_by_placeholder("Filter").fill("job=pgsql")
    page.get_by_role("region", name="pgsql").wait_for()
    expect(page.get_by_role("region")).to_have_count(1)
    assert "search=job" in page.url


def test_a_plan_is_drawn(tab: Tab) -> None:
    page = tab.open("/console/pev")
    frame = page.frame_locator("iframe")
    frame.get_by_role("button", name="Show an example").click()
    frame.get_by_text("Hash Join").first.wait_for()


def test_nothing_is_asked_of_another_host_and_nothing_breaks_the_policy(tab: Tab, box: Stack) -> None:
    tab.said.clear()
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    for path in ("/console/d/node-instance", "/console/explore/logs", "/console/pev", "/console/alerts?tab=history"):
        tab.open(path)
        tab.page.wait_for_load_state("networkidle")
    assert {urlsplit(url).netloc for url in asked if url.startswith("http")} == {f"localhost:{box.port(8443)}"}
    assert not [line for line in tab.said if "Content Security Policy" in line]


@pytest.mark.parametrize("scheme", ["dark", pytest.param("light", marks=pytest.mark.more)])
def test_pages_are_readable_and_fit_a_phone(browser: Browser, box: Stack, scheme: str) -> None:
    tab = new_tab(browser, box, viewport={"width": 375, "height": 812}, color_scheme=scheme)
    try:
        for path in (
            "d/node-instance",
            "explore/metrics?query=up",
            "alerts",
            "alerts?tab=rules",
            "targets",
            "dashboards",
        ):
            page = tab.open(f"/console/{path}")
            page.get_by_role("heading", level=1).first.wait_for()
            page.wait_for_timeout(500)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 375, f"{path} is {wide} pixels wide"
            poor = [line for line in page.evaluate(CONTRAST) if not line.startswith("CANVAS")]
            if not path.startswith("d/"):
                assert not poor, f"{path}: {poor[:5]}"
            nameless = page.evaluate(
                "[...document.querySelectorAll('button, a[href], input, textarea, iframe')].filter((e) => e.checkVisibility()"
                " && !(e.ariaLabel || e.title || e.textContent.trim() || e.labels?.length || e.placeholder"
                " || e.getAttribute('aria-labelledby'))).map((e) => e.outerHTML.slice(0, 120))"
            )
            assert not nameless, path
    finally:
        tab.page.context.close()
