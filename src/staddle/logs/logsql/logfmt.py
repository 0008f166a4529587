"""logfmt: `a=b c="d e"`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast.text import quote
from staddle.logs.logsql.quoting import literal_end, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEY = re.compile(r"[^\s=]*")
_BARE = re.compile(r"[^\s]*")
_BLANKS = re.compile(r"\s*")
_QUOTE_NEEDED = re.compile(r'[\x00-\x20="\\\x7f]')


def parse(text: str) -> list[tuple[str, str]]:
    """All pairs in order. A key without `=` has an empty value; a value in quotes is unquoted."""
    pairs: list[tuple[str, str]] = []
    position = 0
    size = len(text)
    while True:
        position = _end(_BLANKS, text, position)
        if position >= size:
            return pairs
        stop = _end(_KEY, text, position)
        key = text[position:stop]
        position = stop
        value = ""
        if text[position : position + 1] == "=":
            value, position = _value(text, position + 1)
        if key:
            pairs.append((key, value))


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    m = pattern.match(text, position)
    return m.end() if m is not None else position


def _value(text: str, position: int) -> tuple[str, int]:
    end = literal_end(text, position)
    if end > 0:
        value = unquote(text[position:end])
        if value is not None:
            return value, end
    stop = _end(_BARE, text, position)
    return text[position:stop], stop


def render(fields: Iterable[tuple[str, str]]) -> str:
    """The pairs in logfmt, quoted where needed; empty ones are left out."""
    return " ".join(f"{k}={quote(v) if _QUOTE_NEEDED.search(v) else v}" for k, v in fields if v != "")
