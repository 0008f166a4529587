"""String literals: double quotes, single quotes (both with Go's escapes) and backticks (raw)."""

from __future__ import annotations

import re

_DOUBLE = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_SINGLE = re.compile(r"'(?:[^'\\\n]|\\.)*'")
_RAW = re.compile(r"`[^`]*`")
_ESCAPE = re.compile(
    r"\\(?:([abfnrtv\\\"'])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL
)
_SIMPLE = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
}


def literal_end(text: str, start: int) -> int:
    """Where the literal that begins at `start` ends; -1 when there is no complete literal."""
    pattern = {'"': _DOUBLE, "'": _SINGLE, "`": _RAW}.get(text[start : start + 1])
    m = pattern.match(text, start) if pattern is not None else None
    return m.end() if m is not None else -1


def unquote(literal: str) -> str | None:
    r"""The value of a literal; None when it is none or has an unknown escape. `\xNN` are bytes of UTF-8."""
    if len(literal) < 2 or literal_end(literal, 0) != len(literal):
        return None
    body = literal[1:-1]
    if literal[0] == "`":
        return body.replace("\r", "")
    if "\\" not in body:
        return body
    out: list[bytes] = []
    position = 0
    for m in _ESCAPE.finditer(body):
        out.append(body[position : m.start()].encode("utf-8", "surrogateescape"))
        decoded = _decoded(m, literal[0])
        if decoded is None:
            return None
        out.append(decoded)
        position = m.end()
    out.append(body[position:].encode("utf-8", "surrogateescape"))
    return b"".join(out).decode("utf-8", "surrogateescape")


def _decoded(escape: re.Match[str], delimiter: str) -> bytes | None:
    simple, hexa, octal, short, long, _unknown = escape.groups()
    if simple is not None:
        # Each kind of quote is escaped only within its own literals.
        return None if simple in "\"'" and simple != delimiter else _SIMPLE[simple].encode()
    if hexa is not None or octal is not None:
        byte = int(hexa, 16) if hexa is not None else int(octal, 8)
        return bytes([byte]) if byte < 256 else None
    code = int(short or long or "FFFFFFFF", 16)
    return None if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF else chr(code).encode()
