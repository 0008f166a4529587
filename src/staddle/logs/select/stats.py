"""/stats_query and /stats_query_range: results in the shape of Prometheus' query API."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from staddle.logs.http.errors import HTTPError
from staddle.logs.logsql import ast
from staddle.logs.logsql.times import SECOND, parse_rfc3339
from staddle.logs.select.arguments import read_args
from staddle.logs.select.times import duration_arg

if TYPE_CHECKING:
    from staddle.logs.http.messages import Answer, Request
    from staddle.logs.select.context import Selector

Labels = set[str]


class StatsQueryError(Exception):
    """The query doesn't end in statistics."""


def stats_labels(query: ast.Query) -> tuple[int, Labels]:
    """The index of the last `stats` pipe, and the names of its keys in the result. Raises StatsQueryError."""
    at = max((i for i, p in enumerate(query.pipes) if isinstance(p, ast.Stats)), default=-1)
    if at < 0:
        raise StatsQueryError(f"missing `| stats ...` pipe in the query [{query}]")
    stats = query.pipes[at]
    if not isinstance(stats, ast.Stats):
        raise TypeError(str(stats))
    labels = {b.name for b in stats.by}
    for pipe in query.pipes[at + 1 :]:
        labels = _after(pipe, labels, query)
    return at, labels


def _after(pipe: ast.Pipe, labels: Labels, query: ast.Query) -> Labels:
    """The keys' names after one more pipe."""
    match pipe:
        case ast.FilterPipe() | ast.FirstLast() | ast.Sort() | ast.Limit() | ast.Offset():
            return labels
        case ast.Math(entries=entries):
            lost = [r for _, r in entries if r in labels]
        case ast.Format(result=result):
            lost = [result] if result in labels else []
        case ast.Fields(fields=fields):
            lost = [n for n in labels if not ast.matches_any(n, fields)]
        case ast.Delete(fields=fields):
            lost = [n for n in labels if ast.matches_any(n, fields)]
        case ast.Copy(pairs=pairs):
            lost = [b for _, b in pairs if b in labels]
            labels = labels | {b for a, b in pairs if a in labels}
        case ast.Rename(pairs=pairs):
            names = dict(pairs)
            lost = [b for _, b in pairs if b in labels and b not in names]
            labels = {names.get(n, n) for n in labels}
        case _:
            raise StatsQueryError(f"the `{pipe}` pipe cannot be put after `stats` in the query [{query}]")
    if lost:
        raise StatsQueryError(f"the `{pipe}` pipe changes the label {lost[0]!r} from `by(...)` in the query [{query}]")
    return labels


def _fail(answer: Answer, message: str) -> None:
    answer.json({"status": "error", "errorType": "422", "error": message}, 422)


def instant(request: Request, answer: Answer, selector: Selector) -> None:
    """/stats_query."""
    try:
        args = read_args(request)
        _, labels = stats_labels(args.query)
    except (HTTPError, StatsQueryError) as error:
        return _fail(answer, str(error))
    stamp: int | float = args.time_ns / SECOND
    stamp = int(stamp) if stamp == int(stamp) else stamp
    result: list[dict[str, Any]] = []
    with selector.source(request, args.tenant) as source:
        for row in selector.rows(args.query, source):
            metric = {k: v for k, v in row.items() if k in labels}
            for name, value in row.items():
                if name not in labels:
                    result.append({"metric": {"__name__": name, **metric}, "value": [stamp, value]})
    return answer.json({"status": "success", "data": {"resultType": "vector", "result": result}})


def over_time(query: ast.Query, at: int, step: int) -> ast.Query:
    """The query with a time bucket as one more key, kept apart by everything after."""
    pipes = list(query.pipes)
    stats = pipes[at]
    if not isinstance(stats, ast.Stats):
        raise TypeError(str(stats))
    by = tuple(b for b in stats.by if b.name != "_time")
    pipes[at] = replace(stats, by=(ast.ByField("_time", f"{step}ns", step), *by))
    for i in range(at + 1, len(pipes)):
        pipe = pipes[i]
        if isinstance(pipe, ast.Sort | ast.FirstLast) and "_time" not in pipe.partition_by:
            pipes[i] = replace(pipe, partition_by=("_time", *pipe.partition_by))
        elif isinstance(pipe, ast.Fields) and not ast.matches_any("_time", pipe.fields):
            pipes[i] = replace(pipe, fields=("_time", *pipe.fields))
    return replace(query, pipes=tuple(pipes))


def over_range(request: Request, answer: Answer, selector: Selector) -> None:
    """/stats_query_range."""
    try:
        args = read_args(request)
        step = duration_arg("step", request.arg("step") or "1d")
        if step <= 0:
            return _fail(answer, "'step' must be bigger than zero")
        at, _ = stats_labels(args.query)
        query = over_time(args.query, at, step)
        _, labels = stats_labels(query)
    except (HTTPError, StatsQueryError) as error:
        return _fail(answer, str(error))
    series: dict[tuple[tuple[str, str], ...], list[tuple[int, str]]] = {}
    with selector.source(request, args.tenant) as source:
        for row in selector.rows(query, source):
            stamp = parse_rfc3339(row.get("_time", "")) or 0
            metric = sorted((k, v) for k, v in row.items() if k in labels and k != "_time")
            for name, value in row.items():
                if name not in labels:
                    series.setdefault((("__name__", name), *metric), []).append((stamp, value))
    result = [
        {"metric": dict(key), "values": [[_seconds(t), v] for t, v in sorted(series[key])]} for key in sorted(series)
    ]
    return answer.json({"status": "success", "data": {"resultType": "matrix", "result": result}})


def _seconds(stamp_ns: int) -> int | float:
    return stamp_ns // SECOND if stamp_ns % SECOND == 0 else stamp_ns / SECOND
