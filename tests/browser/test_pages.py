"""The portal's pages in a browser, over the APIs of the real programs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
from tests.browser.chromium import CONTRAST
from tests.sandbox.stack import Stack, started, wait_for

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt-get to fetch the real programs")

FLEET = """\
all:
  children:
    infra:
      hosts:
        127.0.0.1: { infra_seq: 1, nodename: box }
  vars:
    vmetrics_scrape_interval: 1s
    vmetrics_scrape_timeout: 1s
"""

PAGES = {
    "/": "Everything is healthy",
    "/vmetrics/": "Metrics",
    "/vmetrics/#/?g0.expr=up&g0.range_input=15m": "Metrics",
    "/vmetrics/vmui/#/?g0.expr=up&g0.tab=1": "Metrics",
    "/vmetrics/#/cardinality": "Metrics",
    "/vmetrics/targets": "Targets",
    "/vmalert/": "Rules",
    "/vmalert/vmalert/alerts": "Rules",
    "/vmalert/#/notifiers": "Rules",
    "/alertmgr/": "Alerts",
    "/alertmgr/#/silences": "Alerts",
    "/alertmgr/#/silences/new": "Alerts",
    "/alertmgr/#/status": "Alerts",
    "/vlogs/": "Logs",
    "/vtraces/": "Traces",
    "/there/is/no/such/page": "Nothing stands here",
}


@dataclass
class Tab:
    """A page under watch: what it logged and threw."""

    page: Page
    base: str
    said: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(self.base + path)
        return self.page

    def heading(self, text: str) -> None:
        self.page.get_by_role("heading", level=1, name=text).wait_for()

    def troubles(self) -> list[str]:
        """What was said apart from Chromium's own line about a request that failed (a test may want it to fail)."""
        return [line for line in self.said if "Failed to load resource" not in line]


def alerts_of(stack: Stack) -> Any:
    """What Alertmanager holds."""
    return stack.get("/alertmgr/api/v2/alerts").json()


