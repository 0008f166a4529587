"""One instance: what it does, what it waits for, what it is short of."""

from __future__ import annotations

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.content.alerts import how_many
from staddle.dashboards.content.infra.parts import logs
from staddle.dashboards.content.node.queries import EXPORTER as NODE, busiest, cpu, fullest, memory
from staddle.dashboards.content.pgsql import parts
from staddle.dashboards.content.pgsql.queries import (
    DROPDOWN,
    JOB,
    ONE_INSTANCE,
    RATE,
    ROLE,
    UP,
    busy,
    busy_databases,
    hits,
    lag,
    tps,
    used,
)
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.links import series, to
from staddle.dashboards.kit.look import UP as UP_WORDS, above, below, colored, dashed
from staddle.dashboards.kit.panels import lines, rows, stat
from staddle.dashboards.kit.queries import Query, now
from staddle.dashboards.kit.variables import derive

S = f'{JOB},ins="$ins"'
HOST = f'{NODE},ip="$ip"'
TO_DATABASE = series("pgsql-database", "datname", ins="$ins")


def _ms(metric: str) -> str:
    return f"sum(rate({metric}{{{S}}}{RATE})) / 1000"


BOARDS = [
    Board(
        uid="pgsql-instance",
        title="PGSQL Instance",
        folder="pgsql",
        about="One instance: what it does, what it waits for, what it is short of.",
        tags=["Instance"],
        variables=[
            ONE_INSTANCE,
            derive("cls", f"label_values(pg_up{{{S}}}, cls)"),
            derive("ip", f"label_values(pg_up{{{S}}}, ip)"),
        ],
        links=[
            UP,
            to("pgsql-cluster", "Cluster $cls", cls="$cls"),
            to("pgsql-activity", "Activity", cls="$cls", ins="$ins"),
            to("pgsql-pgbouncer", "PgBouncer", cls="$cls", ins="$ins"),
            to("pgsql-database", "Databases", ins="$ins"),
            to("pgsql-logs", "Logs", cls="$cls", ins="$ins"),
            nav.traces_of(cls="$cls"),
            to("pgsql-alert", "Alerts", cls="$cls", ins="$ins"),
        ],
        dropdowns=[DROPDOWN],
        alerts='ins="$ins"',
        rows=[
            Row("Overview", [
                stat("Up", f"min(pg_up{{{S}}})", words=UP_WORDS, steps=below(1), unit="none", filled=True, w=2, about="Whether it accepts a connection of its exporter."),
                stat("Role", f"max(pg_replication_is_replica{{{S}}})", words=ROLE, unit="none", w=2),
                stat("Version", now(f"max by (short_version) (pg_static_info{{{S}}})", "{{short_version}}"), unit="none", names=True, w=2),
                stat("Up for", f"max(pg_postmaster_uptime_seconds{{{S}}})", unit="dtdurations", steps=below(600), w=3),
                stat("TPS", f"sum({tps(S)})", unit="short", trend=True, w=3),
                stat("At work", f"sum({busy(S)})", unit="short", decimals=2, trend=True, w=2, about="Statements that run at a time, on average.", empty=parts.OLD),
                stat("Connections", used(S), unit="percentunit", steps=above(0.7, 0.9), w=2, about="Of those that are not kept for superusers."),
                stat("Cache hits", hits(S), unit="percentunit", steps=below(0.9, 0.98), w=2, about="The share of blocks found in shared buffers.", empty="It read nothing"),
                stat("Oldest transaction", f"max(pg_activity_max_xact_seconds{{{S}}})", unit="s", steps=above(300, 3600), w=2),
                stat("Lag", lag(S), unit="s", steps=above(10, 60), w=2, empty="Not a replica"),
                how_many("Alerts", 'ins="$ins"', w=2),
            ]),
            Row("Work", [
                lines("Transactions", Query(f"sum(rate(pg_stat_database_xact_commit{{{S}}}{RATE}))", "commits"), Query(f"sum(rate(pg_stat_database_xact_rollback{{{S}}}{RATE}))", "rollbacks"),
                      unit="ops", least=0, w=8, overrides=[colored("rollbacks", "red"), colored("commits", "green")]),
                lines("Statements at work", Query(busy_databases(S), "{{datname}}"), unit="short", least=0, stacked=True, w=8, empty=parts.OLD, links=[TO_DATABASE],
                      about="How many ran at a time, by database."),
                parts.changes(S, w=8),
                parts.databases(S, w=24, h=6),
            ]),
            Row("Connections and locks", [
                parts.states(S, w=8),
                parts.waits(S, w=8),
                parts.oldest(S, w=8),
                lines("Connections by role", Query(f"sum by (usename) (pg_activity_user_count{{{S}}})", "{{usename}}"), Query(f"max(pg_settings_max_connections{{{S}}})", "limit"), unit="none",
                      least=0, w=8, overrides=[dashed("/^limit$/")]),
                parts.locks(S, w=8),
                lines("Deadlocks and cancelled queries", Query(f"sum(increase(pg_stat_database_deadlocks{{{S}}}{RATE}))", "deadlocks"),
                      Query(f"sum(increase(pg_stat_database_conflicts{{{S}}}{RATE}))", "cancelled due to recovery"), unit="short", least=0, w=8),
            ]),
            Row("Input and output", [
                lines("Blocks", Query(f"sum(rate(pg_stat_database_blks_read{{{S}}}{RATE})) * 8192", "read"), Query(f"sum(rate(pg_stat_database_blks_hit{{{S}}}{RATE})) * 8192", "found in shared buffers"),
                      unit="binBps", least=0, w=8, about="What is read may still come from the page cache of the system."),
                lines("Time spent on blocks", Query(_ms("pg_stat_database_blk_read_time"), "reading"), Query(_ms("pg_stat_database_blk_write_time"), "writing"), unit="percentunit", least=0, w=8,
                      about="Of one process. Zero unless track_io_timing is on."),
                lines("Temporary files", Query(f"sum by (datname) (rate(pg_stat_database_temp_bytes{{{S}}}{RATE}))", "{{datname}}"), unit="binBps", least=0, w=8, links=[TO_DATABASE],
                      about="Sorts and hashes that did not fit into work_mem."),
                lines("Checkpoints", Query(f"sum(increase(pg_stat_checkpointer_num_timed{{{S}}}{RATE}))", "due to time"), Query(f"sum(increase(pg_stat_checkpointer_num_requested{{{S}}}{RATE}))", "due to WAL, or asked for"),
                      unit="short", least=0, drawn_as_bars=True, w=8, about="Many due to WAL: max_wal_size is too small."),
                lines("Buffers written", Query(f"sum(rate(pg_stat_checkpointer_buffers_written{{{S}}}{RATE})) * 8192", "by checkpoints"),
                      Query(f"sum(rate(pg_stat_bgwriter_buffers_clean{{{S}}}{RATE})) * 8192", "by the background writer"), unit="binBps", least=0, stacked=True, w=8),
                parts.wal(S, "ins", w=8),
            ]),
            Row("Replication and WAL files", [
                lines("Lag of its receivers", Query(f"max by (application_name) (pg_stat_replication_replay_lag_bytes{{{S}}})", "{{application_name}}"), unit="bytes", least=0, w=6,
                      empty="Nobody receives from here", links=[to("pgsql-replication", "Replication", cls="$cls")]),
                lines("Lag", Query(lag(S), "behind"), unit="s", least=0, steps=above(10, 60), w=6, empty="Not a replica"),
                lines("WAL on disk", Query(f"max(pg_wal_size_bytes{{{S}}})", "size"), Query(f"max(pg_settings_max_wal_size_bytes{{{S}}})", "max_wal_size"), unit="bytes", least=0, w=6,
                      overrides=[dashed("/max_wal_size/")], about="Far beyond max_wal_size: a slot or the archiver holds it back."),
                lines("Archiving", Query(f"sum(increase(pg_stat_archiver_archived_count{{{S}}}{RATE}))", "archived"), Query(f"sum(increase(pg_stat_archiver_failed_count{{{S}}}{RATE}))", "failed"), unit="short", least=0, w=6,
                      overrides=[colored("failed", "red")]),
            ]),
            Row("Vacuum", [
                lines("Age of databases", Query(f"max by (datname) (pg_database_xid_age{{{S}}})", "{{datname}}"), Query(f"max(pg_settings_autovacuum_freeze_max_age{{{S}}})", "autovacuum begins"), unit="short", least=0, w=8,
                      overrides=[dashed("/autovacuum/", "orange")], about="Transactions since the oldest that isn't frozen. Far beyond the line, vacuum can't keep up; at 2 billion it stops."),
                lines("Autovacuum", Query(f"max(pg_autovacuum_workers{{{S}}})", "workers"), Query(f"max(pg_autovacuum_max_workers{{{S}}})", "limit"), Query(f"max(pg_autovacuum_wraparound_workers{{{S}}})", "against wraparound"), unit="none", least=0, w=8,
                      overrides=[dashed("/limit/"), colored("against wraparound", "orange")]),
                lines("Dead rows", Query(f"sum by (datname) (pg_tables_n_dead_tup{{{S}}})", "{{datname}}"), unit="short", least=0, w=8, links=[TO_DATABASE], empty="No database is looked into"),
            ]),
            Row("Host", [
                lines("CPU", Query(cpu(HOST), "{{ins}}"), unit="percentunit", least=0, most=1, steps=above(0.7, 0.9), w=6, links=[series("node-instance", "ins")], empty="Its host is not monitored"),
                lines("Memory used", Query(memory(HOST), "{{ins}}"), unit="percentunit", least=0, most=1, steps=above(0.8, 0.95), w=6, links=[series("node-instance", "ins")], empty="Its host is not monitored"),
                lines("Busiest disk", Query(busiest(HOST), "{{ins}}"), unit="percentunit", least=0, steps=above(0.7, 0.95), w=6, links=[series("node-disk", "ins")], empty="Its host is not monitored"),
                lines("Fullest file system", Query(fullest(HOST), "{{ins}}"), unit="percentunit", least=0, most=1, steps=above(0.8, 0.9), w=6, links=[series("node-disk", "ins")], empty="Its host is not monitored"),
            ]),
            logs(
                'ins:="$ins" job:in(postgres, patroni, pgbouncer, pgbackrest)',
                rows("Slow statements", 'job:=postgres ins:="$ins" duration:*', h=8, empty="None was logged in this time (log_min_duration_statement)", links=[to("pgsql-logs", "Logs", cls="$cls", ins="$ins")],
                     about="A click on a line shows its fields, and leads to its span."),
                job=".*",
            ),
        ],
    )
]  # fmt: skip
