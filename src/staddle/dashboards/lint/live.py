"""The rules that a running stack decides: does every query parse, and does it return something.

A panel that may have nothing to show says why, in the text that Grafana shows in that case (`noValue`). A dashboard about
something that need not be there says so in the description of the variable that then has no values. Variables take the
values that the stack has for them; of several, a few are tried: not every instance has everything.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from staddle.dashboards.lint.model import VARIABLE, Finding, Source, expression, source_type, targets
from staddle.dashboards.lint.stores import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from staddle.dashboards.lint.stores import Stores

TRIES = 4
"""How many values of the first variable are tried."""
MACROS = {
    "__rate_interval": "1m",
    "__interval": "15s",
    "__interval_ms": "15000",
    "__range": "1h",
    "__range_s": "3600",
    "__range_ms": "3600000",
    "__auto": "15s",
}
METRICS, LOGS, TRACES = (
    ("prometheus", "victoriametrics-metrics-datasource"),
    "victoriametrics-logs-datasource",
    "jaeger",
)
_LABEL_VALUES = re.compile(r"\s*label_values\(\s*(?:(?P<match>.+?)\s*,\s*)?(?P<label>\w+)\s*\)\s*", re.DOTALL)
_QUERY_RESULT = re.compile(r"\s*query_result\((?P<expr>.+)\)\s*", re.DOTALL)


def forget() -> None:
    """Ask for the values of variables anew."""
    _label_values.cache_clear()
    _log_values.cache_clear()


def check_live(source: Source, stores: Stores) -> Iterator[Finding]:
    """Every query of the dashboard, and every query of its variables."""
    choices = list(islice(_choices(source, stores), TRIES))
    absent = False  # there is nothing of what the dashboard is about, and it says so
    for variable in source.variables:
        if variable.get("type") != "query" or any(_values(variable, values, stores) for values in choices):
            continue
        if absent or variable.get("description"):
            absent = True
            continue
        yield source.finding(
            None, "data", f"variable ${variable['name']} has no values (if that may be so, say why in its description)"
        )
    for panel in source.panels:
        excused = absent or bool(((panel.get("fieldConfig") or {}).get("defaults") or {}).get("noValue"))
        for target in targets(panel):
            problem = _problem(panel, target, choices, stores, excused=excused)
            if problem:
                rule, message = problem
                yield source.finding(panel, rule, f"query {target.get('refId')}: {message}")


def _problem(
    panel: dict[str, Any], target: dict[str, Any], choices: list[dict[str, str]], stores: Stores, *, excused: bool
) -> tuple[str, str] | None:
    kind = source_type(panel, target)
    text = ""
    try:
        for values in choices:
            text = filled(expression(target), values)
            if _rows(kind, target, text, values, stores):
                return None
    except QueryError as error:
        return "parse", f"{error.message}\n    {text}"
    if excused:
        return None
    return "data", f"returns nothing (if that may be so, say why in noValue)\n    {text}"


def _rows(kind: str, target: dict[str, Any], text: str, values: Mapping[str, str], stores: Stores) -> int:
    """How many rows a query returns; for data sources that are not ours, or not there, as if it returned one."""
    if kind in METRICS:
        stores.parse(text)
        return stores.metric_rows(text, instant=bool(target.get("instant")))
    if kind == LOGS and stores.logs:
        return stores.log_rows(text)
    if kind == TRACES and stores.traces:
        names = (("service", "service"), ("tags", "tags"), ("operation", "operation"), ("minDuration", "minDuration"))
        args = {theirs: filled(str(target[ours]), values) for ours, theirs in names if target.get(ours)}
        args.pop("tags", None)  # the search by tags is logfmt in Grafana and JSON in Jaeger's API
        return stores.trace_count({**args, "lookback": f"{stores.window}s"}) if args.get("service") else 0
    return 1


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with variables and macros replaced; unknown ones stand as they are."""

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2] or match[3]
        return {**MACROS, **values}.get(name, match[0])

    return VARIABLE.sub(value, text)


def _choices(source: Source, stores: Stores) -> Iterator[dict[str, str]]:
    """Values of all variables that go together: for each value of the first one, what follows from it."""
    yield from _chosen(source.variables, {}, stores, first=True)


def _chosen(
    variables: list[dict[str, Any]], values: dict[str, str], stores: Stores, *, first: bool
) -> Iterator[dict[str, str]]:
    if not variables:
        yield values
        return
    variable, *rest = variables
    options = _options(variable, values, stores) or [""]
    # The branching ones are those at the top: a node, a cluster; what is chosen within is tried less.
    for option in options[: TRIES if first else 2]:
        yield from _chosen(rest, {**values, str(variable["name"]): option}, stores, first=False)


def _options(variable: dict[str, Any], values: dict[str, str], stores: Stores) -> list[str]:
    kind = variable.get("type")
    if kind == "query":
        if variable.get("includeAll"):
            return [str(variable.get("allValue") or ".*")]
        return _values(variable, values, stores)
    if kind == "custom":
        return [part.split(" : ")[-1].strip() for part in str(variable.get("query") or "").split(",")][:1]
    if kind in {"constant", "textbox"}:
        return [str(variable.get("query") or "")]
    return [str((variable.get("current") or {}).get("value") or "")]


def _values(variable: dict[str, Any], values: dict[str, str], stores: Stores) -> list[str]:
    """What a variable's query gives."""
    source = variable.get("datasource") or {}
    found = _queried(variable.get("query") or "", str(source.get("type")), values, stores)
    if not (pattern := str(variable.get("regex") or "").strip("/")):
        return found
    matches = (re.search(filled(pattern, values), text) for text in found)
    return [match[1] if match.re.groups else match[0] for match in matches if match]


def _queried(query: Any, kind: str, values: dict[str, str], stores: Stores) -> list[str]:
    if kind == LOGS and isinstance(query, dict) and stores.logs:
        return _log_values(stores, str(query.get("field")), filled(str(query.get("query") or "*"), values))
    text = filled(str(query.get("query") if isinstance(query, dict) else query), values)
    if match := _LABEL_VALUES.fullmatch(text):
        return _label_values(stores, match["label"], match["match"] or "")
    if match := _QUERY_RESULT.fullmatch(text):
        return [
            "{" + ",".join(f'{k}="{v}"' for k, v in row["metric"].items()) + "}" for row in stores.series(match["expr"])
        ]
    return []


@lru_cache(maxsize=1024)
def _label_values(stores: Stores, label: str, match: str) -> list[str]:
    return sorted(stores.label_values(label, match))


@lru_cache(maxsize=1024)
def _log_values(stores: Stores, name: str, expr: str) -> list[str]:
    return sorted(stores.log_values(name, expr))
