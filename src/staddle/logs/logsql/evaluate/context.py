"""What stages need to know about the query being run, and the limits it runs under."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from staddle.logs.logsql.errors import QueryLimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from staddle.logs.logsql.ast import Query
    from staddle.logs.logsql.source import Block, RowSource

    Stage = Callable[[Iterator[Block]], Iterator[Block]]
    """What a pipe does: blocks in, blocks out. It may stop early, which stops what is before it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one query. `memory_bytes` is for what sort, stats, uniq, join ... keep, estimated."""

    memory_bytes: int = 512 << 20
    block_rows: int = 8192
    """How many rows a result block has at most."""


@dataclass(slots=True)
class Budget:
    """The memory that a query's stages keep, together. Bytes are estimates."""

    limit: int
    used: int = 0

    def charge(self, size: int) -> None:
        """Takes so many bytes more (or gives them back, when negative); QueryLimitError when there are not
        enough.
        """
        self.used += size
        if self.used > self.limit:
            msg = f"the query needs more than {self.limit >> 20} MiB of memory"
            raise QueryLimitError(msg)


@dataclass(slots=True)
class Context:
    """One run of a query."""

    source: RowSource
    limits: Limits
    run: Callable[[Query], Iterator[Block]]
    """Runs another query (of `union`, `join` ...) over the same source and budget."""
    now_ns: int
    step_seconds: float = 0.0
    """Length of the selected time range, for `rate()`; 0 when it is not bounded."""
    budget: Budget = field(default_factory=lambda: Budget(512 << 20))
