"""The alerts of hosts."""

from __future__ import annotations

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.content.alerts import how_many, how_many_over_time, pending, what_fires, when_fired
from staddle.dashboards.content.levels import BAD
from staddle.dashboards.content.node.queries import EXPORTER, cpu, fullest, load, memory
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.links import cell, series, to
from staddle.dashboards.kit.look import above, below
from staddle.dashboards.kit.panels import lines, rows, stat
from staddle.dashboards.kit.queries import LogQuery, Query
from staddle.dashboards.kit.variables import choose

N = f'{EXPORTER},cls=~"$cls",ins=~"$ins"'
A = 'job=~"node|ping",cls=~"$cls",ins=~"$ins"'
LINKS = [series("node-instance", "ins")]
BOARDS = [
    Board(
        uid="node-alert",
        title="NODE Alerts",
        folder="node",
        about="The alerts of hosts, and what they are about.",
        tags=["Alert"],
        variables=[
            choose("cls", "Cluster", f"label_values(up{{{EXPORTER}}}, cls)", everything=True),
            choose("ins", "Node", f'label_values(up{{{EXPORTER},cls=~"$cls"}}, ins)', everything=True),
        ],
        links=[nav.NODES, to("node-instance", "Node", ins="$ins"), nav.logs_of(ins="$ins"), nav.ALERTS],
        dropdowns=[("NODE", "node"), ("Alerts", "Alert")],
        rows=[
            Row("Alerts", [
                how_many("Critical", f'{A},severity="CRIT"'),
                how_many("Warnings", f'{A},severity="WARN"', critical=False),
                pending(A),
                stat("Nodes down", f"count(up{{{N}}} == 0) or vector(0)", unit="none", steps=above(1), filled=True),
                stat("No answer to ping", 'count(probe_success{job="ping",cls=~"$cls",ins=~"$ins"} == 0) or vector(0)', unit="none", steps=above(1), filled=True),
                how_many_over_time(A, h=5),
                what_fires(A, instance=cell("node-instance", "Node", ins="Instance"), h=7),
                when_fired(A),
            ]),
            Row("What they are about", [
                lines("CPU", Query(cpu(N), "{{ins}}"), unit="percentunit", least=0, most=1, steps=above(0.7, 0.9), zones=True, w=6, links=LINKS),
                lines("Load per core", Query(load(N), "{{ins}}"), unit="percentunit", least=0, steps=above(1, 2), zones=True, w=6, links=LINKS),
                lines("Memory used", Query(memory(N), "{{ins}}"), unit="percentunit", least=0, most=1, steps=above(0.8, 0.95), zones=True, w=6, links=LINKS),
                lines("Fullest file system", Query(fullest(N), "{{ins}}"), unit="percentunit", least=0, most=1, steps=above(0.8, 0.9), zones=True, w=6, links=LINKS),
                lines("Answer to ping", Query('min by (ins) (probe_success{job="ping",cls=~"$cls",ins=~"$ins"})', "{{ins}}"), unit="none", least=0, most=1, steps=below(1), w=12,
                      empty="Hosts are not pinged", links=LINKS),
                lines("Errors in logs", LogQuery(f'ins:~"^($ins)$" {BAD} | stats by (ins, app) count() lines', "statsRange", "{{ins}} {{app}}"), unit="short", drawn_as_bars=True,
                      stacked=True, w=12, empty="No errors in this time"),
                rows("Errors of the system", f'job:=syslog cls:~"^($cls)$" ins:~"^($ins)$" {BAD}', h=8, empty="No errors in this time"),
            ]),
        ],
        alerts=A,
    )
]  # fmt: skip
