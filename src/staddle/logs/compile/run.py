"""Runs queries: as much as possible in SQL, the rest in the evaluator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.compile.scan import StoreSource
from staddle.logs.logsql.evaluate import Limits, run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.logs.logsql.ast import Query
    from staddle.logs.logsql.source import Block


def run_query(query: Query, source: StoreSource, limits: Limits) -> Iterator[Block]:
    """The query's result."""
    return run(query, source, limits)
