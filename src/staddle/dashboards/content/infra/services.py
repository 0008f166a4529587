"""Names, time, logs on their way, packages."""

from __future__ import annotations

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.content.alerts import how_many
from staddle.dashboards.content.infra.parts import errors, logs, rate
from staddle.dashboards.content.node.queries import EXPORTER
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.links import Link, cell, series
from staddle.dashboards.kit.look import UP, above, below, dashed
from staddle.dashboards.kit.panels import bars, lines, rows, stat, timeline
from staddle.dashboards.kit.queries import LogQuery, Query, now
from staddle.dashboards.kit.tables import Column, label, table
from staddle.dashboards.kit.variables import choose, derive

D = 'job="probe",cls="dnsmasq",ins=~"$ins"'
UNSYNCED = "(node_timex_sync_status == 0)"
DNS_NTP = Board(
    uid="infra-dns-ntp",
    title="INFRA DNS and time",
    folder="infra",
    about="Do the name servers answer, and do all clocks agree.",
    tags=["Instance"],
    variables=[
        choose("ins", "Name server", 'label_values(probe_success{job="probe",cls="dnsmasq"}, ins)', everything=True),
    ],
    links=[nav.INFRA, nav.logs_of(ins="$ins"), nav.ALERTS],
    dropdowns=[("INFRA", "infra")],
    alerts='ins=~"$ins"',
    rows=[
        Row("Names", [
            stat("Name servers", f"count(probe_success{{{D}}})", unit="none", w=3),
            stat("Answering", f"sum(probe_success{{{D}}})", unit="none", steps=below(1), filled=True, w=3),
            stat("Time of a lookup", f"max(probe_duration_seconds{{{D}}})", unit="s", steps=above(0.1, 1), trend=True, w=4),
            timeline("Answers", Query(f"min by (ins) (probe_success{{{D}}})", "{{ins}}"), words=UP, steps=below(1), w=14, h=4),
            lines("Time of lookups", Query(f"max by (ins) (probe_duration_seconds{{{D}}})", "{{ins}}"), unit="s", least=0,
                  about="Of the fleet's own name, asked by the probes of every INFRA node.", h=6),
            rows("What name servers say", "app:=dnsmasq", h=6, w=12, empty="They said nothing in this time"),
        ]),
        Row("Time", [
            stat("Clocks not set", f"count({UNSYNCED}) or vector(0)", unit="none", steps=above(1), w=4,
                 about="Hosts whose kernel nobody tells the time."),
            stat("Greatest offset", "max(abs(node_timex_offset_seconds))", unit="s", steps=above(0.05, 1), w=4,
                 about="Between a clock and its source, on any host."),
            lines("Offsets", Query("node_timex_offset_seconds", "{{ins}}"), unit="s", w=8, links=[series("node-instance", "ins")]),
            lines("Greatest possible error", Query("node_timex_maxerror_seconds", "{{ins}}"), unit="s", least=0, w=8,
                  about="Grows while nobody tells the kernel the time; 16 s at most."),
            lines("Offset by NTP", Query("node_ntp_offset_seconds", "{{ins}}"), unit="s", w=12,
                  about="To the host's own time service.", empty="The hosts' time services don't answer to NTP"),
            lines("Distance to a reference clock", Query("node_ntp_stratum", "{{ins}}"), unit="none", least=0, w=12,
                  about="Stratum: how many servers are between. 16 is none.", empty="The hosts' time services don't answer to NTP"),
            rows("What time services say", 'app:in(chronyd, chrony)', h=6, empty="They said nothing in this time"),
        ]),
    ],
)  # fmt: skip

