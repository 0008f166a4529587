"""What can be chosen at the top of a dashboard. Names are those of labels, so that links mean the same everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models.dashboard import (
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from staddle.dashboards.kit.queries import LOGS, METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

ALL = VariableOption(text=["All"], value=["$__all"])


def choose(
    name: str,
    label: str,
    query: str | dict[str, object],
    *,
    several: bool = False,
    everything: bool = False,
    empty: str = "",
) -> VariableModel:
    """One value of a label; with `everything` or all of them, at first all; with `several` any number of them.

    `query` is `label_values(…)`, or what `log_field` gives. `empty` says why there may be none: without, there must be.
    """
    variable = (
        builders.QueryVariable(name)
        .label(label)
        .datasource(METRICS if isinstance(query, str) else LOGS)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.NATURAL_ASC)
        .multi(several)
        .include_all(several or everything)
    )
    if several or everything:
        variable = variable.all_value(".*").current(ALL if several else VariableOption(text="All", value="$__all"))
    built = variable.build()
    built.description = empty or None
    if isinstance(query, str):
        built.definition = query
    return built


def choose_most(name: str, label: str, expr: str, *, empty: str = "") -> VariableModel:
    """The values of a label among the series of a query, those with the highest values first."""
    built = choose(name, label, f"query_result(sort_desc({expr}))", empty=empty)
    built.regex, built.sort = f'/{name}="([^"]*)"/', VariableSort.DISABLED
    return built


def log_field(field: str, query: str = "*") -> dict[str, object]:
    """The values of a field of log rows, as a variable of the VictoriaLogs data source has it."""
    return {"type": "fieldValue", "field": field, "query": query, "limit": 200, "refId": f"variable-{field}"}


def derive(name: str, query: str) -> VariableModel:
    """Follows from what was chosen, and isn't shown."""
    built = choose(name, name, query)
    built.hide = VariableHide.HIDE_VARIABLE
    return built


def pick(name: str, label: str, options: Sequence[str]) -> VariableModel:
    """One of a few fixed values, at first the first."""
    first = VariableOption(text=options[0], value=options[0])
    return builders.CustomVariable(name).label(label).values(",".join(options)).current(first).build()


def text(name: str, label: str, default: str = "") -> VariableModel:
    """Whatever is typed in."""
    built = builders.TextBoxVariable(name).label(label).default_value(default).build()
    built.current = VariableOption(text=default, value=default)
    return built
