"""`stats` in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from staddle.logs.compile.inner import Inner, UnsupportedError, key_column, text, time_text
from staddle.logs.logsql import ast
from staddle.logs.logsql.evaluate.blocks import from_rows
from staddle.logs.logsql.numbers import format_number
from staddle.logs.logsql.times import SECOND
from staddle.store.names import STREAM, STREAM_ID, TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from staddle.logs.compile.engine import Row
    from staddle.logs.compile.table import Table
    from staddle.logs.logsql.source import Block

NUMERIC = {"count", "count_empty", "count_uniq", "count_uniq_hash", "sum_len"}
BLOCK_ROWS = 8192
# Moves an exact share of the rows just past it, so that DuckDB's choice is the value at floor(phi * rows).
NUDGE = 1e-12


@dataclass(frozen=True, slots=True)
class Output:
    """A result column: SQL of the aggregate, and what makes text of its value. `quantile_of` is the value's
    own column.
    """

    sql: str
    decode: Callable[[Any], str]
    quantile_of: str = ""


def number_text(value: Any) -> str:
    """A sum or average as evaluators write it."""
    return "NaN" if value is None else format_number(float(value))


def count_text(value: Any) -> str:
    """A count."""
    return str(int(value or 0))


def rate_seconds(pipe: ast.Stats, query: ast.Query) -> float:
    """What rates are divided by: the time bucket, else the query's time range; 0 when there is neither."""
    for by in pipe.by:
        if by.name == TIME and by.bucket_size:
            return by.bucket_size / SECOND
    start, end = query.time_range()
    return (end - start + 1) / SECOND if start != ast.MIN_TIME_NS and end != ast.MAX_TIME_NS else 0.0


class _Functions:
    """Makes outputs of functions."""

    def __init__(self, inner: Inner, step: float) -> None:
        self.inner = inner
        self.step = step

    def output(self, entry: ast.StatsEntry) -> Output:
        func = entry.func
        if any(f.endswith("*") and f != "*" for f in func.fields):
            raise UnsupportedError(str(func))
        only = "" if entry.condition is None else f" filter (where {self.inner.condition(entry.condition)})"
        make = getattr(self, f"_{func.name}", None)
        if make is None:
            raise UnsupportedError(func.name)
        made: Output = make(func, only)
        return made

    def _columns(self, func: ast.StatsFunc) -> list[str]:
        if "*" in func.fields:
            raise UnsupportedError(str(func))
        return [self.inner.stream() if f in {STREAM, STREAM_ID} else self.inner.field(f) for f in func.fields]

    def _number(self, func: ast.StatsFunc, *, strict: bool) -> tuple[str, str]:
        """A single field's column, and its number. Strict: all of its values are numbers."""
        if len(func.fields) != 1 or func.fields[0] in {"*", TIME, STREAM, STREAM_ID}:
            raise UnsupportedError(str(func))
        field = func.fields[0]
        if not (self.inner.all_numbers(field) if strict else self.inner.no_odd_numbers(field)):
            raise UnsupportedError(str(func))
        column = self.inner.field(field)
        return column, f"try_cast({column} as double)"

    def _count(self, func: ast.StatsFunc, only: str) -> Output:
        if func.fields == ("*",) or TIME in func.fields:
            return Output(f"count(*){only}", count_text)
        columns = self._columns(func)
        if len(columns) == 1:
            return Output(f"count({columns[0]}){only}", count_text)
        return Output(f"count(coalesce({', '.join(columns)})){only}", count_text)

    def _count_empty(self, func: ast.StatsFunc, only: str) -> Output:
        if TIME in func.fields:
            return Output("0", count_text)
        columns = self._columns(func)
        whole = f"count(*){only} - count(coalesce({', '.join([*columns, 'null'])})){only}"
        return Output(whole, count_text)

    def _rate(self, _func: ast.StatsFunc, only: str) -> Output:
        step = self.step
        return Output(f"count(*){only}", lambda n: format_number((n or 0) / step if step else float(n or 0)))

    def _count_uniq(self, func: ast.StatsFunc, only: str) -> Output:
        if TIME in func.fields:
            if len(func.fields) > 1:
                raise UnsupportedError(str(func))
            columns = [self.inner.time()]
        else:
            columns = self._columns(func)
        if len(columns) == 1:
            sql = f"count(distinct {columns[0]}){only}"
        else:
            filled = f"coalesce({', '.join(columns)}) is not null"
            whole = f"case when {filled} then row({', '.join(columns)}) end"
            sql = f"count(distinct {whole}){only}"
        return Output(f"least({sql}, {func.limit})" if func.limit else sql, count_text)

    _count_uniq_hash = _count_uniq

    def _sum(self, func: ast.StatsFunc, only: str) -> Output:
        return Output(f"sum({self._number(func, strict=False)[1]}){only}", number_text)

    def _avg(self, func: ast.StatsFunc, only: str) -> Output:
        return Output(f"avg({self._number(func, strict=False)[1]}){only}", number_text)

    def _rate_sum(self, func: ast.StatsFunc, only: str) -> Output:
        step = self.step
        sql = f"sum({self._number(func, strict=False)[1]}){only}"
        return Output(sql, lambda n: number_text(n / step if n is not None and step else n))

    def _sum_len(self, func: ast.StatsFunc, only: str) -> Output:
        columns = self._columns(func)
        if STREAM_ID in func.fields:
            raise UnsupportedError(str(func))
        lengths = " + ".join(f"coalesce(strlen({c}), 0)" for c in columns)
        return Output(f"sum({lengths}){only}", count_text)

    def _max(self, func: ast.StatsFunc, only: str) -> Output:
        if func.fields == (TIME,):
            return Output(f"max({self.inner.time()}){only}", time_text)
        column, number = self._number(func, strict=True)
        return Output(f"arg_max({column}, {number}){only}", text)

    def _min(self, func: ast.StatsFunc, only: str) -> Output:
        if func.fields == (TIME,):
            return Output(f"min({self.inner.time()}){only}", time_text)
        column, number = self._number(func, strict=True)
        some = f"count(*){only} > count({column}){only}"
        return Output(f"case when {some} then null else arg_min({column}, {number}){only} end", text)

    def _quantile(self, func: ast.StatsFunc, only: str) -> Output:
        column, number = self._number(func, strict=True)
        phi = 0.5 if func.name == "median" else func.phi
        share = min(max(phi, 0.0) + NUDGE, 1.0)
        # Rows without the field are the lowest.
        return Output(f"quantile_disc(coalesce({number}, '-inf'::double), {share!r}){only}", text, column)

    _median = _quantile


