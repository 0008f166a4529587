"""Links between dashboards, and to the portal's other pages. They carry what was chosen, and the time range."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

TIME = "${__url_time_range}"


@dataclass(frozen=True, slots=True)
class Link:
    """`url` may hold Grafana's variables and macros. `blank` opens a tab of its own."""

    title: str
    url: str
    blank: bool = False


def to(uid: str, title: str, **variables: str) -> Link:
    """A link to a dashboard: `to("node-instance", "Node", ins="$ins")`. Values stand as they are: they may be macros."""
    parts = [f"var-{name}={value}" for name, value in variables.items()]
    return Link(title, f"/d/{uid}?" + "&".join([*parts, TIME]))


def series(uid: str, *labels: str, title: str = "", **variables: str) -> Link:
    """A link from a series to a dashboard, which gets these labels of it."""
    shown = title or "${__field.labels." + labels[-1] + "}"
    return to(uid, shown, **{label: "${__field.labels." + label + "}" for label in labels}, **variables)


def cell(uid: str, title: str, **columns: str) -> Link:
    """A link from a table's cell: variables by the title of the column that has their value."""
    return to(uid, title, **{name: '${__data.fields["' + column + '"]}' for name, column in columns.items()})


def explore_metrics(expr: str) -> Link:
    """The portal's page for free queries, with this one."""
    return Link("Explore", f"/vmetrics/vmui/?query={quote(expr, safe='')}&{TIME}", blank=True)


RUNBOOK = Link("Runbook", "/runbooks/${__value.raw}.html", blank=True)
"""In a column of alert names."""
