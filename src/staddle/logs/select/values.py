"""Endpoints about fields, values, streams and their counts over time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from staddle.logs.http.errors import HTTPError
from staddle.logs.logsql import ast
from staddle.logs.logsql.evaluate.streams import stream_labels
from staddle.logs.logsql.numbers import _natural_key
from staddle.logs.select.arguments import int_arg, read_args
from staddle.logs.select.output import hits_values
from staddle.logs.select.times import duration_arg

if TYPE_CHECKING:
    from staddle.logs.http.messages import Answer, Request
    from staddle.logs.select.context import Selector

JSON = "application/json"
Counted = list[tuple[str, int]]


def count_by(name: str = "hits") -> ast.StatsEntry:
    """`count() as name`."""
    return ast.StatsEntry(ast.StatsFunc("count", ("*",)), None, name)


def _ordered(pairs: Counted) -> Counted:
    return sorted(pairs, key=lambda p: (-p[1], _natural_key(p[0])))


def _limit(request: Request) -> int:
    return max(int_arg(request, "limit"), 0)


def _counted(selector: Selector, request: Request, field: str, limit: int) -> Counted:
    """Values of a field with hits; without hits when there are more than `limit`. The query's pipes don't
    count.
    """
    args = read_args(request)
    query = ast.Query(args.query.filter, (ast.FieldValues(field, limit),), args.query.options, args.query.now_ns)
    name = "hits" if field != "hits" else "hitss"
    with selector.source(request, args.tenant) as source:
        return [(row.get(field, ""), int(row[name])) for row in selector.rows(query, source)]


def field_values(request: Request, answer: Answer, selector: Selector) -> None:
    """/field_values."""
    read_args(request)
    field = request.arg("field")
    if not field:
        raise HTTPError(400, "missing 'field' query arg")
    answer.send(200, hits_values(_ordered(_counted(selector, request, field, _limit(request)))), JSON)


def streams(request: Request, answer: Answer, selector: Selector) -> None:
    """/streams."""
    answer.send(200, hits_values(_ordered(_counted(selector, request, "_stream", _limit(request)))), JSON)


def stream_ids(request: Request, answer: Answer, selector: Selector) -> None:
    """/stream_ids."""
    answer.send(200, hits_values(_ordered(_counted(selector, request, "_stream_id", _limit(request)))), JSON)


def field_names(request: Request, answer: Answer, selector: Selector) -> None:
    """/field_names."""
    args = read_args(request)
    query = ast.Query(args.query.filter, (ast.FieldNames(),), args.query.options, args.query.now_ns)
    with selector.source(request, args.tenant) as source:
        pairs = [(row["name"], int(row["hits"])) for row in selector.rows(query, source)]
    answer.send(200, hits_values(_ordered(pairs)), JSON)


def stream_field_names(request: Request, answer: Answer, selector: Selector) -> None:
    """/stream_field_names."""
    counts: dict[str, int] = {}
    for text, hits in _counted(selector, request, "_stream", 0):
        for name in stream_labels(text):
            counts[name] = counts.get(name, 0) + hits
    answer.send(200, hits_values(_ordered(list(counts.items()))), JSON)


def stream_field_values(request: Request, answer: Answer, selector: Selector) -> None:
    """/stream_field_values."""
    read_args(request)
    field = request.arg("field")
    if not field:
        raise HTTPError(400, "missing 'field' query arg")
    counts: dict[str, int] = {}
    for text, hits in _counted(selector, request, "_stream", 0):
        value = stream_labels(text).get(field)
        if value is not None:
            counts[value] = counts.get(value, 0) + hits
    pairs = _ordered(list(counts.items()))
    limit = _limit(request)
    if limit and len(pairs) > limit:
        pairs = [(v, 0) for v, _ in pairs[:limit]]
    answer.send(200, hits_values(pairs), JSON)


def facets(request: Request, answer: Answer, selector: Selector) -> None:
    """/facets."""
    args = read_args(request)
    pipe = ast.Facets(
        int_arg(request, "limit") or 10,
        int_arg(request, "max_values_per_field") or 1000,
        int_arg(request, "max_value_len") or 128,
        request.arg("keep_const_fields").lower() in {"1", "true", "t", "yes", "y", "on"},
    )
    query = ast.Query(args.query.filter, (pipe,), args.query.options, args.query.now_ns)
    by_field: dict[str, list[dict[str, str | int]]] = {}
    with selector.source(request, args.tenant) as source:
        for row in selector.rows(query, source):
            item: dict[str, str | int] = {"field_value": row["field_value"], "hits": int(row["hits"])}
            by_field.setdefault(row["field_name"], []).append(item)
    answer.json({"facets": [{"field_name": n, "values": v} for n, v in sorted(by_field.items())]})


def hits(request: Request, answer: Answer, selector: Selector) -> None:
    """/hits."""
    args = read_args(request)
    step = duration_arg("step", request.arg("step") or "1d")
    if step <= 0:
        raise HTTPError(400, "'step' must be bigger than zero")
    offset = duration_arg("offset", request.arg("offset") or "0s")
    fields = [f for f in request.args().get("field", []) if f]
    limit = max(int_arg(request, "fields_limit"), 0)
    by = (
        ast.ByField("_time", f"{step}ns", step, f"{offset}ns" if offset else "", offset),
        *(ast.ByField(f) for f in fields),
    )
    query = ast.Query(args.query.filter, (ast.Stats(by, (count_by(),)),), args.query.options, args.query.now_ns)
    series: dict[str, dict[str, int]] = {}
    with selector.source(request, args.tenant) as source:
        for row in selector.rows(query, source):
            key = json.dumps({f: row.get(f, "") for f in sorted(fields)}, ensure_ascii=False, separators=(",", ":"))
            buckets = series.setdefault(key, {})
            buckets[row["_time"]] = buckets.get(row["_time"], 0) + int(row["hits"])
    if limit and len(series) > limit:
        series = _top_series(series, limit)
    out = []
    for key in sorted(series, key=lambda k: (k == "{}" and bool(fields), k)):
        buckets = series[key]
        stamps = sorted(buckets)
        out.append(
            {
                "fields": json.loads(key),
                "timestamps": stamps,
                "values": [buckets[t] for t in stamps],
                "total": sum(buckets.values()),
            }
        )
    answer.json({"hits": out})


def _top_series(series: dict[str, dict[str, int]], limit: int) -> dict[str, dict[str, int]]:
    ordered = sorted(series, key=lambda k: (-sum(series[k].values()), k))
    rest: dict[str, int] = {}
    for key in ordered[limit:]:
        for stamp, n in series[key].items():
            rest[stamp] = rest.get(stamp, 0) + n
    return {**{k: series[k] for k in ordered[:limit]}, "{}": rest}
