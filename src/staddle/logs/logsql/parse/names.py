"""Field names, lists of them, and counts: what many pipes have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql.numbers import parse_bytes, parse_go_int, parse_plain
from staddle.logs.logsql.times import parse_duration

if TYPE_CHECKING:
    from staddle.logs.logsql.lexer import Cursor


def canonical(name: str) -> str:
    """The message field's other name is the empty one."""
    return name or "_msg"


def field_name(c: Cursor, *more_stops: str) -> str:
    """One field name, without wildcards."""
    name = canonical(c.compound("field name", *more_stops))
    if c.adjacent("*"):
        c.fail("unexpected '*' in a field name")
    return name


def field_pattern(c: Cursor) -> str:
    """A field name, `prefix*` or `*`."""
    if c.accept("*"):
        return "*"
    token = c.token
    name = c.compound("field name")
    if c.adjacent("*"):
        c.advance()
        return ("" if token.quoted and not name else name) + "*"
    return canonical(name)


def _until_paren(c: Cursor, *, wild: bool) -> tuple[str, ...]:
    fields: list[str] = []
    while not c.accept(")"):
        if c.at(","):
            c.fail("unexpected ',' in the list of field names")
        fields.append(field_pattern(c) if wild else field_name(c))
        if not c.at(")"):
            c.expect(",", "between field names")
    return tuple(fields)


def fields_in_parens(c: Cursor) -> tuple[str, ...]:
    """`(a, b)`, without wildcards; a comma at the end is allowed."""
    c.expect("(", "before field names")
    return _until_paren(c, wild=False)


def patterns_in_parens(c: Cursor) -> tuple[str, ...]:
    """`(a, b*)`; a comma at the end is allowed."""
    c.expect("(", "before field names")
    return patterns_until_paren(c)


def patterns_until_paren(c: Cursor) -> tuple[str, ...]:
    """`a, b*)`, where the `(` has been read."""
    return _until_paren(c, wild=True)


def comma_fields(c: Cursor) -> tuple[str, ...]:
    """`a, b`, without wildcards."""
    fields = [field_name(c)]
    while c.accept(","):
        fields.append(field_name(c))
    return tuple(fields)


def comma_patterns(c: Cursor) -> tuple[str, ...]:
    """`a, b*`."""
    fields = [field_pattern(c)]
    while c.accept(","):
        fields.append(field_pattern(c))
    return tuple(fields)


def fields_maybe_in_parens(c: Cursor) -> tuple[str, ...]:
    """`(a, b)` or `a, b`."""
    return fields_in_parens(c) if c.at("(") else comma_fields(c)


def result_name(c: Cursor) -> str:
    """`as x` or `x`; the message field where the pipe ends instead."""
    if c.accept("as"):
        return field_name(c)
    return "_msg" if c.at_end() else field_name(c)


def count(c: Cursor, what: str) -> int:
    """A whole number, not negative: `10`, `1_000`, `0x10`, `10K`, also `1e3`."""
    text = c.compound(what)
    value = parse_count(text)
    if value is None:
        c.reject(f"cannot parse {what} from {text!r}")
    return value


def parse_count(text: str) -> int | None:
    """The same from its text; None when it is none."""
    value: float | None = parse_go_int(text)
    if value is None:
        value = parse_plain(text)
    if value is None:
        value = parse_duration(text)
    if value is None:
        value = parse_bytes(text)
    if value is None or value < 0 or value != int(value) or value >= 1 << 64:
        return None
    return int(value)


def duration(c: Cursor, what: str) -> int:
    """A duration in nanoseconds, with a sign if any."""
    text = c.compound(what)
    value = 0 if text in {"0", "-0"} else parse_duration(text)
    if value is None:
        c.reject(f"cannot parse duration {text!r}")
    return value
