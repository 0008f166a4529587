"""What the fields of incoming JSON lines mean: where their time, message and stream labels are."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class RowFormat:
    """How a batch of JSON lines becomes rows.

    `time_fields`: the first one present is the row's time; `msg_fields`: the first one that is not empty
    becomes `_msg`;
    `stream_fields`: labels of the stream; `ignore_fields`, `decolorize_fields`: names or `prefix*`;
    `extra_fields`: added to
    every row, in place of fields of the same name; `default_msg`: the `_msg` of rows without one (empty:
    none).
    Lines longer than `max_line` bytes, and rows of more than `max_fields` fields, are dropped.
    """

    time_fields: tuple[str, ...] = ("_time",)
    msg_fields: tuple[str, ...] = ()
    stream_fields: tuple[str, ...] = ()
    ignore_fields: tuple[str, ...] = ()
    decolorize_fields: tuple[str, ...] = ()
    extra_fields: tuple[tuple[str, str], ...] = ()
    default_msg: str = ""
    max_line: int = 256 * 1024
    max_fields: int = 1000

    def dump(self) -> str:
        """Canonical JSON; `load` reads it."""
        return _dump(self)

    @staticmethod
    def load(text: str) -> RowFormat:
        """The inverse of `dump`."""
        return _load(text)


@lru_cache(maxsize=1024)
def _dump(row_format: RowFormat) -> str:
    return json.dumps(asdict(row_format), sort_keys=True, separators=(",", ":"))


@lru_cache(maxsize=1024)
def _load(text: str) -> RowFormat:
    raw: dict[str, Any] = json.loads(text)
    raw["extra_fields"] = tuple((k, v) for k, v in raw["extra_fields"])
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
    return RowFormat(**values)
