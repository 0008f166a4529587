"""The stores: metrics, logs, traces."""

from __future__ import annotations

from staddle.dashboards.content.infra.parts import component, errors, rate
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.look import OK, YES_BAD, above, below, dashed
from staddle.dashboards.kit.panels import lines, stat
from staddle.dashboards.kit.queries import Query

V = 'job="infra",cls="vmetrics",ins=~"$ins"'
VMETRICS = component(
    "infra-vmetrics",
    "Metrics store",
    "vmetrics",
    "VictoriaMetrics: does it scrape everything, how much does it hold, how fast does it answer.",
    Row(
        "Scraping",
        [
            lines("Targets", Query(f'sum by (status) (vm_promscrape_targets{{{V}}})', "{{status}}"), unit="none", least=0, w=8),
            lines("Scrapes", Query(rate("vm_promscrape_scrapes_total", V), "scrapes"),
                  Query(rate("vm_promscrape_scrapes_failed_total", V), "failed"),
                  Query(rate("vm_promscrape_scrapes_timed_out_total", V), "timed out"), unit="ops", least=0, w=8),
            lines("Slowest scrapes", Query('topk(5, max by (job, ins) (scrape_duration_seconds))', "{{job}} {{ins}}"), unit="s", least=0, w=8,
                  steps=above(5, 10)),
        ],
    ),
    Row(
        "Writing",
        [
            lines("Samples stored", Query(rate("vm_rows_inserted_total", V, "type"), "{{type}}"), unit="wps", least=0, stacked=True, w=8),
            lines("New series", Query(rate("vm_new_timeseries_created_total", V), "per second"), unit="ops", least=0, w=8,
                  about="Churn: series that weren't there before. High for long, something has a label that changes all the time."),
            lines("Active series", Query(f'sum(vm_cache_entries{{{V},type="storage/hour_metric_ids"}})', "in the last hour"),
                  unit="short", least=0, w=8),
            lines("Data on disk", Query(f"sum by (type) (vm_data_size_bytes{{{V}}})", "{{type}}"), unit="bytes", stacked=True, least=0, w=8),
            lines("Free space", Query(f"min by (path) (vm_free_disk_space_bytes{{{V}}})", "free"), unit="bytes", least=0, w=8),
            errors("Rows lost", Query(rate("vm_rows_ignored_total", V, "reason"), "ignored: {{reason}}"),
                   Query(rate("vm_rows_invalid_total", V), "invalid")),
        ],
    ),
    Row(
        "Reading",
        [
            lines("Queries", Query(f'sum by (path) (rate(vm_http_requests_total{{{V},path=~".*/api/v1/(query|query_range|series|labels|label/.*)"}}[$__rate_interval]))', "{{path}}"),
                  unit="reqps", least=0, w=8),
            lines("Query time", Query(f'max by (quantile) (vm_request_duration_seconds{{{V},path=~".*query.*",quantile=~"0.5|0.99"}})', "{{quantile}}"),
                  unit="s", least=0, w=8, steps=above(1, 10), zones=True),
            lines("Running queries", Query(f"sum(vm_concurrent_select_current{{{V}}})", "running"),
                  Query(f"sum(vm_concurrent_select_capacity{{{V}}})", "limit"), unit="none", least=0, w=8, overrides=[dashed("/limit/")]),
            errors("Slow queries and errors", Query(rate("vm_slow_queries_total", V), "slow (over 5 s)"),
                   Query(rate("vm_http_request_errors_total", V), "refused or failed")),
        ],
    ),
    apps='vmetrics, "victoria-metrics"',
    first=[
        stat("Targets down", 'count(up == 0) or vector(0)', unit="none", steps=above(1), filled=True, w=3),
        stat("Samples/s", rate("vm_rows_inserted_total", V), unit="short", trend=True, w=3),
        stat("Active series", f'sum(vm_cache_entries{{{V},type="storage/hour_metric_ids"}})', unit="short", w=3),
        stat("On disk", f"sum(vm_data_size_bytes{{{V}}})", unit="bytes", w=3),
        stat("Scrape config", f"min(vm_promscrape_config_last_reload_successful{{{V}}})", unit="none", words=OK, steps=below(1), w=2,
             about="Whether it could read its configuration when it changed."),
        stat("Read-only", f"max(vm_storage_is_read_only{{{V}}})", unit="none", words=YES_BAD, steps=above(1), w=2,
             about="When its disk is full it takes nothing any more."),
    ],
)  # fmt: skip


