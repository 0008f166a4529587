"""The SQL that a stored dashboard holds: that of its panels, and of its variables. Nothing else is ever run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_VARIABLE = re.compile(r"\$\{?(\w+)\}?|\[\[(\w+)\]\]")


@dataclass(frozen=True, slots=True)
class StoredQuery:
    """One query: its text, and the data source that the dashboard names for it (a uid, or a variable; empty: none)."""

    ref: str
    sql: str
    datasource: str = ""

    def source(self, values: Mapping[str, Sequence[str]]) -> str:
        """The uid of its data source, with these values of variables; empty if it leaves that open.

        Raises LookupError if it leaves that to a variable without a value: any other database would be the wrong one.
        """
        match = _VARIABLE.fullmatch(self.datasource)
        if not match:
            return self.datasource
        name = match[1] or match[2]
        if not (chosen := next(iter(values.get(name, ())), "")):
            raise LookupError(f"no data source is chosen: ${name} has no value")
        return chosen


def panel_query(body: Mapping[str, Any], panel: object, ref: str) -> StoredQuery | None:
    """A query of a panel, by its id and refId."""
    for found in _panels(body):
        if str(found.get("id")) == str(panel):
            return next((query for query in _queries(found) if query.ref == ref), None)
    return None


def variable_query(body: Mapping[str, Any], name: str) -> StoredQuery | None:
    """The query that gives the values of a variable."""
    for variable in _variables(body):
        if variable.get("name") == name and variable.get("type", "query") in {"query", "QueryVariable"}:
            sql = _text(variable.get("query")) or _text(variable.get("definition"))
            return StoredQuery("", sql, _uid(variable.get("datasource"))) if sql else None
    return None


def several(body: Mapping[str, Any]) -> frozenset[str]:
    """The variables that may have more than one value."""
    return frozenset(str(v.get("name")) for v in _variables(body) if v.get("multi") or v.get("includeAll"))


def _variables(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from _objects(_object(body.get("templating")).get("list"))
    for item in _objects(_object(body.get("spec")).get("variables") or body.get("variables")):
        yield {"type": item.get("kind"), **_object(item.get("spec"))}


def _panels(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for panel in _objects(body.get("panels")):
        yield panel
        yield from _panels(panel)
    for row in _objects(body.get("rows")):
        yield from _panels(row)
    elements = _object(body.get("spec")).get("elements") or body.get("elements")
    for element in _object(elements).values():
        yield _object(_object(element).get("spec"))


def _queries(panel: Mapping[str, Any]) -> Iterator[StoredQuery]:
    """Of either schema."""
    for target in _objects(panel.get("targets")):
        if sql := _text(target):
            source = _uid(target.get("datasource")) or _uid(panel.get("datasource"))
            yield StoredQuery(str(target.get("refId", "A")), sql, source)
    for query in _objects(_object(_object(panel.get("data")).get("spec")).get("queries")):
        spec = _object(query.get("spec"))
        inner = _object(spec.get("query"))
        if sql := _text(inner.get("spec")):
            yield StoredQuery(str(spec.get("refId", "A")), sql, _uid(inner.get("datasource") or spec.get("datasource")))


def _text(holder: object) -> str:
    """A query is a text, or an object that has it."""
    if isinstance(holder, str):
        return holder
    texts = (_text(_object(holder).get(key) or "") for key in ("rawSql", "query", "spec"))
    return next((text for text in texts if text), "") if isinstance(holder, dict) else ""


def _uid(reference: object) -> str:
    if isinstance(reference, str):
        return reference
    found = _object(reference)
    uid = str(found.get("uid") or found.get("name") or "")
    return "" if uid.startswith("-- ") else uid


def _object(value: object) -> Mapping[str, Any]:
    """Dashboards are anyone's JSON: what should be an object may be none."""
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> Iterator[Mapping[str, Any]]:
    yield from (item for item in (value if isinstance(value, list) else ()) if isinstance(item, dict))
