"""The rules that need no running store. Each gives all that breaks it; none stops the others."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from staddle.dashboards.lint.model import Finding, Source, expression, name_of, strings, targets, used_variables
from staddle.inventory.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NUMBERS = {"timeseries", "stat", "gauge", "bargauge", "barchart", "piechart", "heatmap", "histogram", "state-timeline",
           "status-history"}  # fmt: skip
TYPES = NUMBERS | {"table", "logs", "text", "traces", "row", "treemap", "volkovlabs-echarts-panel"}
"""What our console draws."""
TRANSFORMATIONS = {
    *("calculateField", "concatenate", "convertFieldType", "filterByValue", "filterFieldsByName", "filterFieldsByRefId"),
    *("groupBy", "joinByField", "labelsToFields", "limit", "merge", "organize", "reduce", "renameByRegex"),
    *("seriesToColumns", "seriesToRows", "sortBy"),
}  # fmt: skip
SOURCES = re.compile(r"(vmetrics|vlogs|vtraces)(-\d+)?|pg-.+|-- (Grafana|Mixed|Dashboard) --|grafana|\$.*")
COLUMNS = 24


def check_all(sources: Sequence[Source], known: Sequence[Source]) -> list[Finding]:
    """Everything about these; links may lead to any of `known`."""
    boards = {source.uid: source for source in known if source.uid}
    counts = Counter(source.uid for source in sources)
    findings = [
        source.finding(None, "uid", f"several dashboards have the uid {source.uid!r}")
        for source in sources
        if counts[source.uid] > 1 and source.uid
    ]
    for source in sources:
        for rule in (_head, _identity, _words, _looks, _grid, _subset, _queries, _variables):
            findings += rule(source)
        findings += _links(source, boards)
    return findings


def _head(source: Source) -> Iterator[Finding]:
    data = source.data
    if not source.uid:
        yield source.finding(None, "uid", "has no uid: links to it would break with every import")
    if not data.get("title"):
        yield source.finding(None, "title", "the dashboard has no title")
    if source.ours and not data.get("description"):
        yield source.finding(None, "description", "the dashboard has no description")
    if int(data.get("schemaVersion") or 0) < 36:
        yield source.finding(
            None, "schema", f"schemaVersion {data.get('schemaVersion')} is too old: 36 or newer is read"
        )


def _identity(source: Source) -> Iterator[Finding]:
    seen: dict[int, dict[str, Any]] = {}
    for panel in source.panels:
        number = panel.get("id")
        if not isinstance(number, int):
            yield source.finding(panel, "id", "has no id")
        elif number in seen:
            yield source.finding(panel, "id", f"its id {number} is that of {name_of(seen[number])!r}")
        else:
            seen[number] = panel


def _words(source: Source) -> Iterator[Finding]:
    for panel in source.panels:
        if not str(panel.get("title") or "").strip():
            yield source.finding(panel, "title", "has no title")


def _looks(source: Source) -> Iterator[Finding]:
    for panel in source.panels:
        kind, defaults = panel.get("type"), (panel.get("fieldConfig") or {}).get("defaults") or {}
        if kind in NUMBERS - {"histogram"} and not defaults.get("unit"):
            yield source.finding(panel, "unit", "has no unit (`none` and `short` are units, too)")
        if kind in {"stat", "gauge", "bargauge"} and not (defaults.get("thresholds") or {}).get("steps"):
            yield source.finding(panel, "thresholds", "has no thresholds: from which value on is it bad?")
        legend = (panel.get("options") or {}).get("legend") or {}
        if kind == "timeseries" and not legend.get("showLegend"):
            yield source.finding(panel, "legend", "has no legend: which line is which?")


def _grid(source: Source) -> Iterator[Finding]:
    placed: list[tuple[tuple[int, int, int, int], dict[str, Any]]] = []
    for panel in source.panels:
        place = panel.get("gridPos") or {}
        if not all(isinstance(place.get(key), int) for key in "xywh"):
            yield source.finding(panel, "grid", "has no place (gridPos with x, y, w and h)")
            continue
        x, y, w, h = (place[key] for key in "xywh")
        if x < 0 or w < 1 or h < 1 or x + w > COLUMNS:
            yield source.finding(panel, "grid", f"columns {x} to {x + w} are not within {COLUMNS}")
        for (x2, y2, w2, h2), other in placed:
            if x < x2 + w2 and x2 < x + w and y < y2 + h2 and y2 < y + h:
                yield source.finding(panel, "grid", f"lies over {name_of(other)!r}")
        placed.append(((x, y, w, h), panel))


def _subset(source: Source) -> Iterator[Finding]:
    for panel in source.panels:
        kind = str(panel.get("type"))
        if kind not in TYPES:
            yield source.finding(panel, "type", f"type {kind!r} is not drawn by the console{_meant(kind, TYPES)}")
        for step in panel.get("transformations") or []:
            name = str(step.get("id"))
            if name not in TRANSFORMATIONS and not step.get("disabled"):
                meant = _meant(name, TRANSFORMATIONS)
                yield source.finding(panel, "transformation", f"{name!r} is not known to the console{meant}")


def _queries(source: Source) -> Iterator[Finding]:
    for panel in source.panels:
        kind, found = panel.get("type"), targets(panel)
        if kind in {"row", "text"}:
            continue
        if not found:
            yield source.finding(panel, "query", "has no query")
        names = Counter(target.get("refId") for target in found)
        for name in sorted(str(name) for name, count in names.items() if count > 1 or not name):
            yield source.finding(panel, "query", f"several queries are called {name!r}, or one has no name")
        for target in found:
            if not expression(target).strip() and target.get("queryType") != "search":
                yield source.finding(panel, "query", f"query {target.get('refId')} is empty")
            reference = target.get("datasource") or panel.get("datasource")
            uid = reference.get("uid") if isinstance(reference, dict) else reference
            if not uid:
                yield source.finding(panel, "source", f"query {target.get('refId')} names no data source")
            elif source.ours and not SOURCES.fullmatch(str(uid)):
                yield source.finding(panel, "source", f"data source {uid!r} is none of ours")


def _variables(source: Source) -> Iterator[Finding]:
    defined = [str(variable.get("name")) for variable in source.variables]
    for name, count in Counter(defined).items():
        if count > 1:
            yield source.finding(None, "variable", f"${name} is defined {count} times")
    for number, variable in enumerate(source.variables):
        for name in sorted(used_variables(json.dumps(variable.get("query") or ""))):
            if name in defined and name not in defined[:number]:
                yield source.finding(None, "variable", f"${defined[number]} uses ${name}, which is defined after it")
            elif name not in defined:
                meant = _meant(name, defined)
                yield source.finding(None, "variable", f"${defined[number]} uses ${name}, which is not defined{meant}")
    for panel in source.panels:
        own = {key: value for key, value in panel.items() if key not in {"panels", "options"}}
        own["content"] = (panel.get("options") or {}).get("content")
        used = {name for text in strings(own) for name in used_variables(text)}
        for name in sorted(used - set(defined) - _computed(panel)):
            yield source.finding(panel, "variable", f"uses ${name}, which is not defined{_meant(name, defined)}")


def _computed(panel: dict[str, Any]) -> set[str]:
    """`$1` and named groups of regular expressions in renames are none of ours."""
    patterns = " ".join(text for step in panel.get("transformations") or [] for text in strings(step))
    return set(re.findall(r"\(\?<(\w+)>", patterns))


def _links(source: Source, boards: dict[str, Source]) -> Iterator[Finding]:
    for where, url in _urls(source):
        path, _, query = url.partition("?")
        match = re.match(r"(?:\$\{\w+\})?(?:/ui|/console)?/d/([^/?#]+)", path)
        if not match or "$" in match[1]:
            continue
        uid = match[1]
        target = boards.get(uid)
        if target is None:
            yield source.finding(where, "link", f"leads to {uid!r}, which is no dashboard{_meant(uid, boards)}")
            continue
        known = [str(variable.get("name")) for variable in target.variables]
        given = {name.removeprefix("var-") for name, _ in parse_qsl(urlsplit(f"?{query}").query, keep_blank_values=True)
                 if name.startswith("var-")}  # fmt: skip
        for name in sorted(given - set(known)):
            yield source.finding(where, "link", f"{uid!r} has no variable {name!r}{_meant(name, known)}")


def _urls(source: Source) -> Iterator[tuple[dict[str, Any] | None, str]]:
    for link in source.data.get("links") or []:
        if link.get("type") == "link":
            yield None, str(link.get("url") or "")
    for panel in source.panels:
        own = {key: value for key, value in panel.items() if key != "panels"}
        yield from ((panel, url) for url in _named(own, "url"))
        yield from (
            (panel, url) for url in re.findall(r"\]\((/[^)\s]+)\)", str((panel.get("options") or {}).get("content")))
        )


def _named(value: Any, name: str) -> Iterator[str]:
    items: Callable[[], Any] = value.items if isinstance(value, dict) else lambda: ()
    for key, item in items():
        if key == name and isinstance(item, str):
            yield item
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _named(item, name)


def _meant(name: str, known: Any) -> str:
    found = nearest(name, known)
    return f"; did you mean {found!r}?" if found else ""
