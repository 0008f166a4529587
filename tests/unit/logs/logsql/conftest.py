"""Queries over rows held in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from staddle.logs.logsql.evaluate import Limits, filter_fields, run
from staddle.logs.logsql.parser import parse
from staddle.logs.logsql.source import Block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from staddle.logs.logsql.ast import FieldSelection, Filter

    Row = dict[str, str]
    Ask = Callable[..., list[Row]]

NOW = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
FIRST = NOW - 3_600_000_000_000
SECOND = 1_000_000_000


class MemorySource:
    """Rows one second apart from `FIRST` on, in blocks of `block_rows`.

    Only columns that are asked for are given, unless `prune` is False.
    """

    def __init__(self, rows: list[Row], block_rows: int = 1000, *, prune: bool = True) -> None:
        self.rows = rows
        self.block_rows = block_rows
        self.prune = prune
        self.scans = 0
        self.blocks_read = 0

    def scan(self, where: Filter, fields: FieldSelection, start_ns: int, end_ns: int) -> Iterator[Block]:
        self.scans += 1
        for begin in range(0, len(self.rows), self.block_rows):
            rows = self.rows[begin : begin + self.block_rows]
            times = [FIRST + (begin + i) * SECOND for i in range(len(rows))]
            if times[-1] < start_ns or times[0] > end_ns:
                continue
            self.blocks_read += 1
            names = dict.fromkeys(k for row in rows for k in row)
            wanted = filter_fields(where)
            columns = {
                n: [row.get(n, "") for row in rows] for n in names if not self.prune or fields.wants(n) or n in wanted
            }
            yield Block(columns, len(rows), times)


def ask_rows(query: str, rows: list[Row], *, block_rows: int = 1000, limits: Limits | None = None) -> list[Row]:
    """The rows that the query gives, without `_time` unless the query makes it."""
    source = MemorySource(rows, block_rows)
    found = [row for block in run(parse(query, NOW), source, limits) for row in block.row_dicts()]
    return [{k: v for k, v in row.items() if k != "_time"} for row in found]


@pytest.fixture(scope="session")
def ask() -> Ask:
    return ask_rows


@pytest.fixture(scope="session")
def memory() -> type[MemorySource]:
    return MemorySource
