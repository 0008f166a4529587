"""The parts of the log search page that are plain functions, as the browser runs them. No server: only its files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.chromium import chromium

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page, Route

ORIGIN = "http://localhost/vlogs/select/vmui/"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """An empty page of an origin whose only contents are the page's files."""
    from staddle.logs.ui import files

    def give(route: Route) -> None:
        content = files.load().get(route.request.url.removeprefix(ORIGIN))
        kind = "text/javascript" if content else "text/html"
        # The elements that the modules look for when they are loaded.
        route.fulfill(body=content or b'<meta name="staddle-icons" content="x">', content_type=kind)

    with chromium() as started:
        made = started.new_page(timezone_id="Europe/Berlin")
        made.route("**/*", give)
        made.goto(ORIGIN)
        yield made


def run(page: Page, module: str, body: str) -> Any:
    """What `body` returns, with the module's exports as `m`."""
    from staddle.logs.ui import files

    name = next(n for n in files.load() if n.startswith(f"static/{module}."))
    return page.evaluate(f"async (url) => {{ const m = await import(url); return {body}; }}", ORIGIN + name)


def each(page: Page, module: str, function: str, *arguments: Any) -> list[Any]:
    """The function's results, one call for each argument (a list is several arguments)."""
    calls = [a if isinstance(a, list) else [a] for a in arguments]
    from staddle.logs.ui import files

    name = next(n for n in files.load() if n.startswith(f"static/{module}."))
    script = "async ([url, name, calls]) => { const m = await import(url); return calls.map((c) => m[name](...c)); }"
    return list(page.evaluate(script, [ORIGIN + name, function, calls]))


def test_tokens_cover_the_text(page: Page) -> None:
    texts = [' a "unfinished', "{a=", "x # y\nz", "-foo -(a) 5m -3", "a:`b\\`c | d", ""]
    whole = run(page, "logsql", f"{texts!r}.map(t => m.tokens(t).map(x => x.text).join(''))")
    assert whole == texts
    got = run(page, "logsql", """m.tokens('a:="b|c" | stats by (x) # end').map(t => `${t.kind} ${t.text}`)""")
    assert [t for t in got if not t.startswith(("space", "op"))] == [
        "field a", 'string "b|c"', "pipe stats", "keyword by", "word x", "comment # end",
    ]  # fmt: skip


def test_conditions_are_added_and_dropped(page: Page) -> None:
    part = "a:=b"
    assert each(page, "logsql", "add", ["*", part], ["x | stats count()", part], ["x or y", part], ["x -a:=b", part]) == [
        "a:=b", "x a:=b | stats count()", "(x or y) a:=b", "x a:=b",
    ]  # fmt: skip
    assert each(page, "logsql", "add", ["a:=b", part, True], ["", part, True]) == ["* -a:=b", "* -a:=b"]
    assert each(page, "logsql", "drop", [part, part], ["x a:=b y | limit 1", part], ["aa:=b", part], ["x and a:=b", part]) == [
        "*", "x y | limit 1", "aa:=b", "x",
    ]  # fmt: skip
    assert each(page, "logsql", "state", ["x a:=b", part], ["x -a:=b", part], ["x or a:=b", part], ["aa:=bc", part]) == [
        "with", "without", None, None,
    ]  # fmt: skip


def test_names_and_values_are_quoted_where_they_must_be(page: Page) -> None:
    pairs = [
        ["level", "error"],
        ["my field", 'a"b'],
        ["_stream", '{a="b"}'],
        ["x", ""],
        ["stats", "and"],
        ["ip", "10.0.0.1"],
    ]
    assert each(page, "logsql", "equals", *pairs) == [
        "level:=error", '"my field":="a\\"b"', '{a="b"}', 'x:""', '"stats":="and"', "ip:=10.0.0.1",
    ]  # fmt: skip


def test_what_a_query_does_and_looks_for(page: Page) -> None:
    assert each(page, "logsql", "pipesOf", "a:in(b | fields x) | stats count() | sort by (y)", "x") == [
        ["stats", "sort"],
        [],
    ]
    query = 'foo "bar baz" level:err -no _msg:yes | stats by (z) count()'
    assert each(page, "logsql", "searched", query, "*") == [["foo", "bar baz", "yes"], []]


def test_where_the_api_is(page: Page) -> None:
    paths = ["/select/vmui/", "/vlogs/select/vmui/", "/a/b/vmui/", "/vlogs/select/vmui/index.html"]
    assert each(page, "logs-api", "baseOf", *paths) == [
        "/select/logsql/", "/vlogs/select/logsql/", "/a/b/select/logsql/", "/vlogs/select/logsql/",
    ]  # fmt: skip


