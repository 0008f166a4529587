"""SQL of a dashboard with its variables and macros filled in, so that a value is never more than a value.

Who opens a dashboard chooses the values (they are in its address), so what a placeholder becomes depends on where it stands:
within a literal or a quoted name, quotes in the value are doubled; anywhere else the value becomes a number, a name or a
literal. A value that doesn't fit there raises SqlTextError, and nothing is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
WORD = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_PLACEHOLDER = re.compile(
    r"\$(?P<a>[A-Za-z_]\w*)|\$\{(?P<b>[A-Za-z_]\w*)(?:\.\w+)?(?::(?P<format>\w+))?\}|\[\[(?P<c>[A-Za-z_]\w*)(?::(?P<cf>\w+))?\]\]"
)
_MACRO = re.compile(r"\$__(?P<name>[A-Za-z]\w*)(?P<call>\()?")
_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)
    |(?P<escape>\b[eE]'(?:[^'\\]|\\.|'')*')
    |(?P<text>'(?:[^']|'')*')
    |(?P<name>"(?:[^"]|"")*")
    |(?P<dollar>\$(?P<tag>(?:[A-Za-z_]\w*)?)\$.*?\$(?P=tag)\$)""",
    re.DOTALL | re.VERBOSE,
)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_INTERVAL = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")


class SqlTextError(Exception):
    """The SQL can't be made of these values."""


@dataclass(frozen=True, slots=True)
class Range:
    """From when to when (Unix milliseconds), and how far apart points should be."""

    start: int
    end: int
    interval: int = 60_000


@dataclass(frozen=True, slots=True)
class Values:
    """What variables are: a list of values each. `several` are those that may have more than one at a time."""

    values: Mapping[str, Sequence[str]]
    several: frozenset[str] = field(default_factory=frozenset)


def filled(sql: str, given: Values, over: Range) -> str:
    """The SQL to run. Raises SqlTextError."""
    text = _macros(sql, over)
    known = {"__from": over.start, "__to": over.end, "__interval_ms": over.interval}
    given = Values({**given.values, **{name: [str(value)] for name, value in known.items()}}, given.several)
    parts, end = [], 0
    for token in _TOKEN.finditer(text):
        parts += [_outside(text[end : token.start()], given), _within(token, given)]
        end = token.end()
    return "".join([*parts, _outside(text[end:], given)])


def placeholders(sql: str) -> set[str]:
    """The variables that it names."""
    return {m["a"] or m["b"] or m["c"] for m in _PLACEHOLDER.finditer(sql)}


# --- macros


def _macros(sql: str, over: Range) -> str:
    out, at = [], 0
    while match := _MACRO.search(sql, at):
        out.append(sql[at : match.start()])
        known, at = _expand(sql, match, over)
        out.append(known)
    return "".join([*out, sql[at:]])


def _expand(sql: str, match: re.Match[str], over: Range) -> tuple[str, int]:
    name = match["name"]
    if name in {"interval", "interval_ms", "from", "to"} and not match["call"]:
        simple = {"interval": _spoken(over.interval), "interval_ms": over.interval, "from": over.start, "to": over.end}
        return str(simple[name]), match.end()
    if not match["call"]:
        raise SqlTextError(f"$__{name} is not a macro that is known here")
    inner, end = _arguments(sql, match.end())
    maker = _CALLS.get(name)
    if maker is None:
        raise SqlTextError(f"$__{name}() is not a macro that is known here")
    return maker(inner, over), end


def _arguments(sql: str, start: int) -> tuple[list[str], int]:
    depth, at = 1, start
    found, piece = [], ""
    while at < len(sql):
        char = sql[at]
        depth += (char == "(") - (char == ")")
        if depth == 0:
            found.append(piece.strip())
            return [text for text in found if text], at + 1
        if char == "," and depth == 1:
            found.append(piece.strip())
            piece = ""
        else:
            piece += char
        at += 1
    raise SqlTextError("a macro's bracket is not closed")


def _spoken(milliseconds: int) -> str:
    return f"{milliseconds // 1000}s" if milliseconds >= 1000 and milliseconds % 1000 == 0 else f"{milliseconds}ms"


def _moment(milliseconds: int) -> str:
    text = datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds")
    return f"'{text.replace('+00:00', 'Z')}'"


def _seconds(text: str, over: Range) -> float:
    plain = text.strip().strip("'\"")
    if plain in {"$__interval", "$interval"}:
        return over.interval / 1000
    parts = _INTERVAL.findall(plain)
    if not parts or "".join(number + unit for number, unit in parts) != plain:
        raise SqlTextError(f"{text!r} is not an interval, as 5m is")
    return max(sum(float(number) * _UNITS[unit] for number, unit in parts), 0.001)


