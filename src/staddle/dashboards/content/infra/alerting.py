"""What decides about alerts, who tells people, and who looks from outside."""

from __future__ import annotations

from staddle.dashboards.content.infra.parts import component, errors, rate
from staddle.dashboards.kit.board import Row
from staddle.dashboards.kit.links import Link
from staddle.dashboards.kit.look import OK, UP, above, below
from staddle.dashboards.kit.panels import lines, stat, timeline
from staddle.dashboards.kit.queries import Query
from staddle.dashboards.kit.tables import Column, label, table

A = 'job="infra",cls="vmalert",ins=~"$ins"'
VMALERT = component(
    "infra-vmalert",
    "Rule engine",
    "vmalert",
    "vmalert: are all rules evaluated, in time and without errors.",
    Row(
        "Rules",
        [
            lines("Evaluations", Query(rate("vmalert_execution_total", A), "evaluations"), Query(rate("vmalert_execution_errors_total", A), "failed"),
                  unit="ops", least=0, w=8),
            lines("Time of a round", Query(f'max by (group) (vmalert_iteration_duration_seconds{{{A},quantile="0.99"}})', "{{group}}"),
                  unit="s", least=0, w=8, about="How long a group's rules take together; beyond their interval, rounds are missed."),
            errors("Rounds missed", Query(f"sum by (group) (increase(vmalert_iteration_missed_total{{{A}}}[$__rate_interval]))", "{{group}}")),
            lines("Alerts", Query(f"sum(vmalert_alerts_firing{{{A}}})", "firing"), Query(f"sum(vmalert_alerts_pending{{{A}}})", "pending"),
                  unit="none", least=0, w=8),
            errors("Alerts not delivered", Query(f"sum by (addr) (increase(vmalert_alerts_send_errors_total{{{A}}}[$__rate_interval]))", "{{addr}}")),
            errors("Results not stored", Query(f"sum(increase(vmalert_remotewrite_dropped_rows_total{{{A}}}[$__rate_interval]))", "rows")),
        ],
    ),
    first=[
        stat("Rules", f"count(vmalert_alerting_rules_last_evaluation_samples{{{A}}})", unit="none", w=3),
        stat("Firing", f"sum(vmalert_alerts_firing{{{A}}}) - 1", unit="none", steps=above(1), w=3, about="Without Watchdog, which always fires.",
             links=[Link("Alerts", "/alertmgr/")]),
        stat("Pending", f"sum(vmalert_alerts_pending{{{A}}})", unit="none", steps=((None, "green"), (1, "orange")), w=3),
        stat("Rule files", f"min(vmalert_config_last_reload_successful{{{A}}})", unit="none", words=OK, steps=below(1), filled=True, w=3,
             about="Whether it could read its rules when they changed.", links=[Link("Rules", "/vmalert/")]),
        stat("Failed evaluations", f"sum(increase(vmalert_execution_errors_total{{{A}}}[1h]))", unit="none", steps=above(1), w=3,
             about="Within the last hour."),
    ],
)  # fmt: skip

