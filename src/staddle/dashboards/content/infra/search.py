"""Logs and traces of anything, by the labels that everything has: job, cls, ins, ip."""

from __future__ import annotations

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.content.levels import COLORS, ERRORS
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.links import Link, to
from staddle.dashboards.kit.panels import bars, lines, rows, stat, traces
from staddle.dashboards.kit.queries import LogQuery, Query
from staddle.dashboards.kit.variables import choose, log_field, text

EVERY = 'job:~"^($job)$" ins:~"^($ins)$" ip:~"^($ip)$" level:~"^($level)$" _msg:~"(?i)$search"'
NOTHING = "No log line fits"
LOGS = Board(
    uid="logs-instance",
    title="LOGS Instance",
    folder="infra",
    about="Log lines of one instance, of all of a kind, or of all there is.",
    tags=["Logs"],
    variables=[
        choose("job", "Kind", log_field("job"), everything=True),
        choose("ins", "Instance", log_field("ins", 'job:~"^($job)$"'), everything=True),
        choose("ip", "Address", log_field("ip", 'job:~"^($job)$"'), everything=True),
        choose("level", "Level", log_field("level", 'job:~"^($job)$"'), everything=True),
        text("search", "Search (regular expression)"),
    ],
    links=[
        nav.HOME,
        nav.NODES,
        to("traces-service", "Traces"),
        Link("Explore logs", "/vlogs/select/vmui/", blank=True),
    ],
    rows=[
        Row("Overview", [
            stat("Lines", LogQuery(f"{EVERY} | stats count() lines", "stats"), unit="short", w=4, empty=NOTHING),
            stat("Errors", LogQuery(f"{EVERY} {ERRORS} | stats count() lines", "stats"), unit="short",
                 steps=((None, "green"), (1, "orange")), w=4, empty="No errors"),
            lines("Lines by level", LogQuery(f"{EVERY} | stats by (level) count() lines", "statsRange", "{{level}}"), unit="short", stacked=True,
                  drawn_as_bars=True, w=16, h=7, empty=NOTHING, overrides=COLORS),
            bars("Instances", LogQuery(f"{EVERY} | stats by (ins) count() lines | sort by (lines desc) limit 8", "stats", "{{ins}}"), unit="short", w=8, h=6,
                 empty=NOTHING),
            lines("Lines by instance", LogQuery(f"{EVERY} | stats by (ins) count() lines", "statsRange", "{{ins}}"), unit="short", stacked=True,
                  drawn_as_bars=True, w=16, h=6, empty=NOTHING),
            rows("Lines", EVERY, h=16, empty=NOTHING),
        ]),
    ],
)  # fmt: skip

NO_SPANS = "No spans came in this time"
TRACES = Board(
    uid="traces-service",
    title="TRACES Service",
    folder="infra",
    about="Spans of one service, slow SQL statements above all: a database cluster is a service. Any other name can be typed in.",
    tags=["Traces"],
    variables=[
        choose("cls", "Service", "label_values(up, cls)"),
        text("tags", "Tags (logfmt)"),
        text("shortest", "Longer than", "1ms"),
    ],
    links=[nav.HOME, nav.POSTGRES, Link("Explore traces", "/vtraces/select/vmui/", blank=True)],
    rows=[
        Row("Overview", [
            stat("Spans stored", "sum(vt_storage_rows)", unit="short", w=4, empty="No trace store is scraped"),
            stat("Spans dropped", 'sum(increase(vt_rows_dropped_total[1h]))', unit="short", w=4, steps=((None, "green"), (1, "red")),
                 empty="No trace store is scraped", about="Within the last hour."),
            lines("Requests of trace programs", Query('sum by (path) (rate(vt_http_requests_total{path=~"/insert.*|/select.*"}[$__rate_interval]))', "{{path}}"),
                  unit="reqps", w=16, h=4, empty=NO_SPANS),
            traces("Traces", "$cls", tags="$tags", shortest="$shortest", empty=NO_SPANS, h=14),
        ]),
    ],
)  # fmt: skip
BOARDS = [LOGS, TRACES]
