"""All PostgreSQL clusters, and one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.content.alerts import how_many, what_fires
from staddle.dashboards.content.infra.parts import logs
from staddle.dashboards.content.node.queries import EXPORTER as NODE, FILE_SYSTEMS
from staddle.dashboards.content.pgsql import parts
from staddle.dashboards.content.pgsql.queries import (
    ALERT,
    ALL_CLUSTERS,
    CLUSTER,
    DROPDOWN,
    INSTANCE,
    JOB,
    ONE_CLUSTER,
    RATE,
    ROLE,
    TO_CLUSTER,
    TO_INSTANCE,
    UP,
    age,
    busy,
    firing,
    hits,
    lag,
    role,
    size,
    tps,
    used,
)
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.links import cell, series, to
from staddle.dashboards.kit.look import above, below
from staddle.dashboards.kit.panels import lines, stat, timeline
from staddle.dashboards.kit.queries import Query
from staddle.dashboards.kit.tables import Column, label, table

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Panel


def _head(sel: str, alerts: str) -> list[Panel]:
    return [
        stat("Instances", f"count(pg_up{{{sel}}})", unit="none", w=2),
        stat("Down", f"count(pg_up{{{sel}}} == 0) or vector(0)", unit="none", steps=above(1), filled=True, w=2),
        how_many("Alerts", alerts, w=2, links=(ALERT,)),
        stat("Primaries", f"sum(pg:cls:primaries{{{sel}}})", unit="none", steps=below(1), w=2),
        stat("TPS", f"sum({tps(sel)})", unit="short", trend=True, w=3, about="Transactions per second, of all instances."),
        stat("At work", f"sum({busy(sel)})", unit="short", decimals=1, trend=True, w=3, about="Statements that run at a time, on average.", empty=parts.OLD),
        stat("Connections", f"max({used(sel)})", unit="percentunit", steps=above(0.7, 0.9), w=2, about="Of the instance that is fullest."),
        stat("Lag", f"max({lag(sel)})", unit="s", steps=above(10, 60), w=2, empty="There is no replica", about="Of the replica that is furthest behind."),
        stat("Size", f"sum({size(sel)})", unit="bytes", w=3, about="Of all databases, replicas not counted."),
        stat("Oldest transaction", f"max(pg_activity_max_xact_seconds{{{sel}}})", unit="s", steps=above(300, 3600), w=3),
    ]  # fmt: skip


C = f'{JOB},cls=~"$cls"'
OVERVIEW = Board(
    uid="pgsql-overview",
    title="PGSQL Overview",
    folder="pgsql",
    about="All PostgreSQL clusters: which is down, which lags, which is short of something.",
    tags=["Overview"],
    variables=[ALL_CLUSTERS],
    links=[nav.HOME, ALERT, to("pgsql-activity", "Activity"), to("pgsql-logs", "Logs"), nav.NODES],
    dropdowns=[DROPDOWN],
    alerts='job="pgsql"',
    rows=[
        Row("Overview", [
            *_head(C, C),
            table(
                "Clusters",
                f"count by (cls) (pg_up{{{C}}})",
                label("cls", "Cluster", CLUSTER, cell("pgsql-replication", "Replication", cls="Cluster"), cell("pgsql-logs", "Logs", cls="Cluster")),
                Column(title="Instances", unit="none", width=100),
                Column(title="Up", expr=f"sum by (cls) (pg_up{{{C}}})", unit="none", width=60),
                Column(title="Primaries", expr=f"sum by (cls) (pg:cls:primaries{{{C}}})", unit="none", steps=((None, "red"), (1, "green"), (2, "red")), width=100),
                Column(title="TPS", expr=tps(C, "cls"), unit="short", decimals=1),
                Column(title="At work", expr=busy(C, "cls"), unit="short", decimals=1),
                Column(title="Connections", expr=used(C, "cls"), unit="percentunit", most=1, cell="gauge", steps=above(0.7, 0.9), width=140),
                Column(title="Cache hits", expr=hits(C, "cls"), unit="percentunit", steps=below(0.9, 0.98)),
                Column(title="Size", expr=size(C), unit="bytes"),
                Column(title="Lag", expr=lag(C, "cls"), unit="s", steps=above(10, 60)),
                Column(title="Oldest transaction", expr=f"max by (cls) (pg_activity_max_xact_seconds{{{C}}})", unit="s", steps=above(300, 3600)),
                Column(title="Age", expr=age(C, "cls"), unit="percentunit", steps=above(0.3, 0.6)),
                Column(title="Alerts", expr=firing(C, "cls"), unit="none", steps=above(1)),
                h=7,
                about="Connections, cache hits, lag and age are those of the instance that is worst off. Age: how much of the transaction numbers is used up until vacuum freezes.",
            ),
            parts.instances(C, label("cls", "Cluster", CLUSTER), h=9),
            what_fires(C, instance=cell("pgsql-instance", "Instance", ins="Instance"), w=12, h=6),
            timeline("Roles", Query(role(C), "{{ins}}"), words=ROLE, w=12, h=6, links=[TO_INSTANCE],
                     about="A failover shows as a change of colour."),
        ]),
        Row("Over time, by cluster", [
            parts.transactions(C, "cls", [TO_CLUSTER], w=8),
            parts.running(C, "cls", [TO_CLUSTER], w=8),
            lines("Connections", Query(used(C, "cls"), "{{cls}}"), unit="percentunit", least=0, steps=above(0.7, 0.9), zones=True, w=8, links=[TO_CLUSTER],
                  about="Of the fullest instance."),
            parts.lags(C, [TO_INSTANCE], w=8),
            parts.wal(C, "cls", [TO_CLUSTER], w=8),
            lines("Rollbacks", Query(f"max by (cls) (pg:ins:rollback_ratio{{{C}}})", "{{cls}}"), unit="percentunit", least=0, w=8, links=[TO_CLUSTER],
                  about="Their share of all transactions, on the instance that has most of them.", empty="No transaction"),
        ]),
    ],
)  # fmt: skip

K = f'{JOB},cls="$cls"'
ON_HOSTS = f"* on (ip) group_left () group by (ip) (pg_up{{{K}}})"
CLUSTER_BOARD = Board(
    uid="pgsql-cluster",
    title="PGSQL Cluster",
    folder="pgsql",
    about="One cluster: its instances side by side, its databases, its replication, its hosts.",
    tags=["Cluster"],
    variables=[ONE_CLUSTER],
    links=[UP, to("pgsql-replication", "Replication", cls="$cls"), to("pgsql-activity", "Activity", cls="$cls"), to("pgsql-patroni", "Patroni", cls="$cls"), to("pgsql-backup", "Backup", cls="$cls"), to("pgsql-alert", "Alerts", cls="$cls"),
           to("pgsql-logs", "Logs", cls="$cls"), nav.traces_of(cls="$cls"), to("node-cluster", "Hosts", cls="$cls")],
    dropdowns=[DROPDOWN],
    alerts='cls="$cls"',
    rows=[
        Row("Overview", [
            *_head(K, 'cls="$cls"'),
            parts.instances(K, h=7),
            what_fires('cls="$cls"', instance=INSTANCE, w=12, h=6),
            timeline("Roles", Query(role(K), "{{ins}}"), words=ROLE, w=12, h=6, links=[TO_INSTANCE]),
            parts.transactions(K, "ins", [TO_INSTANCE], w=8),
            parts.running(K, "ins", [TO_INSTANCE], w=8),
            lines("Connections", Query(used(K), "{{ins}}"), unit="percentunit", least=0, steps=above(0.7, 0.9), zones=True, w=8, links=[TO_INSTANCE]),
            parts.states(K, w=8),
            parts.waits(K, w=8),
            parts.oldest(K, w=8),
        ]),
        Row("Databases", [
            parts.databases(
                K,
                Column(title="Deadlocks", expr=f"sum by (datname) (increase(pg_stat_database_deadlocks{{{K}}}[$__range]))", unit="none", steps=above(1)),
                Column(title="Temporary files", expr=f"sum by (datname) (increase(pg_stat_database_temp_bytes{{{K}}}[$__range]))", unit="bytes", steps=above(1e9, 20e9)),
                about="Deadlocks and temporary files within the time shown. ",
                w=16, h=9,
            ),
            lines("Transactions by database", Query(tps(K, "datname"), "{{datname}}"), unit="ops", least=0, w=8, h=9, stacked=True,
                  links=[series("pgsql-database", "datname")]),
        ]),
        Row("Replication and WAL", [
            parts.lags(K, [TO_INSTANCE], w=8),
            lines("Behind, in bytes", Query(f"max by (application_name) (pg_stat_replication_replay_lag_bytes{{{K}}})", "{{application_name}}"), unit="bytes", least=0, w=8,
                  empty="There is no replica", about="What the primary has written and the receiver has not replayed."),
            parts.wal(K, "ins", [TO_INSTANCE], w=8),
        ]),
        Row("Hosts", [
            lines("CPU", Query(f'(1 - avg by (ins, ip) (rate(node_cpu_seconds_total{{{NODE},mode="idle"}}{RATE}))) {ON_HOSTS}', "{{ins}}"), unit="percentunit", least=0, most=1,
                  steps=above(0.7, 0.9), w=8, links=[series("node-instance", "ins")], empty="Its hosts are not monitored"),
            lines("Memory used", Query(f"(1 - node_memory_MemAvailable_bytes{{{NODE}}} / node_memory_MemTotal_bytes{{{NODE}}}) {ON_HOSTS}", "{{ins}}"), unit="percentunit", least=0, most=1,
                  steps=above(0.8, 0.95), w=8, links=[series("node-instance", "ins")], empty="Its hosts are not monitored"),
            lines("Free on disks", Query(f"min by (ins, ip) (node_filesystem_avail_bytes{{{NODE},{FILE_SYSTEMS}}}) {ON_HOSTS}", "{{ins}}"), unit="bytes", least=0, w=8,
                  links=[series("node-disk", "ins")], empty="Its hosts are not monitored"),
        ]),
        logs('cls:="$cls" job:in(postgres, patroni, pgbouncer, pgbackrest)', job=".*", ins=".*"),
    ],
)  # fmt: skip
BOARDS = [OVERVIEW, CLUSTER_BOARD]
