"""What runs beside PostgreSQL: PgBouncer, Patroni, and pgBackRest's backups."""

from __future__ import annotations

from staddle.dashboards.content.alerts import how_many, what_fires
from staddle.dashboards.content.infra.parts import logs
from staddle.dashboards.content.pgsql.queries import DROPDOWN, INSTANCE, JOB, RATE, TO_INSTANCE, UP
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.links import to
from staddle.dashboards.kit.look import OK, UP as UP_WORDS, YES_BAD, Words, above, below, colored
from staddle.dashboards.kit.panels import lines, stat, timeline
from staddle.dashboards.kit.queries import Query
from staddle.dashboards.kit.tables import Column, label, table
from staddle.dashboards.kit.variables import choose

S = f'{JOB},cls=~"$cls",ins=~"$ins"'
NO_POOLER, NO_CLIENT = "No PgBouncer is monitored", "Nobody has connected yet"
POOL = f'{S},database!="pgbouncer"'
"""The database `pgbouncer` is its console."""
POOL_KEYS = "ins, database, user"


def _pool(metric: str) -> str:
    return f"sum by ({POOL_KEYS}) (pgbouncer_pools_{metric}{{{POOL}}})"


def _stats(metric: str, by: str = "ins, database") -> str:
    return f"sum by ({by}) (rate(pgbouncer_stats_{metric}{{{POOL}}}{RATE}))"


