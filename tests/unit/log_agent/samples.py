"""Lines as programs write them, and the rows that both agents must make of them.

Local times are those of Berlin, in winter: an hour ahead of UTC. Fields that are not named don't matter; None means absent.
"""

# ruff: noqa: E501 - lines are as programs write them

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from staddle.components.registration import LogFormat

ZONE = "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class Sample:
    """What is written, and the row: `time` is `_time` up to microseconds."""

    format: LogFormat
    text: str
    level: str
    message: str
    time: str | None = None
    fields: dict[str, str | None] = field(default_factory=dict)


PG_STATEMENT = (
    '2026-11-23 04:00:01.123 CET,"app","shop",4711,"10.0.0.9:51234",6922c1.1267,42,"SELECT",2026-11-23 03:00:00 CET,'
    '3/77,0,LOG,00000,"duration: 1234.567 ms  statement: SELECT ""x"", \'y\'\n  FROM orders,\n\titems",,,,,,,,,"psql","client backend",,8123'
)
SAMPLES = (
    Sample("plain", "anything at all", "unknown", "anything at all"),
    Sample(
        "timestamped",
        "2026-11-23T03:29:35Z chronyd version 4.3 starting",
        "unknown",
        "chronyd version 4.3 starting",
        "2026-11-23T03:29:35.000000",
    ),
    Sample(
        "python",
        "2026-11-23 04:34:36,059 INFO staddle.logs: serving HTTP",
        "info",
        "serving HTTP",
        "2026-11-23T03:34:36.059000",
        {"logger": "staddle.logs"},
    ),
    Sample(
        "python",
        "2026-11-23 04:34:36,100 CRIT Server 'unix' running\nTraceback (most recent call last):\n  File \"x\", line 1",
        "crit",
        "Server 'unix' running\nTraceback (most recent call last):\n  File \"x\", line 1",
        "2026-11-23T03:34:36.100000",
        {"logger": None},
    ),
    Sample(
        "logfmt",
        'ts=2026-11-23T03:29:34.981Z caller=main.go:78 level=warn msg="Starting \\"it\\"" version="(a=1, b=2)" job=other',
        "warning",
        'Starting "it"',
        "2026-11-23T03:29:34.981000",
        {"caller": "main.go:78", "version": "(a=1, b=2)", "ts": None, "msg": None, "job": "test"},
    ),
    Sample(
        "logfmt",
        "time=2026-11-23T04:29:34.793+01:00 level=ERROR source=main.go:191 msg=single",
        "error",
        "single",
        "2026-11-23T03:29:34.793000",
        {"source": "main.go:191"},
    ),
    Sample("logfmt", "panic: it = broken", "unknown", "panic: it = broken"),
    Sample(
        "json",
        '{"ts":"2026-11-23T03:29:34.981Z","level":"Error","msg":"it broke","a":{"b":"c"},"n":7}',
        "error",
        "it broke",
        "2026-11-23T03:29:34.981000",
        {"a.b": "c", "n": "7"},
    ),
    Sample("json", "[1, 2]", "unknown", "[1, 2]"),
    Sample("json", '{"half":', "unknown", '{"half":'),
    Sample(
        "victoria",
        '2026-11-23T03:29:59.377Z\terror\tVictoriaMetrics/lib/x.go:20\tcannot do\tthis: "x"',
        "error",
        'cannot do\tthis: "x"',
        "2026-11-23T03:29:59.377000",
        {"caller": "VictoriaMetrics/lib/x.go:20"},
    ),
    Sample("victoria", "goroutine 1 [running]:", "unknown", "goroutine 1 [running]:"),
    Sample(
        "syslog_ng",
        "[2026-11-23T04:35:32.639088] curl: error sending HTTP request; url='http://x'",
        "error",
        "curl: error sending HTTP request; url='http://x'",
        "2026-11-23T03:35:32.639088",
    ),
    Sample(
        "syslog_ng",
        "[2026-11-23T04:35:32.639088] WARNING: With use-dns(no)",
        "warning",
        "With use-dns(no)",
        "2026-11-23T03:35:32.639088",
    ),
    Sample(
        "nginx_access",
        '127.0.0.1 - dba [23/Nov/2026:04:30:20 +0100] "GET /vmetrics/?a=b%20c HTTP/2.0" 502 138 "https://x/y" "curl/8 \\"q\\"" i.staddle'
        " 0.012 wiki.log",
        "error",
        '127.0.0.1 - dba [23/Nov/2026:04:30:20 +0100] "GET /vmetrics/?a=b%20c HTTP/2.0" 502 138 "https://x/y" "curl/8 \\"q\\"" i.staddle'
        " 0.012 wiki.log",
        "2026-11-23T03:30:20.000000",
        {
            "client": "127.0.0.1",
            "user": "dba",
            "method": "GET",
            "request": "GET /vmetrics/?a=b%20c HTTP/2.0",
            "path": "/vmetrics/?a=b%20c",
            "protocol": "HTTP/2.0",
            "status": "502",
            "size": "138",
            "referer": "https://x/y",
            "agent": 'curl/8 \\"q\\"',
            "host": "i.staddle",
            "request_time": "0.012",
            "server": "wiki.log",
        },
    ),
    Sample(
        "nginx_access",
        '::1 - - [23/Nov/2026:03:30:20 +0000] "\\x16\\x03" 400 0 "-" "-"',
        "warning",
        '::1 - - [23/Nov/2026:03:30:20 +0000] "\\x16\\x03" 400 0 "-" "-"',
        "2026-11-23T03:30:20.000000",
        {"client": "::1", "user": None, "referer": None, "agent": None, "method": None, "request": "\\x16\\x03"},
    ),
    Sample(
        "nginx_error",
        "2026/11/23 04:29:36 [warn] 16517#16518: *9 upstream timed out (110: Connection timed out) while reading, client: 10.0.0.9,"
        ' server: i.staddle, request: "POST /x HTTP/1.1", upstream: "http://127.0.0.1:8428/x", host: "i.staddle"',
        "warning",
        "upstream timed out (110: Connection timed out) while reading",
        "2026-11-23T03:29:36.000000",
        {
            "pid": "16517",
            "tid": "16518",
            "connection": "9",
            "client": "10.0.0.9",
            "server": "i.staddle",
            "method": "POST",
            "path": "/x",
            "upstream": "http://127.0.0.1:8428/x",
            "host": "i.staddle",
        },
    ),
    Sample(
        "nginx_error",
        "2026/11/23 04:29:36 [emerg] 16517#16517: bind() to 127.0.0.1:80 failed (98: Address already in use)",
        "emerg",
        "bind() to 127.0.0.1:80 failed (98: Address already in use)",
        "2026-11-23T03:29:36.000000",
    ),
    Sample(
        "postgres_csv",
        PG_STATEMENT,
        "info",
        "duration: 1234.567 ms  statement: SELECT \"x\", 'y'\n  FROM orders,\n\titems",
        "2026-11-23T03:00:01.123000",
        {
            "user": "app",
            "db": "shop",
            "pid": "4711",
            "addr": "10.0.0.9",
            "port": "51234",
            "sid": "6922c1.1267",
            "sln": "42",
            "cmd": "SELECT",
            "code": None,
            "duration": "1234.567",
            "app": "psql",
            "btype": "client backend",
            "query": "8123",
            "time": None,
            "zone": None,
        },
    ),
    Sample(
        "postgres_csv",
        '2026-11-23 03:00:01.456 UTC,,,99,,6922c1.63,1,,2026-11-23 03:00:00 UTC,,0,FATAL,57P03,"the database system is starting up"'
        ',,,,,,,,,"","not initialized",,0',
        "crit",
        "the database system is starting up",
        "2026-11-23T03:00:01.456000",
        {"code": "57P03", "user": None, "duration": None},
    ),
    Sample(  # 12 ends with the application's name
        "postgres_csv",
        '2026-11-23 03:00:02.123 UTC,"app","shop",4713,"[local]",6922c1.1269,3,"SELECT",2026-11-23 02:00:00 UTC,3/7,0,ERROR,'
        '42P01,"relation ""nope"" does not exist",,,,,,"SELECT *\n  FROM nope",10,"parserOpenTable, parse_relation.c:1180","psql"',
        "error",
        'relation "nope" does not exist',
        "2026-11-23T03:00:02.123000",
        {"code": "42P01", "q": "SELECT *\n  FROM nope", "qp": "10", "app": "psql", "btype": None, "line": "1180"},
    ),
    Sample(  # 13 adds the kind of process
        "postgres_csv",
        '2026-11-23 03:00:03.123 UTC,,,4714,,6922c1.126a,2,,2026-11-23 02:00:00 UTC,,0,LOG,00000,"checkpoint starting: time"'
        ',,,,,,,,"LogCheckpointStart, xlog.c:8625","","checkpointer"',
        "info",
        "checkpoint starting: time",
        "2026-11-23T03:00:03.123000",
        {"code": None, "app": None, "btype": "checkpointer", "lpid": None, "func": "LogCheckpointStart"},
    ),
    Sample(
        "postgres_json",
        '{"timestamp":"2026-11-23 03:00:01.123 UTC","user":"app","dbname":"shop","pid":4711,"error_severity":"ERROR",'
        '"state_code":"42P01","message":"relation \\"x\\" does not exist","statement":"SELECT\\n1","backend_type":"client backend"}',
        "error",
        'relation "x" does not exist',
        "2026-11-23T03:00:01.123000",
        {"user": "app", "db": "shop", "pid": "4711", "code": "42P01", "q": "SELECT\n1", "btype": "client backend"},
    ),
    Sample(
        "patroni",
        "2026-11-23 04:34:36,059 INFO: no action. I am (pg-1), the leader with the lock",
        "info",
        "no action. I am (pg-1), the leader with the lock",
        "2026-11-23T03:34:36.059000",
    ),
    Sample(
        "patroni",
        "2026-11-23 04:34:37,001 ERROR: failed to update\nTraceback (most recent call last):\n  boom",
        "error",
        "failed to update\nTraceback (most recent call last):\n  boom",
        "2026-11-23T03:34:37.001000",
    ),
    Sample(
        "pgbouncer",
        "2026-11-23 04:34:36.059 CET [2249] WARNING C-0x55: shop/app@10.0.0.9:5 pooler error: query_wait_timeout",
        "warning",
        "C-0x55: shop/app@10.0.0.9:5 pooler error: query_wait_timeout",
        "2026-11-23T03:34:36.059000",
        {"pid": "2249"},
    ),
    Sample(
        "pgbackrest",
        "2026-11-23 04:34:36.059 P00   WARN: no prior backup exists\n            HINT: full",
        "warning",
        "no prior backup exists\n            HINT: full",
        "2026-11-23T03:34:36.059000",
        {"process": "P00"},
    ),
    Sample(
        "pgbackrest",
        "-------------------PROCESS START-------------------",
        "unknown",
        "-------------------PROCESS START-------------------",
    ),
    Sample(
        "redis",
        "1234:M 23 Nov 2026 04:34:36.059 * Ready to accept connections",
        "notice",
        "Ready to accept connections",
        "2026-11-23T03:34:36.059000",
        {"pid": "1234", "role": "M"},
    ),
    Sample(
        "redis",
        "1234:M 23 Nov 2026 04:34:36.060 # Warning: out of memory",
        "warning",
        "Warning: out of memory",
        "2026-11-23T03:34:36.060000",
    ),
    # What follows was written by the programs themselves: PgBouncer 1.18, pgBackRest 2.45, Redis 7.0, Patroni 3.0, etcd 3.4.
    Sample(
        "pgbouncer",
        "2026-11-23 09:06:17.342 UTC [18829] LOG C-0x55a7cf5fda30: shop/postgres@127.0.0.1:39298 login attempt: db=shop user=postgres tls=no",
        "info",
        "C-0x55a7cf5fda30: shop/postgres@127.0.0.1:39298 login attempt: db=shop user=postgres tls=no",
        "2026-11-23T09:06:17.342000",
        {"pid": "18829", "db": "shop", "user": "postgres", "addr": "127.0.0.1", "port": "39298"},
    ),
    Sample(
        "pgbouncer",
        "2026-11-23 09:06:15.620 UTC [18781] ERROR C-0x5614e5263a30: pgbouncer/mon@unix(18515):26432 password authentication failed",
        "error",
        "C-0x5614e5263a30: pgbouncer/mon@unix(18515):26432 password authentication failed",
        "2026-11-23T09:06:15.620000",
        {"db": "pgbouncer", "user": "mon", "addr": "unix(18515)"},
    ),
    Sample(
        "pgbouncer",
        "2026-11-23 09:06:15.622 UTC [18781] LOG got SIGTERM, fast exit",
        "info",
        "got SIGTERM, fast exit",
        "2026-11-23T09:06:15.622000",
        {"db": None, "addr": None},
    ),
    Sample(
        "pgbackrest",
        "2026-11-23 10:16:07.018 P00   WARN: option 'repo1-retention-full' is not set for 'repo1-retention-full-type=count', the repository may run out of space\n"
        "                                    HINT: to retain full backups indefinitely (without warning), set option 'repo1-retention-full' to the maximum.",
        "warning",
        "option 'repo1-retention-full' is not set for 'repo1-retention-full-type=count', the repository may run out of space\n"
        "                                    HINT: to retain full backups indefinitely (without warning), set option 'repo1-retention-full' to the maximum.",
        "2026-11-23T09:16:07.018000",
        {"process": "P00"},
    ),
    Sample(
        "pgbackrest",
        "2026-11-23 10:16:17.254 P00 DETAIL: reference pg_data/postgresql.conf to 20261123-091607F",
        "info",
        "reference pg_data/postgresql.conf to 20261123-091607F",
        "2026-11-23T09:16:17.254000",
        {"process": "P00"},
    ),
    Sample(
        "patroni",
        "2026-11-23 09:56:34,819 WARNING: Could not activate Linux watchdog device: \"Can't open watchdog device: [Errno 2] No such file or directory: '/dev/watchdog'\"",
        "warning",
        "Could not activate Linux watchdog device: \"Can't open watchdog device: [Errno 2] No such file or directory: '/dev/watchdog'\"",
        "2026-11-23T08:56:34.819000",
    ),
    Sample(
        "redis",
        "10161:C 23 Nov 2026 09:59:29.375 # oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo",
        "warning",
        "oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo",
        "2026-11-23T08:59:29.375000",
        {"pid": "10161", "role": "C"},
    ),
    Sample(
        "json",
        '{"level":"warn","ts":"2026-11-23T09:37:11.427Z","caller":"etcdmain/etcd.go:176","msg":"failed to start etcd","error":"listen tcp 127.0.0.1:32380: bind: address already in use"}',
        "warning",
        "failed to start etcd",
        "2026-11-23T09:37:11.427000",
        {"caller": "etcdmain/etcd.go:176", "error": "listen tcp 127.0.0.1:32380: bind: address already in use"},
    ),
    Sample(
        "postgres_log",
        '2026-11-23 04:35:38.283 CET [25795] postgres@shop STATEMENT:  SELECT * FROM nope\n\t -- comment, "quoted"',
        "info",
        'SELECT * FROM nope\n\t -- comment, "quoted"',
        "2026-11-23T03:35:38.283000",
        {"pid": "25795", "user": "postgres", "db": "shop", "code": None},
    ),
    Sample(
        "postgres_log",
        "2026-11-23 09:35:38.334 UTC [25800] ERROR:  22012: division by zero",
        "error",
        "division by zero",
        "2026-11-23T09:35:38.334000",
        {"pid": "25800", "user": None, "code": "22012"},
    ),
    Sample(
        "postgres_log",
        "2026-11-23 09:35:38.140 UTC [25783] postgres@postgres LOG:  duration: 0.271 ms  statement: SELECT 1",
        "info",
        "duration: 0.271 ms  statement: SELECT 1",
        "2026-11-23T09:35:38.140000",
        {"duration": "0.271"},
    ),
)
