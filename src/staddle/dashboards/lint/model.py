"""A dashboard's JSON as lint looks at it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?[^}]*\}|\$(\w+)|\[\[(\w+)(?::\w+)?\]\]")
"""`$name`, `${name}`, `${name:format}`, `[[name]]`, and the first word of macros such as `${__field.labels.ins}`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: in which file, with which panel (none: the dashboard itself), against which rule."""

    file: str
    panel: str
    rule: str
    message: str


@dataclass(frozen=True)
class Source:
    """A dashboard and where it comes from. `ours` are held to our house rules as well."""

    file: str
    data: dict[str, Any]
    ours: bool = False

    @property
    def uid(self) -> str:
        return str(self.data.get("uid") or "")

    @cached_property
    def panels(self) -> list[dict[str, Any]]:
        """Every panel, those in folded rows, too; rows themselves are among them."""
        return list(_walk(self.data.get("panels") or []))

    @property
    def variables(self) -> list[dict[str, Any]]:
        """What can be chosen, and what follows from that."""
        found: list[dict[str, Any]] = (self.data.get("templating") or {}).get("list") or []
        return found

    def finding(self, panel: dict[str, Any] | None, rule: str, message: str) -> Finding:
        """About a panel, or (None) about the dashboard."""
        return Finding(self.file, name_of(panel) if panel is not None else "", rule, message)


def name_of(panel: dict[str, Any]) -> str:
    """What a panel is called in findings."""
    where = panel.get("gridPos") or {}
    return (
        str(panel.get("title") or "").strip() or f"(no title, {panel.get('type')} at {where.get('x')},{where.get('y')})"
    )


def targets(panel: dict[str, Any]) -> list[dict[str, Any]]:
    """Its queries that aren't hidden."""
    return [target for target in panel.get("targets") or [] if not target.get("hide")]


def expression(target: dict[str, Any]) -> str:
    """The text of a query, whatever its data source calls it."""
    return str(target.get("expr") or target.get("rawSql") or target.get("query") or "")


def source_type(panel: dict[str, Any], target: dict[str, Any]) -> str:
    """The type of its data source; empty if it isn't said."""
    for place in (target, panel):
        source = place.get("datasource")
        if isinstance(source, dict) and source.get("type"):
            return str(source["type"])
    return ""


def used_variables(text: str) -> set[str]:
    """The names that a text uses, without Grafana's own (`__…`)."""
    names = {next(filter(None, match), "") for match in VARIABLE.findall(text)}
    return {name for name in names if not name.startswith("__") and not name.isdigit()}


def strings(value: Any) -> Iterator[str]:
    """Every string in it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def _walk(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        if panel.get("type") == "row":
            yield from _walk(panel.get("panels") or [])
