"""The `stats` pipe: grouping keys and aggregate functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast.pipe_base import Pipe
from staddle.logs.logsql.ast.text import name, names, word

if TYPE_CHECKING:
    from staddle.logs.logsql.ast.filters import Filter


@dataclass(frozen=True, slots=True)
class ByField:
    """One grouping key, optionally rounded down to a bucket.

    `bucket` and `offset` are as written ("5m", "10KiB", "/24", "week"), or empty. `bucket_size` is the
    number it stands for: nanoseconds for durations (and the named units up to `week`), the width for
    numbers, the mask length for `/24`; 0 with a `month` or `year` bucket. `offset_size` likewise.
    """

    name: str
    bucket: str = ""
    bucket_size: float = 0
    offset: str = ""
    offset_size: float = 0

    def __str__(self) -> str:
        text = word(self.name)
        if self.bucket:
            text += f":{self.bucket}"
            if self.offset:
                text += f" offset {self.offset}"
        return text


@dataclass(frozen=True, slots=True)
class StatsFunc:
    """`name(fields) limit N`. Fields may be `prefix*` patterns; no fields (and `*`) means all, kept as
    `("*",)`.

    `phi` and `phi_text` belong to `quantile`. The first of `fields` is the compared one in `row_min` and
    `row_max`; the rest are the ones to return.
    """

    name: str
    fields: tuple[str, ...]
    limit: int = 0
    phi: float = 0.0
    phi_text: str = ""

    def __str__(self) -> str:
        shown = self.fields[:1] if self.name in {"row_min", "row_max"} and self.fields[1:] == ("*",) else self.fields
        args = "" if self.name == "rate" else names(shown)
        if self.name == "quantile":
            args = self.phi_text if self.fields == ("*",) else f"{self.phi_text}, {args}"
        return f"{self.name}({args})" + (f" limit {self.limit}" if self.limit else "")


@dataclass(frozen=True, slots=True)
class StatsEntry:
    """A function with its condition and the name of its result (`str(func)` plus condition unless the query
    names it).
    """

    func: StatsFunc
    condition: Filter | None
    result: str

    def __str__(self) -> str:
        condition = f" if ({self.condition})" if self.condition is not None else ""
        return f"{self.func}{condition} as {name(self.result)}"


@dataclass(frozen=True, slots=True)
class Stats(Pipe):
    """`stats by (...) f(...) as x, ...`. Without keys there is exactly one result row."""

    by: tuple[ByField, ...]
    entries: tuple[StatsEntry, ...]

    def __str__(self) -> str:
        by = f"by ({', '.join(map(str, self.by))}) " if self.by else ""
        return f"stats {by}{', '.join(map(str, self.entries))}"