def test_where_a_mistake_is(page: Page) -> None:
    query, long = "error and (foo | bar", "b" * 10 + "a" * 50
    said = f"cannot parse query [{query}]: missing ')'; context: [error and (foo |]\n"
    shortened = f"cannot parse query [{long}]: y; context: [...{'a' * 50}]"
    assert each(page, "logs-api", "locate", [said, query], [shortened, long], ["odd", "x"]) == [
        {"message": "missing ')'", "end": 16}, {"message": "y", "end": 60}, {"message": "odd", "end": None},
    ]  # fmt: skip


def test_addresses_of_the_original_come_back_the_same(page: Page) -> None:
    vmui = (
        "g0.range_input=30m&g0.end_input=2026-01-31T12%3A00%3A00&g0.relative_time=none&limit=50&accountID=1&projectID=2"
    )
    addresses = {
        f"#/?query=a%3Ab&{vmui}": f"#/?query=a%3Ab&{vmui}",
        "#/?query=*&g0.relative_time=last_6_hours": "#/?query=*&g0.range_input=6h&g0.relative_time=last_6_hours&limit=1000",
        "#/?g0.range_input=x&limit=abc&view=none": "#/?query=*&g0.range_input=1h&g0.relative_time=last_1_hour&limit=1000",
        "": "#/?query=*&g0.range_input=1h&g0.relative_time=last_1_hour&limit=1000",
    }
    assert run(page, "logs-state", f"{list(addresses)!r}.map(x => m.format(m.parse(x)))") == list(addresses.values())
    context = run(page, "logs-state", "m.parse('#/stream-context/00ab/2026-01-31T12%3A00%3A00.5Z').query")
    assert context == "_stream_id:00ab _time:2026-01-31T12:00:00.5Z"
    today = run(
        page,
        "logs-state",
        "m.between(m.parse('#/?g0.relative_time=yesterday'), Date.parse('2026-06-10T10:00:00Z') / 1000)",
    )
    assert [round(today["start"]), round(today["end"])] == [1780956000, 1781042400]


def test_moments_as_people_type_them(page: Page) -> None:
    texts = ["now", "now-2h", "-90s", "3d", "1760000000", "2026-06-10", "2026-06-10 10:00", "yesterday"]
    got = run(page, "times", f"{texts!r}.map((t) => m.moment(t, 1e9) || null)")
    assert got == [1e9, 1e9 - 7200, 1e9 - 90, 1e9 - 259200, 1760000000, 1781042400, 1781078400, None]


def test_csv_is_safe_to_open(page: Page) -> None:
    texts = ["a", 'a"b', "a,b", "=1+1", "-5", "+x", "@x", "two\nlines"]
    wanted = ["a", '"a""b"', '"a,b"', "'=1+1", "-5", "'+x", "'@x", '"two\nlines"']
    assert each(page, "export", "csvField", *texts) == wanted


CONTEXTS: dict[str, list[str | None] | None] = {
    "err": ["filter", "err", None],
    "level:": ["value", "", "level"],
    "level:=er": ["value", "er", "level"],
    "level:in(error, wa": ["value", "wa", "level"],
    "foo | sta": ["pipe", "sta", None],
    "foo | stats by (le": ["inPipe", "le", "stats"],
    "{jo": ["label", "jo", None],
    '{job="w': ["labelValue", "w", "job"],
    '{job="web",in': ["label", "in", None],
    '"open': None,
    "a | filter lev": ["filter", "lev", None],
    "# note": None,
}


def test_what_is_being_typed(page: Page) -> None:
    body = "(t => { const c = m.context(t, t.length); return c && [c.kind, c.word, c.field ?? c.pipe ?? null]; })"
    assert run(page, "complete", f"{list(CONTEXTS)!r}.map{body}") == list(CONTEXTS.values())


def test_levels_of_many_programs_are_one_scale(page: Page) -> None:
    names = ["FATAL", "emerg", "3", "Error", "WARNING", "LOG", "notice", "debug5", "trace", "whatever", ""]
    assert each(page, "levels", "rank", *names) == [
        "crit", "crit", "error", "error", "warn", "info", "info", "debug", "debug", "none", "none",
    ]  # fmt: skip


def test_the_list_finds_rows_of_any_height(page: Page) -> None:
    heights = [10, 30, 0, 20, 5]
    body = f"(() => {{ const s = new m.Sums({heights}); s.add(1, 5); return [[0, 1, 2, 5].map(n => s.before(n)),"
    body += " [0, 9, 10, 44, 45, 64, 65, 1000].map(y => s.find(y))]; })()"
    assert run(page, "virtual", body) == [[0, 10, 45, 70], [0, 0, 1, 1, 3, 3, 4, 4]]
