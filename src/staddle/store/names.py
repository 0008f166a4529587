"""Field names as Parquet column names.

Fields differ by letter case, DuckDB's columns don't: an upper-case ASCII letter `X` becomes `^x`, and `^`
becomes `^^`.
Columns that are no fields start with `^0`, which no field's name is encoded to.
"""

from __future__ import annotations

import re

TENANT = "^0tenant"
SHAPE = "^0shape"
MORE = "^0more"
TIME = "_time"
STREAM = "_stream"
STREAM_ID = "_stream_id"
MSG = "_msg"

_ENCODE = re.compile(r"[A-Z^]")
_DECODE = re.compile(r"\^(.)", re.DOTALL)


def column_of(field: str) -> str:
    """The column that holds a field."""
    return _ENCODE.sub(lambda m: "^" + m[0].lower(), field)


def field_of(column: str) -> str:
    """The field in a column; not for `^0` columns."""
    return _DECODE.sub(lambda m: m[1].upper(), column)


def quoted(identifier: str) -> str:
    """An SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """An SQL string. DuckDB can't have NUL in SQL text, so that is spelled out."""
    if "\0" in text:
        return "(" + " || chr(0) || ".join(literal(part) for part in text.split("\0")) + ")"
    return "'" + text.replace("'", "''") + "'"


def pointer(key: str) -> str:
    """The JSON pointer to a key of the top-level object."""
    return "/" + key.replace("~", "~0").replace("/", "~1")
