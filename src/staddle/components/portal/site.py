"""What the portal's pages show. Plain data, filled in from the Fleet; `render` turns it into files.

Every text here may come from an inventory and is escaped wherever it is shown. `health_query` is the one exception: it
is MetricsQL written by a component of ours and becomes part of the combined health query as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from staddle.components.portal import assets, pages


@dataclass(frozen=True, slots=True)
class Features:
    """What answers behind this portal. A page of something that is absent says so instead of asking it."""

    metrics: bool = True
    """VictoriaMetrics' API below /vmetrics/."""
    rules: bool = True
    """vmalert's API below /vmalert/."""
    alerts: bool = True
    """Alertmanager's API below /alertmgr/."""
    dashboards: bool = False
    """Something of its own below /ui/; the reserved page otherwise. The same for the next two."""
    logs: bool = False
    traces: bool = False
    ca: bool = True
    """/ca.crt can be downloaded."""


@dataclass(frozen=True, slots=True)
class Link:
    """A place to read on: documentation, a runbook collection."""

    title: str
    url: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Article:
    """A page of text to read, such as a runbook: `markdown` (CommonMark, no HTML) at `path` below the web root.

    The first `# heading` is its title; it is listed on the page `index.html` of its directory.
    """

    path: str
    title: str
    markdown: str


@dataclass(frozen=True, slots=True)
class Card:
    """One place to click on the home page.

    `component` ties the card to the health of every row of that component; None is a link without health. A card that
    isn't `available` is shown as something to come. `icon` is one of the names in `static/icons.svg`, or any keyword
    (see `icon_for`).
    """

    name: str
    title: str
    description: str
    url: str
    icon: str = "link"
    component: str | None = None
    available: bool = True


@dataclass(frozen=True, slots=True)
class ComponentRow:
    """One running component on one INFRA node.

    `instance` is unique (`vmetrics-1`). `health_query` is an instant query whose smallest value is >= 1 when the
    component is healthy; empty if nothing watches it.
    """

    component: str
    instance: str
    node_ip: str
    title: str
    version: str
    provider: str
    url: str | None
    port: int
    health_query: str = ""


@dataclass(frozen=True, slots=True)
class ModuleCell:
    """What one module (`infra`, `node`, `pgsql`, …: the label `job`) has on a node: its instances (the label `ins`)."""

    module: str
    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One host of the inventory. Its own health is that of its instances of module `node`."""

    ip: str
    name: str
    cluster: str
    modules: tuple[ModuleCell, ...] = ()
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """Everything the pages know at compile time.

    `watchdog` names the alert that always fires: it isn't counted, and its absence means that rules aren't evaluated.
    """

    name: str
    version: str
    domain: str
    portal_url: str
    admin_ip: str
    cards: tuple[Card, ...] = ()
    components: tuple[ComponentRow, ...] = ()
    nodes: tuple[NodeRow, ...] = ()
    features: Features = field(default_factory=Features)
    docs: tuple[Link, ...] = ()
    articles: tuple[Article, ...] = ()
    ca_fingerprint: str = ""
    watchdog: str = "Watchdog"


def render(site: Site) -> dict[str, bytes]:
    """Every file of the portal: path below the web root → content. Pure: equal sites give equal bytes.

    * `index.html`, `404.html`, `_staddle/pages/<name>.html` (`metrics`, `targets`, `rules`, `alerts`, `ui`, `vlogs`,
      `vtraces`), `_staddle/site.json` and `favicon.ico` keep their names: revalidate them (`Cache-Control: no-cache`).
    * `_staddle/static/<name>.<hash>.<ext>` never change: cache them for ever.

    Nothing in them needs more than `Content-Security-Policy: default-src 'self'`.
    """
    return {**assets.load().files, **pages.render_pages(site)}
