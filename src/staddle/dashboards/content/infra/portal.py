"""What users meet: nginx and Grafana."""

from __future__ import annotations

from staddle.dashboards.content.infra.parts import component, errors, rate
from staddle.dashboards.kit.board import Row
from staddle.dashboards.kit.look import UP, above, below, colored
from staddle.dashboards.kit.panels import bars, lines, rows, stat
from staddle.dashboards.kit.queries import LogQuery, Query, now

N = 'job="infra",cls="nginx",ins=~"$ins"'
ACCESS = 'job:="nginx" ins:="$ins" status:*'
NGINX = component(
    "infra-nginx",
    "Portal",
    "nginx",
    "nginx: how much is asked, of whom, how fast, and what fails. Requests of machines that succeed are not logged.",
    Row(
        "Requests",
        [
            lines("Requests", Query(rate("nginx_http_requests_total", N), "all"), unit="reqps", least=0, w=8),
            lines("Connections", *(Query(f"sum(nginx_connections_{kind}{{{N}}})", kind) for kind in ("reading", "writing", "waiting")),
                  unit="none", least=0, stacked=True, w=8, about="Waiting: kept open for the next request."),
            errors("Connections dropped", Query(f"sum(rate(nginx_connections_accepted{{{N}}}[$__rate_interval])) - sum(rate(nginx_connections_handled{{{N}}}[$__rate_interval]))", "per second")),
            lines("Logged requests by status", LogQuery(f"{ACCESS} | stats by (status) count() requests", "statsRange", "{{status}}"), unit="short",
                  stacked=True, drawn_as_bars=True, w=12, empty="Nobody asked for anything in this time",
                  overrides=[colored("/5../", "red", by="byRegexp"), colored("/4../", "orange", by="byRegexp")]),
            bars("Who asks most", LogQuery(f"{ACCESS} | stats by (client) count() requests | sort by (requests desc) limit 10", "stats", "{{client}}"),
                 unit="short", w=6, empty="Nobody asked for anything in this time"),
            bars("What is asked for most", LogQuery(f"{ACCESS} | stats by (path) count() requests | sort by (requests desc) limit 10", "stats", "{{path}}"),
                 unit="short", w=6, empty="Nobody asked for anything in this time"),
            rows("Failed requests", 'job:="nginx" ins:="$ins" status:~"^[45]"', h=8, empty="No request failed in this time"),
        ],
    ),
    job="nginx",
    first=[
        stat("nginx", f"min(nginx_up{{{N}}})", unit="none", words=UP, steps=below(1), filled=True, w=2),
        stat("Requests/s", rate("nginx_http_requests_total", N), unit="reqps", trend=True, w=4),
        stat("Connections", f"sum(nginx_connections_active{{{N}}})", unit="none", trend=True, w=3, steps=above(2000, 8000)),
        stat("Certificate ends in", 'min(probe_ssl_earliest_cert_expiry{cls="nginx",ip="$ip"}) - time()', unit="dtdurations",
             steps=below(7 * 86400, 14 * 86400), w=4, about="The soonest of the portal's servers.", empty="The portal is not probed"),
    ],
)  # fmt: skip

G = 'job="infra",cls="grafana",ins=~"$ins"'
ABSENT = "There is no Grafana: dashboards are shown by the console"
GRAFANA = component(
    "infra-grafana",
    "Grafana",
    "grafana",
    "Grafana: is it up, who uses it, do its data sources answer.",
    Row(
        "Requests",
        [
            lines("Requests", Query(f"sum by (status_code) (rate(grafana_http_request_duration_seconds_count{{{G}}}[$__rate_interval]))", "{{status_code}}"),
                  unit="reqps", least=0, w=8, stacked=True),
            lines("Time of requests", Query(f"histogram_quantile(0.99, sum by (le) (rate(grafana_http_request_duration_seconds_bucket{{{G}}}[$__rate_interval])))", "99 %"),
                  Query(f"histogram_quantile(0.5, sum by (le) (rate(grafana_http_request_duration_seconds_bucket{{{G}}}[$__rate_interval])))", "median"),
                  unit="s", least=0, w=8, steps=above(1, 5)),
            lines("Queries to data sources", Query(f"sum by (datasource, code) (rate(grafana_datasource_request_total{{{G}}}[$__rate_interval]))", "{{datasource}} {{code}}"),
                  unit="reqps", least=0, w=8),
        ],
    ),
    empty=ABSENT,
    first=[
        stat("Version", now(f"max by (version) (grafana_build_info{{{G}}})", "{{version}}"), unit="none", names=True, w=4),
        stat("Dashboards", f"max(grafana_stat_totals_dashboard{{{G}}})", unit="none", w=3),
        stat("Users", f"max(grafana_stat_total_users{{{G}}})", unit="none", w=3),
        stat("Active users", f"max(grafana_stat_active_users{{{G}}})", unit="none", w=3, about="Within the last 30 days."),
    ],
)  # fmt: skip
C = 'job="infra",cls="console",ins=~"$ins"'
SECONDS = "console_http_request_duration_seconds"
CONSOLE = component(
    "infra-console",
    "Console",
    "console",
    "The console: how much it is used, how fast it answers. Queries go past it, from the browser to the stores.",
    Row(
        "Requests",
        [
            lines("Requests", Query(rate(f"{SECONDS}_count", C, "kind"), "{{kind}}"), unit="reqps", least=0, stacked=True),
            lines("Time of requests (99 %)", Query(f'max by (kind) ({SECONDS}{{{C},quantile="0.99"}})', "{{kind}}"), unit="s", least=0, steps=above(0.5, 2)),
        ],
    ),
    empty="The console does not run",
    first=[
        stat("Pages", f'sum(increase({SECONDS}_count{{{C},kind="page"}}[1h]))', unit="short", w=4, about="Within the last hour.", empty="Nobody has looked yet"),
    ],
)  # fmt: skip
BOARDS = [NGINX, GRAFANA, CONSOLE]
