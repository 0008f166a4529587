"""One database, and one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models.dashboard import VariableHide

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.content.pgsql import parts
from staddle.dashboards.content.pgsql.queries import (
    DROPDOWN,
    JOB,
    ONE_INSTANCE,
    RATE,
    UP,
    busy_databases,
    hits_of_databases,
    tps,
)
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.links import cell, to
from staddle.dashboards.kit.look import above, below, colored
from staddle.dashboards.kit.panels import lines, rows, stat
from staddle.dashboards.kit.queries import Query
from staddle.dashboards.kit.tables import Column, label, sql, table
from staddle.dashboards.kit.variables import choose, choose_most, derive

if TYPE_CHECKING:
    from grafana_foundation_sdk.models.dashboard import Panel, VariableModel

S = f'{JOB},ins="$ins"'
D = f'{S},datname="$datname"'
ROLLBACKS = f"sum(increase(pg_stat_database_xact_rollback{{{D}}}[$__range]))"
NO_TABLES = "Tables of this database are not looked into"
NO_STATEMENTS = "pg_stat_statements is not there (shared_preload_libraries)"
QUERY_KEYS = "datname, usename, queryid"
TABLE_KEYS = "schemaname, relname"


def _top(metric: str, sel: str, number: int = 20) -> str:
    return f"topk({number}, sum by ({QUERY_KEYS}) (increase(pg_stat_statements_{metric}{{{sel}}}[$__range])))"


def _sum(metric: str, sel: str) -> str:
    return f"sum by ({QUERY_KEYS}) (increase(pg_stat_statements_{metric}{{{sel}}}[$__range]))"


def statements(title: str, sel: str, *, h: int = 10) -> Panel:
    """The statements that took most time."""
    total = _sum("total_exec_time", sel)
    return table(
        title,
        f"{_top('total_exec_time', sel)} / 1000",
        label("queryid", "Statement", cell("pgsql-query", "Statement", queryid="Statement", datname="Database"), width=190),
        label("datname", "Database", cell("pgsql-database", "Database", datname="Database")),
        label("usename", "Role"),
        Column(title="Total time", unit="s", decimals=1),
        Column(title="Calls", expr=_sum("calls", sel), unit="short", decimals=0),
        Column(title="Mean time", expr=f"{total} / 1000 / ({_sum('calls', sel)} > 0)", unit="s", steps=above(0.1, 1)),
        Column(title="Rows per call", expr=f"{_sum('rows', sel)} / ({_sum('calls', sel)} > 0)", unit="short", decimals=1),
        Column(title="Cache hits", expr=f"{_sum('shared_blks_hit', sel)} / (({_sum('shared_blks_hit', sel)} + {_sum('shared_blks_read', sel)}) > 0)", unit="percentunit", steps=below(0.9, 0.98)),
        Column(title="WAL", expr=f"{_sum('wal_bytes', sel)} > 0", unit="bytes"),
        descending="Total time",
        about="Within the time shown. A statement leads to its text, and to how it did over time.",
        empty=NO_STATEMENTS,
        h=h,
    )  # fmt: skip


DATABASE = Board(
    uid="pgsql-database",
    title="PGSQL Database",
    folder="pgsql",
    about="One database of an instance: its work, its statements, its tables and indexes.",
    tags=["Database"],
    variables=[
        ONE_INSTANCE,
        choose("datname", "Database", f"label_values(pg_stat_database_numbackends{{{S}}}, datname)"),
        derive("cls", f"label_values(pg_up{{{S}}}, cls)"),
    ],
    links=[
        UP,
        to("pgsql-cluster", "Cluster $cls", cls="$cls"),
        to("pgsql-instance", "Instance $ins", ins="$ins"),
        to("pgsql-query", "Statements", ins="$ins", datname="$datname"),
        to("pgsql-logs", "Logs", cls="$cls", ins="$ins", datname="$datname"),
        nav.traces_of(cls="$cls"),
    ],
    dropdowns=[DROPDOWN],
    alerts='ins="$ins"',
    rows=[
        Row("Overview", [
            stat("Size", f"max(pg_database_size_bytes{{{D}}})", unit="bytes", w=3),
            stat("Connections", f"sum(pg_stat_database_numbackends{{{D}}})", unit="none", trend=True, w=3),
            stat("TPS", tps(D, "datname"), unit="short", trend=True, w=3),
            stat("At work", busy_databases(D), unit="short", decimals=2, trend=True, w=3, empty=parts.OLD, about="Statements that run at a time, on average."),
            stat("Cache hits", hits_of_databases(D), unit="percentunit", steps=below(0.9, 0.98), w=3, empty="It read nothing"),
            stat("Rollbacks", f"{ROLLBACKS} / ({ROLLBACKS} + sum(increase(pg_stat_database_xact_commit{{{D}}}[$__range])) > 0)", unit="percentunit", steps=above(0.05, 0.2), w=3,
                 about="Their share of all transactions, within the time shown.", empty="No transaction"),
            stat("Deadlocks", f"sum(increase(pg_stat_database_deadlocks{{{D}}}[$__range]))", unit="none", steps=above(1), w=3, about="Within the time shown."),
            stat("Age", f"max(pg_database_xid_age{{{D}}}) / 2^31", unit="percentunit", steps=above(0.3, 0.6), w=3,
                 about="How much of the transaction numbers is used up until vacuum freezes."),
        ]),
        Row("Work", [
            lines("Transactions", Query(f"sum(rate(pg_stat_database_xact_commit{{{D}}}{RATE}))", "commits"), Query(f"sum(rate(pg_stat_database_xact_rollback{{{D}}}{RATE}))", "rollbacks"), unit="ops",
                  least=0, w=8, overrides=[colored("rollbacks", "red"), colored("commits", "green")]),
            parts.changes(D, w=8),
            parts.states(D, w=8),
            lines("Blocks", Query(f"sum(rate(pg_stat_database_blks_read{{{D}}}{RATE})) * 8192", "read"), Query(f"sum(rate(pg_stat_database_blks_hit{{{D}}}{RATE})) * 8192", "found in shared buffers"),
                  unit="binBps", least=0, w=8),
            lines("Temporary files", Query(f"sum(rate(pg_stat_database_temp_bytes{{{D}}}{RATE}))", "bytes"), unit="binBps", least=0, w=8, about="Sorts and hashes that did not fit into work_mem."),
            parts.locks(D, w=8),
        ]),
        Row("Statements", [statements("Statements that took most time", D)]),
        Row("Tables and indexes", [
            table(
                "Tables",
                f"topk(25, max by ({TABLE_KEYS}) (pg_stat_user_tables_table_size_bytes{{{D}}}))",
                label("schemaname", "Schema"),
                label("relname", "Table"),
                Column(title="Size", unit="bytes"),
                Column(title="Indexes", expr=f"max by ({TABLE_KEYS}) (pg_stat_user_tables_index_size_bytes{{{D}}})", unit="bytes"),
                Column(title="Rows", expr=f"max by ({TABLE_KEYS}) (pg_stat_user_tables_n_live_tup{{{D}}})", unit="short"),
                Column(title="Dead", expr=f"max by ({TABLE_KEYS}) (pg_stat_user_tables_n_dead_tup{{{D}}} / (pg_stat_user_tables_n_live_tup{{{D}}} + pg_stat_user_tables_n_dead_tup{{{D}}} > 0))", unit="percentunit", steps=above(0.2, 0.5)),
                Column(title="Full scans", expr=f"sum by ({TABLE_KEYS}) (increase(pg_stat_user_tables_seq_scan{{{D}}}[$__range]))", unit="short", decimals=0),
                Column(title="Index scans", expr=f"sum by ({TABLE_KEYS}) (increase(pg_stat_user_tables_idx_scan{{{D}}}[$__range]))", unit="short", decimals=0),
                Column(title="Written", expr=f"sum by ({TABLE_KEYS}) (increase(pg_stat_user_tables_n_tup_ins{{{D}}}[$__range]) + increase(pg_stat_user_tables_n_tup_upd{{{D}}}[$__range]) + increase(pg_stat_user_tables_n_tup_del{{{D}}}[$__range]))", unit="short", decimals=0),
                descending="Size",
                about="The 25 largest. Scans and rows written within the time shown; dead: what vacuum would clean up.",
                empty=NO_TABLES,
                h=9,
            ),
            table(
                "Indexes nobody used",
                f"topk(15, max by (schemaname, relname, indexrelname) (pg_stat_user_indexes_size_bytes{{{D}}} and pg_stat_user_indexes_idx_scan{{{D}}} == 0))",
                label("schemaname", "Schema"), label("relname", "Table"), label("indexrelname", "Index"), Column(title="Size", unit="bytes"),
                descending="Size", w=12, about="Since statistics began, on this instance: a replica may use them. Unique indexes are needed all the same.", empty="Every index was used",
            ),
            table(
                "Tables that are scanned in full",
                f"topk(15, sum by ({TABLE_KEYS}) (increase(pg_stat_user_tables_seq_tup_read{{{D}}}[$__range])) > 0)",
                label("schemaname", "Schema"), label("relname", "Table"), Column(title="Rows read", unit="short"),
                descending="Rows read", w=12, about="Rows that full scans read within the time shown: large ones want an index.", empty="No full scan in this time",
            ),
        ]),
    ],
)  # fmt: skip

Q = f'{S},datname=~"$datname",queryid="$queryid"'


def _source() -> VariableModel:
    """The data source of the instance itself: data sources of databases are called `pg-<instance>`."""
    built = builders.DatasourceVariable("db").type("grafana-postgresql-datasource").regex("/^pg-$ins$/").build()
    built.hide = VariableHide.HIDE_VARIABLE
    return built


def _per_call(metric: str, factor: str = "") -> str:
    return f"sum(rate(pg_stat_statements_{metric}{{{Q}}}{RATE})){factor} / (sum(rate(pg_stat_statements_calls{{{Q}}}{RATE})) > 0)"


# Until PostgreSQL 16, a password in a statement about a role stays as it was written.
# Before PostgreSQL 13 there is mean_time only: what a version lacks is found outside, as NULL.
TEXT = r"""SELECT regexp_replace(s.query, '(password\s+)(e''(?:[^''\\]|''''|\\.)*''|''(?:[^'']|'''')*''|[$]{2}.*?[$]{2})', '\1***', 'gi')
 AS query, d.datname AS database, u.rolname AS role, s.calls, s.mean
 FROM (SELECT NULL::float8 AS mean_exec_time, NULL::float8 AS mean_time) AS lacking,
 LATERAL (SELECT p.*, coalesce(mean_exec_time, mean_time) AS mean FROM pg_stat_statements AS p) AS s LEFT JOIN pg_database d ON d.oid = s.dbid LEFT JOIN pg_roles u ON u.oid = s.userid
 WHERE s.queryid::text = ${queryid:sqlstring}"""
IDLE = "It did not run in this time"
QUERY = Board(
    uid="pgsql-query",
    title="PGSQL Query",
    folder="pgsql",
    about="One statement: its text, how often, how long, what it reads and writes; and all statements of a database.",
    tags=["Query"],
    variables=[
        ONE_INSTANCE,
        choose("datname", "Database", f"label_values(pg_stat_statements_calls{{{S}}}, datname)", everything=True, empty=NO_STATEMENTS),
        choose_most("queryid", "Statement", f'sum by (queryid) (increase(pg_stat_statements_total_exec_time{{{S},datname=~"$datname"}}[$__range]))', empty=NO_STATEMENTS),
        derive("cls", f"label_values(pg_up{{{S}}}, cls)"),
        _source(),
    ],
    links=[
        to("pgsql-database", "Database ${datname:text}", ins="$ins", datname="$datname"),
        to("pgsql-instance", "Instance $ins", ins="$ins"),
        to("pgsql-logs", "Logs", cls="$cls", ins="$ins", search="$queryid"),
        nav.traces_of(cls="$cls"),
    ],
    dropdowns=[DROPDOWN],
    rows=[
        Row("Statement $queryid", [
            stat("Calls/s", f"sum(rate(pg_stat_statements_calls{{{Q}}}{RATE}))", unit="ops", trend=True, w=4),
            stat("Mean time", f"sum(increase(pg_stat_statements_total_exec_time{{{Q}}}[$__range])) / 1000 / (sum(increase(pg_stat_statements_calls{{{Q}}}[$__range])) > 0)", unit="s", steps=above(0.1, 1), w=4,
                 about="Within the time shown.", empty=IDLE),
            stat("At work", f"sum(rate(pg_stat_statements_total_exec_time{{{Q}}}{RATE})) / 1000", unit="short", decimals=3, trend=True, w=4, about="How many of it run at a time, on average."),
            stat("Share of all time", f'sum(increase(pg_stat_statements_total_exec_time{{{Q}}}[$__range])) / (sum(increase(pg_stat_statements_total_exec_time{{{S}}}[$__range])) > 0)', unit="percentunit",
                 steps=((None, "blue"), (0.3, "orange")), w=4, about="Of what the instance spent on statements, within the time shown.", empty=IDLE),
            stat("Rows per call", f"sum(increase(pg_stat_statements_rows{{{Q}}}[$__range])) / (sum(increase(pg_stat_statements_calls{{{Q}}}[$__range])) > 0)", unit="short", w=4, empty=IDLE),
            stat("Cache hits", f"sum(pg_stat_statements_shared_blks_hit{{{Q}}}) / (sum(pg_stat_statements_shared_blks_hit{{{Q}}} + pg_stat_statements_shared_blks_read{{{Q}}}) > 0)", unit="percentunit",
                 steps=below(0.9, 0.98), w=4, empty="It reads no blocks", about="Since statistics began."),
            sql("Text", "$db", TEXT, Column(title="query", wrapped=True), Column(title="database", width=140), Column(title="role", width=140), Column(title="calls", unit="short", width=100),
                Column(title="mean", unit="ms", width=100), about="Asked of the database itself, as the monitoring role. Passwords are left out.", empty="The database doesn't answer, or has forgotten it", h=6),
            lines("Calls", Query(f"sum by (usename) (rate(pg_stat_statements_calls{{{Q}}}{RATE}))", "{{usename}}"), unit="ops", least=0, w=8),
            lines("Time per call", Query(_per_call("total_exec_time", " / 1000"), "executing"), Query(_per_call("total_plan_time", " / 1000"), "planning"), unit="s", least=0, w=8, empty=IDLE),
            lines("Rows per call", Query(_per_call("rows"), "rows"), unit="short", least=0, w=8, empty=IDLE),
            lines("Blocks per call", Query(_per_call("shared_blks_hit"), "found in shared buffers"), Query(_per_call("shared_blks_read"), "read"), Query(_per_call("temp_blks"), "temporary"),
                  unit="short", least=0, w=8, empty=IDLE),
            lines("Time on blocks per call", Query(_per_call("blk_read_time", " / 1000"), "reading"), Query(_per_call("blk_write_time", " / 1000"), "writing"), unit="s", least=0, w=8, empty=IDLE,
                  about="Zero unless track_io_timing is on."),
            lines("WAL per call", Query(_per_call("wal_bytes"), "bytes"), unit="bytes", least=0, w=8, empty=IDLE),
            rows("Its log lines", 'job:=postgres ins:="$ins" query:="$queryid"', h=8, empty="It was not logged in this time (log_min_duration_statement)"),
        ]),
        Row("Statements of database ${datname:text}", [statements("Statements that took most time", f'{S},datname=~"$datname"')]),
    ],
)  # fmt: skip
BOARDS = [DATABASE, QUERY]