SIZE = f'label_replace(max by (ins, name) (pgbouncer_databases_pool_size{{{S}}}), "database", "$1", "name", "(.*)")'
PGBOUNCER = Board(
    uid="pgsql-pgbouncer",
    title="PGSQL PgBouncer",
    folder="pgsql",
    about="Who waits for a connection, how full the pools are, and how long statements take through them.",
    tags=["Instance"],
    variables=[
        choose("cls", "Cluster", f"label_values(pgbouncer_up{{{JOB}}}, cls)", everything=True, empty=NO_POOLER),
        choose("ins", "Instance", f'label_values(pgbouncer_up{{{JOB},cls=~"$cls"}}, ins)', everything=True, empty=NO_POOLER),
    ],
    links=[UP, to("pgsql-instance", "Instance", ins="$ins"), to("pgsql-activity", "Activity", cls="$cls", ins="$ins"), to("pgsql-logs", "Logs", cls="$cls", ins="$ins")],
    dropdowns=[DROPDOWN],
    alerts=f'alertname=~"Pgbouncer.*",{S}',
    rows=[
        Row("Overview", [
            stat("PgBouncers", f"count(pgbouncer_up{{{S}}})", unit="none", w=3),
            stat("Down", f"count(pgbouncer_up{{{S}}} == 0) or vector(0)", unit="none", steps=above(1), filled=True, w=3),
            stat("Clients that wait", f"sum(pgbouncer_pools_client_waiting_connections{{{S}}})", unit="none", steps=above(1, 10), w=3, about="Every connection that their pool may have is taken."),
            stat("Longest wait", f"max(pgbouncer_pools_client_maxwait_seconds{{{S}}})", unit="s", steps=above(1, 10), w=3),
            stat("Clients", f"max(pgbouncer_used_clients{{{S}}} / (pgbouncer_config_max_client_connections{{{S}}} > 0))", unit="percentunit", steps=above(0.7, 0.9), w=3,
                 about="Of max_client_conn, where it is fullest: beyond that, clients are refused."),
            stat("Statements", f"sum({_stats('queries_pooled_total', 'ins')})", unit="ops", trend=True, w=3, empty=NO_CLIENT),
            stat("Paused or disabled", f"sum(pgbouncer_databases_paused{{{S}}}) + sum(pgbouncer_databases_disabled{{{S}}})", unit="none", steps=above(1), filled=True, w=3, about="Databases."),
            how_many("Alerts", f'alertname=~"Pgbouncer.*",{S}', w=3),
            table(
                "Pools",
                _pool("client_active_connections"),
                label("ins", "Instance", INSTANCE), label("database", "Database"), label("user", "Role"),
                Column(title="Clients", unit="none"),
                Column(title="Waiting", expr=_pool("client_waiting_connections"), unit="none", steps=above(1, 10)),
                Column(title="Longest wait", expr=_pool("client_maxwait_seconds"), unit="s", steps=above(1, 10)),
                Column(title="Servers at work", expr=_pool("server_active_connections"), unit="none"),
                Column(title="Free", expr=_pool("server_idle_connections"), unit="none"),
                Column(title="In use", expr=f"{_pool('server_active_connections')} / on (ins, database) group_left () ({SIZE} > 0)", unit="percentunit", most=1, cell="gauge", steps=above(0.8, 1), width=140),
                w=24, h=8, empty=NO_CLIENT, descending="Waiting",
                about="A pool is a database and a role. In use: connections to PostgreSQL at work, of default_pool_size.",
            ),
            timeline("State", Query(f"min by (ins) (pgbouncer_up{{{S}}})", "{{ins}}"), words=UP_WORDS, steps=below(1), w=12, h=6, links=[TO_INSTANCE]),
            what_fires(f'alertname=~"Pgbouncer.*",{S}', instance=INSTANCE, w=12, h=6),
        ]),
        Row("Clients and servers", [
            lines("Clients", Query(f"sum(pgbouncer_pools_client_active_connections{{{POOL}}})", "with a server, or idle"), Query(f"sum(pgbouncer_pools_client_waiting_connections{{{POOL}}})", "waiting"), unit="none", least=0, stacked=True, w=8,
                  overrides=[colored("waiting", "red")], empty=NO_CLIENT),
            lines("Servers", *(Query(f"sum(pgbouncer_pools_server_{state}_connections{{{POOL}}})", words) for state, words in
                               (("active", "at work"), ("idle", "free"), ("used", "to be checked"), ("testing", "being checked"), ("login", "logging in"))),
                  unit="none", least=0, stacked=True, w=8, empty=NO_CLIENT, about="Connections to PostgreSQL."),
            lines("Longest wait", Query(_pool("client_maxwait_seconds"), "{{ins}} {{database}} {{user}}"), unit="s", least=0, steps=above(1, 10), zones=True, w=8, links=[TO_INSTANCE], empty=NO_CLIENT),
        ]),
        Row("Work", [
            lines("Statements", Query(_stats("queries_pooled_total"), "{{ins}} {{database}}"), unit="ops", least=0, w=8, links=[TO_INSTANCE], empty=NO_CLIENT),
            lines("Transactions", Query(_stats("sql_transactions_pooled_total"), "{{ins}} {{database}}"), unit="ops", least=0, w=8, links=[TO_INSTANCE], empty=NO_CLIENT),
            lines("A statement takes", Query(f"{_stats('queries_duration_seconds_total')} / ({_stats('queries_pooled_total')} > 0)", "{{ins}} {{database}}"), unit="s", least=0, w=8, links=[TO_INSTANCE], empty="No statement ran",
                  about="On average, as PgBouncer sees it: with the network to PostgreSQL."),
            lines("Time spent waiting", Query(_stats("client_wait_seconds_total"), "{{ins}} {{database}}"), unit="short", least=0, w=8, links=[TO_INSTANCE], empty=NO_CLIENT, about="How many clients waited for a connection at a time, on average."),
            lines("In transactions", Query(_stats("server_in_transaction_seconds_total"), "{{ins}} {{database}}"), unit="short", least=0, w=8, links=[TO_INSTANCE], empty=NO_CLIENT,
                  about="How many connections were in a transaction at a time, on average: at the size of the pool, others wait."),
            lines("Traffic", Query(_stats("received_bytes_total", "ins"), "{{ins}} from clients"), Query(_stats("sent_bytes_total", "ins"), "{{ins}} to clients"), unit="binBps", least=0, w=8, links=[TO_INSTANCE], empty=NO_CLIENT),
        ]),
        logs('cls:~"$cls" ins:~"$ins" job:=pgbouncer', job="pgbouncer"),
    ],
)  # fmt: skip

