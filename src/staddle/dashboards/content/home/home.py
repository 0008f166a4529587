"""What is shown first: is anything wrong, where, and the ways from here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.content.alerts import how_many, what_fires, when_fired
from staddle.dashboards.content.levels import ERRORS
from staddle.dashboards.content.node.queries import EXPORTER
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.links import Link, cell, to
from staddle.dashboards.kit.look import above, below
from staddle.dashboards.kit.panels import lines, note, stat
from staddle.dashboards.kit.queries import LogQuery, Query
from staddle.dashboards.kit.tables import Column, label, table

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Panel


def _up(title: str, sel: str, link: Link, empty: str = "") -> Panel:
    """How many of the exporters of a module answer."""
    return stat(
        title,
        f"sum(up{{{sel}}}) / count(up{{{sel}}})",
        unit="percentunit",
        steps=below(0.999, 1),
        decimals=0,
        filled=True,
        links=[link],
        empty=empty or "There are none",
        w=3,
    )


def _clusters(title: str, metric: str, overview: Link, *links: Link, empty: str) -> Panel:
    """The clusters of a module, and how many of their instances are up."""
    return table(
        title,
        f"count by (cls) ({metric})",
        label("cls", "Cluster", *links, overview),
        Column(title="Instances", unit="none", width=110),
        Column(title="Up", expr=f"sum by (cls) ({metric})", unit="none", width=80),
        Column(title="Alerts", expr='(count by (cls) (ALERTS{alertstate="firing"})' + f" and on (cls) group by (cls) ({metric})) or 0 * group by (cls) ({metric})", unit="none",
               steps=above(1), cell="color-background", width=90),
        w=8,
        h=7,
        empty=empty,
    )  # fmt: skip


NO_DATABASES = "No PostgreSQL is monitored"
BOARDS = [
    Board(
        uid="home",
        title="Home",
        folder="home",
        about="Is anything wrong, where, and the ways from here.",
        tags=["Overview"],
        links=[nav.NODES, nav.POSTGRES, nav.INFRA, to("logs-instance", "Logs"), to("traces-service", "Traces"), nav.ALERTS],
        dropdowns=[("Dashboards", "staddle")],
        rows=[
            Row("", [
                how_many("Critical", 'severity="CRIT"'),
                how_many("Warnings", 'severity="WARN"', critical=False),
                _up("Nodes", EXPORTER, nav.NODES),
                _up("Foundation", 'job="infra"', nav.INFRA),
                _up("PostgreSQL", 'job="pgsql"', nav.POSTGRES, NO_DATABASES),
                _up("Redis", 'job="redis"', to("redis-overview", "Redis"), "No Redis is monitored"),
                _up("etcd", 'job="etcd"', to("etcd-overview", "etcd"), "No etcd is monitored"),
                stat("Failing probes", "count(probe_success == 0) or vector(0)", unit="none", steps=above(1), filled=True,
                     links=[to("infra-blackbox", "Probes")], w=3),
                what_fires(w=14, h=9),
                when_fired(w=10, h=9),
            ]),
            Row("Clusters", [
                _clusters("PostgreSQL clusters", "pg_up", nav.POSTGRES, cell("pgsql-cluster", "Cluster", cls="Cluster"), empty=NO_DATABASES),
                _clusters("Hosts", f"up{{{EXPORTER}}}", nav.NODES, cell("node-cluster", "Cluster", cls="Cluster"), empty="No host is monitored"),
                _clusters("Redis and etcd", 'up{job=~"redis|etcd"}', to("redis-overview", "Redis"), to("etcd-overview", "etcd"), empty="Neither is monitored"),
            ]),
            Row("At a glance", [
                lines("CPU, by cluster", Query(f'1 - avg by (cls) (rate(node_cpu_seconds_total{{{EXPORTER},mode="idle"}}[$__rate_interval]))', "{{cls}}"),
                      unit="percentunit", least=0, most=1, w=8, links=[to("node-cluster", "${__field.labels.cls}", cls="${__field.labels.cls}")]),
                lines("Transactions, by cluster", Query("sum by (cls) (pg:cls:tps)", "{{cls}}"),
                      unit="ops", least=0, w=8, links=[to("pgsql-cluster", "${__field.labels.cls}", cls="${__field.labels.cls}")], empty=NO_DATABASES),
                lines("Errors in logs, by kind", LogQuery(f"{ERRORS} | stats by (job) count() lines", "statsRange", "{{job}}"), unit="short",
                      drawn_as_bars=True, stacked=True, w=8, links=[to("logs-instance", "Logs")], empty="No errors in this time"),
                note("Where else", "[Portal](/) · [Alerts and silences](/alertmgr/) · [Rules](/vmalert/) · [Targets](/vmetrics/targets) · "
                     "[Explore metrics](/vmetrics/vmui/) · [Explore logs](/vlogs/select/vmui/) · [Explore traces](/vtraces/select/vmui/)", h=3),
            ]),
        ],
    )
]  # fmt: skip
