"""Tables: a row for each series of one query, with columns from its labels and from other queries."""

from __future__ import annotations

import re
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
EMPTY = "–"
"""What a cell without a value shows."""
WIDE = {"bytes": 84, "binBps": 96, "dtdurations": 104, "s": 84, "ops": 92, "reqps": 92}
"""Pixels that values of a unit need."""
EVEN = 104
"""Pixels that a column may have in any table."""


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
    """Pixels, if it is to keep that width: others share what is left."""
    least: int = 0
    """Pixels that it needs at least, if that isn't what its title and unit say."""
    most: float | None = None
    wrapped: bool = False
    """Long text goes on in another line."""


def label(name: str, title: str, *links: Link, width: int = 0, least: int = 0) -> Column:
    """A column of a label."""
    return Column(title=title, label=name, links=links, width=width, least=least or max(100, _needed(title)))


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
    keys = {name.strip() for names_ in re.findall(r"\bby \(([^)]*)\)", which)[:1] for name in names_.split(",")}
    hidden = {name: True for name in ("Time", "__name__", own, *sorted(keys)) if name not in names}
    builder = tables.Panel().show_header(True)
    if descending:
        builder = builder.sort_by([options.TableSortByFieldState().display_name(descending).desc(True)])
    panel = builder.build()
    common: Common = {"w": 24, "h": 8, **rest}
    # What the panel says when it has no rows is not what an empty cell says.
    blank = [Override("/.*/", {"noValue": EMPTY}, "byRegexp")]
    common["overrides"] = [
        *blank,
        *common.get("overrides", ()),
        *(Override(column.title, _properties(column)) for column in columns),
    ]
    built = finished(panel, title, queries, "thresholds", common)
    merge = [m.DataTransformerConfig(id_val="merge", options={})] if several else []
    organize = {"excludeByName": hidden, "indexByName": order, "renameByName": names}
    built.transformations = [*merge, m.DataTransformerConfig(id_val="organize", options=organize)]
    return built


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
    if column.words or column.steps:
        found["mappings"] = _mappings(column)
    shown = column.cell if column.cell != "auto" else "color-text" if column.steps or column.words else "auto"
    if shown == "color-background":
        found["custom.align"] = "center"
    if shown != "auto":
        mode = {"mode": "basic"} if shown == "color-background" else {"mode": "gradient"} if shown == "gauge" else {}
        found["custom.cellOptions"] = {"type": shown, **mode}
    if column.wrapped:
        found["custom.wrapText"] = True
    if column.links:
        found["links"] = [{"title": link.title, "url": link.url, "targetBlank": link.blank} for link in column.links]
    if column.width:
        found["custom.width"] = column.width
    else:
        least = column.least or max(WIDE.get(column.unit, 64), _needed(column.title))
        # Columns share what room there is evenly: one that needs much more than others would push them out of sight.
        found["custom.minWidth" if column.label or least <= EVEN else "custom.width"] = least
    return found


def _needed(title: str) -> int:
    """Pixels that a title takes, with the arrow of sorting."""
    return 7 * len(title) + 30


def _mappings(column: Column) -> list[dict[str, Any]]:
    """Values as words. Without a value there is nothing good or bad: by thresholds, it would have the colour of the lowest."""
    calm = "transparent" if column.cell == "color-background" else "text"
    nothing = {"match": "null", "result": {"color": calm, "index": len(column.words), "text": EMPTY}}
    words = {value: {"color": color, "index": i, "text": text} for i, (value, text, color) in enumerate(column.words)}
    by_value = [{"type": "value", "options": words}] if words else []
    return [*by_value, {"type": "special", "options": nothing}]


def sql(title: str, source: str, statement: str, *columns: Column, **rest: Unpack[Common]) -> m.Panel:
    """What a database itself answers: `source` is the uid of its data source. The console runs it read-only.

    `columns` say how those of the same name look.
    """
    common: Common = {
        "w": 24,
        "h": 8,
        **rest,
        "overrides": [Override(column.title, _properties(column)) for column in columns],
    }
    built = finished(tables.Panel().show_header(True).build(), title, [], "", common)
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
