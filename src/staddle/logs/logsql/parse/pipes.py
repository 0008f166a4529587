"""Pipes by name. The parsers of their families are in `pipes_rows`, `pipes_fields`, `pipes_values`, `stats`
and `math`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import BlocksCount, BlockStats, FilterPipe, Pipe
from staddle.logs.logsql.errors import LogsQLError
from staddle.logs.logsql.keywords import STATS_NAMES
from staddle.logs.logsql.parse import filters, pipes_fields, pipes_rows, pipes_values, stats
from staddle.logs.logsql.parse.math import parse_math
from staddle.logs.logsql.parse.names import field_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from staddle.logs.logsql.lexer import Cursor


def parse_pipe(c: Cursor) -> Pipe:
    """The pipe at the cursor; without a name, statistics (`count() x`, `by (a) max(b)`) or a filter."""
    if c.at_end():
        c.fail("missing pipe")
    parser = PIPES.get(c.token.keyword)
    if parser is not None:
        return parser(c)
    start = c.index
    try:
        found = stats.parse_stats_body(c)
        if c.at_end():
            return found
    except LogsQLError:
        if c.tokens[start].keyword in STATS_NAMES or c.tokens[start].keyword == "by":
            raise
    c.index = start
    try:
        return FilterPipe(filters.parse_filter(c))
    except LogsQLError as e:
        e.message = f"unexpected pipe {c.tokens[start].raw!r}: {e.message}"
        raise


def _filter(c: Cursor) -> Pipe:
    c.advance()
    return FilterPipe(filters.parse_filter(c))


def _block_stats(c: Cursor) -> Pipe:
    c.advance()
    return BlockStats()


def _blocks_count(c: Cursor) -> Pipe:
    c.advance()
    if c.accept("as"):
        return BlocksCount(field_name(c))
    return BlocksCount() if c.at_end() else BlocksCount(field_name(c))


PIPES: dict[str, Callable[[Cursor], Pipe]] = {
    "block_stats": _block_stats,
    "blocks_count": _blocks_count,
    "collapse_nums": pipes_values.parse_collapse_nums,
    "copy": pipes_fields.parse_copy,
    "cp": pipes_fields.parse_copy,
    "decolorize": pipes_values.parse_decolorize,
    "del": pipes_fields.parse_delete,
    "delete": pipes_fields.parse_delete,
    "drop": pipes_fields.parse_delete,
    "drop_empty_fields": pipes_fields.parse_drop_empty_fields,
    "eval": parse_math,
    "extract": pipes_values.parse_extract,
    "extract_regexp": pipes_values.parse_extract_regexp,
    "facets": pipes_rows.parse_facets,
    "field_names": pipes_rows.parse_field_names,
    "field_values": pipes_rows.parse_field_values,
    "fields": pipes_fields.parse_fields,
    "filter": _filter,
    "first": pipes_rows.parse_first,
    "format": pipes_values.parse_format,
    "hash": pipes_values.parse_hash,
    "head": pipes_rows.parse_limit,
    "join": pipes_rows.parse_join,
    "json_array_len": pipes_values.parse_json_array_len,
    "keep": pipes_fields.parse_fields,
    "last": pipes_rows.parse_last,
    "len": pipes_values.parse_len,
    "limit": pipes_rows.parse_limit,
    "math": parse_math,
    "mv": pipes_fields.parse_rename,
    "offset": pipes_rows.parse_offset,
    "order": pipes_rows.parse_sort,
    "pack_json": pipes_fields.parse_pack_json,
    "pack_logfmt": pipes_fields.parse_pack_logfmt,
    "rename": pipes_fields.parse_rename,
    "replace": pipes_values.parse_replace,
    "replace_regexp": pipes_values.parse_replace_regexp,
    "rm": pipes_fields.parse_delete,
    "running_stats": stats.parse_running_stats,
    "sample": pipes_rows.parse_sample,
    "skip": pipes_rows.parse_offset,
    "sort": pipes_rows.parse_sort,
    "stats": stats.parse_stats,
    "stats_remote": stats.parse_stats,
    "stream_context": pipes_rows.parse_stream_context,
    "top": pipes_rows.parse_top,
    "total_stats": stats.parse_total_stats,
    "union": pipes_rows.parse_union,
    "uniq": pipes_rows.parse_uniq,
    "unpack_json": pipes_values.parse_unpack_json,
    "unpack_logfmt": pipes_values.parse_unpack_logfmt,
    "unpack_syslog": pipes_values.parse_unpack_syslog,
    "unpack_words": pipes_values.parse_unpack_words,
    "unroll": pipes_fields.parse_unroll,
    "where": _filter,
}
