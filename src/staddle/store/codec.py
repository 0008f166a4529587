"""What a store needs to know about its rows: how the payloads in its log become rows, and how merged parts are laid out.

The worker loads the codec by its name, `module:attribute` (see `Options.codec`).
"""

from __future__ import annotations

import importlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import duckdb

    from staddle.store.manifest import Part
    from staddle.store.wal import Record

LINES = "staddle.store.jsonlines:CODEC"


@dataclass(slots=True)
class Converted:
    """What came of some segments.

    `problems` says what could not be read; `dropped` counts rows by reason; `facts` is what the codec wants its owner to know.
    `registered` are the names that the codec gave to Arrow tables for the time of the conversion.
    """

    parts: list[Part] = field(default_factory=list)
    rows: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    facts: list[Any] = field(default_factory=list)
    registered: list[str] = field(default_factory=list)


class Codec(Protocol):
    """The kind of a store."""

    @property
    def order(self) -> tuple[str, ...]:
        """Columns that a merged part is sorted by, after the tenant."""

    @property
    def options(self) -> str:
        """Parquet options of merged parts."""

    @property
    def shaped(self) -> bool:
        """Do messages get shapes (see `merge`)?"""

    def select(
        self,
        con: duckdb.DuckDBPyConnection,
        row_format: str,
        records: Sequence[Record],
        index: int,
        result: Converted,
        times: tuple[int, int],
    ) -> str:
        """A SELECT of the rows in records of one format, with times in [times].

        `index` tells several formats apart. Counts in `result.dropped["time"]` all rows that it could read;
        those that are stored are taken off once they are known.
        """

    def index(self, con: duckdb.DuckDBPyConnection, part: Part, folder: Path) -> None:
        """Write what else belongs beside a new part, durably."""


def load_codec(name: str) -> Codec:
    """The codec with a name."""
    module, _, attribute = name.partition(":")
    found: Codec = getattr(importlib.import_module(module), attribute)
    return found
