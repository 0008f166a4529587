"""Clusters by aspect: replication, activity, alerts, logs."""

from __future__ import annotations

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.content.alerts import how_many, how_many_over_time, pending, what_fires, when_fired
from staddle.dashboards.content.levels import BAD, COLORS, ERRORS
from staddle.dashboards.content.pgsql import parts
from staddle.dashboards.content.pgsql.queries import (
    ANY_CLUSTER,
    ANY_INSTANCE,
    DROPDOWN,
    INSTANCE,
    JOB,
    ONE_CLUSTER,
    RATE,
    ROLE,
    TO_INSTANCE,
    UP,
    age,
    lag,
    role,
    used,
)
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.links import Link, cell, series, to
from staddle.dashboards.kit.look import UP as UP_WORDS, above, below, colored
from staddle.dashboards.kit.panels import bars, lines, rows, stat, timeline
from staddle.dashboards.kit.queries import LogQuery, Query, now
from staddle.dashboards.kit.tables import Column, label, table
from staddle.dashboards.kit.variables import choose, log_field, text

C = f'{JOB},cls="$cls"'
SENDER = "ins, application_name, client_addr, state, sync_state"
NO_REPLICA = "There is no replica"
REPLICATION = Board(
    uid="pgsql-replication",
    title="PGSQL Replication",
    folder="pgsql",
    about="One cluster: who streams from whom, how far behind, and what keeps WAL from being removed.",
    tags=["Cluster"],
    variables=[ONE_CLUSTER],
    links=[UP, to("pgsql-cluster", "Cluster", cls="$cls"), to("pgsql-alert", "Alerts", cls="$cls"), to("pgsql-logs", "Logs", cls="$cls")],
    dropdowns=[DROPDOWN],
    alerts='cls="$cls"',
    rows=[
        Row("Overview", [
            stat("Primaries", f"sum(pg:cls:primaries{{{C}}})", unit="none", steps=((None, "red"), (1, "green"), (2, "red")), filled=True, w=3,
                 about="Two: a split brain. None: nobody takes writes."),
            stat("Replicas", f"count(pg_replication_is_replica{{{C}}} == 1) or vector(0)", unit="none", w=3),
            stat("Streaming", f"sum(pg_replication_upstreams{{{C}}})", unit="none", w=3, about="Replicas that receive WAL from somebody now."),
            stat("Lag", f"max({lag(C)})", unit="s", steps=above(10, 60), w=3, empty=NO_REPLICA, about="Of the replica that is furthest behind."),
            stat("Behind", f"max(pg_stat_replication_replay_lag_bytes{{{C}}})", unit="bytes", steps=above(64e6, 1e9), w=3, empty=NO_REPLICA),
            stat("Kept for slots", f"max(pg_replication_slots_retained_bytes{{{C}}})", unit="bytes", steps=above(10e9, 50e9), w=3, empty="There are no slots"),
            stat("Timelines", f"count(count by (timeline_id) (count_values by (cls) (\"timeline_id\", pg_control_timeline_id{{{C}}})))", unit="none", steps=((None, "green"), (2, "orange")), w=3,
                 about="More than one: an instance does not follow the primary since the last failover."),
            stat("Replay paused", f"sum(pg_replication_replay_paused{{{C}}})", unit="none", steps=above(1), w=3),
            timeline("Roles", Query(role(C), "{{ins}}"), words=ROLE, w=12, h=6, links=[TO_INSTANCE], about="A failover shows as a change of colour."),
            timeline("Receiving", Query(f"max by (ins) (pg_replication_upstreams{{{C}}}) and on (ins) pg_replication_is_replica{{{C}}} == 1", "{{ins}}"),
                     words=(("0", "no", "red"), ("1", "yes", "green")), w=12, h=6, links=[TO_INSTANCE], empty=NO_REPLICA),
            table(
                "Senders",
                f"max by ({SENDER}) (pg_stat_replication_replay_lag_bytes{{{C}}})",
                label("ins", "Instance", INSTANCE),
                label("application_name", "Receiver"),
                label("client_addr", "Address"),
                label("state", "State"),
                label("sync_state", "Commits wait"),
                Column(title="Not replayed", unit="bytes", steps=above(64e6, 1e9)),
                Column(title="Not sent", expr=f"max by ({SENDER}) (pg_stat_replication_sent_lag_bytes{{{C}}})", unit="bytes"),
                Column(title="Not durable", expr=f"max by ({SENDER}) (pg_stat_replication_flush_lag_bytes{{{C}}})", unit="bytes"),
                Column(title="Replay takes", expr=f"max by ({SENDER}) (pg_stat_replication_replay_lag_seconds{{{C}}})", unit="s", steps=above(1, 10)),
                Column(title="Last message", expr=f"max by ({SENDER}) (pg_stat_replication_reply_age_seconds{{{C}}})", unit="s", steps=above(20, 60)),
                h=6, empty=NO_REPLICA,
                about="Who streams from whom. Not sent: the network; not durable: its disk; not replayed: its CPU, or a query in the way.",
            ),
        ]),
        Row("Lag", [
            parts.lags(C, [TO_INSTANCE], w=8),
            lines("Behind, in bytes", Query(f"max by (application_name) (pg_stat_replication_replay_lag_bytes{{{C}}})", "{{application_name}}"), unit="bytes", least=0, w=8, empty=NO_REPLICA),
            lines("Received, not replayed", Query(f"max by (ins) (pg_replication_replay_lag_bytes{{{C}}}) and on (ins) pg_replication_is_replica{{{C}}} == 1", "{{ins}}"), unit="bytes", least=0, w=8, empty=NO_REPLICA, links=[TO_INSTANCE]),
            lines("How long WAL takes to a receiver", Query(f"max by (application_name) (pg_stat_replication_write_lag_seconds{{{C}}})", "{{application_name}} written"),
                  Query(f"max by (application_name) (pg_stat_replication_flush_lag_seconds{{{C}}})", "{{application_name}} durable"),
                  Query(f"max by (application_name) (pg_stat_replication_replay_lag_seconds{{{C}}})", "{{application_name}} replayed"), unit="s", least=0, w=8, empty=NO_REPLICA),
            parts.wal(C, "ins", [TO_INSTANCE], w=8),
            lines("Queries cancelled on replicas", *(Query(f"sum by (ins) (increase(pg_stat_database_conflicts_confl_{kind}{{{C}}}{RATE}))", f"{{{{ins}}}} {kind}") for kind in ("snapshot", "lock", "bufferpin")),
                  unit="short", least=0, w=8, empty=NO_REPLICA, about="Since replay could not wait for them any longer (max_standby_streaming_delay)."),
        ]),
        Row("Slots and WAL", [
            table(
                "Slots",
                f"max by (ins, slot_name, slot_type, database) (pg_replication_slots_retained_bytes{{{C}}})",
                label("ins", "Instance", INSTANCE), label("slot_name", "Slot"), label("slot_type", "Kind"), label("database", "Database"),
                Column(title="Keeps", unit="bytes", steps=above(10e9, 50e9)),
                Column(title="Used", expr=f"max by (ins, slot_name, slot_type, database) (pg_replication_slots_active{{{C}}})", words=(("0", "no", "orange"), ("1", "yes", "green"))),
                Column(title="Holds back vacuum by", expr=f"max by (ins, slot_name, slot_type, database) (pg_replication_slots_xmin_age{{{C}}})", unit="short"),
                w=12, empty="There are no slots", about="A slot that nobody uses keeps WAL until the disk is full.",
            ),
            lines("WAL on disk", Query(f"max by (ins) (pg_wal_size_bytes{{{C}}})", "{{ins}}"), unit="bytes", least=0, w=6, links=[TO_INSTANCE]),
            lines("Archiving", Query(f"sum by (ins) (increase(pg_stat_archiver_archived_count{{{C}}}{RATE}))", "{{ins}} archived"), Query(f"sum by (ins) (increase(pg_stat_archiver_failed_count{{{C}}}{RATE}))", "{{ins}} failed"),
                  unit="short", least=0, w=6, overrides=[colored("/failed/", "red", by="byRegexp")]),
        ]),
    ],
)  # fmt: skip

