"""What is read from a line of a log: the one description that the configurations of both agents are generated from.

Patterns keep to what PCRE (syslog-ng) and Rust's regex (Vector) have in common: named groups, no look-around, no
single quotes. A group that takes no part, and a field that is blank, is left out of the row. What a format can't read is
sent as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from staddle.components.registration import LogFormat

LEVELS: Mapping[str, tuple[str, ...]] = {
    "emerg": ("emerg", "emergency", "panic", "0"),
    "alert": ("alert", "1"),
    "crit": ("crit", "critical", "fatal", "2"),
    "error": ("error", "err", "severe", "assert", "3"),
    "warning": ("warning", "warn", "4"),
    "notice": ("notice", "5"),
    "info": ("info", "information", "informational", "log", "detail", "hint", "context", "location", "statement", "6"),
    "debug": ("debug", "debug1", "debug2", "debug3", "debug4", "debug5", "trace", "noise", "verbose", "7"),
}
"""The level vocabulary, and the words (in any case) that mean each level. Whatever else a line says is `unknown`."""
UNKNOWN = "unknown"
STREAM = ("job", "ins", "ip")


@dataclass(frozen=True, slots=True)
class Stamp:
    """A notation of points in time, as syslog-ng and as Vector describe it; the first that fits is taken.

    Without a zone in it, it is the host's local time.
    """

    syslog_ng: tuple[str, ...]
    vector: tuple[str, ...]


ISO = Stamp(("%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f"), ("%+", "%Y-%m-%dT%H:%M:%S%.f"))
DOTTED = Stamp(("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S"), ("%Y-%m-%d %H:%M:%S%.f",))
COMMA = Stamp(("%Y-%m-%d %H:%M:%S,%f",), ("%Y-%m-%d %H:%M:%S,%3f",))
SLASHES = Stamp(("%Y/%m/%d %H:%M:%S",), ("%Y/%m/%d %H:%M:%S",))
COMMON_LOG = Stamp(("%d/%b/%Y:%H:%M:%S %z",), ("%d/%b/%Y:%H:%M:%S %z",))
REDIS = Stamp(("%d %b %Y %H:%M:%S.%f",), ("%d %b %Y %H:%M:%S%.f",))


@dataclass(frozen=True, slots=True)
class Format:
    """How to read a line.

    `syntax` gives the first fields: the groups of `pattern`, or the keys of logfmt or JSON. In those `doubled`, a quote is
    written twice. `rename` maps keys to field names; `details` are (field, pattern) pairs whose groups become further
    fields. `blank` says what a field is when it means nothing. `start` is how the first line of a row looks, where rows may
    have several.

    Of the fields, `time` (in the notation of `stamp`, and in UTC if a field `zone` says so) is the row's time, `message` its
    text (the line, if there is none), and `level` its level; without one, that of the first of `rules` that fits:
    (field, pattern, level).
    """

    syntax: Literal["text", "pattern", "logfmt", "json"]
    pattern: str = ""
    doubled: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    details: tuple[tuple[str, str], ...] = ()
    stamp: Stamp | None = None
    rules: tuple[tuple[str, str, str], ...] = ()
    blank: Mapping[str, str] = field(default_factory=dict)
    start: str = ""


_SECONDS = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
_QUOTED = r'(?:[^"\\]|\\.)*'
_ZONED = ("time", r"^(?P<time>\S+ \S+) (?P<zone>[A-Za-z]+)$")
_DURATION = ("message", r"^duration: (?P<duration>\d+(?:\.\d+)?) ms")
_CLIENT = ("addr", r"^(?P<addr>.+):(?P<port>\d+)$")
_LOCATION = ("loc", r"^(?P<func>[^,]+), (?P<file>[^:]+):(?P<line>\d+)$")
_REQUEST = ("request", r"^(?P<method>[A-Z]+) (?P<path>\S+)(?: (?P<protocol>HTTP/[\d.]+))?$")

POSTGRES_CSV: Mapping[str, str] = {
    "log_time": "time", "user_name": "*user", "database_name": "*db", "process_id": "pid", "connection_from": "*addr",
    "session_id": "sid", "session_line_num": "sln", "command_tag": "*cmd", "session_start_time": "stime",
    "virtual_transaction_id": "vxid", "transaction_id": "txid", "error_severity": "level", "sql_state_code": "code",
    "message": "*message", "detail": "*detail", "hint": "*hint", "internal_query": "*iq", "internal_query_pos": "iqp",
    "context": "*ctx", "query": "*q", "query_pos": "qp", "location": "*loc", "application_name": "*app",
    "backend_type": "*btype", "leader_pid": "lpid", "query_id": "query",
}  # fmt: skip
"""PostgreSQL's columns in order (12 has the first 23, 14 all), and their names in a row; `*`: a text, which is quoted."""
_ALWAYS = 22