def all_healthy(stack: Stack) -> bool:
    """Does the query of the pages find every component healthy?"""
    query = stack.get("/_staddle/site.json").json()["health_query"]
    rows = [row for row in stack.query(query) if row["metric"]["staddle"] == "component"]
    return bool(rows) and all(row["value"][1] == "1" for row in rows)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack whose Watchdog already reached Alertmanager."""
    for stack in started(tmp_path_factory.mktemp("pages"), FLEET):
        wait_for("the Watchdog to reach Alertmanager", partial(alerts_of, stack))
        wait_for("every component to have data", partial(all_healthy, stack))
        yield stack


def new_tab(browser: Browser, stack: Stack, **options: Any) -> Tab:
    settings = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **options}
    context = browser.new_context(ignore_https_errors=True, **settings)
    context.set_default_timeout(15_000)
    tab = Tab(context.new_page(), f"https://localhost:{stack.port(8443)}")
    tab.page.on("console", lambda m: tab.said.append(m.text) if m.type in {"error", "warning"} else None)
    tab.page.on("pageerror", lambda error: tab.said.append(f"uncaught: {error}"))
    return tab


@pytest.fixture
def tab(browser: Browser, box: Stack) -> Iterator[Tab]:
    """A fresh browser profile. Whatever the page logs as an error fails the test."""
    made = new_tab(browser, box)
    yield made
    made.page.context.close()
    assert made.troubles() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_every_page_in_every_look(browser: Browser, box: Stack, width: int, theme: Any) -> None:
    tab = new_tab(browser, box, viewport={"width": width, "height": 800}, color_scheme=theme)
    for path, heading in PAGES.items():
        tab.page.goto("about:blank")
        tab.open(path)
        tab.heading(heading)
        tab.page.locator("#pill[data-state=up]").wait_for()
        expect(tab.page.locator("[aria-busy=true]")).to_have_count(0)
        excess = tab.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert excess <= 0, f"{path} is {excess} px too wide at {width}"
        assert tab.page.evaluate(CONTRAST) == [], f"{path} in {theme}"
        unnamed = tab.page.evaluate(
            "[...document.querySelectorAll('input,select,textarea,button,a')].filter(e => e.checkVisibility() &&"
            " !e.labels?.length && !e.ariaLabel && !e.textContent.trim() && !e.title).map(e => e.outerHTML)"
        )
        assert unnamed == [], path
    tab.page.context.close()
    assert tab.troubles() == []


def test_the_home_page_is_useful_without_scripts(browser: Browser, box: Stack) -> None:
    tab = new_tab(browser, box, java_script_enabled=False)
    page = tab.open("/")
    expect(page.get_by_text("staddle status").first).to_be_visible()
    expect(page.locator("#inventory tbody tr")).to_have_count(1)
    expect(page.get_by_role("link", name="Download ca.crt")).to_be_visible()
    expect(page.locator("#pill")).to_be_hidden()
    tab.page.context.close()


def test_home_shows_health_and_filters_the_inventory(tab: Tab) -> None:
    page = tab.open("/")
    tab.heading("Everything is healthy")
    assert page.locator(".stone").count() == page.locator(".stone[data-state=up]").count() > 5
    page.get_by_label("Filter the inventory").fill("no such node")
    expect(page.get_by_text("No node matches.")).to_be_visible()
    page.get_by_label("Filter the inventory").fill("BOX 127")
    expect(page.locator("#inventory tbody tr:visible")).to_have_count(1)
    expect(page.locator("#inventory .badge")).to_have_text("admin")


def test_the_theme_is_remembered(tab: Tab) -> None:
    page = tab.open("/")
    page.get_by_role("button", name="Theme: system").click()
    page.get_by_role("button", name="Theme: light").click()
    page.reload()
    page.get_by_role("button", name="Theme: dark").wait_for()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


def test_when_metrics_cannot_be_reached_every_page_says_so(tab: Tab) -> None:
    def broken(route: Route) -> None:
        route.fulfill(status=502, body="<html>Bad Gateway</html>")

    tab.page.route("**/vmetrics/api/**", broken)
    page = tab.open("/")
    tab.heading("Health can’t be seen right now")
    expect(page.locator("#trouble")).to_contain_text("VictoriaMetrics can’t be reached")
    assert page.locator("[data-live][data-state=up]").count() == 0
    tab.open("/vmetrics/targets")
    page.locator("#problem").get_by_text("VictoriaMetrics can’t be reached.").wait_for()
    page.unroute("**/vmetrics/api/**")
    page.get_by_role("button", name="Try again").click()
    page.locator("tr").nth(3).wait_for()
    expect(page.locator("#problem")).to_have_text("")


def test_a_graph_from_a_vmui_link(tab: Tab) -> None:
    page = tab.open("/vmetrics/vmui/#/?g0.expr=up&g0.range_input=5m&g0.relative_time=last_5_minutes&g1.expr=vector(3)")
    page.locator(".legend tbody tr").nth(5).wait_for()
    assert [area.input_value() for area in page.locator("#rows textarea").all()] == ["up", "vector(3)"]
    assert page.locator("path.line").count() == page.locator(".legend tbody tr").count()
    box = page.locator(".chart svg").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 100)
    page.locator(".tip li").first.wait_for()
    page.locator(".legend button").first.click()
    expect(page.locator("path.line")).to_have_count(1)
    page.mouse.move(box["x"] + 500, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 800, box["y"] + 100, steps=4)
    page.mouse.up()
    page.wait_for_url(lambda url: "g0.end_input" in url)
    page.go_back()
    page.wait_for_url(lambda url: "g0.end_input" not in url)


def test_typing_a_query(tab: Tab) -> None:
    page = tab.open("/vmetrics/")
    area = page.get_by_role("combobox", name="Query A")
    area.press_sequentially("sum(node_load")
    page.get_by_role("option", name="node_load15").wait_for()
    area.press("Tab")
    area.press_sequentially("{jo")
    page.get_by_role("option", name="job").wait_for()
    area.press("Tab")
    area.press_sequentially('="no')
    page.get_by_role("option", name="node").first.wait_for()
    area.press("Tab")
    area.press_sequentially('"})')
    area.press("Enter")
    page.locator("path.line").wait_for(state="attached")
    expect(area).to_have_value('sum(node_load1{job="node"})')
    page.get_by_role("button", name="Table").click()
    page.locator("table.values tbody tr").wait_for()
    page.get_by_text("Recent and examples").click()
    expect(page.locator("#recent-body code").first).to_have_text('sum(node_load1{job="node"})')


def test_a_mistake_in_a_query_is_shown_as_the_api_says_it(tab: Tab) -> None:
    page = tab.open(f"/vmetrics/#/?g0.expr={quote('rate(up')}")
    problem = page.locator("#problem")
    problem.get_by_text("VictoriaMetrics refused the request (422).").wait_for()
    expect(problem).to_contain_text("unexpected token")
    page.get_by_role("combobox", name="Query A").fill("sum(up)by(job)")
    page.get_by_role("button", name="Format").click()
    expect(page.get_by_role("combobox", name="Query A")).to_have_value("sum(up) by(job)")


def test_targets_are_grouped_and_filtered(tab: Tab, box: Stack) -> None:
    page = tab.open("/vmetrics/targets")
    wanted = len(box.get("/vmetrics/api/v1/targets").json()["data"]["activeTargets"])
    page.locator(".targets tbody tr").nth(wanted - 1).wait_for()
    page.get_by_label("Filter targets").fill("ins=vmetrics-1")
    expect(page.locator(".targets tbody tr")).to_have_count(1)
    page.wait_for_url("**#/?q=ins%3Dvmetrics-1")
    page.get_by_label("Only down").check()
    expect(page.get_by_text("Nothing is down")).to_be_visible()


def test_the_link_of_an_alert_opens_it(tab: Tab, box: Stack) -> None:
    alerts = box.get("/vmalert/api/v1/alerts").json()["data"]["alerts"]
    watchdog = next(a for a in alerts if a["name"] == "Watchdog")
    ids = urlencode({"group_id": watchdog["group_id"], "alert_id": watchdog["id"]})
    for path in ("/vmalert/alert", "/vmalert/vmalert/alert"):
        page = tab.open(f"{path}?{ids}")
        page.get_by_role("region", name="The alert of this link").get_by_text("Watchdog").first.wait_for()
    tab.open(f"/vmalert/alert?{ids}0")
    page.get_by_text("This alert isn’t active any more.").wait_for()


def test_rules_show_state_and_lead_to_metrics(tab: Tab) -> None:
    page = tab.open("/vmalert/")
    page.get_by_role("heading", name="NodeDown").wait_for()
    page.get_by_label("State").select_option("firing")
    expect(page.get_by_role("heading", name="NodeDown")).to_be_hidden()
    page.locator("#list .item", has_text="Watchdog").locator("a.expr").first.click()
    page.locator("path.line").first.wait_for(state="attached")
    expect(page.locator("#rows textarea")).to_have_value("vector(1)")


def test_a_silence_from_an_alert_to_its_end(tab: Tab) -> None:
    page = tab.open("/alertmgr/#/alerts?filter=" + quote('{alertname="Watchdog"}'))
    page.get_by_role("link", name="Silence", exact=True).click()
    page.get_by_text("Covers 1 alert now: Watchdog").wait_for()
    assert "alertname" in [field.input_value() for field in page.get_by_label("Label", exact=True).all()]
    page.get_by_role("button", name="30m").click()
    page.get_by_label("Your name").fill("tester")
    page.get_by_label("Comment").fill("<b>quiet</b> please")
    page.get_by_role("button", name="Silence").click()
    page.get_by_role("heading", name="<b>quiet</b> please").wait_for()
    page.get_by_role("tab", name="Alerts").click()
    page.locator(".badge", has_text="silenced").wait_for()
    page.get_by_label("Silenced").uncheck()
    page.wait_for_url(lambda url: "silenced=false" in url)
    page.get_by_role("tab", name="Silences").click()
    page.get_by_role("button", name="Expire").click()
    page.get_by_role("button", name="Expire now?").click()
    page.get_by_text("No silence").wait_for()
    page.get_by_label("Show expired").check()
    page.get_by_role("heading", name="<b>quiet</b> please").wait_for()


def test_a_silence_that_alertmanager_refuses_keeps_the_form(tab: Tab) -> None:
    page = tab.open("/alertmgr/#/silences/new?filter=" + quote('{ins=~"("}'))
    page.get_by_label("Your name").fill("tester")
    page.get_by_label("Comment").fill("broken")
    page.get_by_role("button", name="Silence").click()
    page.get_by_text("Alertmanager refused the request").wait_for()
    expect(page.get_by_label("Comment")).to_have_value("broken")


def test_what_an_alert_says_is_never_markup(tab: Tab) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\">"
    alert = {
        "labels": {"alertname": evil, "severity": "CRIT", evil: evil},
        "annotations": {"summary": evil, "runbook_url": "javascript:document.title='owned'", "x": "javascript:1"},
        "status": {"state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []},
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2036-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z",
        "fingerprint": "1", "generatorURL": "javascript:1", "receivers": [{"name": evil}],
    }  # fmt: skip
    groups = [{"labels": {"alertname": evil}, "receiver": {"name": evil}, "alerts": [alert]}]
    tab.page.route("**/alertmgr/api/v2/alerts/groups*", lambda route: route.fulfill(json=groups))
    page = tab.open("/alertmgr/")
    page.get_by_role("heading", name=evil).first.wait_for()
    assert page.locator("main img").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0
    assert page.get_by_role("link", name="Runbook").count() == 0
    assert "owned" not in page.title()


PURE = """async ([format, links, state, suggest]) => {
  const f = await import(format), l = await import(links), q = await import(state), s = await import(suggest);
  const round = (hash) => q.format(q.parse(hash));
  const complete = (text) => {
    const c = s.context(text, text.length);
    return c && [c.kind, c.word, c.label ?? c.metric ?? null];
  };
  const broken = (text) => { try { l.parseMatchers(text); return false; } catch (e) { return e instanceof SyntaxError; } };
  return {
    durations: [0, 0.0123, 59, 93784, -90].map(f.duration),
    quantities: [[1536, "bytes"], [1234567], [0.5, "ratio"], [NaN], [-0.00001]].map(([v, unit]) => f.quantity(v, unit)),
    units: ["node_memory_MemFree_bytes", "rate(x_seconds_total[5m])", "a_bytes / b_bytes",
            "count(x_bytes)", "x_duration_seconds", 'up{a="_bytes"}'].map(f.unitOf),
    matchers: l.parseMatchers('{a="x,\\\\"y}", b!~c.*}').map(l.matcherText),
    broken: ["{a}", "a==b", '{a="x"'].map(broken),
    vmui: round("#/?g0.expr=up&g0.range_input=30m&g0.end_input=2026-01-31T12:00:00&g0.relative_time=none&g0.tab=1"),
    relative: q.parse("#/?g0.expr=a&g1.expr=b&g0.range_input=1h30m&g0.end_input=2026-01-31T12:00:00" +
                      "&g0.relative_time=last_1_hour"),
    empty: q.parse("").range,
    complete: ["rate(node_c", 'up{jo', 'up{job="no', 'up{job="node"} + u', 'sum by (i', '"text',
               'up{a="}"} == '].map(complete),
  };
}"""


def test_the_pure_parts_of_the_scripts(tab: Tab) -> None:
    from staddle.components.portal import assets

    page = tab.open("/vmetrics/")
    urls = assets.load().urls
    names = ["format.js", "links.js", "query-state.js", "suggest.js"]
    got = page.evaluate(PURE, [urls[name] for name in names])
    assert got == {
        "durations": ["0 s", "12.3 ms", "59 s", "1d 2h", "-1m 30s"],
        "quantities": ["1.5 KiB", "1.23M", "50 %", "NaN", "-1.00e-5"],
        "units": ["bytes", "", "", "", "seconds", ""],
        "matchers": ['a="x,\\"y}"', 'b!~"c.*"'],
        "broken": [True, True, False],
        "vmui": "#/?g0.expr=up&g0.range_input=30m&g0.end_input=2026-01-31T12%3A00%3A00&g0.relative_time=none&g0.tab=1",
        "relative": {"view": "query", "exprs": ["a", "b"], "range": 5400, "end": None, "table": False, "step": None},
        "empty": 3600,
        "complete": [
            ["name", "node_c", None], ["label", "jo", "up"], ["value", "no", "job"], None, ["label", "i", None], None, None,
        ],
    }  # fmt: skip
