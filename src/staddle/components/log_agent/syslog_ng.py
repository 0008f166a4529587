"""The configuration of syslog-ng, generated from sources, formats and receivers.

Everything a row will hold is a name-value pair `f.<field>`. Files are not read under their own names but under those that
`staddle.logagent` links them to, which stay the same when a file is rotated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.log_agent.formats import FORMATS, LEVELS, STREAM, UNKNOWN, Format
from staddle.components.render import NOTE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from staddle.components.log_agent.receivers import Receiver
    from staddle.components.registration import LogSource

CONFIG_VERSION = "3.35"
"""Newer releases take it too, and say that they do."""
GZIP = (4, 4)
"""The first release whose http() compresses."""
MAX_ROW = 256 * 1024
"""Longer rows are sent in parts: log stores refuse them whole."""
BATCH_ROWS, BATCH_BYTES, BATCH_MILLISECONDS = 2000, 1024 * 1024, 200
HEADERS = (
    f"VL-Stream-Fields: {','.join(STREAM)}",
    "VL-Msg-Field: message",
    "VL-Time-Field: _time",
    "Content-Type: application/stream+json",
)


def configuration(
    sources: Sequence[LogSource],
    receivers: Sequence[Receiver],
    *,
    follow: str,
    queue: str,
    queue_bytes: int,
    ca: str,
    identity: tuple[str, str],
    release: tuple[int, ...],
) -> bytes:
    """The whole file. `follow` and `queue` are directories with one of each source's and each receiver's name.

    `identity` are the paths of this machine's certificate and key.
    """
    parts = [
        f"@version: {CONFIG_VERSION}",
        f"# {NOTE}",
        "options {",
        # Times are sent as UTC. What the program says of itself goes to its standard error, which is a source of its own.
        '    time-zone("UTC"); frac-digits(6); keep-hostname(yes); chain-hostnames(no); use-dns(no); dns-cache(no);',
        f"    log-msg-size({MAX_ROW}); stats-level(1); stats-freq(0); time-reopen(1);",
        "};",
        *_levels(),
        *(
            _destination(receiver, f"{queue}/{receiver.name}", queue_bytes, _tls(receiver, ca, identity), release)
            for receiver in receivers
        ),
        *(_log(source, receivers, follow) for source in sources),
    ]
    return ("\n".join(parts) + "\n").encode()


def _log(source: LogSource, receivers: Iterable[Receiver], follow: str) -> str:
    style = FORMATS[source.format]
    lines = [
        f"source s_{source.name} {{",
        f"    {_source(source, style, follow)}",
        "};",
        "log {",
        f"    source(s_{source.name});",
        *(f"    {line}" for line in (_parse(style) if source.kind == "file" else _event(source))),
        "    rewrite(r_level);",
        "    rewrite {",
        '        set("${MESSAGE}" value("f.message") condition("${f.message}" eq ""));',
        *(f"        set({_q(value)} value({_q('f.' + key)}));" for key, value in sorted(source.labels.items())),
        '        set("${ISODATE}" value("f._time"));',
        "    };",
        *(f"    destination(d_{receiver.name});" for receiver in receivers),
        "};",
    ]
    return "\n".join(lines)


def _source(source: LogSource, style: Format, follow: str) -> str:
    if source.kind == "journald":
        return 'systemd-journal(prefix("j.") read-old-records(yes));'
    if source.kind == "syslog":
        return f"unix-stream({_q(source.paths[0])} max-connections(256) log-iw-size(25600));"
    multiline = ""
    if style.start:
        multiline = f" multi-line-mode(regexp) multi-line-prefix({_q(style.start)}) multi-line-timeout(1)"
    return (
        f"wildcard-file(base-dir({_q(f'{follow}/{source.name}')}) filename-pattern('*') follow-freq(0.2) flags(no-parse)"
        f" max-files(100) log-iw-size(100000) log-fetch-limit(1000){multiline});"
    )


def _event(source: LogSource) -> list[str]:
    """Fields of what arrives as an event, not as a line."""
    fields = {"app": "${PROGRAM}", "pid": "${PID}", "level": "${LEVEL_NUM}"}
    if source.kind == "journald":
        fields |= {"unit": "${j._SYSTEMD_UNIT}", "pid": "${j._PID}"}
    lines = [f'rewrite {{ set("{value}" value("f.{key}")); }};' for key, value in fields.items()]
    if source.kind == "journald":
        lines.append("rewrite { subst('\\.service$', '', value(\"f.unit\")); };")
    return lines


def _parse(style: Format) -> list[str]:
    first = {
        "text": "",
        "pattern": _pattern(style.pattern, "${MESSAGE}"),
        "logfmt": 'kv-parser(prefix("f.") template("${MESSAGE}"));',
        "json": 'json-parser(prefix("f.") template("${MESSAGE}"));',
    }[style.syntax]
    if not first:
        return []
    inner = [f"parser {{ {first} }};"]
    if style.syntax == "logfmt":
        # Without a key there's nothing to read, and the parser takes any line.
        inner.insert(0, "filter { match('^[A-Za-z_][A-Za-z0-9_.]*=' value(\"MESSAGE\")); };")
    edits = [f'subst(\'""\', \'"\', value("f.{name}") flags("global"));' for name in style.doubled]
    for old, new in style.rename.items():
        present = f'condition("${{f.{old}}}" ne "")'
        edits += [f'set("${{f.{old}}}" value("f.{new}") {present});', f'unset(value("f.{old}"));']
    if edits:
        inner.append(f"rewrite {{ {' '.join(edits)} }};")
    inner += [f"if {{ parser {{ {_pattern(pattern, f'${{f.{name}}}')} }}; }};" for name, pattern in style.details]
    edits = [f'unset(value("f.{name}") condition("${{f.{name}}}" eq "{text}"));' for name, text in style.blank.items()]
    if style.rules:
        edits += _rules(style)
    if edits:
        inner.append(f"rewrite {{ {' '.join(edits)} }};")
    inner += _time(style)
    return ["if {", *(f"    {line}" for line in inner), "};"]


def _pattern(pattern: str, template: str) -> str:
    return f'regexp-parser(patterns({_q(pattern)}) prefix("f.") template("{template}"));'


def _rules(style: Format) -> list[str]:
    """Later ones win in syslog-ng, and the first is to: so they are tried backwards, if the line itself has no level."""
    lines = ['set("${f.level}" value("said"));']
    lines += [
        f'set("{level}" value("f.level") condition("${{said}}" eq "" and match({_q(pattern)} value("f.{name}"))));'
        for name, pattern, level in reversed(style.rules)
    ]
    return lines


def _time(style: Format) -> list[str]:
    if style.stamp is None:
        return []
    formats = ", ".join(_q(one) for one in style.stamp.syslog_ng)
    read = f'parser {{ date-parser(format({formats}) template("${{f.time}}")'
    utc = f'if {{ filter {{ "${{f.zone}}" eq "UTC" or "${{f.zone}}" eq "GMT" }}; {read} time-zone("UTC")); }}; }}'
    choice = utc if any("(?P<zone>" in text for text in (style.pattern, *(p for _, p in style.details))) else ""
    local = f"{{ {read}); }}; }};"
    return [
        f"{choice} elif {local}" if choice else f"if {local}",
        'rewrite { unset(value("f.time")); unset(value("f.zone")); };',
    ]


def _levels() -> list[str]:
    """Words to levels. A row that says none is `unknown`."""
    lines = ["rewrite r_level {", f'    set("{UNKNOWN}" value("level"));']
    for level, words in LEVELS.items():
        lines.append(
            f'    set("{level}" value("level") condition(match(\'^(?i:{"|".join(words)})$\' value("f.level"))));'
        )
    return [*lines, '    set("${level}" value("f.level"));', "};"]


def _tls(receiver: Receiver, ca: str, identity: tuple[str, str]) -> str:
    if not receiver.tls:
        return ""
    own = f" cert-file({_q(identity[0])}) key-file({_q(identity[1])})" if receiver.identified else ""
    return f"tls(ca-file({_q(ca)}){own} peer-verify(yes))"


def _destination(receiver: Receiver, queue: str, queue_bytes: int, tls: str, release: tuple[int, ...]) -> str:
    lines = [
        f"destination d_{receiver.name} {{",
        f'    http(url({_q(receiver.url)}) method("POST") persist-name({_q(receiver.name)})',
        f"        headers({', '.join(_q(header) for header in HEADERS)})",
        '        body("$(format-json --scope none --key f.* --rekey f.* --shift-levels 1)")',
        f'        delimiter("\\n") body-suffix("\\n") batch-lines({BATCH_ROWS}) batch-bytes({BATCH_BYTES})',
        f"        batch-timeout({BATCH_MILLISECONDS}) workers(1) timeout(30) time-reopen(1) retries(1000000)",
        # A row that the store can't take must not hold up the others; whatever else it answers, it may take them later.
        "        response-action(400 => drop, 413 => drop, 401 => disconnect, 403 => disconnect, 404 => disconnect,",
        "            408 => disconnect, 429 => disconnect, 500 => disconnect, 502 => disconnect, 503 => disconnect)",
    ]
    if release >= GZIP:
        lines.append('        content-compression("gzip")')
    if tls:
        lines.append(f"        {tls}")
    lines += [
        # Reliable: a row is on disk before its place in the file is taken note of. Full: new rows are dropped for this
        # receiver, so that a dead one doesn't keep the others from theirs.
        f"        disk-buffer(reliable(yes) disk-buf-size({queue_bytes}) mem-buf-size(1048576) dir({_q(queue)})));",
        "};",
    ]
    return "\n".join(lines)


def _q(text: str) -> str:
    """A literal string: between single quotes nothing is special, and so there can be none."""
    if "'" in text or "\n" in text:
        raise ValueError(f"syslog-ng can't express {text!r}")
    return f"'{text}'"
