"""HAProxy on a node: which services answer, by which servers, and who has to wait."""

from __future__ import annotations

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.content.alerts import how_many, what_fires
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.links import cell, series, to
from staddle.dashboards.kit.look import UP, Words, above, below, colored
from staddle.dashboards.kit.panels import lines, stat, timeline
from staddle.dashboards.kit.queries import Query
from staddle.dashboards.kit.tables import Column, label, table
from staddle.dashboards.kit.variables import choose

RATE = "[$__rate_interval]"
EXPORTER = 'job="node",exporter="haproxy"'
H = f'{EXPORTER},ins=~"$ins"'
FIRES = 'alertname=~"Haproxy.*",ins=~"$ins"'
NODE = cell("node-instance", "Node", ins="Node")
TO_NODE = series("node-instance", "ins")
NO_SERVICE, NO_SESSION = "It has no services with servers", "Nobody has connected yet"
SERVICE, SERVER = "ins, proxy", "ins, proxy, server"
ANSWERS: Words = (("0", "down", "blue"), ("1", "up", "green"))
"""A server that is down need not be bad: where only a primary is up, its replicas aren't."""


def _rate(metric: str, by: str = SERVICE) -> str:
    return f"sum by ({by}) (rate(haproxy_{metric}{{{H}}}{RATE}))"


