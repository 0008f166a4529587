"""Tables: a row for each series of one query, with columns from its labels and from other queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Unpack

from grafana_foundation_sdk.builders import common as options, table as tables
from grafana_foundation_sdk.models import dashboard as m
from grafana_foundation_sdk.models.common import DataSourceRef

from staddle.dashboards.kit.look import Override, Steps, Words
from staddle.dashboards.kit.panels import Common, finished
from staddle.dashboards.kit.queries import Query, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.dashboards.kit.links import Link

Cell = Literal["auto", "color-text", "color-background", "gauge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: of a label of the rows' query, or of the values of a query that has the rows' labels, or some of them."""

    title: str
    label: str = ""
    expr: str = ""
    unit: str = ""
    decimals: float | None = None
    steps: Steps = ()
    words: Words = ()
    cell: Cell = "auto"
    links: Sequence[Link] = ()
    width: int = 0
    most: float | None = None


def label(name: str, title: str, *links: Link, width: int = 0) -> Column:
    """A column of a label."""
    return Column(title=title, label=name, links=links, width=width)


def table(title: str, which: str, *columns: Column, descending: str = "", **rest: Unpack[Common]) -> m.Panel:
    """`which` is a query whose series are the rows; a column with neither label nor query has its value."""
    computed = [column for column in columns if column.expr]
    queries = [Query(expr, "", instant=True, table=True) for expr in (which, *(column.expr for column in computed))]
    several = bool(computed)
    fields = {column.title: f"Value #{chr(ord('B') + number)}" for number, column in enumerate(computed)}
    own = "Value #A" if several else "Value"
    order: dict[str, int] = {}
    names: dict[str, str] = {}
    for number, column in enumerate(columns):
        field = column.label or fields.get(column.title, own)
        order[field], names[field] = number, column.title
    hidden = {"Time": True, "__name__": True} | ({} if own in names else {own: True})
    builder = tables.Panel().show_header(True)
    if descending:
        builder = builder.sort_by([options.TableSortByFieldState().display_name(descending).desc(True)])
    panel = builder.build()
    common: Common = {"w": 24, "h": 8, **rest}
    # What the panel says when it has no rows is not what an empty cell says.
    blank = [Override("/.*/", {"noValue": "–"}, "byRegexp")] if common.get("empty") else []
    common["overrides"] = [
        *blank,
        *common.get("overrides", ()),
        *(_override(column) for column in columns if _properties(column)),
    ]
    built = finished(panel, title, queries, "thresholds", common)
    merge = [m.DataTransformerConfig(id_val="merge", options={})] if several else []
    organize = {"excludeByName": hidden, "indexByName": order, "renameByName": names}
    built.transformations = [*merge, m.DataTransformerConfig(id_val="organize", options=organize)]
    return built


def _override(column: Column) -> Override:
    return Override(column.title, _properties(column))


def _properties(column: Column) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if column.unit:
        found["unit"] = column.unit
    if column.decimals is not None:
        found["decimals"] = column.decimals
    if column.most is not None:
        found |= {"min": 0, "max": column.most}
    if column.steps:
        steps = [{"color": color, "value": value} for value, color in column.steps]
        found["thresholds"] = {"mode": "absolute", "steps": steps}
        found["color"] = {"mode": "thresholds"}
    if column.words:
        options_ = {
            value: {"color": color, "index": i, "text": text} for i, (value, text, color) in enumerate(column.words)
        }
        found["mappings"] = [{"type": "value", "options": options_}]
    shown = column.cell if column.cell != "auto" else "color-text" if column.steps or column.words else "auto"
    if shown != "auto":
        mode = {"mode": "basic"} if shown == "color-background" else {"mode": "gradient"} if shown == "gauge" else {}
        found["custom.cellOptions"] = {"type": shown, **mode}
    if column.links:
        found["links"] = [{"title": link.title, "url": link.url, "targetBlank": link.blank} for link in column.links]
    if column.width:
        found["custom.width"] = column.width
    return found


def sql(title: str, source: str, statement: str, **rest: Unpack[Common]) -> m.Panel:
    """What a database itself answers: `source` is the uid of its data source. The console runs it read-only."""
    built = finished(tables.Panel().show_header(True).build(), title, [], "", {"w": 24, "h": 8, **rest})
    built.datasource = DataSourceRef(type_val="grafana-postgresql-datasource", uid=source)
    target: dict[str, object] = {
        "datasource": {"type": "grafana-postgresql-datasource", "uid": source},
        "editorMode": "code",
        "format": "table",
        "rawQuery": True,
        "rawSql": statement,
        "refId": "A",
    }
    built.targets = [plain(target)]
    return built
