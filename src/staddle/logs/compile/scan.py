"""Rows of parts as blocks for the evaluator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from staddle.logs.compile.table import Table
from staddle.logs.logsql import ast
from staddle.logs.logsql.evaluate import filter_fields
from staddle.logs.logsql.source import Block
from staddle.logs.streams import stream_id
from staddle.store.names import MORE, MSG, STREAM, STREAM_ID, TIME, column_of, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from staddle.logs.compile.engine import Engine, Row, Timer
    from staddle.logs.compile.predicates import Scope
    from staddle.store.partset import Snapshot

BLOCK_ROWS = 8192
FIRST = (TIME, STREAM_ID, STREAM, MSG)


class StoreSource:
    """A tenant's rows in a snapshot, as the evaluator's RowSource."""

    def __init__(self, engine: Engine, snapshot: Snapshot, tenant: int, timer: Timer | None = None) -> None:
        self.engine = engine
        self.snapshot = snapshot
        self.tenant = tenant
        self.timer = timer

    def table(self, where: ast.Filter, start_ns: int, end_ns: int) -> Table:
        """What has to be read for a filter."""
        return Table(self.engine, self.snapshot, self.tenant, where, (start_ns, end_ns), self.timer)

    def scan(self, where: ast.Filter, fields: ast.FieldSelection, start_ns: int, end_ns: int) -> Iterator[Block]:
        """See RowSource. Blocks are exact when SQL says all of the filter."""
        by_type = any(isinstance(node, ast.ValueType) for node in where.walk())
        table = self.table(where, start_ns, end_ns)
        if by_type:
            # Encodings are those of whole blocks: nothing may be left out of them.
            table = self.table(ast.MatchAll(), start_ns, end_ns)
            yield from self._whole_blocks(table, start_ns, end_ns)
            return
        wanted = [f for f in table.fields if fields.wants(f)]
        if not table.exact:
            wanted = sorted({*wanted, *filter_fields(where)}.intersection(table.fields))
        with_id = fields.wants(STREAM_ID) or (not table.exact and STREAM_ID in filter_fields(where))
        yield from self.rows(table, wanted, with_id=with_id, more=self.needs_more(table, where, fields))

    @staticmethod
    def needs_more(table: Table, where: ast.Filter, fields: ast.FieldSelection) -> bool:
        """May a wanted field have no column of its own?"""
        if not table.has_more:
            return False
        names = set(fields.allow) | (set() if table.exact else set(filter_fields(where)))
        return any("*" in n or n not in table.fields for n in names)

    def rows(
        self, table: Table, wanted: Sequence[str], *, with_id: bool, more: bool = False, tail: str = ""
    ) -> Iterator[Block]:
        """The matching rows with some fields; `tail` is an ORDER BY or LIMIT."""
        names = [f for f in wanted if f not in {TIME, STREAM}]
        sql = table.sql(lambda scope: _columns(scope, names, more=more))
        if not sql:
            return
        with self.engine.cursor(self.timer) as cursor:
            cursor.execute(f"select * from ({sql}) {tail}" if tail else sql)
            while batch := cursor.fetchmany(BLOCK_ROWS):
                if self.timer is not None:
                    self.timer.check()
                yield self._block(batch, names, wanted, with_id=with_id, more=more, exact=table.exact)

    def _block(
        self,
        batch: list[Row],
        names: list[str],
        wanted: Sequence[str],
        *,
        with_id: bool,
        more: bool,
        exact: bool,
    ) -> Block:
        raw = list(zip(*batch, strict=True))
        streams: Sequence[str] = raw[1]
        columns: dict[str, Sequence[str]] = {}
        if with_id:
            columns[STREAM_ID] = [stream_id(self.tenant, s) for s in streams]
        if STREAM in wanted:
            columns[STREAM] = streams
        for name, values in zip(names, raw[2:], strict=False):
            filled = [v if v is not None else "" for v in values] if None in values else values
            if any(filled):
                columns[name] = filled
        if more:
            _add_more(columns, raw[-1])
        ordered = {k: columns[k] for k in FIRST if k in columns}
        return Block({**ordered, **columns}, len(batch), raw[0], exact=exact)

    def _whole_blocks(self, table: Table, start_ns: int, end_ns: int) -> Iterator[Block]:
        """Stored blocks (the rows of one stream in one part) as a whole, with all fields."""
        for part in table.parts:
            for stream in self.engine.summary(self.snapshot, part).streams.get(self.tenant, ()):
                one = Table(self.engine, self.snapshot, self.tenant, ast.MatchAll(), (start_ns, end_ns), self.timer)
                one.groups = [g for g in one.groups if part in g.parts]
                for group in one.groups:
                    group.parts = [part]
                columns: dict[str, list[str]] = {}
                stamps: list[int] = []
                exact = ast.Exact(STREAM, stream)
                for block in self.rows(_restricted(one, exact), one.fields, with_id=True, more=one.has_more):
                    for name, values in block.columns.items():
                        columns.setdefault(name, [""] * len(stamps)).extend(values)
                    stamps.extend(block.timestamps or ())
                    for values in columns.values():
                        values.extend([""] * (len(stamps) - len(values)))
                if stamps:
                    yield Block(dict(columns), len(stamps), stamps)


def _restricted(table: Table, where: ast.Exact) -> Table:
    from staddle.logs.compile.predicates import compile_filter  # noqa: PLC0415 (only for the rare whole blocks)

    for group in table.groups:
        group.where = compile_filter(where, group.scope).sql
    return table


def _columns(scope: Scope, names: Sequence[str], *, more: bool) -> list[str]:
    """Time, stream, then fields by name: the same names in every scope."""
    out = [TIME, STREAM]
    for name in names:
        column = column_of(name)
        out.append(quoted(column) if column in scope.columns else f"cast(null as varchar) as {quoted(column)}")
    if more:
        out.append(quoted(MORE) if MORE in scope.columns else f"cast(null as varchar) as {quoted(MORE)}")
    return out


def _add_more(columns: dict[str, Sequence[str]], texts: Sequence[str | None]) -> None:
    """Fields without columns, from their JSON."""
    made: dict[str, list[str]] = {}
    for i, text in enumerate(texts):
        if text:
            for name, value in json.loads(text).items():
                if name not in made:
                    made[name] = list(columns.get(name, ())) or [""] * len(texts)
                made[name][i] = value
    columns.update(made)
