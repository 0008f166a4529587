"""Running a query over a source of rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from staddle.logs.logsql import ast
from staddle.logs.logsql.ast import (
    MAX_TIME_NS,
    MIN_TIME_NS,
    And,
    Filter,
    MatchAll,
    Not,
    Or,
    Query,
    Time,
    ValueList,
    filter_time_range,
)
from staddle.logs.logsql.evaluate import (
    counting,
    extracting,
    fields,
    formatting,
    joining,
    mathematics,
    sorting,
    statistics,
    values,
)
from staddle.logs.logsql.evaluate.context import Budget, Context, Limits
from staddle.logs.logsql.evaluate.matching import compile_filter
from staddle.logs.logsql.evaluate.needs import filter_fields, needed_fields
from staddle.logs.logsql.source import Block
from staddle.logs.logsql.times import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from staddle.logs.logsql.ast import Pipe
    from staddle.logs.logsql.evaluate.context import Stage
    from staddle.logs.logsql.source import RowSource

STAGES: dict[type[Pipe], Callable[[Any, Context], Stage]] = {
    ast.BlockStats: counting.block_stats,
    ast.BlocksCount: counting.blocks_count,
    ast.CollapseNums: values.collapse_nums,
    ast.Copy: fields.copy,
    ast.Decolorize: values.decolorize,
    ast.Delete: fields.delete,
    ast.DropEmptyFields: fields.drop_empty_fields,
    ast.Extract: extracting.extract,
    ast.Facets: counting.facets,
    ast.FieldNames: counting.field_names,
    ast.FieldValues: counting.field_values,
    ast.Fields: fields.fields,
    ast.FilterPipe: fields.filtered,
    ast.FirstLast: sorting.first_last,
    ast.Format: formatting.formatted,
    ast.Hash: values.hashed,
    ast.JSONArrayLen: values.json_array_len,
    ast.Join: joining.join,
    ast.Len: values.length,
    ast.Limit: sorting.limited,
    ast.Math: mathematics.calculated,
    ast.Offset: sorting.offset,
    ast.PackJSON: fields.pack_json,
    ast.PackLogfmt: fields.pack_logfmt,
    ast.Rename: fields.rename,
    ast.Replace: values.replace,
    ast.Running: statistics.running,
    ast.Sample: sorting.sampled,
    ast.Sort: sorting.sort,
    ast.Stats: statistics.stats,
    ast.StreamContext: joining.stream_context,
    ast.Top: counting.top,
    ast.Union: joining.union,
    ast.Uniq: counting.uniq,
    ast.Unpack: extracting.unpack,
    ast.UnpackWords: extracting.unpack_words,
    ast.Unroll: fields.unroll,
}


def run(query: Query, source: RowSource, limits: Limits | None = None) -> Iterator[Block]:
    """The query's result, block by block; the order of rows is the scan's unless a pipe sorts.

    Subqueries run first. Closing the iterator stops the scan. Raises QueryLimitError when more would have
    to be kept in memory than `limits` allow.
    """
    return _run(query, source, limits or Limits(), None)


def apply_pipes(
    pipes: tuple[Pipe, ...],
    blocks: Iterator[Block],
    source: RowSource,
    query: Query,
    limits: Limits | None = None,
) -> Iterator[Block]:
    """Only (some of) the pipes of `query`, over rows that were selected already.

    For storage that can do the beginning of a query itself. `query` gives the time and the time range;
    conditions in `pipes` may still have subqueries, which run over `source`.
    """
    context = _context(query, source, limits or Limits(), None)
    return _piped(pipes, blocks, context)


def resolve_filter(f: Filter, source: RowSource, limits: Limits | None = None) -> Filter:
    """The filter with every subquery replaced by the values that it gives."""
    bounds = limits or Limits()
    return _resolved(f, lambda q: _run(q, source, bounds, None))


def _context(query: Query, source: RowSource, limits: Limits, budget: Budget | None) -> Context:
    budget = budget or Budget(limits.memory_bytes)
    start, end = query.time_range()
    bounded = start != MIN_TIME_NS and end != MAX_TIME_NS
    return Context(
        source,
        limits,
        lambda q: _run(q, source, limits, budget),
        query.now_ns,
        (end - start + 1) / SECOND if bounded else 0.0,
        budget,
    )


def _run(query: Query, source: RowSource, limits: Limits, budget: Budget | None) -> Iterator[Block]:
    context = _context(query, source, limits, budget)
    f = _resolved(query.filter, context.run)
    return _piped(query.pipes, _selected(query, f, context), context)


def _piped(pipes: tuple[Pipe, ...], blocks: Iterator[Block], context: Context) -> Iterator[Block]:
    for pipe in pipes:
        pipe = _resolved_pipe(pipe, context.run)  # noqa: PLW2901
        blocks = STAGES[type(pipe)](pipe, context)(blocks)
    return blocks


def _selected(query: Query, f: Filter, context: Context) -> Iterator[Block]:
    """Rows from storage that match."""
    offset = query.options.time_offset_ns
    if offset:
        f = shifted(f, -offset)
    start, end = filter_time_range(f)
    if start > end:
        return
    needed = needed_fields(query)
    matcher = compile_filter(f)
    for block in context.source.scan(f, needed, start, end):
        chosen = block if block.exact else block.take(matcher(block, range(block.rows)))
        if chosen.rows:
            yield _tidied(chosen, f, needed, offset)


def shifted(f: Filter, by_ns: int) -> Filter:
    """The filter with its times moved; open ends stay open."""
    match f:
        case Time(start_ns=start, end_ns=end):
            start = start if start == MIN_TIME_NS else start + by_ns
            end = end if end == MAX_TIME_NS else end + by_ns
            return Time(start, end, f"[{start}, {end}]")
        case And(filters=parts):
            return And(tuple(shifted(p, by_ns) for p in parts))
        case Or(filters=parts):
            return Or(tuple(shifted(p, by_ns) for p in parts))
        case Not(filter=inner):
            return Not(shifted(inner, by_ns))
    return f


_FIRST = ("_time", "_stream_id", "_stream", "_msg")


def _tidied(block: Block, f: Filter, needed: ast.FieldSelection, offset_ns: int) -> Block:
    """The block with its columns in a fixed order (the special ones, then by name), without those that only
    the filter looked at, and with times moved by `time_offset`.
    """
    columns = block.columns
    if not needed.everything:
        extra = {n for n in filter_fields(f) if not needed.wants(n)}
        columns = {k: v for k, v in columns.items() if k not in extra}
    names = [n for n in _FIRST if n in columns]
    names.extend(sorted(columns.keys() - names))
    stamps = block.timestamps
    if offset_ns and stamps is not None:
        stamps = [t + offset_ns for t in stamps]
        names = [n for n in names if n != "_time"]
    return Block({n: columns[n] for n in names}, block.rows, stamps, exact=block.exact)


def _resolved(f: Filter, run_query: Callable[[Query], Iterator[Block]]) -> Filter:
    match f:
        case And(filters=parts):
            return replace(f, filters=tuple(_resolved(p, run_query) for p in parts))
        case Or(filters=parts):
            return replace(f, filters=tuple(_resolved(p, run_query) for p in parts))
        case Not(filter=inner):
            return Not(_resolved(inner, run_query))
        case ast.In() | ast.ContainsAll() | ast.ContainsAny() if f.values.query is not None:
            return replace(f, values=_listed(f.values, run_query))
        case ast.StreamID() if f.ids.query is not None:
            return replace(f, ids=_listed(f.ids, run_query))
    return f


def _listed(values: ValueList, run_query: Callable[[Query], Iterator[Block]]) -> ValueList:
    if values.query is None:
        return values
    found: dict[str, None] = {}
    for block in run_query(values.query):
        found.update(dict.fromkeys(block.column(values.column)))
    return ValueList(tuple(found))


def _resolved_pipe(pipe: Pipe, run_query: Callable[[Query], Iterator[Block]]) -> Pipe:
    if isinstance(pipe, ast.FilterPipe):
        return ast.FilterPipe(_resolved(pipe.filter, run_query))
    if isinstance(pipe, ast.Stats | ast.Running):
        entries = tuple(
            e if e.condition is None else replace(e, condition=_resolved(e.condition, run_query)) for e in pipe.entries
        )
        return replace(pipe, entries=entries)
    condition: Filter | None = getattr(pipe, "condition", None)
    if condition is None or isinstance(condition, MatchAll):
        return pipe
    return replace(pipe, condition=_resolved(condition, run_query))  # type: ignore[type-var]
