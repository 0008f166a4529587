"""The trace page in a browser, over a real trace server with real spans, behind a path prefix as a proxy would put it."""

from __future__ import annotations

import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

import pytest
from tests.browser.chromium import CONTRAST
from tests.browser.engines import serving

from staddle import otlp

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect
pytest.importorskip("duckdb", reason="the trace store needs the extra `logs`")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
MS = 1_000_000
TRACES = 12


def trace(number: int, now: int) -> list[tuple[dict[str, Any], list[otlp.Span]]]:
    """A request through three services; every fourth fails in the database. Trace 1 is evil all over."""
    begin, trace_id = now - 600_000 * MS + number * 20_000 * MS, f"{number:032x}"
    failed = number % 4 == 0

    def one(i: int, name: str, parent: int, at: int, ms: int, **more: Any) -> otlp.Span:
        start = begin + at * MS
        up = f"{number:08x}{parent:08x}" if parent else ""
        return otlp.Span(trace_id, f"{number:08x}{i:08x}", name, start, start + ms * MS, up, **more)

    name = EVIL if number == 1 else "GET /cart"
    web = one(
        1, name, 0, 0, 10 * number, kind=otlp.Kind.SERVER, attributes={"user": EVIL if number == 1 else f"u{number}"}
    )
    shop = one(2, "load cart", 1, 1, 8 * number)
    query = one(
        3, "SELECT carts", 2, 2, 5 * number, kind=otlp.Kind.CLIENT,
        attributes={"db.query.text": "SELECT * FROM carts WHERE id = $1"},
        status=otlp.Status.ERROR if failed else otlp.Status.UNSET, message="deadlock detected" if failed else "",
        events=(otlp.Event("plan", begin + 3 * MS, {"text": "Seq Scan\n  on carts"}),),
    )  # fmt: skip
    resources = [{"service.name": s, "ins": f"{s}-1", "job": "app"} for s in ("web", "shop", "db")]
    return list(zip(resources, [[web], [shop], [query]], strict=True))


@dataclass
class Tab:
    """A page under watch: what it logged and threw."""

    page: Page
    base: str
    said: list[str]

    def open(self, path: str = "", wait: str = "#view > *", **params: str) -> Page:
        self.page.goto(f"{self.base}/select/vmui/#/{path}?{urlencode({'g0.range_input': '1h', **params})}")
        self.page.locator(wait).first.wait_for()
        self.settled()
        return self.page

    def settled(self) -> None:
        self.page.evaluate("new Promise((done) => setTimeout(done, 50))")
        self.page.locator("body:not([data-busy])").wait_for()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A trace server with traces of the last ten minutes."""
    folder = tmp_path_factory.mktemp("traces")
    with serving("traces", folder, "-servicegraph.enableTask") as url:
        now = time.time_ns()
        for number in range(1, TRACES + 1):
            body = otlp.request(trace(number, now), "shop")
            request = urllib.request.Request(
                f"{url}/insert/opentelemetry/v1/traces", body, {"Content-Type": otlp.CONTENT_TYPE}
            )
            urllib.request.urlopen(request, timeout=30).close()
        yield url


@pytest.fixture
def tab(browser: Browser, base: str) -> Iterator[Tab]:
    """A fresh browser profile. Whatever the page logs as an error fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    context.set_default_timeout(15_000)
    made = Tab(context.new_page(), base, [])
    made.page.on("console", lambda m: made.said.append(m.text) if m.type in {"error", "warning"} else None)
    made.page.on("pageerror", lambda error: made.said.append(f"uncaught: {error}"))
    yield made
    context.close()
    assert [line for line in made.said if "Failed to load resource" not in line] == []


def hash_of(page: Page) -> dict[str, str]:
    return {k: v[0] for k, v in parse_qs(page.url.partition("?")[2]).items()}


