"""Redis: all clusters, and one instance."""

from __future__ import annotations

from staddle.dashboards.content import navigation as nav
from staddle.dashboards.content.alerts import how_many, what_fires
from staddle.dashboards.content.infra.parts import logs
from staddle.dashboards.kit.board import Board, Row
from staddle.dashboards.kit.links import cell, series, to
from staddle.dashboards.kit.look import OK, UP, above, below, colored, dashed, mirrored
from staddle.dashboards.kit.panels import bars, lines, stat, timeline
from staddle.dashboards.kit.queries import Query, now
from staddle.dashboards.kit.tables import Column, label, table
from staddle.dashboards.kit.variables import choose, derive

JOB = 'job="redis"'
RATE = "[$__rate_interval]"
NONE = "No Redis is monitored"
INSTANCE = cell("redis-instance", "Instance", ins="Instance")
TO_INSTANCE = series("redis-instance", "ins")
KEYS = "ins, cls, ip"
UNLIMITED = "No limit is set (maxmemory)"


def _hits(sel: str, by: str = "ins") -> str:
    hit, miss = (f"sum by ({by}) (rate(redis_keyspace_{what}_total{{{sel}}}{RATE}))" for what in ("hits", "misses"))
    return f"{hit} / ({hit} + {miss} > 0)"


def _full(sel: str, by: str = "ins") -> str:
    return f"max by ({by}) (redis_memory_used_bytes{{{sel}}} / (redis_memory_max_bytes{{{sel}}} > 0))"


def _rate(metric: str, sel: str, by: str = "ins") -> str:
    return f"sum by ({by}) (rate({metric}{{{sel}}}{RATE}))"


C = f'{JOB},cls=~"$cls"'
OVERVIEW = Board(
    uid="redis-overview",
    title="REDIS Overview",
    folder="redis",
    about="All Redis instances: which is down, which is full, which is slow.",
    tags=["Overview"],
    variables=[choose("cls", "Clusters", f"label_values(redis_up{{{JOB}}}, cls)", several=True, empty=NONE)],
    links=[nav.HOME, nav.NODES, nav.logs_of(job="redis")],
    dropdowns=[("REDIS", "redis")],
    alerts=JOB,
    rows=[
        Row("Overview", [
            stat("Instances", f"count(redis_up{{{C}}})", unit="none", w=3),
            stat("Down", f"count(redis_up{{{C}}} == 0) or vector(0)", unit="none", steps=above(1), filled=True, w=3),
            how_many("Alerts", C, w=3),
            stat("Commands/s", f"sum({_rate('redis_commands_processed_total', C)})", unit="ops", trend=True, w=3),
            stat("Clients", f"sum(redis_connected_clients{{{C}}})", unit="none", trend=True, w=3),
            stat("Memory", f"sum(redis_memory_used_bytes{{{C}}})", unit="bytes", trend=True, w=3),
            stat("Fullest", f"max({_full(C)})", unit="percentunit", steps=above(0.8, 0.95), w=3, empty=UNLIMITED),
            stat("Keys", f"sum(redis_db_keys{{{C}}})", unit="short", w=3),
            table(
                "Instances",
                f"max by ({KEYS}) (redis_up{{{C}}})",
                label("ins", "Instance", INSTANCE, cell("logs-instance", "Logs", ins="Instance")),
                label("cls", "Cluster"),
                label("ip", "Address"),
                Column(title="State", words=UP, cell="color-background", width=80),
                Column(title="Replicas", expr=f"max by ({KEYS}) (redis_connected_slaves{{{C}}})", unit="none", width=90),
                Column(title="Up for", expr=f"max by ({KEYS}) (redis_uptime_in_seconds{{{C}}})", unit="dtdurations", steps=below(600)),
                Column(title="Commands/s", expr=_rate("redis_commands_processed_total", C, KEYS), unit="ops", decimals=1),
                Column(title="Clients", expr=f"max by ({KEYS}) (redis_connected_clients{{{C}}})", unit="none"),
                Column(title="Memory", expr=f"max by ({KEYS}) (redis_memory_used_bytes{{{C}}})", unit="bytes"),
                Column(title="Full", expr=_full(C, KEYS), unit="percentunit", most=1, cell="gauge", steps=above(0.8, 0.95), width=130),
                Column(title="Keys", expr=f"sum by ({KEYS}) (redis_db_keys{{{C}}})", unit="short"),
                Column(title="Hits", expr=_hits(C, KEYS), unit="percentunit", steps=below(0.5, 0.9)),
                Column(title="Evicted/s", expr=_rate("redis_evicted_keys_total", C, KEYS), unit="ops", steps=((None, "green"), (0.01, "orange"))),
                h=9, empty="It is down, or nobody asked it for keys", about="Full: of maxmemory, where that is set. Evicted: keys that had to make room.",
            ),
            timeline("State", Query(f"min by (ins) (redis_up{{{C}}})", "{{ins}}"), words=UP, steps=below(1), w=12, h=6, links=[TO_INSTANCE]),
            what_fires(C, instance=cell("redis-instance", "Instance", ins="Instance"), w=12, h=6),
        ]),
        Row("Over time", [
            lines("Commands", Query(_rate("redis_commands_processed_total", C), "{{ins}}"), unit="ops", least=0, w=8, links=[TO_INSTANCE]),
            lines("Memory", Query(f"redis_memory_used_bytes{{{C}}}", "{{ins}}"), unit="bytes", least=0, w=8, links=[TO_INSTANCE]),
            lines("CPU", Query(f"rate(redis_cpu_user_seconds_total{{{C}}}{RATE}) + rate(redis_cpu_sys_seconds_total{{{C}}}{RATE})", "{{ins}}"), unit="percentunit", least=0,
                  steps=above(0.7, 0.9), zones=True, w=8, links=[TO_INSTANCE], about="Commands run in one thread: 100 % is all it can do."),
            lines("Clients", Query(f"redis_connected_clients{{{C}}}", "{{ins}}"), unit="none", least=0, w=8, links=[TO_INSTANCE]),
            lines("Keys found", Query(_hits(C), "{{ins}}"), unit="percentunit", least=0, most=1, w=8, links=[TO_INSTANCE], empty="Nobody asked for keys"),
            lines("Evicted and expired", Query(_rate("redis_evicted_keys_total", C), "{{ins}} evicted"), Query(_rate("redis_expired_keys_total", C), "{{ins}} expired"), unit="ops", least=0, w=8,
                  overrides=[colored("/evicted/", "red", by="byRegexp")]),
        ]),
    ],
)  # fmt: skip

