"""The configuration of Vector, generated from sources, formats and receivers.

One file for the agent itself and its sinks, and one per job with its sources and transforms. Whatever has an id that ends in
`_logs` is sent to every receiver, so a file of somebody else's in the same directory can add to it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from staddle.components.log_agent.formats import FORMATS, LEVELS, STREAM, UNKNOWN, Format
from staddle.components.render import to_yaml
from staddle.manifest.layout import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from staddle.components.log_agent.receivers import Receiver
    from staddle.components.registration import LogSource

CONFIG = "/etc/vector"
SMALLEST_BUFFER = 268_435_488
"""Vector refuses smaller ones."""
ARCHIVES = ("*.gz", "*.xz", "*.zst", "*.bz2")
MAX_ROW = 256 * 1024
LOGFMT = "^[A-Za-z_][A-Za-z0-9_.]*="


def configuration(
    sources: Iterable[LogSource],
    receivers: Sequence[Receiver],
    *,
    data: str,
    listen: str,
    queue_bytes: int,
    read_from: str,
    ca: str,
    identity: tuple[str, str],
    guard: dict[str, Any] | None = None,
) -> dict[str, bytes]:
    """The files, by name.

    `identity` are the paths of this machine's certificate and key. `guard` is the `tls` of its own metrics, which then are at
    `listen` for those who show a certificate, and on the loopback address for this host.
    """
    core = _core(receivers, data, queue_bytes, ca, identity)
    core["sinks"] = {**_metrics(listen, guard), **core["sinks"]}
    documents: dict[str, dict[str, Any]] = {"vector": core}
    for source in sources:
        document = documents.setdefault(source.labels["job"], {"sources": {}, "transforms": {}})
        name = source.name.replace("-", "_")
        document["sources"][name] = _source(source, read_from)
        document["transforms"][f"{name}_logs"] = {
            "type": "remap",
            "inputs": [name],
            "drop_on_error": False,
            "source": program(source),
        }
    return {f"{name}.yaml": to_yaml(document) for name, document in documents.items()}


def _metrics(listen: str, guard: dict[str, Any] | None) -> dict[str, Any]:
    sink = {"type": "prometheus_exporter", "inputs": ["*_metrics"]}
    if guard is None:
        return {"prometheus": {**sink, "address": listen}}
    port = listen.rpartition(":")[2]
    own = {"address": f"{LOOPBACK}:{port}"}
    return {"prometheus": {**sink, "address": listen, "tls": guard}, "prometheus_local": {**sink, **own}}


def _core(
    receivers: Sequence[Receiver], data: str, queue_bytes: int, ca: str, identity: tuple[str, str]
) -> dict[str, Any]:
    return {
        "data_dir": data,
        "sources": {"vector_metrics": {"type": "internal_metrics", "scrape_interval_secs": 5}},
        "sinks": {f"vlogs_{receiver.name}": _sink(receiver, queue_bytes, ca, identity) for receiver in receivers},
    }


def _sink(receiver: Receiver, queue_bytes: int, ca: str, identity: tuple[str, str]) -> dict[str, Any]:
    sink: dict[str, Any] = {
        "type": "http",
        "inputs": ["*_logs"],
        "uri": receiver.url,
        "method": "post",
        "encoding": {"codec": "json"},
        "framing": {"method": "newline_delimited"},
        "compression": "gzip",
        "batch": {"max_bytes": 1_048_576, "timeout_secs": 0.2},
        # A receiver that is down is found out by sending; the agent must start without it.
        "healthcheck": {"enabled": False},
        # A row is taken as read when it's in every queue, and lost to one receiver rather than held up for all.
        "acknowledgements": {"enabled": True},
        "buffer": {"type": "disk", "max_size": max(queue_bytes, SMALLEST_BUFFER), "when_full": "drop_newest"},
        "request": {
            "retry_max_duration_secs": 30,
            "headers": {
                "VL-Stream-Fields": ",".join(STREAM),
                "VL-Msg-Field": "message",
                "VL-Time-Field": "_time",
                "AccountID": "0",
                "ProjectID": "0",
            },
        },
    }
    if receiver.tls:
        own = {"crt_file": identity[0], "key_file": identity[1]} if receiver.identified else {}
        sink["tls"] = {"ca_file": ca, **own}
    return sink


def _source(source: LogSource, read_from: str) -> dict[str, Any]:
    if source.kind == "journald":
        return {"type": "journald", "current_boot_only": False, "since_now": read_from == "end"}
    if source.kind == "syslog":
        return {"type": "syslog", "mode": "unix", "path": source.paths[0]}
    style = FORMATS[source.format]
    found: dict[str, Any] = {
        "type": "file",
        # Rotated files too: what was not read before rotation is read after it. They are known by their first line.
        "include": [name for path in source.paths for name in (path, f"{path}.*", f"{path}-*")],
        "exclude": [f"{path}*{archive[1:]}" for path in source.paths for archive in ARCHIVES],
        "read_from": read_from,
        "max_line_bytes": MAX_ROW,
        "glob_minimum_cooldown_ms": 1000,
    }
    if style.start:
        found["multiline"] = {
            "start_pattern": style.start,
            "mode": "halt_before",
            "condition_pattern": style.start,
            "timeout_ms": 1000,
        }
    return found


def program(source: LogSource) -> str:
    """The VRL program that makes a row of an event of the source.

    VRL refuses to handle errors that it can prove not to happen. Fields are read with `get`, of which it proves nothing.
    """
    style = FORMATS[source.format]
    stamp = 'format: "%Y-%m-%dT%H:%M:%S%.9fZ")'
    lines = [
        "event = .",
        f"line = {_text('event', 'message')}",
        "row = {}",
        'at = get(event, ["timestamp"]) ?? null',
        *(_parse(style) if source.kind == "file" else _event(source)),
        f"levels = {json.dumps({word: level for level, words in LEVELS.items() for word in words})}",
        f"level = get(levels, [downcase({_text('row', 'level')})]) ?? null",
        f'if level == null {{ level = "{UNKNOWN}" }}',
        "row.level = level",
        f'if {_text("row", "message")} == "" {{ row.message = line }}',
        "if !is_timestamp(at) { at = now() }",
        f"row._time = format_timestamp!(at, {stamp}",
        *(f"row.{key} = {_s(value)}" for key, value in sorted(source.labels.items())),
        ". = compact(row, null: true, string: true)",
    ]
    return "\n".join(lines) + "\n"


def _parse(style: Format) -> list[str]:
    """A time that can't be read is that of reading, which Vector has put into the event."""
    lines = {
        "text": [],
        "pattern": [_object(f"parse_regex(line, {_r(style.pattern)})")],
        "logfmt": [f"if match(line, {_r(LOGFMT)}) {{ {_object('parse_logfmt(line)')} }}"],
        "json": [_object("parse_json(line)")],
    }[style.syntax]
    lines += [f"row.{name} = replace({_text('row', name)}, {_s(chr(34) * 2)}, {_s(chr(34))})" for name in style.doubled]
    for old, new in style.rename.items():
        lines.append(
            f'value = get(row, ["{old}"]) ?? null; if value != null {{ row.{new} = value; row = remove!(row, ["{old}"]) }}'
        )
    for name, pattern in style.details:
        lines.append(f"row = merge(row, parse_regex({_text('row', name)}, {_r(pattern)}) ?? {{}})")
    lines += [f"if {_text('row', name)} == {_s(text)} {{ row.{name} = null }}" for name, text in style.blank.items()]
    if style.rules:
        choice = " else ".join(
            f"if match({_text('row', name)}, {_r(pattern)}) {{ row.level = {_s(level)} }}"
            for name, pattern, level in style.rules
        )
        lines.append(f'if {_text("row", "level")} == "" {{ {choice} }}')
    if style.stamp:
        utc, local = (
            " ?? ".join(f"parse_timestamp({value}, format: {_s(one + suffix)})" for one in style.stamp.vector)
            for value, suffix in (('time + " +0000"', " %z"), ("time", ""))
        )
        lines += [
            f"time = {_text('row', 'time')}",
            f"zone = {_text('row', 'zone')}",
            f'if zone == "UTC" || zone == "GMT" {{ at = {utc} ?? at }} else {{ at = {local} ?? at }}',
            "row.time = null",
            "row.zone = null",
        ]
    return lines


def _event(source: LogSource) -> list[str]:
    names = {"app": "appname", "pid": "procid", "level": "severity"}
    if source.kind == "journald":
        names = {"app": "SYSLOG_IDENTIFIER", "unit": "_SYSTEMD_UNIT", "pid": "_PID", "level": "PRIORITY"}
    lines = [f"row.{name} = {_text('event', key)}" for name, key in names.items()]
    if source.kind == "journald":
        lines += [f'if {_text("row", "app")} == "" {{ row.app = {_text("event", "_COMM")} }}']
        lines += [f"row.unit = replace({_text('row', 'unit')}, r'\\.service$', \"\")"]
    return lines


def _object(expression: str) -> str:
    """What is no object is not taken for a row."""
    return f"value = {expression} ?? null; if is_object(value) {{ row = object!(value) }}"


def _text(container: str, name: str) -> str:
    return f'(to_string(get({container}, ["{name}"]) ?? null) ?? "")'


def _r(pattern: str) -> str:
    """A regular expression as VRL writes it."""
    if "'" in pattern:
        raise ValueError(f"VRL can't express {pattern!r}")
    return f"r'{pattern}'"


def _s(text: str) -> str:
    return json.dumps(text)