M = 'job="infra",cls="alertmanager",ins=~"$ins"'
ALERTMANAGER = component(
    "infra-alertmanager",
    "Alert router",
    "alertmanager",
    "Alertmanager: what came in, who was told, what failed.",
    Row(
        "Notifications",
        [
            lines("Sent", Query(f"sum by (integration) (increase(alertmanager_notifications_total{{{M}}}[$__rate_interval]))", "{{integration}}"),
                  unit="short", least=0, w=8, empty="No receiver is set (alert_receivers)"),
            errors("Failed", Query(f"sum by (integration, reason) (increase(alertmanager_notifications_failed_total{{{M}}}[$__rate_interval]))", "{{integration}} {{reason}}")),
            lines("How long it took", Query(f"sum by (integration) (rate(alertmanager_notification_latency_seconds_sum{{{M}}}[$__rate_interval])) / sum by (integration) (rate(alertmanager_notification_latency_seconds_count{{{M}}}[$__rate_interval]) > 0)", "{{integration}}"),
                  unit="s", least=0, w=8, empty="Nobody was told anything in this time"),
            lines("Alerts received", Query(rate("alertmanager_alerts_received_total", M, "status"), "{{status}}"), unit="ops", least=0, w=8),
            lines("Alerts held", Query(f"sum by (state) (alertmanager_alerts{{{M}}})", "{{state}}"), unit="none", least=0, w=8,
                  about="Suppressed: silenced, or held back by another alert."),
            lines("Silences", Query(f"sum by (state) (alertmanager_silences{{{M}}})", "{{state}}"), unit="none", least=0, w=8),
        ],
    ),
    apps='alertmanager, "prometheus-alertmanager"',
    first=[
        stat("Active alerts", f'sum(alertmanager_alerts{{{M},state="active"}})', unit="none", w=3, links=[Link("Alerts", "/alertmgr/")]),
        stat("Silences", f'sum(alertmanager_silences{{{M},state="active"}})', unit="none", w=3),
        stat("Receivers", f"max(alertmanager_receivers{{{M}}})", unit="none", w=3, empty="Only newer versions tell"),
        stat("Configuration", f"min(alertmanager_config_last_reload_successful{{{M}}})", unit="none", words=OK, steps=below(1), filled=True, w=3),
        stat("Failed", f"sum(increase(alertmanager_notifications_failed_total{{{M}}}[1h]))", unit="none", steps=above(1), w=3,
             about="Notifications that could not be sent, within the last hour."),
    ],
)  # fmt: skip

B = 'job="infra",cls="blackbox",ins=~"$ins"'
BLACKBOX = component(
    "infra-blackbox",
    "Probes",
    "blackbox",
    "What INFRA nodes see from outside: hosts that answer to ping, portals, name servers, and listed targets.",
    Row(
        "Probes",
        [
            table(
                "Targets",
                'min by (job, cls, ins, instance, ip) (probe_success)',
                label("job", "Kind", width=80),
                label("ins", "Name"),
                label("instance", "Target"),
                label("cls", "Cluster"),
                Column(title="State", words=UP, cell="color-background", width=90),
                Column(title="Time", expr="max by (job, cls, ins, instance, ip) (probe_duration_seconds)", unit="s", steps=above(0.5, 2)),
                Column(title="Certificate ends in", expr="min by (job, cls, ins, instance, ip) (probe_ssl_earliest_cert_expiry - time())", unit="dtdurations",
                       steps=below(7 * 86400, 14 * 86400)),
                h=10,
            ),
            timeline("Success", Query("min by (job, ins) (probe_success)", "{{job}} {{ins}}"), words=UP, steps=below(1), w=24, h=8),
            lines("Time of probes", Query('max by (job, ins) (probe_duration_seconds{job="probe"})', "{{ins}}"), unit="s", least=0, w=12,
                  empty="Nothing but hosts is probed"),
            lines("Round trip to hosts", Query('max by (ins) (probe_icmp_duration_seconds{phase="rtt"})', "{{ins}}"), unit="s", least=0, w=12,
                  steps=above(0.05, 0.5), empty="Hosts are not pinged"),
        ],
    ),
    apps='blackbox, blackbox_exporter, "prometheus-blackbox-exporter"',
    first=[
        stat("Probes", "count(probe_success)", unit="none", w=3),
        stat("Failing", "count(probe_success == 0) or vector(0)", unit="none", steps=above(1), filled=True, w=3),
        stat("Certificates last", "min(probe_ssl_earliest_cert_expiry) - time()", unit="dtdurations", steps=below(7 * 86400, 14 * 86400), w=4,
             empty="No probe sees a certificate"),
    ],
)  # fmt: skip
BOARDS = [VMALERT, ALERTMANAGER, BLACKBOX]