S = f'{JOB},ins="$ins"'
BOARD = Board(
    uid="redis-instance",
    title="REDIS Instance",
    folder="redis",
    about="One Redis: its work, its memory, its clients, its persistence and replication.",
    tags=["Instance"],
    variables=[
        choose("ins", "Instance", f"label_values(redis_up{{{JOB}}}, ins)", empty=NONE),
        derive("ip", f"label_values(redis_up{{{S}}}, ip)"),
        derive("cls", f"label_values(redis_up{{{S}}}, cls)"),
    ],
    links=[to("redis-overview", "Redis", cls="$cls"), nav.logs_of(job="redis", ins="$ins"), nav.ALERTS],
    dropdowns=[("REDIS", "redis")],
    alerts='ins="$ins"',
    rows=[
        Row("Overview", [
            stat("Up", f"min(redis_up{{{S}}})", words=UP, steps=below(1), unit="none", filled=True, w=2),
            stat("Role", now(f"max by (role) (redis_instance_info{{{S}}})", "{{role}}"), unit="none", names=True, w=3),
            stat("Up for", f"max(redis_uptime_in_seconds{{{S}}})", unit="dtdurations", steps=below(600), w=3),
            stat("Commands/s", f"sum({_rate('redis_commands_processed_total', S)})", unit="ops", trend=True, w=3),
            stat("Clients", f"max(redis_connected_clients{{{S}}})", unit="none", trend=True, w=2),
            stat("Memory", f"max(redis_memory_used_bytes{{{S}}})", unit="bytes", trend=True, w=3),
            stat("Full", _full(S), unit="percentunit", steps=above(0.8, 0.95), w=2, empty=UNLIMITED, about="Of maxmemory."),
            stat("Keys", f"sum(redis_db_keys{{{S}}})", unit="short", w=2),
            stat("Last save", f"max(redis_rdb_last_bgsave_status{{{S}}})", unit="none", words=OK, steps=below(1), w=2),
            how_many("Alerts", 'ins="$ins"', w=2),
        ]),
        Row("Work", [
            lines("Commands", Query(f"topk(10, sum by (cmd) (rate(redis_commands_total{{{S}}}{RATE})))", "{{cmd}}"), unit="ops", least=0, stacked=True, w=8, about="The ten most frequent."),
            lines("Time of commands", Query(f"topk(10, sum by (cmd) (rate(redis_commands_duration_seconds_total{{{S}}}{RATE})))", "{{cmd}}"), unit="percentunit", least=0, stacked=True, w=8,
                  about="What the one thread was busy with."),
            lines("Mean time of a command", Query(f"topk(10, sum by (cmd) (rate(redis_commands_duration_seconds_total{{{S}}}{RATE})) / (sum by (cmd) (rate(redis_commands_total{{{S}}}{RATE})) > 0))", "{{cmd}}"), unit="s", least=0, w=8,
                  empty="No command in this time", steps=above(0.001, 0.01)),
            lines("Keys found", Query(_rate("redis_keyspace_hits_total", S), "found"), Query(_rate("redis_keyspace_misses_total", S), "not there"), unit="ops", least=0, w=8),
            lines("Slow log", Query(f"max(redis_slowlog_length{{{S}}})", "entries"), unit="none", least=0, w=8, about="Commands slower than slowlog-log-slower-than. SLOWLOG GET shows them."),
            lines("Errors", Query(f"sum by (err) (rate(redis_errors_total{{{S}}}{RATE}))", "{{err}}"), Query(f"sum(rate(redis_rejected_connections_total{{{S}}}{RATE}))", "connections refused"), unit="ops", least=0, w=8,
                  empty="No errors"),
        ]),
        Row("Memory and keys", [
            lines("Memory", Query(f"redis_memory_used_bytes{{{S}}}", "used"), Query(f"redis_memory_used_rss_bytes{{{S}}}", "resident"), Query(f"redis_memory_max_bytes{{{S}}}", "maxmemory (0: no limit)"), unit="bytes", least=0, w=8,
                  overrides=[dashed("/maxmemory/")], about="Resident far beyond used: fragmentation."),
            bars("Keys by database", now(f"sum by (db) (redis_db_keys{{{S}}}) > 0", "{{db}}"), unit="short", w=8, empty="It holds no keys"),
            lines("Evicted and expired", Query(_rate("redis_evicted_keys_total", S), "evicted"), Query(_rate("redis_expired_keys_total", S), "expired"), unit="ops", least=0, w=8, overrides=[colored("evicted", "red")]),
        ]),
        Row("Clients and network", [
            lines("Clients", Query(f"redis_connected_clients{{{S}}}", "connected"), Query(f"redis_blocked_clients{{{S}}}", "blocked"), Query(f"redis_config_maxclients{{{S}}}", "limit"), unit="none", least=0, w=8,
                  overrides=[dashed("/limit/")], about="Blocked: they wait for something to come (BLPOP and its like)."),
            lines("Network", Query(_rate("redis_net_input_bytes_total", S), "in"), Query(_rate("redis_net_output_bytes_total", S), "out"), unit="binBps", w=8, overrides=[mirrored("/out/")]),
            lines("CPU", Query(f"rate(redis_cpu_user_seconds_total{{{S}}}{RATE})", "user"), Query(f"rate(redis_cpu_sys_seconds_total{{{S}}}{RATE})", "system"), unit="percentunit", least=0, stacked=True, steps=above(0.7, 0.9), w=8,
                  about="100 % is all that its one thread can do."),
        ]),
        Row("Persistence and replication", [
            lines("Changes not saved", Query(f"redis_rdb_changes_since_last_save{{{S}}}", "changes"), unit="short", least=0, w=8, about="Lost with the process, unless the append-only file is on."),
            lines("Since the last save", Query(f"time() - redis_rdb_last_save_timestamp_seconds{{{S}}}", "age"), unit="s", least=0, w=8),
            lines("Lag of replicas", Query(f"max by (slave_ip, slave_port) (redis_connected_slave_lag_seconds{{{S}}})", "{{slave_ip}}:{{slave_port}}"), unit="s", least=0, steps=above(5, 30), w=8, empty="It has no replica"),
        ]),
        logs('job:=redis ins:="$ins"', job="redis"),
    ],
)  # fmt: skip
BOARDS = [OVERVIEW, BOARD]
