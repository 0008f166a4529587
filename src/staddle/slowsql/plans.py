"""Plans as auto_explain logs them: the statement taken apart from the plan, and literals out of the plan's conditions."""

from __future__ import annotations

import json
import re
from typing import Any

from staddle.slowsql import sql

_PROPERTY = re.compile(r"^(\s*)([A-Z][A-Za-z/ -]*): (.*)$")
_NODE = re.compile(r"^\s*(?:->\s+)?[A-Z][A-Za-z -]*.*\((?:cost|actual|never)\b")
_HEADING = re.compile(r"\s*(?:[A-Z][A-Za-z ]*:|Worker \d+:.*|(?:Init|Sub)Plan \d+.*|CTE \w+)?")
_TEXTS = (
    "Cond",
    "Filter",
    "Key",
    "Output",
    "Call",
    "SQL",
    "Expression",
    "Subplans",
    "Argument",
    "Text",
    "Parameters",
    "Name",
)
"""Ends of the names of properties that may hold expressions. All other properties are numbers or words of PostgreSQL's own."""
_SAFE = ("Function Name", "Index Name", "Relation Name", "Parent Plan Name", "CTE Name", "Node Name", "Trigger Name",
         "Constraint Name", "Tuplestore Name", "Table Function Name", "Rows Removed by Filter", "Rows Removed by Join Filter",
         "Rows Removed by Index Recheck", "Presorted Key Groups")  # fmt: skip


def split(message: str) -> tuple[str, str]:
    """The statement and the plan of what auto_explain logs after `plan:`. A plan in XML or YAML is left out."""
    text = message.lstrip("\n")
    if text.startswith("{"):
        return _split_json(text)
    if not text.startswith("Query Text: "):
        return "", ""
    lines = text.removeprefix("Query Text: ").split("\n")
    first = next((number for number, line in enumerate(lines) if number and _is_top_node(line)), len(lines))
    statement = lines[:first]
    # Its parameters come between the two (PostgreSQL 16 and newer), and are literals.
    while len(statement) > 1 and statement[-1].startswith("Query Parameters: "):
        statement.pop()
    return "\n".join(statement), "\n".join(lines[first:])


def _is_top_node(line: str) -> bool:
    return not line.startswith((" ", "->")) and bool(_NODE.match(line))


def _split_json(text: str) -> tuple[str, str]:
    try:
        data = json.loads(text)
    except ValueError:
        return "", ""
    statement = str(data.pop("Query Text", ""))
    data.pop("Query Parameters", None)
    return statement, json.dumps(data, indent=1)


def redacted(plan: str) -> str:
    """The plan without the literals of its conditions. Names, costs and row counts stay."""
    if plan.startswith("{"):
        return json.dumps(_redacted_value("", json.loads(plan)), indent=1)
    lines, done = plan.split("\n"), []
    while lines:
        line = lines.pop(0)
        found = _PROPERTY.match(line)
        if found and _holds_expression(found[2]):
            value = found[3]
            while lines and sql.is_cut_off(value):  # a literal with a line break in it
                value += f"\n{lines.pop(0)}"
            done.append(f"{found[1]}{found[2]}: {sql.redacted(value)}")
        elif found or _NODE.match(line) or _HEADING.fullmatch(line):
            done.append(line)
        else:
            done.append("…")
    return "\n".join(done)


def _holds_expression(name: str) -> bool:
    return name.endswith(_TEXTS) and name not in _SAFE


def _redacted_value(name: str, value: Any) -> Any:
    match value:
        case dict():
            return {key: _redacted_value(key, inner) for key, inner in value.items()}
        case list():
            return [_redacted_value(name, inner) for inner in value]
        case str() if _holds_expression(name):
            return sql.redacted(value)
        case _:
            return value
