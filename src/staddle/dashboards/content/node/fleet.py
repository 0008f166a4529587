"""All hosts, and one cluster of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.content.alerts import how_many, what_fires
from staddle.dashboards.content.node.queries import (
    EXPORTER,
    busiest,
    cpu,
    fullest,
    load,
    memory,
    pressure,
    traffic,
    uptime,
)
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.links import Link, cell, series, to
from staddle.dashboards.kit.look import UP, above, below, mirrored
from staddle.dashboards.kit.panels import lines, stat, timeline
from staddle.dashboards.kit.queries import Query
from staddle.dashboards.kit.tables import Column, label, table
from staddle.dashboards.kit.variables import choose

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Panel

KEYS = "ins, cls, ip"
INSTANCE = cell("node-instance", "Node", ins="Node")
TO_INSTANCE = series("node-instance", "ins")
TO_CLUSTER = series("node-cluster", "cls")


def _head(sel: str) -> list[Panel]:
    return [
        stat("Nodes", f"count(up{{{sel}}})", unit="none", w=2),
        stat("Down", f"count(up{{{sel}}} == 0) or vector(0)", unit="none", steps=above(1), filled=True, w=2),
        how_many("Alerts", sel.replace(',exporter=""', ""), w=2, links=(to("node-alert", "Alerts"),)),
        stat("Cores", f'count(node_cpu_seconds_total{{{sel},mode="idle"}})', unit="none", w=2),
        stat("Memory", f"sum(node_memory_MemTotal_bytes{{{sel}}})", unit="bytes", w=3),
        stat("CPU", f'1 - avg(rate(node_cpu_seconds_total{{{sel},mode="idle"}}[$__rate_interval]))', unit="percentunit", steps=above(0.7, 0.9), trend=True, w=3, least=0, most=1),
        stat("Highest load", f"max({load(sel)})", unit="percentunit", steps=above(1, 2), trend=True, w=3, about="Of the last minute, per core."),
        stat("Memory used", f"1 - sum(node_memory_MemAvailable_bytes{{{sel}}}) / sum(node_memory_MemTotal_bytes{{{sel}}})", unit="percentunit", steps=above(0.8, 0.95),
             trend=True, w=3, least=0, most=1),
        stat("Fullest disk", f"max({fullest(sel)})", unit="percentunit", steps=above(0.8, 0.9), w=4, links=[to("node-disk", "Disks")]),
    ]  # fmt: skip


def _nodes(sel: str, *columns: Column, h: int = 10) -> Panel:
    return table(
        "Nodes",
        f"max by ({KEYS}) (up{{{sel}}})",
        label("ins", "Node", INSTANCE, cell("logs-instance", "Logs", ip="Address"), cell("node-disk", "Disks", ins="Node")),
        *columns,
        label("ip", "Address", cell("logs-instance", "Logs", ip="Address")),
        Column(title="State", words=UP, cell="color-background", width=80),
        Column(title="Up for", expr=uptime(sel, KEYS), unit="dtdurations", steps=below(600)),
        Column(title="CPU", expr=cpu(sel, KEYS), unit="percentunit", most=1, cell="gauge", steps=above(0.7, 0.9), width=140),
        Column(title="Load", expr=load(sel, KEYS), unit="percentunit", steps=above(1, 2)),
        Column(title="Memory", expr=memory(sel, KEYS), unit="percentunit", most=1, cell="gauge", steps=above(0.8, 0.95), width=140),
        Column(title="Fullest disk", expr=fullest(sel, KEYS), unit="percentunit", most=1, cell="gauge", steps=above(0.8, 0.9), width=140),
        Column(title="Disk busy", expr=busiest(sel, KEYS), unit="percentunit", steps=above(0.7, 0.95)),
        Column(title="In", expr=traffic(sel, "receive", KEYS), unit="binBps"),
        Column(title="Out", expr=traffic(sel, "transmit", KEYS), unit="binBps"),
        Column(title="Alerts", expr=f'(count by ({KEYS}) (ALERTS{{alertstate="firing"}}) and on (ins) group by (ins) (up{{{sel}}})) or 0 * max by ({KEYS}) (up{{{sel}}})', unit="none", steps=above(1)),
        descending="CPU",
        h=h,
        about="Load is that of the last minute per core; a disk is busy while it has a request.",
    )  # fmt: skip


def _history(sel: str, by: str, link: Link) -> list[Panel]:
    legend = f"{{{{{by}}}}}"
    links = [link]
    return [
        lines("CPU", Query(cpu(sel, by), legend), unit="percentunit", least=0, most=1, steps=above(0.7, 0.9), w=8, links=links),
        lines("Load per core", Query(load(sel, by), legend), unit="percentunit", least=0, steps=above(1, 2), zones=True, w=8, links=links),
        lines("Memory used", Query(memory(sel, by), legend), unit="percentunit", least=0, most=1, steps=above(0.8, 0.95), w=8, links=links),
        lines("Fullest file system", Query(fullest(sel, by), legend), unit="percentunit", least=0, most=1, steps=above(0.8, 0.9), zones=True, w=8, links=links),
        lines("Busiest disk", Query(busiest(sel, by), legend), unit="percentunit", least=0, steps=above(0.7, 0.95), w=8, links=links),
        lines("Waiting for disks", Query(pressure(sel, "io", by=by), legend), unit="percentunit", least=0, steps=above(0.2, 0.5), w=8, links=links,
              about="The share of time in which at least one task waited (PSI).", empty="The kernel counts no pressure (PSI)"),
        lines("Network", Query(traffic(sel, "receive", by), f"{legend} in"), Query(traffic(sel, "transmit", by), f"{legend} out"), unit="binBps", w=12,
              overrides=[mirrored("/out/")], about="Received upwards, sent downwards.", links=links),
        lines("Round trip", Query('max by (ins) (probe_icmp_duration_seconds{phase="rtt"})', "{{ins}}"), unit="s", least=0, w=12, steps=above(0.05, 0.5),
              empty="Hosts are not pinged", links=[TO_INSTANCE]),
    ]  # fmt: skip


OVERVIEW = Board(
    uid="node-overview",
    title="NODE Overview",
    folder="node",
    about="All hosts: which is down, which is short of something.",
    tags=["Overview"],
    variables=[choose("cls", "Clusters", f"label_values(up{{{EXPORTER}}}, cls)", several=True)],
    links=[nav.HOME, to("node-alert", "Alerts"), to("node-disk", "Disks"), to("infra-log-agent", "Log agents")],
    dropdowns=[("NODE", "node")],
    rows=[
        Row("Overview", [
            *_head(f'{EXPORTER},cls=~"$cls"'),
            table(
                "Clusters",
                f'count by (cls) (up{{{EXPORTER},cls=~"$cls"}})',
                label("cls", "Cluster", cell("node-cluster", "Cluster", cls="Cluster")),
                Column(title="Nodes", unit="none", width=80),
                Column(title="Up", expr=f'sum by (cls) (up{{{EXPORTER},cls=~"$cls"}})', unit="none", width=80),
                Column(title="CPU", expr=cpu(f'{EXPORTER},cls=~"$cls"', "cls"), unit="percentunit", most=1, cell="gauge", steps=above(0.7, 0.9)),
                Column(title="Memory", expr=memory(f'{EXPORTER},cls=~"$cls"', "cls"), unit="percentunit", most=1, cell="gauge", steps=above(0.8, 0.95)),
                Column(title="Fullest disk", expr=fullest(f'{EXPORTER},cls=~"$cls"', "cls"), unit="percentunit", steps=above(0.8, 0.9)),
                w=10,
            ),
            timeline("State", Query(f'min by (ins) (up{{{EXPORTER},cls=~"$cls"}})', "{{ins}}"), words=UP, steps=below(1), w=14, h=8, links=[TO_INSTANCE]),
            _nodes(f'{EXPORTER},cls=~"$cls"', label("cls", "Cluster", cell("node-cluster", "Cluster", cls="Cluster"))),
        ]),
        Row("Over time, by cluster", _history(f'{EXPORTER},cls=~"$cls"', "cls", TO_CLUSTER)),
    ],
    alerts='job=~"node|ping"',
)  # fmt: skip
CLUSTER = Board(
    uid="node-cluster",
    title="NODE Cluster",
    folder="node",
    about="The hosts of one cluster, side by side.",
    tags=["Cluster"],
    variables=[choose("cls", "Cluster", f"label_values(up{{{EXPORTER}}}, cls)")],
    links=[nav.NODES, to("node-alert", "Alerts", cls="$cls"), to("node-disk", "Disks", cls="$cls"), to("pgsql-cluster", "PostgreSQL", cls="$cls")],
    dropdowns=[("NODE", "node")],
    rows=[
        Row("Overview", [
            *_head(f'{EXPORTER},cls="$cls"'),
            _nodes(f'{EXPORTER},cls="$cls"', h=8),
            timeline("State", Query(f'min by (ins) (up{{{EXPORTER},cls="$cls"}})', "{{ins}}"), words=UP, steps=below(1), w=12, h=6, links=[TO_INSTANCE]),
            what_fires('cls="$cls"', instance=cell("node-instance", "Node", ins="Instance"), w=12, h=6),
        ]),
        Row("Over time, by node", _history(f'{EXPORTER},cls="$cls"', "ins", TO_INSTANCE)),
    ],
    alerts='cls="$cls"',
)  # fmt: skip
BOARDS = [OVERVIEW, CLUSTER]