def _events(prefix: str, cls: str, uid: str, name: str, what: str, about: str) -> Board:
    sel = f'job="infra",cls="{cls}",ins=~"$ins"'
    stored = f"sum(rate({prefix}_storage_rows{{{sel}}}[$__rate_interval]))"
    ingested = rate(f"{prefix}_rows_ingested_total", sel, "type") if prefix == "vl" else stored
    return component(
        uid,
        name,
        cls,
        about,
        Row(
            "Writing",
            [
                lines(f"{what} per second", Query(ingested, "{{type}}" if prefix == "vl" else "stored"), unit="short", least=0, w=8,
                      stacked=True, empty=f"No {what.lower()} came in this time"),
                lines("Data on disk", Query(f"sum by (type) ({prefix}_data_size_bytes{{{sel}}})", "{{type}}"),
                      Query(f"sum({prefix}_disk_budget_bytes{{{sel}}} > 0)", "budget"), unit="bytes", least=0, w=8,
                      overrides=[dashed("/budget/")], about="Beyond the budget the oldest data goes."),
                lines("Waiting to be stored", Query(f"sum({prefix}_pending_bytes{{{sel}}})", "bytes"), unit="bytes", least=0, w=8,
                      about="Safe on disk already, but not sorted and compressed yet.", empty="Only Staddle's own engine tells"),
                lines("Parts", Query(f"sum by (type) ({prefix}_storage_parts{{{sel}}})", "{{type}}"), unit="short", least=0, w=8,
                      about="Files that a query may have to look into. Merges keep them few."),
                lines("Merges", Query(f"sum by (type) ({prefix}_active_merges{{{sel}}})", "{{type}}"), unit="none", least=0, w=8),
                errors(f"{what} dropped", Query(f"sum by (reason) (increase({prefix}_rows_dropped_total{{{sel}}}[$__rate_interval]))", "{{reason}}")),
            ],
        ),
        Row(
            "Reading",
            [
                lines("Requests", Query(rate(f"{prefix}_http_requests_total", f'{sel},path!~"/metrics|/health"', "path"), "{{path}}"),
                      unit="reqps", least=0, w=8, empty="Nobody asked in this time"),
                lines("Time of requests (99 %)", Query(f'max by (path) ({prefix}_http_request_duration_seconds{{{sel},quantile="0.99",path!~"/metrics|/health"}})', "{{path}}"),
                      unit="s", least=0, w=8, steps=above(1, 10), empty="Nobody asked in this time"),
                lines("Running queries", Query(f"sum({prefix}_concurrent_select_current{{{sel}}})", "running"),
                      Query(f"sum({prefix}_concurrent_select_capacity{{{sel}}})", "limit"), unit="none", least=0, w=8, overrides=[dashed("/limit/")]),
            ],
        ),
        first=[
            stat("Rows", f"sum({prefix}_storage_rows{{{sel}}})", unit="short", w=3),
            stat("On disk", f"sum({prefix}_data_size_bytes{{{sel}}})", unit="bytes", w=3),
            stat("Compression", f"sum({prefix}_uncompressed_data_size_bytes{{{sel}}}) / sum({prefix}_compressed_data_size_bytes{{{sel}}})",
                 unit="short", decimals=1, w=3, about="How many bytes fit into one.", empty="Nothing is stored yet"),
            stat("Free space", f"min({prefix}_free_disk_space_bytes{{{sel}}})", unit="bytes", steps=below(1e9, 10e9), w=3),
            stat("Read-only", f"max({prefix}_storage_is_read_only{{{sel}}})", unit="none", words=YES_BAD, steps=above(1), filled=True, w=2),
            stat("Storage errors", f"sum({prefix}_storage_errors_total{{{sel}}})", unit="none", steps=above(1), w=2,
                 empty="Only Staddle's own engine tells"),
        ],
    )  # fmt: skip


VLOGS = _events("vl", "vlogs", "infra-vlogs", "Log store", "Rows",
                "VictoriaLogs or Staddle's engine: what comes in, what is lost, how much room there is.")  # fmt: skip
VTRACES = _events("vt", "vtraces", "infra-vtraces", "Trace store", "Spans",
                  "VictoriaTraces or Staddle's engine: what comes in, what is lost, how much room there is.")  # fmt: skip
BOARDS = [VMETRICS, VLOGS, VTRACES]