P = f'{JOB},cls="$cls"'
MEMBER = "ins, cls, ip"
ROLE: Words = (("0", "replica", "blue"), ("1", "sync standby", "purple"), ("2", "standby leader", "orange"), ("3", "leader", "green"))  # fmt: skip
NO_PATRONI = "No Patroni is monitored"


def _member(metric: str) -> str:
    return f"max by ({MEMBER}) (patroni_{metric}{{{P}}})"


def _role(by: str) -> str:
    leader, standby = (f"max by ({by}) (patroni_{metric}{{{P}}})" for metric in ("primary", "standby_leader"))
    return f"3 * {leader} + 2 * {standby} + (max by ({by}) (patroni_sync_standby{{{P}}}) or 0 * {leader})"


WRITTEN = f"max by (cls) (patroni_xlog_location{{{P}}} > 0)"
REPLAYED = f"(max by ({MEMBER}) (patroni_xlog_replayed_location{{{P}}}) > 0)"
# Members are not asked at the same moment.
BEHIND = f"clamp_min({WRITTEN} - on (cls) group_right () {REPLAYED}, 0) and on (ins) patroni_replica{{{P}}} == 1"
PATRONI = Board(
    uid="pgsql-patroni",
    title="PGSQL Patroni",
    folder="pgsql",
    about="Who leads, who could take over, and whether Patroni can decide that.",
    tags=["Cluster"],
    variables=[choose("cls", "Cluster", f"label_values(patroni_postgres_running{{{JOB}}}, cls)", empty=NO_PATRONI)],
    links=[UP, to("pgsql-cluster", "Cluster", cls="$cls"), to("pgsql-replication", "Replication", cls="$cls"), to("etcd-overview", "etcd"), to("pgsql-logs", "Logs", cls="$cls")],
    dropdowns=[DROPDOWN],
    alerts='cls="$cls"',
    rows=[
        Row("Overview", [
            stat("Leaders", f"sum(patroni_primary{{{P}}}) + sum(patroni_standby_leader{{{P}}})", unit="none", steps=((None, "red"), (1, "green"), (2, "red")), filled=True, w=3, about="One is good. None: nobody takes writes."),
            stat("Members", f"count(patroni_postgres_running{{{P}}})", unit="none", w=3),
            stat("Not running", f"count(patroni_postgres_running{{{P}}} == 0) or vector(0)", unit="none", steps=above(1), filled=True, w=3, about="Patroni answers, its PostgreSQL does not run."),
            stat("Could take over", f"sum(patroni_replica{{{P}}} * on (ins) patroni_postgres_running{{{P}}})", unit="none", steps=((None, "red"), (1, "green")), w=3, about="Replicas that run."),
            stat("Paused", f"max(patroni_is_paused{{{P}}})", words=YES_BAD, unit="none", steps=above(1), filled=True, w=3, about="Maintenance mode: there is no automatic failover (patronictl resume)."),
            stat("Failsafe mode", f"max(patroni_failsafe_mode_is_active{{{P}}})", words=YES_BAD, unit="none", steps=above(1), filled=True, w=3, about="etcd can't be reached, and the leader goes on because all members agree."),
            stat("etcd last reached", f"max(time() - (patroni_dcs_last_seen{{{P}}} > 0))", unit="s", steps=above(30, 60), w=3, about="By whom that was longest ago."),
            how_many("Alerts", 'cls="$cls"', w=3),
            table(
                "Members",
                _member("postgres_running"),
                label("ins", "Instance", INSTANCE), label("ip", "Address"),
                Column(title="PostgreSQL", words=UP_WORDS, cell="color-background", width=100),
                Column(title="Role", expr=_role(MEMBER), words=ROLE, width=130),
                Column(title="Timeline", expr=_member("postgres_timeline"), unit="none"),
                Column(title="Not replayed", expr=BEHIND, unit="bytes", steps=above(64e6, 1e9)),
                Column(title="Replay paused", expr=_member("xlog_paused"), words=YES_BAD, width=120),
                Column(title="Must restart", expr=_member("pending_restart"), words=YES_BAD, width=120),
                Column(title="etcd last reached", expr=f"time() - (max by ({MEMBER}) (patroni_dcs_last_seen{{{P}}}) > 0)", unit="s", steps=above(30, 60)),
                Column(title="Up for", expr=f"time() - (max by ({MEMBER}) (patroni_postmaster_start_time{{{P}}}) > 0)", unit="dtdurations", steps=below(600)),
                w=24, h=7,
                about="A timeline below that of the leader: it has not followed the last failover. Must restart: a setting was changed that needs it.",
            ),
            timeline("Roles", Query(_role("ins"), "{{ins}}"), words=ROLE, w=12, h=6, links=[TO_INSTANCE], about="A failover shows as a change of colour."),
            what_fires('cls="$cls"', instance=INSTANCE, w=12, h=6),
        ]),
        Row("Over time", [
            lines("Not replayed", Query(BEHIND, "{{ins}}"), unit="bytes", least=0, w=8, links=[TO_INSTANCE], empty="There is no replica", about="Behind the leader. A replica that is too far behind (maximum_lag_on_failover) does not take over."),
            lines("etcd last reached", Query(f"max by (ins) (time() - (patroni_dcs_last_seen{{{P}}} > 0))", "{{ins}}"), unit="s", least=0, steps=above(30, 60), zones=True, w=8, links=[TO_INSTANCE],
                  about="A leader that can't renew its lease steps down."),
            lines("Timeline", Query(f"max by (ins) (patroni_postgres_timeline{{{P}}})", "{{ins}}"), unit="none", least=0, w=8, links=[TO_INSTANCE], about="A failover makes a new one."),
        ]),
        logs('cls:="$cls" job:=patroni', job="patroni", ins=".*"),
    ],
)  # fmt: skip