L = 'job="node",ins=~"$ins"'
LOG_AGENT = Board(
    uid="infra-log-agent",
    title="INFRA Log agents",
    folder="infra",
    about="Are all logs on their way: what is read, sent, waiting, lost.",
    tags=["Instance"],
    variables=[choose("ins", "Node", 'label_values(log_agent_up, ins)', everything=True)],
    links=[nav.INFRA, nav.NODES, nav.logs_of(ins="$ins"), nav.ALERTS],
    dropdowns=[("INFRA", "infra")],
    alerts='ins=~"$ins"',
    rows=[
        Row("Overview", [
            stat("Agents", f"count(log_agent_up{{{L}}})", unit="none", w=3),
            stat("Down", f'(count(up{{{L},exporter="log_agent"}} == 0) or vector(0)) + (count(log_agent_up{{{L}}} == 0) or vector(0))', unit="none", steps=above(1), filled=True, w=3),
            stat("Rows/s", rate("log_agent_sent_rows_total", L), unit="short", trend=True, w=4),
            stat("Waiting", f"sum(log_agent_queue_rows{{{L}}})", unit="short", steps=above(10_000, 100_000), w=3,
                 about="Rows in queues. They are on disk and go out when their receiver is back."),
            stat("Lost", f"sum(increase(log_agent_dropped_rows_total{{{L}}}[1h]))", unit="short", steps=above(1), w=3, about="Within the last hour."),
            stat("Not read yet", f"sum(log_agent_unread_bytes{{{L}}})", unit="bytes", steps=above(10e6, 100e6), w=4),
        ]),
        Row("Flow", [
            lines("Read, by source", Query(rate("log_agent_read_rows_total", L, "source"), "{{source}}"), unit="short", least=0, stacked=True, w=8),
            lines("Sent, by receiver", Query(rate("log_agent_sent_rows_total", L, "receiver"), "{{receiver}}"), unit="short", least=0, w=8),
            lines("Queues", Query(f"sum by (ins, receiver) (log_agent_queue_bytes{{{L}}})", "{{ins}} for {{receiver}}"),
                  Query(f"max(log_agent_queue_limit_bytes{{{L}}})", "limit"), unit="bytes", least=0, w=8, overrides=[dashed("/limit/")],
                  about="Beyond the limit, new rows are dropped for that receiver."),
            errors("Lost", Query(f"sum by (ins, receiver) (increase(log_agent_dropped_rows_total{{{L}}}[$__rate_interval]))", "{{ins}} for {{receiver}}")),
            bars("Read most", now(f"topk(10, sum by (ins, source) (increase(log_agent_read_rows_total{{{L}}}[1h])))", "{{ins}} {{source}}"), unit="short",
                 about="Rows within the last hour.", w=16),
        ]),
        logs("app:in(log_agent, syslog-ng, vector)", job=".*", ins=".*"),
    ],
)  # fmt: skip

P = 'cls="repo"'
SERVED = 'job:="nginx" path:~"[.](deb|rpm|whl)$"'
REPO = Board(
    uid="infra-repo",
    title="INFRA Package repository",
    folder="infra",
    about="Is the local repository there, how old is it, who takes what from it.",
    tags=["Instance"],
    variables=[choose("ins", "Portal", 'label_values(up{job="infra",cls="nginx"}, ins)'),
               derive("ip", 'label_values(up{job="infra",cls="nginx",ins="$ins"}, ip)')],
    links=[nav.INFRA, nav.logs_of(ins="$ins")],
    dropdowns=[("INFRA", "infra")],
    rows=[
        Row("Overview", [
            stat("Served", f"min(probe_success{{{P}}})", unit="none", words=UP, steps=below(1), filled=True, w=3,
                 empty="There is no repository, or it is not probed"),
            stat("Age", f"time() - min(probe_http_last_modified_timestamp_seconds{{{P}}})", unit="dtdurations", steps=above(60 * 86400, 90 * 86400), w=4,
                 about="Since packages were last published.", empty="There is no repository, or it is not probed"),
            stat("Free on the web root", f'min(node_filesystem_avail_bytes{{{EXPORTER},ip="$ip",mountpoint=~"/|/data.*|/www"}})', unit="bytes",
                 steps=below(2e9, 10e9), w=4),
            lines("Packages taken", LogQuery(f"{SERVED} | stats by (status) count() packages", "statsRange", "{{status}}"), unit="short", drawn_as_bars=True,
                  stacked=True, w=13, empty="Nobody took a package in this time"),
            bars("Taken most", LogQuery(f"{SERVED} | stats by (path) count() times | sort by (times desc) limit 15", "stats", "{{path}}"), unit="short", w=12,
                 empty="Nobody took a package in this time"),
            rows("Missing packages", f'{SERVED} status:="404"', w=12, h=8, empty="Nobody asked for a package that isn't there"),
        ]),
    ],
)  # fmt: skip

