"""The SQL that a stored dashboard holds: that of its panels, and of its variables. Nothing else is ever run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def panel_sql(body: Mapping[str, Any], panel: object, ref: str) -> str | None:
    """The SQL of a query of a panel, by its id and refId."""
    for found in _panels(body):
        if str(found.get("id")) == str(panel):
            return next((sql for name, sql in _queries(found) if name == ref), None)
    return None


def variable_sql(body: Mapping[str, Any], name: str) -> str | None:
    """The SQL that gives the values of a variable."""
    for variable in _variables(body):
        if variable.get("name") == name and variable.get("type", "query") in {"query", "QueryVariable"}:
            return _text(variable.get("query")) or _text(variable.get("definition"))
    return None


def several(body: Mapping[str, Any]) -> frozenset[str]:
    """The variables that may have more than one value."""
    return frozenset(str(v.get("name")) for v in _variables(body) if v.get("multi") or v.get("includeAll"))


def _variables(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    templating = body.get("templating")
    found = templating.get("list") if isinstance(templating, dict) else None
    yield from (item for item in found or () if isinstance(item, dict))
    spec = body.get("spec")
    for item in (spec.get("variables") if isinstance(spec, dict) else None) or body.get("variables") or ():
        if isinstance(item, dict) and isinstance(item.get("spec"), dict):
            yield {"type": item.get("kind"), **item["spec"]}


def _panels(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for panel in body.get("panels") or ():
        if isinstance(panel, dict):
            yield panel
            yield from _panels(panel)
    for row in body.get("rows") or ():
        if isinstance(row, dict):
            yield from _panels(row)
    spec = body.get("spec")
    elements = (spec.get("elements") if isinstance(spec, dict) else None) or body.get("elements")
    for element in elements.values() if isinstance(elements, dict) else ():
        if isinstance(element, dict) and isinstance(element.get("spec"), dict):
            yield element["spec"]


def _queries(panel: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(refId, SQL), of either schema."""
    for target in panel.get("targets") or ():
        if isinstance(target, dict) and (sql := _text(target)):
            yield str(target.get("refId", "A")), sql
    data = panel.get("data")
    group = data.get("spec") if isinstance(data, dict) else None
    for query in (group.get("queries") if isinstance(group, dict) else None) or ():
        spec = query.get("spec") if isinstance(query, dict) else None
        inner = spec.get("query") if isinstance(spec, dict) else None
        if isinstance(spec, dict) and isinstance(inner, dict) and (sql := _text(inner.get("spec"))):
            yield str(spec.get("refId", "A")), sql


def _text(holder: object) -> str | None:
    """A query is a text, or an object that has it."""
    if isinstance(holder, str):
        return holder or None
    if isinstance(holder, dict):
        return next((_text(holder[key]) for key in ("rawSql", "query", "spec") if holder.get(key)), None)
    return None
