"""How names and values are written in canonical LogsQL, so that every node can print itself."""

from __future__ import annotations

import re

from staddle.logs.logsql.keywords import RESERVED_FIRST_WORDS

_BARE = re.compile(r"\w[\w.]*")

# Words that mean something to the parser where a name or value may stand; quoted, they are plain text.
RESERVED = RESERVED_FIRST_WORDS | {
    "and",
    "or",
    "not",
    "as",
    "if",
    "in",
    "re",
    "seq",
    "exact",
    "range",
    "i",
    "with",
    "rank",
    "partition",
    "on",
    "from",
    "at",
    "hits",
    "asc",
    "desc",
    "contains_all",
    "contains_any",
    "eq_field",
    "le_field",
    "lt_field",
    "ipv4_range",
    "len_range",
    "string_range",
    "value_type",
    "options",
    "keep_original_fields",
    "skip_empty_results",
    "result_prefix",
    "prettify",
    "prefix",
    "inner",
    "drop_duplicates",
    "default",
    "before",
    "after",
    "time_window",
    "max_values_per_field",
    "max_value_len",
    "keep_const_fields",
    "now",
    "xor",
    "inf",
    "nan",
    "abs",
    "exp",
    "ln",
    "round",
    "ceil",
    "floor",
    "rand",
}


def quote(value: str) -> str:
    r"""`value` between double quotes, with Go's escapes: the inverse of
    `staddle.logs.logsql.quoting.unquote`.
    """
    out = ['"']
    for char in value:
        code = ord(char)
        if char in '"\\':
            out.append("\\" + char)
        elif char == "\n":
            out.append("\\n")
        elif char == "\t":
            out.append("\\t")
        elif char == "\r":
            out.append("\\r")
        elif code < 0x20 or code == 0x7F:
            out.append(f"\\x{code:02x}")
        elif 0xDC80 <= code <= 0xDCFF:
            # A byte that is not UTF-8, carried as a surrogate escape.
            out.append(f"\\x{code - 0xDC00:02x}")
        else:
            out.append(char)
    out.append('"')
    return "".join(out)


def word(value: str) -> str:
    """`value` bare where the lexer would read it back as one word, else quoted."""
    if _BARE.fullmatch(value) and value.lower() not in RESERVED:
        return value
    return quote(value)


def name(field: str) -> str:
    """A field name or `prefix*` pattern."""
    if field.endswith("*"):
        return "*" if field == "*" else word(field[:-1]) + "*"
    return word(field)


def names(fields: tuple[str, ...]) -> str:
    """Comma-separated field names or patterns."""
    return ", ".join(name(f) for f in fields)


def prefixed(field: str) -> str:
    """`field:` as it stands before a filter; nothing for the message field."""
    return "" if field == "_msg" else word(field) + ":"


def duration(nanoseconds: int) -> str:
    """Nanoseconds as a LogsQL duration literal (exact)."""
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    parts = []
    for unit, size in (
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("µs", 1_000),
        ("ns", 1),
    ):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return sign + ("".join(parts) or "0s")
