"""Rows that the bulk path can't take as they are (nested objects, repeated keys, too many fields ...), one
by one.

The result is a flat JSON object of strings that the bulk path reads like any other line.
"""

from __future__ import annotations

import json
from typing import Any

from staddle.store.names import MORE

MAX_NAME_BYTES = 128
MAX_COLUMNS = 2000
MAX_ROW_BYTES = 2 << 20
MAX_DEPTH = 64


class _Number(str):
    """A JSON number as it was written."""

    __slots__ = ()


_DECODER = json.JSONDecoder(parse_float=_Number, parse_int=_Number, parse_constant=_Number, strict=False)


def parse_object(line: str) -> dict[str, Any] | None:
    """The JSON object in a line with its numbers as written; None if it is none."""
    try:
        found = _DECODER.decode(line.strip())
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def flatten(row: dict[str, Any], max_fields: int) -> dict[str, str] | None:
    """Fields of a parsed row: nested objects become dotted names, other values their text; null and empty
    ones go.

    None when the row breaks a limit (name length, number of fields, size). An object whose flattened names
    would be too
    long stays JSON text under its own name.
    """
    out: dict[str, str] = {}
    for key, value in row.items():
        if key != MORE:
            _add(out, key or "_msg", value, 0)
    if len(out) > min(max_fields, MAX_COLUMNS) or any(len(k.encode("utf-8", "replace")) > MAX_NAME_BYTES for k in out):
        return None
    return out if sum(map(len, out.values())) <= MAX_ROW_BYTES else None


def _add(out: dict[str, str], name: str, value: Any, depth: int) -> None:
    if isinstance(value, dict):
        if depth < MAX_DEPTH and not _too_long(name, value):
            for key, inner in value.items():
                _add(out, f"{name}.{key}", inner, depth + 1)
            return
        text = dump(value)
    else:
        text = scalar(value)
    if text:
        out[name] = text


def _too_long(name: str, value: dict[str, Any]) -> bool:
    return any(
        len(name.encode("utf-8", "replace")) + 1 + len(k.encode("utf-8", "replace")) > MAX_NAME_BYTES for k in value
    )


def scalar(value: Any) -> str:
    """The stored text of a JSON value: strings and numbers as they are, "" for null."""
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    return dump(value)


def dump(value: Any) -> str:
    """JSON text with numbers as they were written."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(map(dump, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{dump(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def encode_row(fields: dict[str, str]) -> bytes:
    """A line for the bulk path. Lone surrogates become replacement characters."""
    text = json.dumps(fields, ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
