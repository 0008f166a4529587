"""The portal's files: the same for the same site, escaped, complete, and fit for a strict content security policy."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from staddle.components.portal import assets
from staddle.components.portal.health import combined_query
from staddle.components.portal.icons import ICONS, icon_for
from staddle.components.portal.pages import PAGES, safe_href
from staddle.components.portal.site import Card, ComponentRow, Features, Link, ModuleCell, NodeRow, Site, render

SITE = Site(
    name="Staddle",
    version="0.1.0",
    domain="i.example",
    portal_url="/",
    admin_ip="10.0.0.1",
    cards=(
        Card("metrics", "Metrics", "Query them", "/vmetrics/", "metrics", "vmetrics"),
        Card("ui", "Dashboards", "Later", "/ui/", "no-such-icon", available=False),
    ),
    components=(
        ComponentRow(
            "vmetrics", "vmetrics-1", "10.0.0.1", "Store", "1.2", "package", "/vmetrics/", 8428, 'up{ins="vmetrics-1"}'
        ),
        ComponentRow("chronyd", "chronyd-1", "10.0.0.1", "Time", "4.3", "package", None, 123),
    ),
    nodes=(
        NodeRow(
            "10.0.0.1", "one", "infra", (ModuleCell("node", ("one",)), ModuleCell("zeta", ("z-1",))), is_admin=True
        ),
        NodeRow("10.0.0.2", "two", "pg", (ModuleCell("node", ("two",)), ModuleCell("pgsql", ("pg-1", "pg-2")))),
    ),
    docs=(Link("Runbooks", "/docs/runbooks/", "One page per alert"),),
    ca_fingerprint="AA:BB",
)

EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'&{{7*7}}"


class Page(HTMLParser):
    """What a test wants to know of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.stack: list[str] = []
        self.inline: list[str] = []
        self.ids: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append((tag, values))
        self.stack.append(tag)
        if "id" in values:
            self.ids.append(values["id"])

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] in {"script", "style"} and data.strip():
            self.inline.append(data)

    def urls(self) -> list[str]:
        names = ("href", "src", "action", "srcset", "poster", "data")
        found = [values[name] for _, values in self.tags for name in names if name in values]
        return found + [v["content"] for t, v in self.tags if t == "meta" and v.get("name", "").startswith("staddle-")]


FILES = render(SITE)
HTML = sorted(path for path in FILES if path.endswith(".html"))


def page(path: str) -> Page:
    return Page(FILES[path].decode())


def test_every_page_is_there() -> None:
    assert sorted(["index.html", "404.html", *(f"_staddle/pages/{item.name}.html" for item in PAGES)]) == HTML


def test_equal_sites_give_equal_bytes() -> None:
    assets.load.cache_clear()
    assert render(dataclasses.replace(SITE)) == FILES


@pytest.mark.parametrize("path", HTML)
def test_nothing_inline(path: str) -> None:
    found = page(path)
    assert found.inline == []
    for tag, values in found.tags:
        assert tag != "style"
        assert not [name for name in values if name == "style" or name.startswith("on")], (tag, values)


@pytest.mark.parametrize("path", HTML)
def test_every_reference_is_local_and_absolute_and_every_asset_exists(path: str) -> None:
    for url in page(path).urls():
        assert url.startswith(("/", "#")), url
        assert not url.startswith("//"), url
        local = url.split("#")[0].split("?")[0].lstrip("/")
        if local.startswith("_staddle/"):
            assert local in FILES, url


@pytest.mark.parametrize("path", HTML)
def test_ids_are_unique_and_fragments_lead_somewhere(path: str) -> None:
    found = page(path)
    assert len(found.ids) == len(set(found.ids))
    fragments = {v["href"][1:] for _, v in found.tags if v.get("href", "").startswith("#") and "/" not in v["href"]}
    assert fragments <= set(found.ids)


@pytest.mark.parametrize("path", HTML)
def test_landmarks_language_and_names(path: str) -> None:
    found = page(path)
    tags = [tag for tag, _ in found.tags]
    assert {"header", "nav", "main", "footer", "title", "h1"} <= set(tags)
    assert tags.count("h1") == 1
    assert dict(found.tags)["html"]["lang"] == "en"
    labelled = {v["for"] for t, v in found.tags if t == "label" and "for" in v}
    for tag, values in found.tags:
        if tag in {"select", "textarea"}:
            assert values["id"] in labelled or "aria-label" in values


