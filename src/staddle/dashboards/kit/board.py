"""A dashboard: panels get their places and ids here. Places are explicit, in 24 columns, so that nobody lays out anew."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as m
from grafana_foundation_sdk.models.common import BigValueGraphMode

from staddle.dashboards.kit.queries import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from staddle.dashboards.kit.links import Link

COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Row:
    """Panels below a heading, which can be folded."""

    title: str
    panels: Sequence[m.Panel]
    folded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """`uid` is `<folder>-<thing>`, and for ever.

    `alerts` are matchers: firing alerts that have them are drawn as annotations.
    """

    uid: str
    title: str
    folder: str
    about: str
    tags: Sequence[str] = ()
    variables: Sequence[m.VariableModel] = ()
    links: Sequence[Link] = ()
    dropdowns: Sequence[tuple[str, str]] = ()
    """Lists of dashboards: what is written on them, and the tag that they have."""
    rows: Sequence[Row] = field(default_factory=tuple)
    alerts: str | None = None
    since: str = "now-1h"
    refresh: str = "30s"

    def built(self) -> m.Dashboard:
        """As Grafana has it. Raises ValueError if two panels can't be told apart."""
        links = [
            *(_dropdown(title, tag) for title, tag in self.dropdowns),
            *(_header(link) for link in self.links),
        ]
        dashboard = (
            builders.Dashboard(self.title)
            .uid(self.uid)
            .description(self.about)
            .tags(["staddle", self.folder, *self.tags])
            .refresh(self.refresh)
            .time(self.since, "now")
            .timezone("browser")
            .tooltip(m.DashboardCursorSync.CROSSHAIR)
            .readonly()
            .build()
        )
        dashboard.links = links
        dashboard.templating = m.DashboardDashboardTemplating(list_val=list(self.variables))
        dashboard.annotations = m.AnnotationContainer(list_val=_annotations(self.alerts))
        dashboard.panels = list(placed(self.rows))
        return dashboard


def _spread(panels: Sequence[m.Panel]) -> None:
    """Numbers at the head of a row become as wide as each other, in as few lines as have room for all titles.

    They stay as they are where the next panel stands beside them. A line with a history in it is higher, to show it.
    """
    numbers = list(takewhile(lambda panel: panel.type_val == "stat", panels))
    widths = [panel.grid_pos.w for panel in panels[: len(numbers) + 1] if panel.grid_pos]
    if not numbers or (len(panels) > len(numbers) and sum(widths) <= COLUMNS):
        return
    room = max(map(title_columns, numbers))
    lines = next(lines for lines in range(-(-len(numbers) // 8), len(numbers) + 1)
                 if COLUMNS // -(-len(numbers) // lines) >= min(room, COLUMNS))  # fmt: skip
    each = -(-len(numbers) // lines)
    for first in range(0, len(numbers), each):
        line = numbers[first : first + each]
        spare = COLUMNS % len(line)
        high = any(getattr(panel.options, "graph_mode", None) == BigValueGraphMode.AREA for panel in line)
        for number, panel in enumerate(line):
            panel.grid_pos = m.GridPos(w=COLUMNS // len(line) + (number < spare), h=5 if high else 4)


def title_columns(panel: m.Panel) -> int:
    """How many columns the title of a panel needs on a screen of 1440 pixels, with the marks that stand beside it."""
    pixels = 84 + 6.8 * len(panel.title or "") + (32 if panel.description else 0)
    return math.ceil(pixels / (1408 / COLUMNS))


def placed(rows: Sequence[Row]) -> Iterable[m.Panel | m.RowPanel]:
    """Every panel at its place: beside the one before it, or where the lowest gap is that it fits into."""
    top = 0
    seen: dict[int, str] = {}
    for row in rows:
        if row.title:
            heading = m.RowPanel(title=row.title, id_val=_id(seen, row.title, ""), collapsed=row.folded)
            heading.grid_pos = m.GridPos(h=1, w=COLUMNS, x=0, y=top)
            heading.panels = []
            top += 1
        _spread(row.panels)
        skyline = [top] * COLUMNS
        for panel in row.panels:
            place = panel.grid_pos
            if place is None or not 0 < place.w <= COLUMNS:
                raise ValueError(f"panel {panel.title!r} is not 1 to {COLUMNS} columns wide")
            place.y, place.x = min((max(skyline[x : x + place.w]), x) for x in range(COLUMNS - place.w + 1))
            skyline[place.x : place.x + place.w] = [place.y + place.h] * place.w
            panel.id_val = _id(seen, row.title, f"{panel.type_val} {panel.title}")
        top = max(skyline)
        if row.title:
            if row.folded:
                heading.panels = list(row.panels)
            yield heading
        if not row.folded:
            yield from row.panels


def _id(seen: dict[int, str], row: str, title: str) -> int:
    """The same as long as nobody renames it: links to single panels stay good when others come and go."""
    name = f"{row}/{title}"
    number = zlib.crc32(name.encode()) % 1_000_000 + 1
    if number in seen:
        raise ValueError(f"two panels named {name!r} (or it has the id of {seen[number]!r}): rename one")
    seen[number] = name
    return number


def _dropdown(title: str, tag: str) -> m.DashboardLink:
    return m.DashboardLink(
        title=title,
        type_val=m.DashboardLinkType.DASHBOARDS,
        tags=[tag],
        as_dropdown=True,
        include_vars=True,
        keep_time=True,
        icon="external link",
    )


def _header(link: Link) -> m.DashboardLink:
    """Dashboard links add variables and time themselves, unless the address names its own."""
    url, _, query = link.url.partition("?")
    own = "&".join(part for part in query.split("&") if part.startswith("var-"))
    inside = url.startswith("/d/")
    return m.DashboardLink(
        title=link.title,
        type_val=m.DashboardLinkType.LINK,
        url=(f"{url}?{own}" if own else url) if inside else link.url,
        keep_time=inside,
        target_blank=link.blank,
        icon="dashboard" if inside else "external link",
    )


def _annotations(alerts: str | None) -> list[m.AnnotationQuery]:
    if alerts is None:
        return []
    query = m.AnnotationQuery(name="Alerts", datasource=METRICS, enable=True, hide=False, icon_color="red")
    matchers = ",".join(part for part in ('alertstate="firing"', 'alertname!="Watchdog"', alerts) if part)
    query.expr = f"ALERTS{{{matchers}}}"
    query.step = "60s"
    query.title_format = "{{alertname}}"
    query.text_format = "{{severity}} {{ins}}"
    return [query]
