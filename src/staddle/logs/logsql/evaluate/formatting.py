"""The `format` stage and its options."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING
from urllib.parse import quote_plus, unquote_to_bytes

from staddle.logs.logsql import jsontext
from staddle.logs.logsql.evaluate.blocks import with_columns
from staddle.logs.logsql.evaluate.fields import per_block
from staddle.logs.logsql.evaluate.matching import compile_filter
from staddle.logs.logsql.numbers import format_number, parse_uint
from staddle.logs.logsql.times import SECOND, format_duration, format_time, parse_duration, unix_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from staddle.logs.logsql.ast import Format
    from staddle.logs.logsql.evaluate.context import Context, Stage
    from staddle.logs.logsql.source import Block

_INT = re.compile(r"-?\d{1,19}", re.ASCII)


def _time(value: str) -> str:
    time = unix_ns(value)
    return value if time is None else format_time(time)


def _duration(value: str) -> str:
    return format_duration(int(value)) if _INT.fullmatch(value) else value


def _duration_seconds(value: str) -> str:
    duration = parse_duration(value)
    return value if duration is None else format_number(duration / SECOND)


def _ipv4(value: str) -> str:
    number = parse_uint(value)
    if number is None or number >= 1 << 32:
        return value
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogateescape")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _hex_decode(value: str) -> str:
    try:
        return _text(bytes.fromhex(value)) if " " not in value else value
    except ValueError:
        return value


def _hex_number_encode(value: str) -> str:
    number = parse_uint(value)
    return value if number is None else f"{number:016X}"


def _hex_number_decode(value: str) -> str:
    return str(int(value, 16)) if re.fullmatch(r"[0-9a-fA-F]{1,16}", value) else value


def _base64_decode(value: str) -> str:
    try:
        return _text(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return value


OPTIONS: dict[str, Callable[[str], str]] = {
    "base64decode": _base64_decode,
    "base64encode": lambda v: base64.b64encode(_bytes(v)).decode(),
    "duration": _duration,
    "duration_seconds": _duration_seconds,
    "hexdecode": _hex_decode,
    "hexencode": lambda v: _bytes(v).hex().upper(),
    "hexnumdecode": _hex_number_decode,
    "hexnumencode": _hex_number_encode,
    "ipv4": _ipv4,
    "lc": str.lower,
    "q": jsontext.quoted,
    "time": _time,
    "uc": str.upper,
    "urldecode": lambda v: _text(unquote_to_bytes(_bytes(v.replace("+", " ")))),
    "urlencode": lambda v: quote_plus(_bytes(v)),
}


def formatted(pipe: Format, _context: Context) -> Stage:
    """`format`."""
    matcher = None if pipe.condition is None else compile_filter(pipe.condition)
    steps = [(s.prefix, s.field, OPTIONS.get(s.option)) for s in pipe.steps]

    def work(block: Block) -> Block:
        pieces: list[Sequence[str]] = []
        for prefix, field, option in steps:
            if prefix:
                pieces.append([prefix] * block.rows)
            if field:
                column = block.column(field)
                pieces.append(column if option is None else [option(v) for v in column])
        made = ["".join(row) for row in zip(*pieces, strict=True)] if pieces else [""] * block.rows
        chosen = range(block.rows) if matcher is None else matcher(block, range(block.rows))
        return with_columns(block, {pipe.result: _merged(pipe, block, made, chosen)})

    return per_block(work)


def _merged(pipe: Format, block: Block, made: list[str], chosen: Sequence[int]) -> list[str]:
    if len(chosen) == block.rows and not pipe.keep_original_fields and not pipe.skip_empty_results:
        return made
    values = list(block.column(pipe.result))
    for i in chosen:
        if (values[i] and pipe.keep_original_fields) or (not made[i] and pipe.skip_empty_results):
            continue
        values[i] = made[i]
    return values