def test_modules_and_style_sheets_refer_only_to_files_that_are_there() -> None:
    for path, content in FILES.items():
        if path.endswith((".js", ".css")):
            text = content.decode()
            assert not re.search(r"""(?:from|import)\s*\(?["']\.""", text), path
            assert not re.search(r"https?://(?!www\.w3\.org/)", text), path
            for url in re.findall(r"""["'(](/_staddle/static/[^"')]+)""", text):
                assert url[1:] in FILES, (path, url)


def test_every_icon_that_a_script_or_template_names_is_in_the_sprite() -> None:
    used = {name for text in FILES.values() for name in re.findall(rb'\bicon\("([a-z]+)"\)', text)}
    used |= {name for text in FILES.values() for name in re.findall(rb"icons\.[0-9a-f]+\.svg#([a-z]+)", text)}
    assert {name.decode() for name in used} <= ICONS


def test_a_change_gives_the_file_and_all_that_lead_to_it_new_names(monkeypatch: pytest.MonkeyPatch) -> None:
    before = assets.load().urls
    real = Path.read_text

    def changed(self: Path, encoding: str = "utf-8") -> str:
        return real(self, encoding) + ("// changed" if self.name == "format.js" else "")

    monkeypatch.setattr(Path, "read_text", changed)
    assets.load.cache_clear()
    after = assets.load().urls
    assets.load.cache_clear()
    renamed = {name for name in before if before[name] != after[name]}
    assert {"format.js", "live.js", "home.js", "metrics.js"} <= renamed
    assert not renamed & {"portal.css", "icons.svg", "theme.js", "links.js"}


def test_everything_from_the_inventory_is_escaped() -> None:
    site = Site(
        name=EVIL, version=EVIL, domain=EVIL, portal_url=EVIL, admin_ip=EVIL,
        cards=(Card(EVIL, EVIL, EVIL, EVIL, EVIL, EVIL), Card(EVIL, EVIL, EVIL, EVIL, available=False)),
        components=(ComponentRow(EVIL, EVIL, EVIL, EVIL, EVIL, EVIL, EVIL, 1),),
        nodes=(NodeRow(EVIL, EVIL, EVIL, (ModuleCell(EVIL, (EVIL,)),)),),
        docs=(Link(EVIL, EVIL, EVIL),), ca_fingerprint=EVIL,
    )  # fmt: skip
    for path, content in render(site).items():
        if path.endswith(".html"):
            text = content.decode()
            assert "<script>" not in text
            assert "<img" not in text
            assert "49" not in re.findall(r"\{\{.*?\}\}", text)
            assert all("onerror" not in values for _, values in Page(text).tags)
    assert json.loads(render(site)["_staddle/site.json"])["name"] == EVIL


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("/vmetrics/", "/vmetrics/"),
        ("https://wiki.example/a?b=c", "https://wiki.example/a?b=c"),
        ("javascript:alert(1)", "#"),
        (" javascript:alert(1)", "#"),
        ("JavaScript:alert(1)", "#"),
        ("data:text/html,x", "#"),
        ("http://[broken", "#"),
        ("wiki", "#"),
    ],
)
def test_only_links_that_navigate(url: str, safe: str) -> None:
    assert safe_href(url) == safe


def test_the_combined_query_tells_its_series_apart() -> None:
    query = combined_query(SITE)
    assert query.startswith("union(")
    assert 'label_set(min((up{ins="vmetrics-1"})), "staddle", "component", "id", "vmetrics-1")' in query
    assert "chronyd" not in query
    odd = dataclasses.replace(SITE.components[0], instance='a"b')
    assert '"a\\"b"' in combined_query(dataclasses.replace(SITE, components=(odd,)))


def test_the_home_page_shows_the_inventory() -> None:
    text = FILES["index.html"].decode()
    assert re.findall(r'<th scope="col">(\w+)</th>', text)[1:5] == ["Cluster", "node", "pgsql", "zeta"]
    assert text.count(">admin</span>") == 1
    assert "2 nodes" in text
    assert 'id="component-vmetrics-1"' in text
    assert 'data-live="target:pgsql|pg-2|10.0.0.2"' in text


def test_a_site_with_nothing_still_renders() -> None:
    files = render(
        Site("S", "0", "d", "/", "::1", features=Features(metrics=False, rules=False, alerts=False, ca=False))
    )
    assert "ca.crt" not in files["index.html"].decode()
    assert b"not installed yet" in files["_staddle/pages/metrics.html"]
    assert b"Targets</a>" in files["index.html"]


def test_icons() -> None:
    assert icon_for("discovery") == "target"
    assert icon_for("Logs ") == "logs"
    assert icon_for("whatever") == "link"
    assert {icon_for(word) for word in ("metrics", "alertmgr", "repo", "pgsql", "dashboard")} <= ICONS
