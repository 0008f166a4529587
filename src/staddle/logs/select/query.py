"""/query and /tail: rows as JSON lines."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from staddle.logs.compile.newest import newest_rows
from staddle.logs.http.errors import HTTPError
from staddle.logs.logsql import ast
from staddle.logs.logsql.times import SECOND
from staddle.logs.select.arguments import add_filter, int_arg, read_args
from staddle.logs.select.output import json_lines
from staddle.logs.select.times import duration_arg

if TYPE_CHECKING:
    from collections.abc import Callable

    from staddle.logs.http.messages import Answer, Request
    from staddle.logs.select.context import Selector

STREAM_JSON = "application/stream+json"
WHOLE_SET = (
    ast.BlockStats,
    ast.BlocksCount,
    ast.Facets,
    ast.FieldNames,
    ast.FieldValues,
    ast.FirstLast,
    ast.Join,
    ast.Limit,
    ast.Offset,
    ast.Top,
    ast.Sample,
    ast.Sort,
    ast.Stats,
    ast.Union,
    ast.Uniq,
    ast.Running,
    ast.StreamContext,
)
NOT_FOR_TAIL = (
    ast.BlockStats,
    ast.BlocksCount,
    ast.Facets,
    ast.FieldNames,
    ast.FieldValues,
    ast.FirstLast,
    ast.Limit,
    ast.Offset,
    ast.Top,
    ast.Sort,
    ast.Stats,
    ast.Union,
    ast.Uniq,
    ast.Running,
    ast.StreamContext,
)


def handle(request: Request, answer: Answer, selector: Selector) -> None:
    """/query."""
    args = read_args(request)
    limit = int_arg(request, "limit")
    query = args.query
    with selector.source(request, args.tenant) as source:
        if limit > 0 and _takes_newest(query):
            blocks = newest_rows(query, source, limit, selector.options.memory_bytes)
        else:
            if limit > 0:
                query = replace(query, pipes=(*query.pipes, ast.Limit(limit)))
            blocks = selector.run(query, source)
        # Whatever fails before the first row still gets a proper status.
        first = next(blocks, None)
        answer.start(200, STREAM_JSON)
        if first is not None:
            answer.write(json_lines(first))
            for block in blocks:
                answer.write(json_lines(block))
        answer.finish()


def _takes_newest(query: ast.Query) -> bool:
    """Are the newest rows wanted, or are results made of many?"""
    for pipe in query.pipes:
        if isinstance(pipe, WHOLE_SET):
            return False
        if isinstance(pipe, ast.Fields) and not ast.matches_any("_time", pipe.fields):
            return False
        if isinstance(pipe, ast.Delete) and ast.matches_any("_time", pipe.fields):
            return False
        if isinstance(pipe, ast.Rename | ast.Copy | ast.Math) and "_time" in str(pipe):
            return False
    return True


def tail(request: Request, answer: Answer, selector: Selector, stopping: Callable[[], bool]) -> None:
    """/tail: endless. Every row comes once: what is remembered is the newest time and the rows at it, per
    stream.
    """
    args = read_args(request)
    for pipe in args.query.pipes:
        if isinstance(pipe, NOT_FOR_TAIL):
            raise HTTPError(400, f"query [{args.query}] cannot be used in live tailing because of the pipe [{pipe}]")
    refresh = duration_arg("refresh_interval", request.arg("refresh_interval") or "1s", bare_seconds=True) or SECOND
    offset = duration_arg("offset", request.arg("offset") or "1s", bare_seconds=True)
    history = duration_arg("start_offset", request.arg("start_offset") or "5s", bare_seconds=True)
    answer.start(200, "application/x-ndjson", compress=False)
    answer.flush()
    seen: dict[str, tuple[int, set[bytes]]] = {}
    start = time.time_ns() - max(history, refresh + offset)
    selector.metrics.add("vl_live_tailing_requests", 1)
    try:
        while not stopping():
            end = time.time_ns() - offset
            if end > start:
                _tail_once(args.query, (start, end), args.tenant, request, answer, selector, seen)
                # Rows may come late: look back once more, and leave out what was shown.
                start = max(start, end - max(offset, 5 * SECOND) - refresh)
            _wait(refresh / SECOND, stopping)
    finally:
        selector.metrics.add("vl_live_tailing_requests", -1)
    answer.finish()


def _wait(seconds: float, stopping: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while not stopping() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.2))


def _tail_once(
    query: ast.Query,
    times: tuple[int, int],
    tenant: int,
    request: Request,
    answer: Answer,
    selector: Selector,
    seen: dict[str, tuple[int, set[bytes]]],
) -> None:
    now = replace(add_filter(query, ast.Time(*times, f"[{times[0]},{times[1]}]"), global_time=True), now_ns=times[1])
    fresh: list[tuple[int, bytes]] = []
    newest: dict[str, int] = {}
    with selector.source(request, tenant) as source:
        for block in selector.run(now, source):
            stamps = block.timestamps
            if stamps is None:
                continue
            ids = block.column("_stream_id")
            for i in range(block.rows):
                line = json_lines(block.take([i]))
                last, lines = seen.get(ids[i], (0, set()))
                if stamps[i] < last or (stamps[i] == last and line in lines):
                    continue
                fresh.append((stamps[i], line))
                newest[ids[i]] = max(newest.get(ids[i], 0), stamps[i])
    # Only after the whole round, so that rows of one round are not compared with each other.
    for stream, stamp in newest.items():
        lines = {line for t, line in fresh if t == stamp}
        old = seen.get(stream, (0, set()))
        seen[stream] = (stamp, lines | old[1] if old[0] == stamp else lines)
    for _, line in sorted(fresh, key=lambda item: item[0]):
        answer.write(line)
    answer.flush()
