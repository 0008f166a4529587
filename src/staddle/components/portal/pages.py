"""The portal's pages: their addresses, their templates, and what the templates are given."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from staddle.components.portal import articles, assets
from staddle.components.portal.health import combined_query
from staddle.components.portal.icons import icon_for

if TYPE_CHECKING:
    from staddle.components.portal.site import Features, Site

SITE_JSON = "_staddle/site.json"

_MODULE_ORDER = ("infra", "node", "pgsql", "redis", "etcd", "minio")
_SAFE_SCHEMES = frozenset(("http", "https", "mailto"))


@dataclass(frozen=True, slots=True)
class Page:
    """One page over an API, its address in the navigation, and what to say while its component isn't there.

    `feature` is the field of Features that says whether it is; `template` is None where the component, once it is
    there, serves this address itself.
    """

    name: str
    title: str
    url: str
    feature: str
    template: str | None
    text: str

    def available(self, features: Features) -> bool:
        return bool(getattr(features, self.feature))


PAGES = (
    Page("metrics", "Metrics", "/vmetrics/", "metrics", "metrics.html",
         "Here you will query the metrics of every node and database in MetricsQL, as a graph and as a table."),
    Page("targets", "Targets", "/vmetrics/targets", "metrics", "targets.html",
         "Here you will see everything that metrics are collected from, and why a target can’t be reached."),
    Page("rules", "Rules", "/vmalert/", "rules", "rules.html",
         "Here you will see the recording and alerting rules, how they evaluate, and the alerts they produce."),
    Page("alerts", "Alerts", "/alertmgr/", "alerts", "alerts.html",
         "Here you will see firing alerts and who is told about them, and silence what you already know."),
    Page("ui", "Dashboards", "/ui/", "dashboards", None,
         "Here are the dashboards where the console runs: `console_enabled` is off in this inventory, or the console’s pages "
         "could not be built on the machine that Staddle runs from (that takes Node; `make console` says what is missing)."),
    Page("vlogs", "Logs", "/vlogs/", "logs", None,
         "Here you will search the logs of every node and database with LogsQL, with the same labels as the metrics."),
    Page("vtraces", "Traces", "/vtraces/", "traces", None,
         "Here you will follow a request through services down to its slow statement in PostgreSQL."),
)  # fmt: skip


def safe_href(url: str) -> str:
    """`url` if a click on it can only navigate, else `#`: a scheme such as `javascript:` would run in our origin."""
    if url.startswith("/"):
        return url
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        return "#"
    return url if scheme in _SAFE_SCHEMES else "#"


def soft(text: str) -> Markup:
    """`text`, allowed to break after `_`, `:` and `-`: names and fingerprints are long and columns narrow."""
    return Markup("<wbr>").join(re.split(r"(?<=[_:-])", text))


def _navigation(features: Features) -> list[dict[str, Any]]:
    """What the header leads to; also in site.json, for pages that programs behind the portal serve themselves."""
    return [{"page": "index", "title": "Home", "url": "/", "available": True}] + [
        {"page": p.name, "title": p.title, "url": p.url, "available": p.available(features)} for p in PAGES
    ]


def site_json(site: Site) -> bytes:
    """What the scripts need to know of the fleet."""
    data = {
        "name": site.name,
        "watchdog": site.watchdog if site.features.rules else "",
        "features": asdict(site.features),
        "health_query": combined_query(site),
        "components": [
            {"component": row.component, "instance": row.instance, "ip": row.node_ip, "watched": bool(row.health_query)}
            for row in site.components
        ],
        "nodes": [{"ip": node.ip, "name": node.name} for node in site.nodes],
        "nav": _navigation(site.features),
    }
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["href"] = safe_href
    environment.filters["soft"] = soft
    return environment


def _modules(site: Site) -> list[str]:
    """Every module in the inventory, the well-known ones first."""
    found = {cell.module for node in site.nodes for cell in node.modules}
    return [m for m in _MODULE_ORDER if m in found] + sorted(found.difference(_MODULE_ORDER))


def _home(site: Site) -> dict[str, Any]:
    modules = _modules(site)
    cells = {
        node.ip: {m: tuple(i for c in node.modules if c.module == m for i in c.instances) for m in modules}
        for node in site.nodes
    }
    counts = [(m, sum(len(row[m]) for row in cells.values())) for m in modules if m not in {"infra", "node"}]
    nodes = len(site.nodes)
    carried = [("node" if nodes == 1 else "nodes", nodes), *counts]
    infra = {row.node_ip for row in site.components}
    return {"modules": modules, "cells": cells, "carried": carried, "infra_count": len(infra)}


def render_pages(site: Site) -> dict[str, bytes]:
    """The HTML files and `site.json`: path below the web root → content."""
    static = assets.load()
    environment = _environment()
    nav = _navigation(site.features)
    common = {
        "site": site,
        "asset": static.urls.__getitem__,
        "icon_for": icon_for,
        "nav": nav,
        # By name, without a version: else one node more would make every page another. Browsers ask whether it is current.
        "site_json": f"/{SITE_JSON}",
    }

    def page(template: str, name: str, title: str, script: str, **more: Any) -> bytes:
        values = {**common, "page": name, "title": title, "script": script, **more}
        return environment.get_template(template).render(values).encode()

    files = {
        "index.html": page("index.html", "index", site.name, "home.js", **_home(site)),
        "404.html": page("404.html", "", "Not found", "lost.js"),
        SITE_JSON: site_json(site),
    }
    for item in PAGES:
        there = item.available(site.features)
        if there and item.template:
            body = page(item.template, item.name, item.title, f"{item.name}.js")
        else:
            instead = [n for n in nav[1:] if n["available"]][:3]
            body = page(
                "reserved.html", item.name, item.title, "frame.js", text=item.text, route=item.url, instead=instead
            )
        files[f"_staddle/pages/{item.name}.html"] = body
    for path, title, markdown in articles.with_indexes(site.articles):
        files[path] = page("article.html", "", title, "frame.js", body=articles.to_html(markdown))
    return files
