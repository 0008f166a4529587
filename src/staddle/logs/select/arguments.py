"""Arguments that all query endpoints share, applied to the query."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from staddle.logs.http.errors import HTTPError
from staddle.logs.insert.params import tenant_of
from staddle.logs.logsql import ast
from staddle.logs.logsql.errors import LogsQLError
from staddle.logs.logsql.parser import parse, parse_filter
from staddle.logs.select.times import end_of, time_arg

if TYPE_CHECKING:
    from staddle.logs.http.messages import Request


@dataclass(frozen=True, slots=True)
class QueryArgs:
    """One request's query. `time_ns` is what it is evaluated at; `start_ns`, `end_ns` as given, None when
    not.
    """

    tenant: int
    query: ast.Query
    time_ns: int
    start_ns: int | None
    end_ns: int | None


def int_arg(request: Request, name: str) -> int:
    """An integer argument, 0 when absent."""
    text = request.arg(name)
    if not text:
        return 0
    if not re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        raise HTTPError(400, f'cannot parse integer "{name}"="{text}": strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


def read_args(request: Request) -> QueryArgs:
    """Tenant, query, times and extra filters of a request. Raises HTTPError 400."""
    args = request.args(form=True)
    tenant = tenant_of(request)
    now = time.time_ns()
    text = request.arg("query")
    if not text:
        raise HTTPError(400, "cannot parse query []: missing query; context: []")
    end_text, start_text, time_text = request.arg("end"), request.arg("start"), request.arg("time")
    start = time_arg("start", start_text, now) if start_text else None
    end = time_arg("end", end_text, now) if end_text else None
    at = time_arg("time", time_text, now) if time_text else end if end is not None else now
    at -= 1
    query = _parsed(text, at)
    extra: list[ast.Filter] = []
    if start is not None or end is not None:
        low = ast.MIN_TIME_NS if start is None else start
        high = ast.MAX_TIME_NS if end is None else end_of(end)
        shown = f"[{low},{high}]"
        query = add_filter(query, ast.Time(low, high, shown), global_time=True)
    for name, convert in (("extra_filters", _filters_of), ("extra_stream_filters", _stream_filters_of)):
        extra += [_extra(name, item, convert, at) for item in args.get(name, []) if item]
    for f in extra:
        query = add_filter(query, f, global_time=False)
    return QueryArgs(tenant, query, at + 1, start, end)


def _parsed(text: str, at: int) -> ast.Query:
    try:
        return parse(text, at)
    except LogsQLError as error:
        raise HTTPError(400, f"cannot parse query [{text}]: {error}") from error


def _extra(name: str, item: str, convert: Any, at: int) -> ast.Filter:
    if item.lstrip().startswith("{") and (text := _from_json(name, item, convert)) is not None:
        item = text
    try:
        return parse_filter(item, at)
    except LogsQLError as error:
        raise HTTPError(400, f"cannot parse {name}={item}: {error}") from error


def _from_json(name: str, item: str, convert: Any) -> str | None:
    try:
        raw = json.loads(item)
    except ValueError:
        # A stream selector begins with a brace too.
        return None
    values: dict[str, list[str]] = {}
    for key, value in raw.items():
        many = value if isinstance(value, list) else [value]
        if not all(isinstance(v, str) for v in many):
            raise HTTPError(400, f"cannot parse {name}: values of {key!r} must be strings")
        values[key] = many
    text = convert(values)
    return text if isinstance(text, str) else None


def _filters_of(values: dict[str, list[str]]) -> str:
    parts = []
    for key, many in values.items():
        name = json.dumps(key, ensure_ascii=False)
        if len(many) == 1:
            parts.append(f"{name}:={json.dumps(many[0], ensure_ascii=False)}")
        else:
            parts.append(f"{name}:in({','.join(json.dumps(v, ensure_ascii=False) for v in many)})")
    return " ".join(parts) or "*"


def _stream_filters_of(values: dict[str, list[str]]) -> str:
    parts = []
    for key, many in values.items():
        name = json.dumps(key, ensure_ascii=False)
        if len(many) == 1:
            parts.append(f"{name}={json.dumps(many[0], ensure_ascii=False)}")
        else:
            pattern = "|".join(re.sub(r"[\\.+*?()|\[\]{}^$]", r"\\\g<0>", v) for v in many)
            parts.append(f"{name}=~{json.dumps(pattern, ensure_ascii=False)}")
    return "{" + ",".join(parts) + "}"


def add_filter(query: ast.Query, extra: ast.Filter, *, global_time: bool) -> ast.Query:
    """The query with one more condition, in its subqueries too."""
    changed: ast.Query = _with_subqueries(query, extra, global_time)
    if global_time and query.options.ignore_global_time_filter:
        return changed
    return changed.with_filter(extra)


def _with_subqueries(node: Any, extra: ast.Filter, global_time: bool) -> Any:
    """A copy of a tree in which every query below the top one has the condition."""
    if isinstance(node, tuple):
        return tuple(_descend(item, extra, global_time) for item in node)
    changes = {}
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if isinstance(value, tuple) or dataclasses.is_dataclass(value):
            new = _descend(value, extra, global_time)
            if new is not value and new != value:
                changes[field.name] = new
    return replace(node, **changes) if changes else node


def _descend(value: Any, extra: ast.Filter, global_time: bool) -> Any:
    if isinstance(value, ast.Query):
        return add_filter(value, extra, global_time=global_time)
    if isinstance(value, tuple):
        return tuple(_descend(v, extra, global_time) for v in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _with_subqueries(value, extra, global_time)
    return value