def _csv_pattern(columns: Sequence[str]) -> str:
    """syslog-ng's own parser trips over a quoted quote before a comma."""
    pieces = [
        rf'(?:"(?P<{name[1:]}>[^"]*(?:""[^"]*)*)")?' if name.startswith("*") else rf'(?P<{name}>[^,"]*)'
        for name in columns
    ]
    return f"^{','.join(pieces[:_ALWAYS])}{''.join(f'(?:,{piece})?' for piece in pieces[_ALWAYS:])}"


POSTGRES_JSON: Mapping[str, str] = {
    "timestamp": "time", "dbname": "db", "remote_host": "addr", "remote_port": "port", "session_id": "sid", "line_num": "sln",
    "ps": "cmd", "session_start": "stime", "error_severity": "level", "state_code": "code", "internal_query": "iq",
    "internal_position": "iqp", "context": "ctx", "statement": "q", "cursor_position": "qp", "func_name": "func",
    "file_name": "file", "file_line_num": "line", "application_name": "app", "backend_type": "btype", "leader_pid": "lpid",
    "query_id": "query",
}  # fmt: skip

FORMATS: Mapping[LogFormat, Format] = {
    "plain": Format("text"),
    "timestamped": Format("pattern", r"^(?P<time>\d{4}-\d\d-\d\dT\S+) (?P<message>.*)$", stamp=ISO),
    "python": Format(
        "pattern",
        rf"^(?P<time>{_SECONDS},\d{{3}}) (?P<level>[A-Z]+) (?:(?P<logger>[a-z_]\w*(?:\.\w+)+): )?(?P<message>[\s\S]*)$",
        stamp=COMMA,
        start=rf"^{_SECONDS},",
    ),
    "logfmt": Format(
        "logfmt",
        rename={"ts": "time", "t": "time", "lvl": "level", "severity": "level", "msg": "message"},
        stamp=ISO,
    ),
    "json": Format(
        "json",
        rename={
            "ts": "time",
            "timestamp": "time",
            "@timestamp": "time",
            "_time": "time",
            "lvl": "level",
            "severity": "level",
            "msg": "message",
            "_msg": "message",
        },
        stamp=ISO,
    ),
    "victoria": Format(
        "pattern", r"^(?P<time>\d{4}-\S+)\t(?P<level>\w+)\t(?P<caller>\S+)\t(?P<message>.*)$", stamp=ISO
    ),
    "syslog_ng": Format(
        "pattern",
        r"^\[(?P<time>\d{4}-\d\d-\d\dT[^\]]+)\] (?:(?P<level>[A-Z]+): )?(?P<message>.*)$",
        stamp=ISO,
        rules=(("message", r"(?i)\berror\b|failed", "error"), ("message", ".", "info")),
    ),
    "nginx_access": Format(
        "pattern",
        rf'^(?P<client>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<request>{_QUOTED})" (?P<status>\d+) (?P<size>\S+)'
        rf' "(?P<referer>{_QUOTED})" "(?P<agent>{_QUOTED})"(?: (?P<host>\S+) (?P<request_time>\S+)(?: (?P<server>\S+))?)?',
        details=(_REQUEST,),
        stamp=COMMON_LOG,
        rules=(("status", "^5", "error"), ("status", "^4", "warning"), ("status", ".", "info")),
        blank=dict.fromkeys(("user", "size", "referer", "agent", "host", "server"), "-"),
    ),
    "nginx_error": Format(
        "pattern",
        r"^(?P<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?P<level>\w+)\] (?P<pid>\d+)#(?P<tid>\d+): (?:\*(?P<connection>\d+) )?"
        r"(?P<message>.*?)(?:, client: (?P<client>[^ ,]+))?(?:, server: (?P<server>[^ ,]*))?"
        r'(?:, request: "(?P<request>[^"]*)")?(?:, upstream: "(?P<upstream>[^"]*)")?(?:, host: "(?P<host>[^"]*)")?'
        r'(?:, referrer: "(?P<referer>[^"]*)")?$',
        details=(_REQUEST,),
        stamp=SLASHES,
    ),
    "postgres_csv": Format(
        "pattern",
        _csv_pattern(tuple(POSTGRES_CSV.values())),
        doubled=tuple(name[1:] for name in POSTGRES_CSV.values() if name.startswith("*")),
        details=(_ZONED, _DURATION, _CLIENT, _LOCATION),
        blank={"code": "00000"},
        stamp=DOTTED,
        start=rf"^{_SECONDS}\.\d+ \S+,",
    ),
    "postgres_json": Format("json", rename=POSTGRES_JSON, details=(_ZONED, _DURATION), stamp=DOTTED),
    # With `log_line_prefix` as PostgreSQL (`%m [%p] `) or Debian (`%m [%p] %q%u@%d `) has it. What belongs to a message comes
    # in lines of its own: others may come in between.
    "postgres_log": Format(
        "pattern",
        rf"^(?P<time>{_SECONDS}\.\d+) (?P<zone>\S+) \[(?P<pid>\d+)\] (?:(?P<user>[^ @]*)@(?P<db>\S*) )?"
        r"(?P<level>[A-Z]+\d?):  (?:(?P<code>[0-9A-Z]{5}): )?(?P<message>[\s\S]*)$",
        details=(_DURATION,),
        stamp=DOTTED,
        start=rf"^{_SECONDS}\.\d+ \S+ \[",
    ),
    "patroni": Format(
        "pattern",
        rf"^(?P<time>{_SECONDS},\d{{3}})(?: [+-]\d{{4}})? (?P<level>[A-Z]+): (?P<message>[\s\S]*)$",
        stamp=COMMA,
        start=rf"^{_SECONDS},",
    ),
    "pgbouncer": Format(
        "pattern",
        rf"^(?P<time>{_SECONDS}\.\d+) (?P<zone>\S+) \[(?P<pid>\d+)\] (?P<level>[A-Z]+) (?P<message>.*)$",
        details=(("message", r"^[CS]-0x[0-9a-f]+: (?P<db>[^/ ]*)/(?P<user>[^@ ]*)@(?P<addr>\S+):(?P<port>\d+) "),),
        stamp=DOTTED,
    ),
    "pgbackrest": Format(
        "pattern",
        rf"^(?P<time>{_SECONDS}\.\d+) (?P<process>P\d+) +(?P<level>[A-Z]+): (?P<message>[\s\S]*)$",
        stamp=DOTTED,
        start=rf"^({_SECONDS}\.|-----)",
    ),
    "redis": Format(
        "pattern",
        r"^(?P<pid>\d+):(?P<role>[XCSM]) (?P<time>\d+ \w+ \d{4} \d\d:\d\d:\d\d\.\d+) (?P<mark>[.*#-]) (?P<message>.*)$",
        stamp=REDIS,
        rules=(
            ("mark", r"^\.$", "debug"),
            ("mark", "^-$", "info"),
            ("mark", r"^\*$", "notice"),
            ("mark", "^#$", "warning"),
        ),
    ),
}
