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
            "addr": "10.0.0.9:51234",
            "sid": "6922c1.1267",
            "sln": "42",
            "cmd": "SELECT",
            "code": "00000",
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
)
