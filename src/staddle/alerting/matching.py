"""Who is told about an alert: Alertmanager's own routing, over a configuration as data.

Source: Alertmanager's documentation, "Route" and "Matcher".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MATCHER = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*"|[^"\s{},]+)\s*')
_LABELS = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*("(?:[^"\\]|\\.)*"|[^"\s{},]+)\s*(,|$)')


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; a label that is missing is as an empty one."""

    label: str
    operator: str
    value: str

    def fits(self, labels: Mapping[str, str]) -> bool:
        found = labels.get(self.label, "")
        same = re.fullmatch(self.value, found) is not None if "~" in self.operator else found == self.value
        return same != self.operator.startswith("!")


def parse_matcher(text: str) -> Matcher:
    """`severity="CRIT"`, `ins=~"pg-.*"`. Raises ValueError that says what is wrong."""
    match = _MATCHER.fullmatch(text)
    if not match:
        raise ValueError("is not a matcher")
    label, operator, value = match[1], match[2], _unquoted(match[3])
    if "~" in operator:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"has a pattern that can't be read: {error}") from None
    return Matcher(label, operator, value)


def parse_labels(text: str) -> dict[str, str]:
    """`{severity="CRIT", job="pgsql"}` (the braces may be left out) as a mapping. Raises ValueError."""
    inner = text.strip().removeprefix("{").removesuffix("}").strip()
    found: dict[str, str] = {}
    at = 0
    while at < len(inner):
        match = _LABELS.match(inner, at)
        if not match:
            raise ValueError(f'{inner[at:].strip()!r} is no label; they are written name="value", with commas between')
        found[match[1]] = _unquoted(match[2])
        at = match.end()
    return found


def matcher(label: str, values: list[str]) -> str:
    """The condition that a label has one of these values."""
    if len(values) == 1:
        return f"{label}={_quoted(values[0])}"
    return f"{label}=~{_quoted('|'.join(re.escape(value) for value in values))}"


def destinations(route: Mapping[str, Any], labels: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """The routes, of this one and those below it, that an alert ends up at. Empty if it doesn't fit this one."""
    return list(_destinations(route, labels))


def _destinations(route: Mapping[str, Any], labels: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    if not all(parse_matcher(text).fits(labels) for text in route.get("matchers", [])):
        return
    below = False
    for child in route.get("routes", []):
        found = destinations(child, labels)
        yield from found
        below = below or bool(found)
        if found and not child.get("continue"):
            break
    if not below:
        yield route


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _unquoted(text: str) -> str:
    if not text.startswith('"'):
        return text
    return re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], text[1:-1])
