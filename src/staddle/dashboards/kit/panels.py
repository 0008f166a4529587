"""Panels with our conventions: a unit, thresholds, a legend that tells names and numbers, a tooltip for all series."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, Unpack

from grafana_foundation_sdk.builders import (
    bargauge,
    common as options,
    gauge as gauges,
    heatmap as heatmaps,
    logs as logpanels,
    piechart,
    stat as stats,
    statetimeline,
    text as texts,
    timeseries,
)
from grafana_foundation_sdk.models import common as cm, dashboard as m
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.piechart import PieChartType
from grafana_foundation_sdk.models.text import TextMode

from staddle.dashboards.kit.look import Override, Steps, Words, calm, data_links, mappings, thresholds
from staddle.dashboards.kit.queries import LOGS, METRICS, TRACES, LogQuery, Query, now, plain, targets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.builders.heatmap import Panel as _Heatmap

    from staddle.dashboards.kit.links import Link


class Common(TypedDict, total=False):
    """What every panel may say. `about` is its description; `empty` says why it may have nothing to show: without, it must."""

    unit: str
    about: str
    steps: Steps
    words: Words
    links: Sequence[Link]
    decimals: float
    least: float
    most: float
    overrides: Sequence[Override]
    empty: str
    w: int
    h: int


def stat(
    title: str,
    query: str | Query | LogQuery,
    *,
    trend: bool = False,
    filled: bool = False,
    names: bool = False,
    **rest: Unpack[Common],
) -> m.Panel:
    """One number, or with `names` what its series is called (by the legend of the query).

    `trend` draws its history behind, `filled` colours the background.
    """
    shown = query if isinstance(query, Query | LogQuery) else (Query(query) if trend else now(query))
    panel = (
        stats.Panel()
        .color_mode(cm.BigValueColorMode.BACKGROUND if filled else cm.BigValueColorMode.VALUE)
        .graph_mode(cm.BigValueGraphMode.AREA if trend else cm.BigValueGraphMode.NONE)
        .justify_mode(cm.BigValueJustifyMode.AUTO)
        .text_mode(cm.BigValueTextMode.NAME if names else cm.BigValueTextMode.VALUE)
        .wide_layout(False)
        .reduce_options(_last())
        .build()
    )
    return finished(panel, title, [shown], "thresholds", {"w": 3, "h": 4, "steps": calm(), **rest})


def gauge(title: str, query: str | Query, **rest: Unpack[Common]) -> m.Panel:
    """A share of something, on a dial."""
    panel = gauges.Panel().show_threshold_markers(True).reduce_options(_last()).build()
    shown = query if isinstance(query, Query) else now(query)
    return finished(
        panel, title, [shown], "thresholds", {"w": 4, "h": 6, "unit": "percentunit", "least": 0, "most": 1, **rest}
    )


def bars(title: str, *queries: Query | LogQuery, **rest: Unpack[Common]) -> m.Panel:
    """The newest values of several series, side by side."""
    panel = (
        bargauge.Panel()
        .display_mode(cm.BarGaugeDisplayMode.GRADIENT)
        .orientation(cm.VizOrientation.HORIZONTAL)
        .show_unfilled(True)
        .sizing(cm.BarGaugeSizing.MANUAL)
        .min_viz_height(16)
        .max_viz_height(40)
        .reduce_options(_last())
        .build()
    )
    return finished(panel, title, queries, "thresholds", {"w": 8, "h": 8, "least": 0, "steps": calm(), **rest})


def lines(
    title: str,
    *queries: Query | LogQuery,
    stacked: bool = False,
    drawn_as_bars: bool = False,
    zones: bool = False,
    **rest: Unpack[Common],
) -> m.Panel:
    """Values over time. `zones` draws the thresholds as dashed lines. Low panels have a legend of one line."""
    legend = cm.LegendDisplayMode.TABLE if rest.get("h", 8) > 6 else cm.LegendDisplayMode.LIST
    panel = (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(60 if drawn_as_bars else 35 if stacked else 8)
        .show_points(cm.VisibilityMode.NEVER)
        .span_nulls(False)
        .legend(_legend(legend, ["mean", "max", "lastNotNull"]))
        .tooltip(_tooltip())
    )
    if drawn_as_bars:
        panel = panel.draw_style(cm.GraphDrawStyle.BARS)
    if stacked:
        panel = panel.stacking(options.StackingConfig().mode(cm.StackingMode.NORMAL).group("A"))
    if zones:
        panel = panel.thresholds_style(options.GraphThresholdsStyleConfig().mode(cm.GraphThresholdsStyleMode.DASHED))
    return finished(panel.build(), title, queries, "palette-classic", {"w": 12, "h": 8, **rest})


def timeline(title: str, *queries: Query, **rest: Unpack[Common]) -> m.Panel:
    """States over time, a bar for each series."""
    panel = (
        statetimeline.Panel()
        .merge_values(True)
        .show_value(cm.VisibilityMode.NEVER)
        .row_height(0.85)
        .legend(_legend(cm.LegendDisplayMode.LIST, []))
        .tooltip(_tooltip())
        .build()
    )
    return finished(panel, title, queries, "thresholds", {"w": 12, "h": 6, "unit": "none", **rest})


def pie(title: str, *queries: Query, **rest: Unpack[Common]) -> m.Panel:
    """The parts of a whole."""
    panel = (
        piechart.Panel()
        .pie_type(PieChartType.DONUT)
        .reduce_options(_last())
        .legend(
            piechart.PieChartLegendOptions()
            .display_mode(cm.LegendDisplayMode.TABLE)
            .placement(cm.LegendPlacement.RIGHT)
            .show_legend(True)
            .values([])
        )
        .tooltip(_tooltip())
        .build()
    )
    return finished(panel, title, queries, "palette-classic", {"w": 8, "h": 8, **rest})


def heatmap(title: str, query: Query, **rest: Unpack[Common]) -> m.Panel:
    """A histogram over time: `query` gives its buckets, by the label `le`."""
    color = heatmaps.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    panel: _Heatmap = heatmaps.Panel().calculate(False).color(color)
    return finished(panel.build(), title, [query], "palette-classic", {"w": 12, "h": 8, **rest})


def rows(title: str, expr: str, **rest: Unpack[Common]) -> m.Panel:
    """Log lines, newest first. `expr` is LogsQL."""
    panel = (
        logpanels.Panel()
        .show_time(True)
        .wrap_log_message(True)
        .enable_log_details(True)
        .sort_order(cm.LogsSortOrder.DESCENDING)
        .dedup_strategy(cm.LogsDedupStrategy.NONE)
        .build()
    )
    return finished(panel, title, [LogQuery(expr)], "", {"w": 24, "h": 10, **rest})


def traces(
    title: str, service: str, *, tags: str = "", operation: str = "", shortest: str = "", **rest: Unpack[Common]
) -> m.Panel:
    """Traces of a service, as a table whose rows lead to the trace; `tags` is logfmt, `shortest` a duration."""
    panel = m.Panel(type_val="table", options={"showHeader": True})
    built = finished(panel, title, [], "", {"w": 24, "h": 10, **rest})
    built.datasource = TRACES
    query: dict[str, object] = {
        "datasource": {"type": TRACES.type_val, "uid": TRACES.uid},
        "limit": 50,
        "queryType": "search",
        "refId": "A",
        "service": service,
    }
    query |= {
        name: value for name, value in (("tags", tags), ("operation", operation), ("minDuration", shortest)) if value
    }
    built.targets = [plain(query)]
    return built


def note(title: str, markdown: str, **rest: Unpack[Common]) -> m.Panel:
    """Words."""
    panel = texts.Panel().mode(TextMode.MARKDOWN).content(markdown).build()
    return finished(panel, title, [], "", {"w": 24, "h": 3, **rest})


def finished(panel: m.Panel, title: str, queries: Sequence[Query | LogQuery], color: str, common: Common) -> m.Panel:
    """The panel with all that panels have in common. `color` is how its values get theirs: by thresholds, or by series."""
    panel.title = title
    panel.description = common.get("about")
    panel.grid_pos = m.GridPos(w=common.get("w", 12), h=common.get("h", 8))
    if queries:
        panel.targets = targets(queries)
        panel.datasource = LOGS if isinstance(queries[0], LogQuery) else METRICS
    config = panel.field_config = panel.field_config or m.FieldConfigSource()
    defaults = config.defaults
    defaults.unit = common.get("unit")
    defaults.decimals = common.get("decimals")
    defaults.min_val, defaults.max_val = common.get("least"), common.get("most")
    # What Grafana shows in place of "No data", and what our checks take as: this may be so.
    defaults.no_value = common.get("empty")
    if color:
        defaults.color = m.FieldColor(mode=m.FieldColorModeId(color))
        defaults.thresholds = thresholds(common.get("steps", calm("green")))
    defaults.mappings = mappings(common.get("words", ()))
    defaults.links = data_links(common.get("links", ()))
    config.overrides = [override.built() for override in common.get("overrides", ())]
    return panel


def _last() -> options.ReduceDataOptions:
    return options.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")


def _legend(mode: cm.LegendDisplayMode, calcs: list[str]) -> options.VizLegendOptions:
    shown = options.VizLegendOptions().display_mode(mode).placement(cm.LegendPlacement.BOTTOM).show_legend(True)
    return shown.calcs(calcs if mode == cm.LegendDisplayMode.TABLE else [])


def _tooltip() -> options.VizTooltipOptions:
    return options.VizTooltipOptions().mode(cm.TooltipDisplayMode.MULTI).sort(cm.SortOrder.DESCENDING)
