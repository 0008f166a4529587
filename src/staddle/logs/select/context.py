"""What a query endpoint works with."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from staddle.logs.compile.engine import Engine, Timer
from staddle.logs.compile.run import run_query
from staddle.logs.compile.scan import StoreSource
from staddle.logs.http.errors import HTTPError
from staddle.logs.logsql.errors import LogsQLError, QueryLimitError
from staddle.logs.logsql.evaluate import Limits
from staddle.logs.logsql.times import SECOND
from staddle.logs.select.times import duration_arg

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.logs.http.messages import Request
    from staddle.logs.logsql.ast import Query
    from staddle.logs.logsql.source import Block
    from staddle.logs.metrics import Metrics


@dataclass(frozen=True, slots=True)
class SelectOptions:
    """Bounds of queries; times are seconds."""

    max_duration: float
    max_concurrent: int
    max_queue: float
    max_range: float
    memory_bytes: int


class Selector:
    """Runs queries over the store: takes turns, sees to time limits, and makes new rows visible first."""

    def __init__(self, engine: Engine, metrics: Metrics, options: SelectOptions) -> None:
        self.engine = engine
        self.metrics = metrics
        self.options = options
        self.current = 0
        self._turns = threading.BoundedSemaphore(options.max_concurrent)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn; HTTPError 503 when that takes too long."""
        if not self._turns.acquire(blocking=False):
            self.metrics.add("vl_concurrent_select_limit_reached_total")
            if not self._turns.acquire(timeout=self.options.max_queue):
                self.metrics.add("vl_concurrent_select_limit_timeout_total")
                raise HTTPError(
                    503,
                    f"couldn't start executing the request in {self.options.max_queue:g} seconds, since "
                    f"-search.maxConcurrentRequests={self.options.max_concurrent} concurrent requests are "
                    f"executed",
                )
        self.current += 1
        try:
            yield
        finally:
            self.current -= 1
            self._turns.release()

    @contextmanager
    def source(self, request: Request, tenant: int, *, timed: bool = True) -> Iterator[StoreSource]:
        """The tenant's rows as of now."""
        timer = Timer(self._timeout(request)) if timed else None
        try:
            self.engine.store.flush(self.options.max_duration)
            with self.engine.store.snapshot() as snapshot:
                try:
                    yield StoreSource(self.engine, snapshot, tenant, timer)
                except duckdb.Error as error:
                    if self.engine.check_parts(snapshot):
                        raise HTTPError(500, "a damaged part was found and taken out of service; ask again") from error
                    raise
        finally:
            if timer is not None:
                timer.cancel()

    def _timeout(self, request: Request) -> float:
        text = request.arg("timeout")
        longest = self.options.max_duration
        if not text:
            return longest
        asked = duration_arg("timeout", text, bare_seconds=True) / SECOND
        return min(asked, longest) if asked > 0 else longest

    def run(self, query: Query, source: StoreSource) -> Iterator[Block]:
        """The query's result; errors of the language become HTTP errors."""
        self._check_range(query)
        try:
            yield from run_query(query, source, Limits(memory_bytes=self.options.memory_bytes))
        except LogsQLError as error:
            raise HTTPError(400, f"cannot execute query [{query}]: {error}") from error
        except QueryLimitError as error:
            raise HTTPError(503, f"cannot execute query [{query}]: {error}") from error

    def _check_range(self, query: Query) -> None:
        if self.options.max_range:
            start, end = query.time_range()
            now = time.time_ns()
            if min(end, now) - start > self.options.max_range * SECOND:
                raise HTTPError(
                    400,
                    f"too big time range selected; it cannot exceed "
                    f"-search.maxQueryTimeRange={self.options.max_range:g}s",
                )

    def rows(self, query: Query, source: StoreSource) -> list[dict[str, str]]:
        """All result rows, for small results. Empty fields are kept as empty strings."""
        out: list[dict[str, str]] = []
        for block in self.run(query, source):
            columns = block.materialized()
            names = list(columns)
            out.extend(dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True))
        return out
