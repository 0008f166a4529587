"""Pipe nodes that need, make or drop whole rows, apart from `stats` (in `stats.py`).

Limits and counts are 0 when absent unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast.pipe_base import Pipe
from staddle.logs.logsql.ast.text import duration, names, word

if TYPE_CHECKING:
    from staddle.logs.logsql.ast.filters import Filter
    from staddle.logs.logsql.ast.query import Query
    from staddle.logs.logsql.ast.stats import StatsEntry


@dataclass(frozen=True, slots=True)
class SortKey:
    """A field with its direction, as written (a pipe-wide `desc` turns every key round once more)."""

    name: str
    desc: bool = False

    def __str__(self) -> str:
        return word(self.name) + (" desc" if self.desc else "")


# --- whole sets of rows
# -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sort(Pipe):
    """`sort by (...)`. No keys: by all fields. `limit` -1 is none; `rank` is the name of the rank field or
    empty.
    """

    by: tuple[SortKey, ...] = ()
    desc: bool = False
    offset: int = 0
    limit: int = -1
    partition_by: tuple[str, ...] = ()
    rank: str = ""

    def __str__(self) -> str:
        text = "sort"
        if self.by:
            text += f" by ({', '.join(map(str, self.by))})"
        if self.desc:
            text += " desc"
        if self.partition_by:
            text += f" partition by ({names(self.partition_by)})"
        if self.offset:
            text += f" offset {self.offset}"
        if self.limit >= 0:
            text += f" limit {self.limit}"
        return text + (f" rank as {word(self.rank)}" if self.rank else "")


@dataclass(frozen=True, slots=True)
class FirstLast(Pipe):
    """`first N by (...)` or, when `last`, `last N by (...)`: `sort` (descending for `last`) with a limit
    per partition.
    """

    last: bool
    limit: int = 1
    by: tuple[SortKey, ...] = ()
    partition_by: tuple[str, ...] = ()
    rank: str = ""

    def __str__(self) -> str:
        text = f"{'last' if self.last else 'first'} {self.limit}"
        if self.by:
            text += f" by ({', '.join(map(str, self.by))})"
        if self.partition_by:
            text += f" partition by ({names(self.partition_by)})"
        return text + (f" rank as {word(self.rank)}" if self.rank else "")


@dataclass(frozen=True, slots=True)
class Limit(Pipe):
    """`limit N`."""

    count: int

    def __str__(self) -> str:
        return f"limit {self.count}"


@dataclass(frozen=True, slots=True)
class Offset(Pipe):
    """`offset N`: skips rows."""

    count: int

    def __str__(self) -> str:
        return f"offset {self.count}"


@dataclass(frozen=True, slots=True)
class Sample(Pipe):
    """`sample N`: one row of N on average, at random."""

    one_of: int

    def __str__(self) -> str:
        return f"sample {self.one_of}"


@dataclass(frozen=True, slots=True)
class Uniq(Pipe):
    """`uniq by (...)`. `hits` is the name of the count field, or empty. Over the limit, hits are 0 and
    values arbitrary.
    """

    by: tuple[str, ...]
    hits: str = ""
    limit: int = 0

    def __str__(self) -> str:
        text = f"uniq by ({names(self.by)})"
        if self.hits:
            text += " with hits"
        return text + (f" limit {self.limit}" if self.limit else "")


@dataclass(frozen=True, slots=True)
class Top(Pipe):
    """`top N by (...)`: the N most frequent combinations, most frequent first."""

    limit: int
    by: tuple[str, ...]
    hits: str = "hits"
    rank: str = ""

    def __str__(self) -> str:
        text = f"top {self.limit} by ({names(self.by)}) hits as {word(self.hits)}"
        return text + (f" rank as {word(self.rank)}" if self.rank else "")


@dataclass(frozen=True, slots=True)
class Facets(Pipe):
    """`facets N`: most frequent values of every field."""

    limit: int = 10
    max_values_per_field: int = 1000
    max_value_len: int = 128
    keep_const_fields: bool = False

    def __str__(self) -> str:
        text = f"facets {self.limit}"
        if self.max_values_per_field != 1000:
            text += f" max_values_per_field {self.max_values_per_field}"
        if self.max_value_len != 128:
            text += f" max_value_len {self.max_value_len}"
        return text + (" keep_const_fields" if self.keep_const_fields else "")


@dataclass(frozen=True, slots=True)
class FieldNames(Pipe):
    """`field_names`: names of all fields with hits. `result` names the output field."""

    result: str = "name"

    def __str__(self) -> str:
        return f"field_names as {word(self.result)}"


@dataclass(frozen=True, slots=True)
class FieldValues(Pipe):
    """`field_values x limit N`: distinct values with hits."""

    field: str
    limit: int = 0

    def __str__(self) -> str:
        return f"field_values {word(self.field)}" + (f" limit {self.limit}" if self.limit else "")


@dataclass(frozen=True, slots=True)
class BlockStats(Pipe):
    """`block_stats`: what the storage's blocks and columns look like."""

    def __str__(self) -> str:
        return "block_stats"


@dataclass(frozen=True, slots=True)
class BlocksCount(Pipe):
    """`blocks_count`: how many blocks were read."""

    result: str = "blocks_count"

    def __str__(self) -> str:
        return f"blocks_count as {word(self.result)}"


@dataclass(frozen=True, slots=True)
class StreamContext(Pipe):
    """`stream_context before N after N`: neighbouring rows in the stream of every row."""

    before: int = 0
    after: int = 0
    time_window_ns: int = 3_600_000_000_000

    def __str__(self) -> str:
        text = f"stream_context before {self.before} after {self.after}"
        return (
            text if self.time_window_ns == 3_600_000_000_000 else f"{text} time_window {duration(self.time_window_ns)}"
        )


@dataclass(frozen=True, slots=True)
class Running(Pipe):
    """`running_stats`/`total_stats by (...)`: per row, the statistics so far, or over all."""

    total: bool
    by: tuple[str, ...]
    entries: tuple[StatsEntry, ...]

    def __str__(self) -> str:
        by = f"by ({names(self.by)}) " if self.by else ""
        return f"{'total' if self.total else 'running'}_stats {by}{', '.join(map(str, self.entries))}"


# --- rows from other queries
# --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Union(Pipe):
    """`union (query)`: rows of another query after these."""

    query: Query

    def __str__(self) -> str:
        return f"union ({self.query})"


@dataclass(frozen=True, slots=True)
class Join(Pipe):
    """`join by (...) (query)`: adds the other query's fields to rows with equal keys."""

    by: tuple[str, ...]
    query: Query
    inner: bool = False
    prefix: str = ""

    def __str__(self) -> str:
        text = f"join by ({names(self.by)}) ({self.query})" + (" inner" if self.inner else "")
        return text + (f" prefix {word(self.prefix)}" if self.prefix else "")


@dataclass(frozen=True, slots=True)
class FilterPipe(Pipe):
    """`filter ...`."""

    filter: Filter

    def __str__(self) -> str:
        return f"filter {self.filter}"