B = f'{JOB},cls="$cls"'
NO_BACKUP, NO_STANZA = "pgBackRest is not monitored", "There is no backup yet"
KINDS = 'backup_type="full"', 'backup_type="incr"'


def _newest(kind: str) -> str:
    return f"min(pgbackrest_backup_since_last_completion_seconds{{{B},{kind}}})"


BACKUP = Board(
    uid="pgsql-backup",
    title="PGSQL Backup",
    folder="pgsql",
    about="How old the last backup is, whether it can be trusted, and whether WAL comes along.",
    tags=["Cluster"],
    variables=[choose("cls", "Cluster", f"label_values(pgbackrest_exporter_status{{{JOB}}}, cls)", empty=NO_BACKUP)],
    links=[UP, to("pgsql-cluster", "Cluster", cls="$cls"), to("pgsql-logs", "Logs", cls="$cls")],
    dropdowns=[DROPDOWN],
    alerts='alertname=~"Backup.*",cls="$cls"',
    rows=[
        Row("Overview", [
            stat("Last backup", _newest(KINDS[1]), unit="dtdurations", steps=above(86400 * 1.5, 86400 * 3), w=3, empty=NO_STANZA, about="Of any kind."),
            stat("Last full backup", _newest(KINDS[0]), unit="dtdurations", steps=above(86400 * 8, 86400 * 15), w=3, empty=NO_STANZA),
            stat("Stanzas with problems", f"count(pgbackrest_stanza_status{{{B}}} > 0) or vector(0)", unit="none", steps=above(1), filled=True, w=3),
            stat("Damaged", f"max(pgbackrest_backup_last_error_status{{{B}}})", words=YES_BAD, unit="none", steps=above(1), filled=True, w=3, empty=NO_STANZA, about="Pages of the last backups failed their checksums."),
            stat("WAL", f"min(pgbackrest_wal_archive_status{{{B}}})", words=OK, unit="none", steps=below(1), filled=True, w=3, empty=NO_STANZA, about="Whether there is any in the archive."),
            stat("Not archived", f"sum(increase(pg_stat_archiver_failed_count{{{JOB},cls=\"$cls\"}}[$__range]))", unit="none", steps=above(1), w=3, empty="Its PostgreSQL is not monitored", about="Times that archiving of a WAL file failed, within the time shown."),
            stat("Being made", f"max(pgbackrest_stanza_lock_status{{{B}}})", words=(("0", "no", "blue"), ("1", "yes", "green")), unit="none", w=3, about="A backup, now."),
            how_many("Alerts", 'alertname=~"Backup.*",cls="$cls"', w=3),
            table(
                "Last backups",
                f"min by (ins, stanza, backup_type) (pgbackrest_backup_since_last_completion_seconds{{{B}}})",
                label("ins", "Seen by", INSTANCE), label("stanza", "Stanza"), label("backup_type", "At least"),
                Column(title="Age", unit="dtdurations"),
                Column(title="Took", expr=f"max by (ins, stanza, backup_type) (pgbackrest_backup_last_duration_seconds{{{B}}})", unit="dtdurations"),
                Column(title="Database", expr=f"max by (ins, stanza, backup_type) (pgbackrest_backup_last_size_bytes{{{B}}})", unit="bytes"),
                Column(title="Copied", expr=f"max by (ins, stanza, backup_type) (pgbackrest_backup_last_delta_bytes{{{B}}})", unit="bytes"),
                Column(title="In the repository", expr=f"max by (ins, stanza, backup_type) (pgbackrest_backup_last_repo_size_bytes{{{B}}})", unit="bytes"),
                Column(title="Damaged", expr=f"max by (ins, stanza, backup_type) (pgbackrest_backup_last_error_status{{{B}}})", words=YES_BAD, width=100),
                w=24, h=6, empty=NO_STANZA, about="A differential backup needs the last full one, an incremental one those before it. In the repository: compressed, with what it needs of others.",
            ),
            table(
                "Backups there are",
                f"max by (ins, stanza, repo_key, backup_name, backup_type) (pgbackrest_backup_size_bytes{{{B}}})",
                label("backup_name", "Backup", least=200), label("backup_type", "Kind", width=80), label("stanza", "Stanza"), label("repo_key", "Repository", width=110), label("ins", "Seen by", INSTANCE),
                Column(title="Database", unit="bytes"),
                Column(title="Takes up", expr=f"max by (ins, stanza, repo_key, backup_name, backup_type) (pgbackrest_backup_repo_delta_bytes{{{B}}})", unit="bytes"),
                Column(title="Took", expr=f"max by (ins, stanza, repo_key, backup_name, backup_type) (pgbackrest_backup_duration_seconds{{{B}}})", unit="dtdurations"),
                w=24, h=8, empty=NO_STANZA, descending="Backup", about="The newest twenty of each stanza.",
            ),
        ]),
        Row("Over time", [
            lines("Age", Query(f"min by (backup_type) (pgbackrest_backup_since_last_completion_seconds{{{B}}})", "{{backup_type}}"), unit="dtdurations", least=0, w=8, empty=NO_STANZA, about="Of the last backup that is at least of this kind. It falls when one is made."),
            lines("Size", Query(f"max by (backup_type) (pgbackrest_backup_last_size_bytes{{{B}}})", "database, {{backup_type}}"), Query(f"max by (backup_type) (pgbackrest_backup_last_repo_size_bytes{{{B}}})", "repository, {{backup_type}}"), unit="bytes", least=0, w=8, empty=NO_STANZA),
            lines("WAL archived", Query(f'sum by (ins) (increase(pg_stat_archiver_archived_count{{{JOB},cls="$cls"}}{RATE}))', "{{ins}} archived"), Query(f'sum by (ins) (increase(pg_stat_archiver_failed_count{{{JOB},cls="$cls"}}{RATE}))', "{{ins}} failed"),
                  unit="short", least=0, w=8, overrides=[colored("/failed/", "red", by="byRegexp")], links=[TO_INSTANCE], empty="Its PostgreSQL is not monitored"),
            what_fires('alertname=~"Backup.*",cls="$cls"', instance=INSTANCE, w=24, h=5),
        ]),
        logs('cls:="$cls" job:=pgbackrest', job="pgbackrest", ins=".*"),
    ],
)  # fmt: skip
BOARDS = [PGBOUNCER, PATRONI, BACKUP]
