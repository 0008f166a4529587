"""JSON whose values keep their text: numbers stay as written, arrays and nested objects become compact
JSON.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_ESCAPE = re.compile(r"[\x00-\x1f\"\\<']")
_NAMED = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\f": "\\f", "\b": "\\b"}
_NEEDS_QUOTING = re.compile(r"[\x00-\x1f\"\\]")


class _Text(str):
    """A scalar that is not a string, as written."""

    __slots__ = ()


class _Object(list[tuple[str, object]]):
    """Members of an object in order, repeated names included."""


_DECODER = json.JSONDecoder(
    object_pairs_hook=_Object, parse_float=_Text, parse_int=_Text, parse_constant=_Text, strict=False
)


def parse(text: str) -> object | None:
    """The value, for `flatten`, `items` and `compact`; None when the text is not JSON."""
    try:
        value: object = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return _Text("null") if value is None else value


def flatten(text: str) -> list[tuple[str, str]] | None:
    """The members of a JSON object, nested objects as `a.b`; nulls are left out. None when the text is no
    object.
    """
    value = parse(text) if text[:1] == "{" or text.lstrip()[:1] == "{" else None
    if not isinstance(value, _Object):
        return None
    out: list[tuple[str, str]] = []
    try:
        _flatten_into(out, "", value)
    except RecursionError:
        return None
    return out


def _flatten_into(out: list[tuple[str, str]], prefix: str, members: _Object) -> None:
    for name, value in members:
        full = f"{prefix}.{name}" if prefix else name
        if isinstance(value, _Object):
            _flatten_into(out, full, value)
        elif value is not None:
            out.append((full or "_msg", as_text(value)))


def items(text: str) -> list[str] | None:
    """The items of a JSON array as text; None when the text is no array."""
    value = parse(text) if text[:1] == "[" or text.lstrip()[:1] == "[" else None
    if isinstance(value, _Object) or not isinstance(value, list):
        return None
    try:
        return [as_text(v) for v in value]
    except RecursionError:
        return None


def as_text(value: object) -> str:
    """A string as it is, anything else as compact JSON."""
    return str(value) if isinstance(value, str) else compact(value)


def compact(value: object) -> str:
    """Compact JSON."""
    if isinstance(value, _Text):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if _NEEDS_QUOTING.search(value) else f'"{value}"'
    if isinstance(value, _Object):
        return "{" + ",".join(f"{compact(k)}:{compact(v)}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    if value is None:
        return "null"
    return "true" if value else "false"


def quoted(text: str) -> str:
    """A JSON string as the original writes it: also `<` and `'` are escaped, so that it is safe within
    HTML.
    """
    if not _ESCAPE.search(text):
        return f'"{text}"'
    return '"' + _ESCAPE.sub(lambda m: _NAMED.get(m[0]) or f"\\u{ord(m[0]):04x}", text) + '"'


def array(values: Iterable[str]) -> str:
    """A JSON array of strings."""
    return "[" + ",".join(map(quoted, values)) + "]"


def row(fields: Iterable[tuple[str, str]]) -> str:
    """A JSON object of a row's fields; empty ones are left out."""
    return "{" + ",".join(f"{quoted(k)}:{quoted(v)}" for k, v in fields if v != "") + "}"
