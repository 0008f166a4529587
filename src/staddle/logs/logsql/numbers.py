"""Numbers as LogsQL reads and writes them, and the order of values.

A value is a string; it counts as a number when it is written as one, or as a duration (nanoseconds), a size
(bytes), and where said so as an IPv4 address or a time.
"""

from __future__ import annotations

import math
import re
import socket
from functools import lru_cache

from staddle.logs.logsql.times import MAX_NUMBER_LENGTH, parse_duration, parse_rfc3339

_PLAIN = re.compile(r"-?\d{1,20}(?:\.\d{1,20})?", re.ASCII)
_INT = re.compile(r"-?(?:0|[1-9]\d*)", re.ASCII)
_UINT = re.compile(r"\d{1,20}", re.ASCII)
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?:inf|infinity)|nan", re.ASCII | re.IGNORECASE)
_BASED = re.compile(r"([+-]?)0([xX](?:_?[0-9a-fA-F])+|[bB](?:_?[01])+|[oO]?(?:_?[0-7])+)", re.ASCII)
_GROUPED = re.compile(r"[+-]?[1-9]\d*(?:_\d+)+", re.ASCII)
_HEXFLOAT = re.compile(r"[+-]?0[xX][0-9a-fA-F_]*\.?[0-9a-fA-F_]*[pP][+-]?\d+", re.ASCII)
_IPV4 = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})", re.ASCII)
_SIZES = {
    "": 1,
    "K": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_BYTES = re.compile(r"-?(?:\d+\.?\d*(?:[KMGT]i?B?|B))+", re.ASCII)
_BYTES_PART = re.compile(r"(\d+\.?\d*)([KMGT]i?|)B?", re.ASCII)
_UNDERSCORES = re.compile(r"(?<=\d)_+(?=\d)", re.ASCII)
_DIGITS = re.compile(r"(\d+)", re.ASCII)

_MIN_INT64, _MAX_INT64, _MAX_UINT64 = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1


def parse_uint(text: str) -> int | None:
    """Decimal digits that fit in 64 bits."""
    if _UINT.fullmatch(text):
        value = int(text)
        return value if value <= _MAX_UINT64 else None
    return None


def parse_go_int(text: str) -> int | None:
    """An integer literal: decimal, `0x..`, `0b..`, `0o..`, `_` between digits."""
    if len(text) > MAX_NUMBER_LENGTH:
        return None
    sign = -1 if text.startswith("-") else 1
    m = _BASED.fullmatch(text)
    if m is not None:
        digits = m[2].replace("_", "").lower()
        if not digits.startswith(("x", "b", "o")):
            digits = "o" + digits
        return sign * int("0" + digits, 0)
    if _GROUPED.fullmatch(text) or re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        return int(text)
    return None


def parse_bytes(text: str) -> int | None:
    """`10KiB`, `1.5MB`, `2G`, `5B` ... as a number of bytes; None when it is none (a unit is needed)."""
    if not text or text[-1] not in "BKMGTi" or len(text) > MAX_NUMBER_LENGTH or not _BYTES.fullmatch(text):
        return None
    total = 0.0
    for number, unit in _BYTES_PART.findall(text):
        total += float(number) * _SIZES[unit]
    return int(-total if text.startswith("-") else total)


def parse_ipv4(text: str) -> int | None:
    """A dotted IPv4 address as a 32-bit number."""
    m = _IPV4.fullmatch(text)
    if m is None:
        return None
    a, b, c, d = (int(x) for x in m.groups())
    if a > 255 or b > 255 or c > 255 or d > 255:
        return None
    return a << 24 | b << 16 | c << 8 | d


def parse_ipv6(text: str) -> int | None:
    """An IPv6 address as a 128-bit number."""
    if ":" not in text or len(text) > 45:
        return None
    try:
        return int.from_bytes(socket.inet_pton(socket.AF_INET6, text), "big")
    except (OSError, ValueError):
        return None


def parse_plain(text: str) -> float | None:
    """A decimal number without exponent, `123` or `-1.5`."""
    return float(text) if _PLAIN.fullmatch(text) else None


def parse_number(text: str) -> float | None:
    """A number, duration or size."""
    if not text or text[0] not in "0123456789+-.iInN" or len(text) > MAX_NUMBER_LENGTH:
        return None
    if "_" in text and _UNDERSCORES.search(text):
        based = parse_go_int(text)
        return float(based) if based is not None else parse_number(_UNDERSCORES.sub("", text))
    if _FLOAT.fullmatch(text):
        return float(text)
    found: float | None = parse_duration(text)
    if found is None:
        found = parse_bytes(text)
    if found is None and _HEXFLOAT.fullmatch(text):
        found = float.fromhex(text)
    if found is None:
        found = parse_go_int(text)
    return None if found is None else float(found)


@lru_cache(maxsize=1 << 15)
def parse_math_number(text: str) -> float | None:
    """A number, duration, size, time (Unix nanoseconds) or IPv4 address (32-bit number)."""
    number = parse_number(text)
    if number is not None:
        return number
    if not text or not text[0].isdigit():
        return None
    time = parse_rfc3339(text)
    if time is not None:
        return float(time)
    address = parse_ipv4(text)
    return None if address is None else float(address)


def format_number(value: float) -> str:
    """The shortest text that reads back as the value, without exponent; whole numbers without fraction."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if value == int(value):
        if abs(value) < 1e16:
            text = str(int(value))
            return "-0" if value == 0 and math.copysign(1, value) < 0 else text
        return _expand(repr(value))
    text = repr(value)
    return _expand(text) if "e" in text else text


def _expand(text: str) -> str:
    """A number written with an exponent, written without."""
    mantissa, _, exponent = text.partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, part = mantissa.lstrip("-").partition(".")
    point = len(whole) + int(exponent or 0)
    digits = whole + ("" if part == "0" else part)
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point >= len(digits):
        return sign + digits + "0" * (point - len(digits))
    return f"{sign}{digits[:point]}.{digits[point:]}"


def natural_key(text: str) -> tuple[tuple[int, int, str, int], ...]:
    """A sort key for natural order: runs of digits compare as numbers and stand before other text."""
    parts = _DIGITS.split(text)
    # Of two numbers without leading zeros, the one with more digits is the greater.
    return tuple(
        (0, len(digits := p.lstrip("0")), digits, len(p)) if i % 2 else (1, 0, p, 0) for i, p in enumerate(parts) if p
    )


_natural_key = natural_key  # the name it had before


def less_natural(a: str, b: str) -> bool:
    """Is `a` before `b` when runs of digits count as numbers?"""
    return natural_key(a) < natural_key(b)


def less(a: str, b: str) -> bool:
    """Is `a` before `b` in value order: integers, then times, then numbers when both are such, else natural
    text order?
    """
    if a == b:
        return False
    ka, kb = order_key(a), order_key(b)
    if ka[0] is not None and kb[0] is not None:
        return ka[0] < kb[0]
    if ka[1] is not None and kb[1] is not None:
        return ka[1] < kb[1]
    if ka[2] is not None and kb[2] is not None:
        return ka[2] < kb[2]
    return less_natural(a, b)


@lru_cache(maxsize=1 << 15)
def order_key(text: str) -> tuple[int | None, int | None, float | None]:
    """The value as 64-bit integer, as time and as number, None each where it is no such thing."""
    if not text or text[0] not in "0123456789+-.iInN" or len(text) > MAX_NUMBER_LENGTH:
        return None, None, None
    if _INT.fullmatch(text):
        value = int(text)
        return (value if _MIN_INT64 <= value <= _MAX_UINT64 else None), None, float(value)
    number = parse_number(text)
    return None, (parse_rfc3339(text) if number is None else None), number
