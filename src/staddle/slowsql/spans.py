"""From rows of a PostgreSQL log to spans.

A row that tells how long something took ends when it was logged. What becomes of which:

    duration: 12.3 ms  statement: SELECT …      a span, named after the normalised statement (also parse, bind, execute)
    duration: 12.3 ms  plan: …                  an event of the span of the same statement; else a span of its own
    process 7 acquired ShareLock on … after 1000.1 ms       a span for the wait, to which the statement's links
    process 7 still waiting for ShareLock on … after …      the same, for a wait that goes on

Ids are hashes of what names a row for good (instance, session, line of the session), so that a row gives the same span
however often it is read. Attributes: OpenTelemetry's semantic conventions for databases, 1.3x.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from staddle.otlp import Event, Kind, Link, Span
from staddle.slowsql import plans, sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from staddle.otlp import Value

Row = dict[str, str]
"""A row of the log store: field → value, empty fields left out."""

_DURATION = re.compile(
    r"duration: (\d+(?:\.\d+)?) ms  (plan|statement|parse|bind|execute fetch from|execute|fastpath function call)"
    r"(?: ([^:]*))?: ?([\s\S]*)"
)
_WAIT = re.compile(r"process (\d+) (acquired|still waiting for) (\w+) on ([\s\S]*?) after (\d+(?:\.\d+)?) ms")
_HOLDERS = re.compile(r"Process(?:es)? holding the lock: ([\d, ]+)")
_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_COMMENTS = ("application", "framework", "route", "controller", "action", "db_driver")
"""What sqlcommenter knows beside the trace."""
NAME_LIMIT, TEXT_LIMIT = 160, 16_384
LABELS = ("job", "cls", "ins", "ip")
WAITS_KEPT = 64
"""Of each session, so many waits are remembered for the statement that they are part of."""


@dataclass(frozen=True, slots=True)
class Found:
    """A span, and whose it is: the labels of the instance."""

    labels: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Options:
    """`redact` takes literals and parameters out of all texts. Statements faster than `minimum` (ns) give no span."""

    redact: bool = True
    minimum: int = 0


def parse_time(text: str) -> int:
    """RFC 3339 (UTC, up to nanoseconds) as nanoseconds since the epoch. Raises ValueError."""
    base, _, fraction = text.removesuffix("Z").removesuffix("+00:00").partition(".")
    seconds = int(dt.datetime.fromisoformat(base).replace(tzinfo=dt.UTC).timestamp())
    return seconds * 1_000_000_000 + int((fraction + "000000000")[:9])


def session(row: Row) -> tuple[str, str]:
    return row.get("ins", ""), row.get("sid", "")


def line(row: Row) -> int:
    """The number of the row within its session."""
    text = row.get("sln", "")
    return int(text) if text.isdigit() else 0


def is_plan(row: Row) -> bool:
    """Whether it is the plan of a whole statement, whose row follows: not of one within a function."""
    return _has_plan(row) and "ctx" not in row


def _has_plan(row: Row) -> bool:
    return "ms  plan:" in row.get("_msg", "")[:60]


def convert(rows: Iterable[Row], options: Options, waits: dict[tuple[str, str], list[Span]]) -> list[Found]:
    """Spans of these rows, which must hold the statement that follows a plan if there is one.

    `waits` are earlier lock waits by session; those of these rows are added, and forgotten with the statement they belong to.
    """
    found: list[Found] = []
    plan: Row | None = None
    for row in sorted(rows, key=lambda row: (*session(row), line(row))):
        if plan is not None and not _belongs(plan, row):
            found += _of_plan(plan, options)
            plan = None
        if is_plan(row):
            plan = row
        elif _has_plan(row):
            found += _of_plan(row, options)
        elif match := _WAIT.match(row.get("_msg", "")):
            wait = _of_wait(row, match, options)
            kept = waits.setdefault(session(row), [])
            kept.append(wait)
            del kept[:-WAITS_KEPT]
            found.append(Found(_labels(row), wait))
        else:
            found += _of_statement(row, plan, options, waits)
            plan = None
    return found + (_of_plan(plan, options) if plan else [])


def _belongs(plan: Row, row: Row) -> bool:
    """Whether a row is about the statement that the plan before it is of: the very next line, and no shorter."""
    if session(row) != session(plan) or line(row) != line(plan) + 1:
        return False
    first, second = _DURATION.match(plan["_msg"]), _DURATION.match(row.get("_msg", ""))
    return bool(first and second and second[2] != "plan" and float(second[1]) >= float(first[1]))


def _of_statement(
    row: Row, plan: Row | None, options: Options, waits: dict[tuple[str, str], list[Span]]
) -> list[Found]:
    match = _DURATION.match(row.get("_msg", ""))
    if not match or not match[4]:
        return []
    waited = waits.pop(session(row), [])
    span = _span(row, match[4], _nanoseconds(match[1]), options)
    if span.end - span.start < options.minimum:
        return []
    attributes: dict[str, Value] = {**span.attributes, "postgresql.message": match[2]}
    if match[3] and match[3] != "<unnamed>":
        attributes["postgresql.prepared_statement"] = match[3]
    if not options.redact and (detail := row.get("detail", "")).lower().startswith("parameters: "):
        attributes["postgresql.parameters"] = detail.partition(": ")[2]
    links = tuple(Link(wait.trace_id, wait.span_id) for wait in waited if wait.end >= span.start)
    events = (_plan_event(plan, span.end, options),) if plan else ()
    return [Found(_labels(row), replace(span, attributes=attributes, links=links, events=events))]


def _of_plan(row: Row, options: Options) -> list[Found]:
    """A plan without its statement: the statement was faster than what is logged, or ran within another."""
    match = _DURATION.match(row["_msg"])
    if not match or _nanoseconds(match[1]) < options.minimum:
        return []
    statement, _ = plans.split(match[4])
    span = _span(row, statement or row.get("q", ""), _nanoseconds(match[1]), options)
    return [Found(_labels(row), replace(span, events=(_plan_event(row, span.end, options),)))]


def _plan_event(row: Row, time: int, options: Options) -> Event:
    match = _DURATION.match(row["_msg"])
    _, plan = plans.split(match[4]) if match else ("", "")
    text = plans.redacted(plan) if options.redact else plan
    return Event("db.query.plan", time, {"db.query.plan": text[:TEXT_LIMIT] or "(in a format that is not read)"})


def _of_wait(row: Row, match: re.Match[str], options: Options) -> Span:
    span = _span(row, row.get("q", ""), _nanoseconds(match[5]), options)
    holders = _HOLDERS.search(row.get("detail", ""))
    attributes: dict[str, Value] = {
        **span.attributes,
        "postgresql.lock.mode": match[3],
        "postgresql.lock.target": match[4],
        "postgresql.lock.granted": match[2] == "acquired",
    }
    if holders:
        attributes["postgresql.lock.holders"] = holders[1].strip()
    return replace(span, name=f"wait for {match[3]}", kind=Kind.INTERNAL, attributes=attributes)


def _span(row: Row, statement: str, nanoseconds: int, options: Options) -> Span:
    end = parse_time(row["_time"])
    said = sql.comments(statement)
    own = hashlib.sha256("\0".join([*session(row), str(line(row)), row["_time"]]).encode()).hexdigest()
    parent = _PARENT.fullmatch(said.get("traceparent", ""))
    name = sql.normalised(statement)
    attributes = {
        "db.system.name": "postgresql",
        "db.namespace": row.get("db", ""),
        "db.operation.name": sql.operation(statement),
        "db.query.summary": name[:NAME_LIMIT],
        "db.query.text": (sql.redacted(statement) if options.redact else statement)[:TEXT_LIMIT],
        "server.address": row.get("ip", ""),
        "client.address": row.get("addr", ""),
        "postgresql.user": row.get("user", ""),
        "postgresql.application_name": row.get("app", ""),
        "postgresql.pid": row.get("pid", ""),
        "postgresql.session_id": row.get("sid", ""),
        "postgresql.query_id": row.get("query", "").removeprefix("0"),
        **{f"sqlcommenter.{key}": said[key] for key in _COMMENTS if key in said},
    }
    return Span(
        trace_id=parent[1] if parent else own[:32],
        span_id=own[32:48],
        parent_id=parent[2] if parent else "",
        name=f"{name[:NAME_LIMIT]}…" if len(name) > NAME_LIMIT else name or "statement",
        kind=Kind.SERVER,
        start=end - nanoseconds,
        end=end,
        attributes={key: value for key, value in attributes.items() if value},
    )


def _labels(row: Row) -> tuple[str, ...]:
    return tuple(row.get(label, "") for label in LABELS)


def resource(labels: tuple[str, ...]) -> Mapping[str, Value]:
    """The attributes of an instance: the four labels that metrics and logs have, and OpenTelemetry's own names for them."""
    named = dict(zip(LABELS, labels, strict=True))
    return {**named, "service.name": named["cls"] or "postgresql", "service.instance.id": named["ins"]}


def _nanoseconds(milliseconds: str) -> int:
    """Exactly: a float has not enough digits for long ones."""
    whole, _, fraction = milliseconds.partition(".")
    return int(whole) * 1_000_000 + int((fraction + "000000")[:6])