INFRA = 'job="infra"'
OWN = Link("Its dashboard", '/d/infra-${__data.fields["Component"]}?var-ins=${__value.raw}&${__url_time_range}')
"""Dashboards of components are called like them."""
OVERVIEW = Board(
    uid="infra-overview",
    title="INFRA Overview",
    folder="infra",
    about="The foundation itself: is every component of every INFRA node up, and what do they need.",
    tags=["Overview"],
    links=[nav.HOME, nav.NODES, nav.ALERTS],
    dropdowns=[("INFRA", "infra")],
    alerts='job=~"infra|probe"',
    rows=[
        Row("Overview", [
            stat("Components", f"count(up{{{INFRA}}})", unit="none", w=3),
            stat("Down", f"count(up{{{INFRA}}} == 0) or vector(0)", unit="none", steps=above(1), filled=True, w=3),
            how_many("Alerts", 'job=~"infra|probe"'),
            stat("Failing probes", "count(probe_success == 0) or vector(0)", unit="none", steps=above(1), w=3),
            stat("Targets", "count(up)", unit="none", w=3),
            stat("Samples/s", "sum(rate(vm_rows_inserted_total[$__rate_interval]))", unit="short", trend=True, w=3),
            stat("Log rows/s", "sum(rate(vl_rows_ingested_total[$__rate_interval]))", unit="short", trend=True, w=3, empty="No log store is scraped"),
            stat("Certificates last", "min(probe_ssl_earliest_cert_expiry or staddle_certificate_expiry_timestamp_seconds) - time()",
                 unit="dtdurations", steps=below(7 * 86400, 14 * 86400), w=3, empty="No certificate is known"),
            table(
                "Components",
                f"max by (cls, ins, ip) (up{{{INFRA}}})",
                label("cls", "Component"),
                Column(title="Instance", label="ins", links=[OWN, cell("logs-instance", "Logs", ins="Instance")]),
                label("ip", "Address"),
                Column(title="State", words=UP, cell="color-background", width=90),
                Column(title="Running for", expr=f"max by (cls, ins, ip) (time() - process_start_time_seconds{{{INFRA}}})", unit="dtdurations"),
                Column(title="CPU", expr=f"max by (cls, ins, ip) (rate(process_cpu_seconds_total{{{INFRA}}}[$__rate_interval]))", unit="percentunit", steps=above(0.8, 1.5)),
                Column(title="Memory", expr=f"max by (cls, ins, ip) (process_resident_memory_bytes{{{INFRA}}})", unit="bytes"),
                Column(title="Scrape", expr=f"max by (cls, ins, ip) (scrape_duration_seconds{{{INFRA}}})", unit="s", steps=above(1, 5)),
                h=11,
            ),
        ]),
        Row("Over time", [
            timeline("State", Query(f"min by (ins) (up{{{INFRA}}})", "{{ins}}"), words=UP, steps=below(1), w=24, h=8),
            lines("CPU", Query(f"sum by (ins) (rate(process_cpu_seconds_total{{{INFRA}}}[$__rate_interval]))", "{{ins}}"), unit="percentunit", least=0, stacked=True, w=8,
                  about="100 % is one core."),
            lines("Memory", Query(f"sum by (ins) (process_resident_memory_bytes{{{INFRA}}})", "{{ins}}"), unit="bytes", least=0, stacked=True, w=8),
            lines("Data on disk", Query("sum by (ins) (vm_data_size_bytes)", "{{ins}}"), Query("sum by (ins) (vl_data_size_bytes)", "{{ins}}"),
                  Query("sum by (ins) (vt_data_size_bytes)", "{{ins}}"), unit="bytes", least=0, w=8),
        ]),
        Row("Certificates", [
            table("Certificates", "min by (certificate, ins, ip) (staddle_certificate_expiry_timestamp_seconds)", label("certificate", "Certificate"),
                  label("ins", "Node"), label("ip", "Address"),
                  Column(title="Ends in", expr="min by (certificate, ins, ip) (staddle_certificate_expiry_timestamp_seconds - time())", unit="dtdurations",
                         steps=below(7 * 86400, 14 * 86400)),
                  about="Those that Staddle put on hosts; what portals show is below.", w=12, empty="No certificate was put on hosts"),
            table("Portals", 'min by (ins, instance) (probe_ssl_earliest_cert_expiry)', label("ins", "Server"), label("instance", "Address"),
                  Column(title="Ends in", expr="min by (ins, instance) (probe_ssl_earliest_cert_expiry - time())", unit="dtdurations",
                         steps=below(7 * 86400, 14 * 86400)), w=12, empty="No probe sees a certificate"),
        ]),
        logs('job:="infra"', ins=".*"),
    ],
)  # fmt: skip
BOARDS = [OVERVIEW, DNS_NTP, LOG_AGENT, REPO]