S = f'{JOB},cls=~"$cls",ins=~"$ins"'
ACTIVITY = Board(
    uid="pgsql-activity",
    title="PGSQL Activity",
    folder="pgsql",
    about="Who is connected, what they do, what they wait for, and who holds up whom.",
    tags=["Cluster"],
    variables=[ANY_CLUSTER, ANY_INSTANCE],
    links=[UP, to("pgsql-instance", "Instance", ins="$ins"), to("pgsql-logs", "Logs", cls="$cls", ins="$ins")],
    dropdowns=[DROPDOWN],
    alerts='job="pgsql",cls=~"$cls",ins=~"$ins"',
    rows=[
        Row("Overview", [
            stat("Connections", f"sum(pg_activity_client_backends{{{S}}})", unit="none", trend=True, w=3),
            stat("Fullest", f"max({used(S)})", unit="percentunit", steps=above(0.7, 0.9), w=3, about="Of those that are not kept for superusers."),
            stat("Running", f"sum(pg_activity_active{{{S}}})", unit="none", trend=True, w=3),
            stat("Idle in transaction", f"sum(pg_activity_idle_in_transaction{{{S}}})", unit="none", steps=((None, "green"), (1, "orange"), (10, "red")), trend=True, w=3),
            stat("Waiting for locks", f"sum(pg_activity_waiting_for_locks{{{S}}})", unit="none", steps=above(1, 5), trend=True, w=3),
            stat("Oldest transaction", f"max(pg_activity_max_xact_seconds{{{S}}})", unit="s", steps=above(300, 3600), w=3),
            stat("Longest statement", f"max(pg_activity_max_query_seconds{{{S}}})", unit="s", steps=above(60, 600), w=3),
            stat("Vacuum held back by", f"max(pg_activity_oldest_xmin_age{{{S}}})", unit="short", steps=above(1e6, 1e8), w=3, about="Transactions since the oldest snapshot: what is dead since then can't be cleaned up."),
            parts.instances(S, h=7),
        ]),
        Row("Connections", [
            parts.states(S, w=8),
            lines("By database", Query(f"sum by (datname) (pg_stat_database_numbackends{{{S}}}) > 0", "{{datname}}"), unit="none", least=0, stacked=True, w=8, links=[series("pgsql-database", "datname")]),
            lines("By role", Query(f"sum by (usename) (pg_activity_user_count{{{S}}})", "{{usename}}"), unit="none", least=0, stacked=True, w=8),
            lines("Idle in transaction", Query(f"sum by (ins) (pg_activity_idle_in_transaction{{{S}}})", "{{ins}}"), unit="none", least=0, w=8, links=[TO_INSTANCE]),
            bars("Processes", now(f"sum by (backend_type) (pg_activity_backend_count{{{S}}})", "{{backend_type}}"), unit="none", w=8),
            parts.oldest(S, w=8),
        ]),
        Row("Waits and locks", [
            parts.waits(S, w=12),
            parts.locks(S, w=12),
            lines("Waiting for locks", Query(f"sum by (ins) (pg_activity_waiting_for_locks{{{S}}})", "{{ins}}"), unit="none", least=0, steps=above(1, 5), w=8, links=[TO_INSTANCE]),
            lines("Deadlocks", Query(f"sum by (ins, datname) (increase(pg_stat_database_deadlocks{{{S}}}{RATE})) > 0", "{{ins}} {{datname}}"), unit="none", least=0, drawn_as_bars=True, w=8,
                  empty="No deadlock in this time"),
            lines("Prepared transactions", Query(f"sum by (ins) (pg_prepared_xacts_count{{{S}}})", "{{ins}}"), unit="none", least=0, w=8, links=[TO_INSTANCE],
                  about="Of two-phase commits. Forgotten ones hold locks and keep vacuum from cleaning up, even after a restart."),
            rows("Waits, deadlocks and cancelled statements in the logs", 'job:=postgres cls:~"^($cls)$" ins:~"^($ins)$" _msg:~"(?i)deadlock|still waiting|canceling statement|terminating connection"',
                 h=8, empty="None in this time (log_lock_waits logs waits)"),
        ]),
    ],
)  # fmt: skip