def _first(arguments: list[str]) -> str:
    if not arguments:
        raise SqlTextError("a macro lacks the name of its column")
    return arguments[0]


def _group(arguments: list[str], over: Range, epoch: str) -> str:
    if len(arguments) < 2:
        raise SqlTextError("$__timeGroup takes a column and an interval")
    step = f"{_seconds(arguments[1], over):g}"
    return f"floor({epoch.format(arguments[0])}/{step})*{step}"


_EPOCH = "extract(epoch from {})"
_CALLS: Mapping[str, Callable[[list[str], Range], str]] = {
    "time": lambda a, _: f'{_first(a)} AS "time"',
    "timeEpoch": lambda a, _: f'extract(epoch from {_first(a)}) AS "time"',
    "timeFilter": lambda a, r: f"{_first(a)} BETWEEN {_moment(r.start)} AND {_moment(r.end)}",
    "timeFrom": lambda _, r: _moment(r.start),
    "timeTo": lambda _, r: _moment(r.end),
    "timeGroup": lambda a, r: _group(a, r, _EPOCH),
    "timeGroupAlias": lambda a, r: f'{_group(a, r, _EPOCH)} AS "time"',
    "unixEpochFilter": lambda a, r: f"{_first(a)} >= {r.start // 1000} AND {_first(a)} <= {r.end // 1000}",
    "unixEpochFrom": lambda _, r: str(r.start // 1000),
    "unixEpochTo": lambda _, r: str(r.end // 1000),
    "unixEpochNanoFilter": lambda a, r: f"{_first(a)} >= {r.start}000000 AND {_first(a)} <= {r.end}000000",
    "unixEpochNanoFrom": lambda _, r: f"{r.start}000000",
    "unixEpochNanoTo": lambda _, r: f"{r.end}000000",
    "unixEpochGroup": lambda a, r: _group(a, r, "{}"),
    "unixEpochGroupAlias": lambda a, r: f'{_group(a, r, "{}")} AS "time"',
}

# --- variables


def _within(token: re.Match[str], given: Values) -> str:
    text = token[0]
    kind = next(kind for kind in ("comment", "escape", "text", "name", "dollar") if token[kind] is not None)
    match kind:
        case "comment":
            return " "
        case "text":
            return _PLACEHOLDER.sub(lambda m: _joined(m, given, lambda v: v.replace("'", "''")), text)
        case "escape":
            return _PLACEHOLDER.sub(
                lambda m: _joined(m, given, lambda v: v.replace("\\", "\\\\").replace("'", "''")), text
            )
        case "name":
            return _PLACEHOLDER.sub(lambda m: _joined(m, given, lambda v: v.replace('"', '""')), text)
    tag = f"${token['tag']}$"
    inner = text[len(tag) : -len(tag)]

    def plain(value: str) -> str:
        if "$" in value:
            raise SqlTextError(f"{value!r} can't stand within a dollar-quoted text")
        return value

    return tag + _PLACEHOLDER.sub(lambda m: _joined(m, given, plain), inner) + tag


def _outside(text: str, given: Values) -> str:
    """Where SQL itself stands."""
    return _PLACEHOLDER.sub(lambda m: _bare(m, given), text)


def _joined(match: re.Match[str], given: Values, quoted: Callable[[str], str]) -> str:
    return ",".join(quoted(value) for value in _of(match, given))


def _bare(match: re.Match[str], given: Values) -> str:
    values = _of(match, given)
    form = match["format"] or match["cf"] or ""
    if form == "doublequote":
        return ",".join(f'"{value.replace(chr(34), chr(34) * 2)}"' for value in values)
    if form in {"raw", "csv", "text", "queryparam"} or (form == "" and not _is_list(match, given)):
        return ",".join(_simple(value) for value in values)
    return ",".join(_literals(values)) or "NULL"


def _simple(value: str) -> str:
    """A number or a name may stand there as it is; all else is a literal."""
    if NUMBER.fullmatch(value) or WORD.fullmatch(value):
        return value
    return next(_literals([value]))


def _literals(values: Sequence[str]) -> Iterator[str]:
    for value in values:
        if "\0" in value:
            raise SqlTextError("a value holds a NUL byte")
        yield f"'{value.replace(chr(39), chr(39) * 2)}'"


def _is_list(match: re.Match[str], given: Values) -> bool:
    name = match["a"] or match["b"] or match["c"]
    return name in given.several or len(given.values.get(name, ())) > 1


def _of(match: re.Match[str], given: Values) -> Sequence[str]:
    name = match["a"] or match["b"] or match["c"]
    if name not in given.values:
        raise SqlTextError(f"the variable ${name} has no value")
    return given.values[name]