BOARDS = [
    Board(
        uid="node-haproxy",
        title="NODE HAProxy",
        folder="node",
        about="Which services of HAProxy answer, by which servers, and who has to wait.",
        tags=["Instance"],
        variables=[choose("ins", "Node", f"label_values(up{{{EXPORTER}}}, ins)", everything=True, empty="No HAProxy is monitored")],
        links=[nav.NODES, to("node-instance", "Node", ins="$ins"), nav.POSTGRES, nav.logs_of(job="syslog", ins="$ins")],
        dropdowns=[("NODE", "node")],
        alerts=FIRES,
        rows=[
            Row("Overview", [
                stat("HAProxies", f"count(up{{{H}}})", unit="none", w=3),
                stat("Down", f"count(up{{{H}}} == 0) or vector(0)", unit="none", steps=above(1), filled=True, w=3),
                stat("Services down", f'count(haproxy_backend_status{{{H},state="UP"}} == 0) or vector(0)', unit="none", steps=above(1), filled=True, w=3, about="None of their servers answers."),
                stat("Waiting", f"sum(haproxy_backend_current_queue{{{H}}})", unit="none", steps=above(1, 10), w=3, empty=NO_SERVICE, about="Connections that wait for a server to have room."),
                stat("Connections", f"max(haproxy_process_current_connections{{{H}}} / haproxy_process_max_connections{{{H}}})", unit="percentunit", steps=above(0.7, 0.9), w=3, about="Of maxconn: beyond that, new ones wait unanswered."),
                stat("Sessions", f"sum({_rate('frontend_sessions_total')})", unit="cps", trend=True, w=3, about="New ones per second."),
                stat("Up for", f"min(haproxy_process_uptime_seconds{{{H}}})", unit="dtdurations", steps=below(600), w=3),
                how_many("Alerts", FIRES, w=3),
                table(
                    "Services",
                    f'max by ({SERVICE}) (haproxy_backend_status{{{H},state="UP"}})',
                    label("proxy", "Service"), label("ins", "Node", NODE),
                    Column(title="State", words=UP, cell="color-background", width=80),
                    Column(title="Servers", expr=f"max by ({SERVICE}) (haproxy_backend_active_servers{{{H}}} + haproxy_backend_backup_servers{{{H}}})", unit="none"),
                    Column(title="Sessions", expr=f"max by ({SERVICE}) (haproxy_backend_current_sessions{{{H}}})", unit="none"),
                    Column(title="Waiting", expr=f"max by ({SERVICE}) (haproxy_backend_current_queue{{{H}}})", unit="none", steps=above(1, 10)),
                    Column(title="New", expr=_rate("backend_sessions_total"), unit="cps"),
                    Column(title="Connect takes", expr=f"max by ({SERVICE}) (haproxy_backend_connect_time_average_seconds{{{H}}})", unit="s", steps=above(0.1, 1)),
                    Column(title="Connect errors", expr=f"sum by ({SERVICE}) (increase(haproxy_backend_connection_errors_total{{{H}}}[$__range]))", unit="none", steps=above(1)),
                    Column(title="Down for", expr=f"sum by ({SERVICE}) (increase(haproxy_backend_downtime_seconds_total{{{H}}}[$__range]))", unit="dtdurations", steps=above(1)),
                    w=24, h=7, empty=NO_SERVICE, about="Servers: those that may be used now. Errors and being down: within the time shown.",
                ),
                table(
                    "Servers",
                    f'max by ({SERVER}) (haproxy_server_status{{{H},state="UP"}})',
                    label("proxy", "Service"), label("server", "Server"), label("ins", "Node", NODE),
                    Column(title="State", words=ANSWERS, width=80),
                    Column(title="Sessions", expr=f"max by ({SERVER}) (haproxy_server_current_sessions{{{H}}})", unit="none"),
                    Column(title="New", expr=_rate("server_sessions_total", SERVER), unit="cps"),
                    Column(title="Check takes", expr=f"max by ({SERVER}) (haproxy_server_check_duration_seconds{{{H}}})", unit="s", steps=above(0.5, 2)),
                    Column(title="State changed", expr=f"sum by ({SERVER}) (increase(haproxy_server_check_up_down_total{{{H}}}[$__range]))", unit="none", steps=above(2)),
                    Column(title="Errors", expr=f"sum by ({SERVER}) (increase(haproxy_server_connection_errors_total{{{H}}}[$__range]) + increase(haproxy_server_response_errors_total{{{H}}}[$__range]))", unit="none", steps=above(1)),
                    w=24, h=8, empty=NO_SERVICE, about="A replica is down in a service that checks for a primary, and that is as it should be. State changed: from up to down, within the time shown.",
                ),
                timeline("Servers that are up", Query(f'max by ({SERVER}) (haproxy_server_status{{{H},state="UP"}})', "{{ins}} {{proxy}} {{server}}"), words=ANSWERS, w=12, h=7, links=[TO_NODE], empty=NO_SERVICE,
                         about="A failover shows as one that goes and another that comes."),
                what_fires(FIRES, instance=cell("node-instance", "Node", ins="Instance"), w=12, h=7),
            ]),
            Row("Over time", [
                lines("Sessions", Query(f"max by ({SERVICE}) (haproxy_backend_current_sessions{{{H}}})", "{{ins}} {{proxy}}"), unit="none", least=0, w=8, links=[TO_NODE], empty=NO_SERVICE),
                lines("New sessions", Query(_rate("backend_sessions_total"), "{{ins}} {{proxy}}"), unit="cps", least=0, w=8, links=[TO_NODE], empty=NO_SERVICE),
                lines("Waiting", Query(f"max by ({SERVICE}) (haproxy_backend_current_queue{{{H}}})", "{{ins}} {{proxy}}"), unit="none", least=0, steps=above(1, 10), w=8, links=[TO_NODE], empty=NO_SERVICE),
                lines("Errors", Query(_rate("backend_connection_errors_total"), "{{ins}} {{proxy}} connecting"), Query(_rate("backend_retry_warnings_total"), "{{ins}} {{proxy}} tried again"), Query(_rate("backend_server_aborts_total"), "{{ins}} {{proxy}} cut off by the server"),
                      unit="cps", least=0, w=8, links=[TO_NODE], empty=NO_SERVICE, overrides=[colored("/connecting/", "red", by="byRegexp")]),
                lines("Connect takes", Query(f"max by ({SERVICE}) (haproxy_backend_connect_time_average_seconds{{{H}}})", "{{ins}} {{proxy}}"), unit="s", least=0, w=8, links=[TO_NODE], empty=NO_SESSION, about="On average of the last 1024 connections."),
                lines("Traffic", Query(_rate("backend_bytes_in_total"), "{{ins}} {{proxy}} from clients"), Query(_rate("backend_bytes_out_total"), "{{ins}} {{proxy}} to clients"), unit="binBps", least=0, w=8, links=[TO_NODE], empty=NO_SERVICE),
                lines("Busy", Query(f"1 - haproxy_process_idle_time_percent{{{H}}} / 100", "{{ins}}"), unit="percentunit", least=0, most=1, w=12, links=[TO_NODE], about="Of the time its threads have."),
                lines("Connections", Query(f"haproxy_process_current_connections{{{H}}}", "{{ins}}"), unit="none", least=0, w=12, links=[TO_NODE]),
            ]),
        ],
    ),
]  # fmt: skip