A = f'{JOB},cls=~"$cls",ins=~"$ins"'
ALERTS = Board(
    uid="pgsql-alert",
    title="PGSQL Alerts",
    folder="pgsql",
    about="The alerts of PostgreSQL, and what they are about.",
    tags=["Alert"],
    variables=[ANY_CLUSTER, ANY_INSTANCE],
    links=[UP, to("pgsql-instance", "Instance", ins="$ins"), to("pgsql-logs", "Logs", cls="$cls", ins="$ins"), nav.ALERTS],
    dropdowns=[DROPDOWN, ("Alerts", "Alert")],
    alerts=A,
    rows=[
        Row("Alerts", [
            how_many("Critical", f'{A},severity="CRIT"'),
            how_many("Warnings", f'{A},severity="WARN"', critical=False),
            pending(A),
            stat("Instances down", f"count(pg_up{{{S}}} == 0) or vector(0)", unit="none", steps=above(1), filled=True),
            how_many_over_time(A, h=5),
            what_fires(A, instance=cell("pgsql-instance", "Instance", ins="Instance"), h=7),
            when_fired(A),
        ]),
        Row("What they are about", [
            timeline("Up", Query(f"min by (ins) (pg_up{{{S}}})", "{{ins}}"), words=UP_WORDS, steps=below(1), w=8, h=8, links=[TO_INSTANCE]),
            lines("Connections", Query(used(S), "{{ins}}"), unit="percentunit", least=0, steps=above(0.7, 0.9), zones=True, w=8, links=[TO_INSTANCE]),
            parts.lags(S, [TO_INSTANCE], w=8),
            parts.oldest(S, w=8),
            lines("Age of databases", Query(age(S), "{{ins}}"), unit="percentunit", least=0, steps=above(0.3, 0.6), zones=True, w=8, links=[TO_INSTANCE]),
            lines("Errors in logs", LogQuery(f'job:=postgres cls:~"^($cls)$" ins:~"^($ins)$" {ERRORS} | stats by (ins, level) count() lines', "statsRange", "{{ins}} {{level}}"),
                  unit="short", drawn_as_bars=True, stacked=True, w=8, empty="No errors in this time", overrides=COLORS, links=[to("pgsql-logs", "Logs", cls="$cls", ins="$ins")]),
        ]),
    ],
)  # fmt: skip