@dataclass(slots=True)
class StatsPlan:
    """A `stats` pipe as SQL; `order` may ask for only the first rows by one of its counts."""

    table: Table
    inner: Inner
    pipe: ast.Stats
    keys: list[tuple[str, Callable[[Any], str]]]
    outputs: list[Output]
    order: str = ""

    def sql(self) -> str:
        """The whole SELECT."""
        columns = [f"{sql} as k{i}" for i, (sql, _) in enumerate(self.keys)]
        columns += [f"{o.sql} as o{i}" for i, o in enumerate(self.outputs)]
        group = f" group by {', '.join(str(i + 1) for i in range(len(self.keys)))}" if self.keys else ""
        return f"select {', '.join(columns)} from ({self.inner.sql()}){group}{self.order}"

    def run(self) -> Iterator[Block]:
        """The result."""
        names = (*(b.name for b in self.pipe.by), *(e.result for e in self.pipe.entries))
        texts = self._quantile_texts()
        decoders = [d for _, d in self.keys] + [o.decode for o in self.outputs]
        with self.table.engine.cursor(self.table.timer) as cursor:
            cursor.execute(self.sql())
            while batch := cursor.fetchmany(BLOCK_ROWS):
                rows = [[d(v) for d, v in zip(decoders, row, strict=True)] for row in batch]
                for i in texts:
                    self._replace(batch, rows, i, texts[i])
                yield from_rows(names, rows)

    def _quantile_texts(self) -> dict[int, dict[float, str]]:
        return {i: {} for i, o in enumerate(self.outputs) if o.quantile_of}

    def _replace(self, batch: list[Row], rows: list[list[str]], i: int, known: dict[float, str]) -> None:
        """Quantiles are computed as numbers; what is wanted is the stored text of such a number."""
        at = len(self.keys) + i
        column = self.outputs[i].quantile_of
        missing = {row[at] for row in batch if row[at] is not None and row[at] != float("-inf")} - known.keys()
        if missing:
            listed = ", ".join(f"{x!r}::double" for x in missing)
            sql = (
                f"select try_cast({column} as double) as x, min({column}) from ({self.inner.sql()}) "
                f"where try_cast({column} as double) in ({listed}) group by 1"
            )
            known.update(dict(self.table.engine.fetch(sql, self.table.timer)))
        for raw, row in zip(batch, rows, strict=True):
            row[at] = known.get(raw[at], "") if raw[at] is not None else ""


def plan_stats(pipe: ast.Stats, table: Table, query: ast.Query, after: ast.Pipe | None) -> StatsPlan:
    """SQL for a `stats` pipe. Raises UnsupportedError."""
    inner = Inner(table)
    keys = [key_column(inner, b, table) for b in pipe.by]
    functions = _Functions(inner, rate_seconds(pipe, query))
    outputs = [functions.output(e) for e in pipe.entries]
    plan = StatsPlan(table, inner, pipe, keys, outputs)
    if isinstance(after, ast.Sort) and after.limit >= 0 and len(after.by) == 1 and not after.partition_by:
        for i, entry in enumerate(pipe.entries):
            if entry.result == after.by[0].name and entry.func.name in NUMERIC:
                direction = "desc" if after.by[0].desc != after.desc else "asc"
                plan.order = f" order by o{i} {direction} limit {after.offset + after.limit}"
    return plan