def test_a_search_shows_dots_and_rows_and_follows_the_form(tab: Tab) -> None:
    page = tab.open(wait=".found-row", service="web")
    expect(page.locator(".found-row")).to_have_count(TRACES)
    expect(page.locator(".spot")).to_have_count(TRACES)
    expect(page.locator(".spot.failed")).to_have_count(TRACES // 4)
    expect(page.locator(".found-row").first.locator(".found-took")).to_have_text("120 ms")
    page.get_by_label("Attributes").fill("user=u8")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("heading", name="1 trace", exact=True).wait_for()
    expect(page.locator(".found-row")).to_have_count(1)
    assert hash_of(page)["tags"] == "user=u8"
    page.get_by_label("Attributes").fill("")
    page.get_by_label("From duration").fill("50ms")
    page.get_by_label("To duration").fill("70ms")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("heading", name="3 traces").wait_for()
    page.get_by_label("Order").select_option("longest")
    expect(page.locator(".found-took")).to_have_text(["70 ms", "60 ms", "50 ms"])
    page.get_by_label("Service", exact=True).select_option("db")
    page.locator("#operation option", has_text="SELECT carts").wait_for(state="attached")
    page.go_back()
    page.get_by_role("heading", name="1 trace", exact=True).wait_for()


def test_what_can_not_be_read_is_told(tab: Tab) -> None:
    page = tab.open(service="web")
    page.get_by_label("Attributes").fill("nonsense")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("These attributes can’t be read.").wait_for()
    page.get_by_label("Attributes").fill("")
    page.get_by_label("From duration").fill("5")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("missing unit in duration").wait_for()
    page.get_by_label("Trace ID").fill("xyz")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("This is no trace ID.").wait_for()


def test_a_trace_opens_as_a_waterfall(tab: Tab) -> None:
    page = tab.open(wait=".found-row", service="db", tags="error=true")
    expect(page.locator(".found-row")).to_have_count(TRACES // 4)
    page = tab.open("trace/8", wait=".wf-row")
    rows = page.locator(".wf-row")
    assert [r.split("\n")[1 if r[0].isdigit() else 0] for r in rows.all_inner_texts()] == ["web", "shop", "db"]
    expect(page.get_by_text("Took 80 ms")).to_have_count(1)
    rows.nth(2).click()
    detail = page.locator(".span-detail")
    expect(detail).to_contain_text("SELECT * FROM carts WHERE id = $1")
    expect(detail).to_contain_text("deadlock detected")
    assert "Seq Scan\n  on carts" in detail.locator(".events pre").inner_text()
    assert hash_of(page)["span"] == f"{8:08x}{3:08x}"
    page.reload()
    page.locator(".span-detail").wait_for()
    page.get_by_role("link", name="Back").click()
    page.locator(".found-row, .empty").first.wait_for()


def test_the_waterfall_by_keys(tab: Tab) -> None:
    page = tab.open("trace/8", wait=".wf-row")
    page.keyboard.press("j")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".wf-row[aria-expanded=true]")).to_have_attribute("data-id", f"{8:08x}{3:08x}")
    for key in ("ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    expect(page.locator(".wf-row")).to_have_count(2)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".wf-row")).to_have_count(3)
    page.keyboard.press("Home")
    page.keyboard.press("e")
    expect(page.locator(":focus")).to_have_attribute("aria-label", "db: SELECT carts, 40 ms, failed")
    page.keyboard.press("/")
    page.keyboard.type("carts")
    expect(page.locator(".wf-row:not([data-dim])")).to_have_count(1)
    page.locator(".wf-row").first.focus()
    page.keyboard.press("Escape")
    page.locator(".found-row, .empty").first.wait_for()


def test_what_strangers_write_is_only_text(tab: Tab) -> None:
    page = tab.open("trace/1", wait=".wf-row")
    page.locator(".wf-row").first.click()
    expect(page.locator(".span-detail")).to_contain_text(EVIL)
    assert page.locator(".trace-title h2").inner_text().endswith(EVIL)
    assert "owned" not in page.title().replace(EVIL, "")
    assert page.locator("main img, main script").count() == 0


def test_the_service_map_leads_to_traces(tab: Tab) -> None:
    page = tab.open("map", wait=".map .node")
    expect(page.locator(".map .node-name")).to_have_text(["db", "shop", "web"])
    assert page.locator(".map .edge text").all_text_contents() == [str(TRACES), str(TRACES)]
    page.get_by_role("link", name="shop: show its traces").press("Enter")
    page.locator(".found-row").first.wait_for()
    assert hash_of(page)["service"] == "shop"


def test_behind_the_portal_spans_lead_to_logs(tab: Tab) -> None:
    nav = [
        {"page": p, "title": t, "url": f"/{p}/", "available": True}
        for p, t in (("vlogs", "Logs"), ("vtraces", "Traces"))
    ]
    tab.page.route(
        "**/_staddle/site.json",
        lambda route: route.fulfill(json={"name": "Barn", "features": {"metrics": False}, "nav": nav}),
    )
    page = tab.open("trace/8", wait=".wf-row")
    page.locator(".wf-row").nth(2).click()
    link = page.get_by_role("link", name="Logs of its instance")
    link.wait_for()
    where, _, query = (link.get_attribute("href") or "").partition("#/?")
    asked = {k: v[0] for k, v in parse_qs(query).items()}
    assert where == "/vlogs/select/vmui/"
    assert asked["query"] == "ins:=db-1"
    assert (asked["g0.range_input"] in {"11s", "12s"}, asked["g0.relative_time"]) == (True, "none")
    own = page.get_by_role("link", name="Logs of this trace").get_attribute("href") or ""
    assert parse_qs(own.partition("#/?")[2])["query"] == [f"trace_id:={8:032x}"]
    expect(page.locator("#nav [aria-current]")).to_have_text("Traces")


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_and_can_be_read(browser: Browser, base: str, width: int, theme: Any) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=theme, reduced_motion="reduce")
    made = Tab(context.new_page(), base, [])
    for path, wait in (("", ".found-row"), ("trace/8", ".wf-row"), ("map", ".map .node")):
        page = made.open(path, wait=wait, service="web")
        if path.startswith("trace"):
            page.locator(".wf-row").nth(2).click()
        excess = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert excess <= 0, f"{path or 'search'} is {excess} px too wide"
        assert page.evaluate(CONTRAST) == [], f"{path or 'search'} in {theme}"
    context.close()