KINDS = "postgres, patroni, pgbouncer, pgbackrest"
L = f'job:in({KINDS}) job:~"^($job)$" cls:~"^($cls)$" ins:~"^($ins)$" _msg:~"(?i)$search"'
P = 'job:=postgres cls:~"^($cls)$" ins:~"^($ins)$"'
QUIET = "No log line fits"
LOGS = Board(
    uid="pgsql-logs",
    title="PGSQL Logs",
    folder="pgsql",
    about="The logs of PostgreSQL and of what belongs to it: Patroni, PgBouncer, pgBackRest.",
    tags=["Logs"],
    variables=[
        ANY_CLUSTER,
        ANY_INSTANCE,
        choose("job", "Kind", log_field("job", f"job:in({KINDS})"), everything=True, empty="None of them has logged"),
        text("datname", "Database"),
        text("search", "Search (regular expression)"),
    ],
    links=[UP, to("pgsql-instance", "Instance", ins="$ins"), to("pgsql-alert", "Alerts", cls="$cls", ins="$ins"), nav.traces_of(cls="$cls"),
           Link("Explore logs", "/vlogs/select/vmui/", blank=True)],
    dropdowns=[DROPDOWN],
    alerts='job="pgsql",cls=~"$cls",ins=~"$ins"',
    rows=[
        Row("Overview", [
            stat("Lines", LogQuery(f"{L} | stats count() lines", "stats"), unit="short", w=3, empty=QUIET),
            stat("Errors", LogQuery(f"{P} {ERRORS} | stats count() lines", "stats"), unit="short", steps=((None, "green"), (1, "orange")), w=3, empty="No errors"),
            stat("Slow statements", LogQuery(f"{P} duration:* | stats count() lines", "stats"), unit="short", w=3, empty="None was logged", about="Longer than log_min_duration_statement."),
            stat("Slowest", LogQuery(f"{P} duration:* | stats max(duration) ms", "stats"), unit="ms", steps=above(1000, 10_000), w=3, empty="None was logged"),
            lines("Lines by level", LogQuery(f"{L} | stats by (level) count() lines", "statsRange", "{{level}}"), unit="short", drawn_as_bars=True, stacked=True, w=24, h=6, empty=QUIET, overrides=COLORS),
            bars("Errors by code", LogQuery(f"{P} code:* {ERRORS} | stats by (code) count() lines | sort by (lines desc) limit 10", "stats", "{{code}}"), unit="short", w=12, h=6, empty="No errors"),
            bars("Errors by database", LogQuery(f"{P} {ERRORS} | stats by (db) count() lines | sort by (lines desc) limit 10", "stats", "{{db}}"), unit="short", w=12, h=6, empty="No errors"),
            rows("Errors", f"{P} {BAD}", w=24, h=8, empty="No errors in this time"),
            rows("Slow statements in full", f'{P} duration:* db:~"$datname" | sort by (duration desc) limit 50', h=8, empty="None was logged in this time (log_min_duration_statement)", links=[nav.traces_of(cls="$cls")]),
            rows("Lines", L, h=14, empty=QUIET),
        ]),
    ],
)  # fmt: skip
BOARDS = [REPLICATION, ACTIVITY, ALERTS, LOGS]
