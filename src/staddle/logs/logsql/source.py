"""The boundary between the language and storage: blocks of rows, and where they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from staddle.logs.logsql.times import format_time
from staddle.logs.logsql.valuetypes import column_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from staddle.logs.logsql.ast import FieldSelection, Filter


class Block:
    """Rows as columns: every column has `rows` strings; a missing column, like an empty string, is "no such
    field".

    `timestamps` (Unix nanoseconds), when given, stand for the column `_time`, which is then formatted only
    if asked for. `exact` promises that all rows match the filter that was scanned for. `value_types` gives
    the storage's encoding of columns (`const`, `dict`, `uint8` ... `string`) where the storage knows it;
    other columns are looked at when a query asks. Columns are never changed in place: they are shared
    between blocks. Sequences are lists, tuples or arrays of the standard library.
    """

    __slots__ = ("columns", "exact", "rows", "timestamps", "value_types")

    def __init__(
        self,
        columns: Mapping[str, Sequence[str]],
        rows: int,
        timestamps: Sequence[int] | None = None,
        *,
        exact: bool = False,
        value_types: Mapping[str, str] | None = None,
    ) -> None:
        self.columns: dict[str, Sequence[str]] = dict(columns)
        self.rows = rows
        self.timestamps = timestamps
        self.exact = exact
        self.value_types = value_types

    def __len__(self) -> int:
        return self.rows

    def names(self) -> list[str]:
        """Names of all columns, `_time` first where it comes from the timestamps."""
        if self.timestamps is not None and "_time" not in self.columns:
            return ["_time", *self.columns]
        return list(self.columns)

    def column(self, name: str) -> Sequence[str]:
        """The values of a field, empty strings where there is no such column."""
        found = self.columns.get(name)
        if found is not None:
            return found
        if name == "_time" and self.timestamps is not None:
            self.columns["_time"] = made = [format_time(t) for t in self.timestamps]
            return made
        return [""] * self.rows

    def has(self, name: str) -> bool:
        """Is there such a column (it may be all empty)?"""
        return name in self.columns or (name == "_time" and self.timestamps is not None)

    def materialized(self) -> dict[str, Sequence[str]]:
        """All columns, `_time` included, as a new dict that the caller may change."""
        if self.timestamps is not None and "_time" not in self.columns:
            return {"_time": self.column("_time"), **{k: v for k, v in self.columns.items() if k != "_time"}}
        return dict(self.columns)

    def value_type(self, name: str) -> str:
        """How the storage encodes the column in this block: see `valuetypes.column_type`."""
        if self.value_types is not None and name in self.value_types:
            return self.value_types[name]
        if name == "_time" and self.timestamps is not None:
            return "time"
        return column_type(self.columns.get(name, ()))

    def take(self, indexes: Sequence[int]) -> Block:
        """The rows at `indexes`, in that order; the same block when that is all of them in order."""
        if len(indexes) == self.rows and (isinstance(indexes, range) or list(indexes) == list(range(self.rows))):
            return self
        columns: dict[str, Sequence[str]] = {k: [v[i] for i in indexes] for k, v in self.columns.items()}
        stamps = None if self.timestamps is None else [self.timestamps[i] for i in indexes]
        return Block(columns, len(indexes), stamps, exact=self.exact)

    def row_dicts(self) -> Iterator[dict[str, str]]:
        """Rows one by one without their empty fields, in column order. For output and tests, not for
        evaluation.
        """
        columns = self.materialized()
        for i in range(self.rows):
            yield {k: v[i] for k, v in columns.items() if v[i] != ""}


class RowSource(Protocol):
    """Where rows come from: one tenant's storage."""

    def scan(self, where: Filter, fields: FieldSelection, start_ns: int, end_ns: int) -> Iterator[Block]:
        """Blocks with at least the rows that match `where` and have start_ns <= time <= end_ns (Unix
        nanoseconds).

        A block may have rows that match neither (unless it is `exact`): the evaluator filters again. It
        must have the timestamps, the wanted `fields` and all fields that `where` names (a block that is
        `exact` needs only the former). For `value_type` filters a block must be a whole stored block, not
        narrowed. Closing the iterator ends the scan. Subqueries in `where` have been replaced by their
        values.
        """
        ...
