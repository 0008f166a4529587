"""Stages that make one value from another: len, hash, replace, collapse_nums ..."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import xxhash

from staddle.logs.logsql import jsontext
from staddle.logs.logsql.evaluate.blocks import with_columns
from staddle.logs.logsql.evaluate.fields import per_block
from staddle.logs.logsql.evaluate.matching import compile_filter
from staddle.logs.logsql.regexps import clean, compile_regexp
from staddle.logs.logsql.remember import remembered

if TYPE_CHECKING:
    from collections.abc import Callable

    from staddle.logs.logsql.ast import CollapseNums, Decolorize, Filter, Hash, JSONArrayLen, Len, Replace
    from staddle.logs.logsql.evaluate.context import Context, Stage
    from staddle.logs.logsql.source import Block

_ANSI = re.compile(r"\x1b\[[\d;?]*[A-Za-z]", re.ASCII)

# A run of decimal or hexadecimal digits that begins a word, or follows one of the letters that join numbers
# to times, sizes and identifiers (`T12`, `x1f`, `v2`, `m30` ...), and that ends likewise.
_NUMBER = re.compile(r"(?<![0-9A-SU-WYZa-gi-ln-rtuwyz])[0-9A-Fa-f]++(?![0-9A-SU-Ya-gi-lo-rtv-z])", re.ASCII)
_PRETTY = (
    (re.compile(r"<N>-<N>-<N>-<N>-<N>"), "<UUID>"),
    (re.compile(r"<N>\.<N>\.<N>\.<N>"), "<IP4>"),
    (re.compile(r"<N>:<N>:<N>(?:[.,]<N>)?"), "<TIME>"),
    (re.compile(r"<N>-<N>-<N>"), "<DATE>"),
    (re.compile(r"<N>/<N>/<N>"), "<DATE>"),
    (re.compile(r"<DATE>[T ]<TIME>(?:Z|[+-]<N>:<N>)?"), "<DATETIME>"),
)


def value_stage(source: str, result: str, work: Callable[[str], str], condition: Filter | None = None) -> Stage:
    """`result` becomes `work(source)`, in rows that match the condition."""
    matcher = None if condition is None else compile_filter(condition)
    work = remembered(work)

    def on_block(block: Block) -> Block:
        values = block.column(source)
        if matcher is None:
            return with_columns(block, {result: [work(v) for v in values]})
        made = list(block.column(result))
        for i in matcher(block, range(block.rows)):
            made[i] = work(values[i])
        return with_columns(block, {result: made})

    return per_block(on_block)


def byte_length(value: str) -> int:
    """Length in bytes."""
    return len(value) if value.isascii() else len(value.encode("utf-8", "surrogateescape"))


def length(pipe: Len, _context: Context) -> Stage:
    """`len`."""
    return value_stage(pipe.field, pipe.result, lambda v: str(byte_length(v)))


def hashed(pipe: Hash, _context: Context) -> Stage:
    """`hash`."""
    return value_stage(
        pipe.field, pipe.result, lambda v: str(xxhash.xxh64_intdigest(v.encode("utf-8", "surrogateescape")))
    )


def json_array_len(pipe: JSONArrayLen, _context: Context) -> Stage:
    """`json_array_len`."""
    return value_stage(pipe.field, pipe.result, lambda v: str(len(jsontext.items(v) or ())))


def decolorize(pipe: Decolorize, _context: Context) -> Stage:
    """`decolorize`."""
    return value_stage(pipe.field, pipe.field, lambda v: _ANSI.sub("", v) if "\x1b" in v else v)


def collapse_nums(pipe: CollapseNums, _context: Context) -> Stage:
    """`collapse_nums`."""
    work = _prettified if pipe.prettify else _collapsed
    return value_stage(pipe.field, pipe.field, work, pipe.condition)


def _collapsed(value: str) -> str:
    def number(m: re.Match[str]) -> str:
        digits = m[0]
        # Short or odd runs with letters are rather words, like "be" or "facade1".
        return "<N>" if digits.isdecimal() or (len(digits) >= 4 and len(digits) % 2 == 0) else digits

    return _NUMBER.sub(number, value)


def _prettified(value: str) -> str:
    value = _collapsed(value)
    for pattern, name in _PRETTY:
        value = pattern.sub(name, value)
    return value


def replace(pipe: Replace, _context: Context) -> Stage:
    """`replace` and `replace_regexp`."""
    work = _regexp_replacer(pipe) if pipe.regexp else _text_replacer(pipe)
    return value_stage(pipe.field, pipe.field, work, pipe.condition)


def _text_replacer(pipe: Replace) -> Callable[[str], str]:
    old, new, limit = pipe.old, pipe.new, pipe.limit or -1
    if not old:
        return lambda v: v
    return lambda v: v.replace(old, new, limit)


_PLACEHOLDER = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)


def _regexp_replacer(pipe: Replace) -> Callable[[str], str]:
    regexp = compile_regexp(pipe.old)
    pieces: list[str | int] = []
    position = 0
    for m in _PLACEHOLDER.finditer(pipe.new):
        pieces.append(pipe.new[position : m.start()])
        position = m.end()
        name = m[2] or m[3]
        if name is None:
            pieces.append("$")
        elif name.isdecimal():
            pieces.append(int(name) if int(name) <= regexp.groups else "")
        else:
            pieces.append(regexp.groupindex.get(name, ""))
    pieces.append(pipe.new[position:])

    def work(value: str) -> str:
        value = clean(value)
        out: list[str] = []
        position = count = 0
        for found in regexp.finditer(value):
            if count and found.start() == found.end() == position:
                # No empty match right after another.
                continue
            out.append(value[position : found.start()])
            out.extend(p if isinstance(p, str) else found.group(p) or "" for p in pieces)
            position = found.end()
            count += 1
            if count == pipe.limit:
                break
        if not count:
            return value
        out.append(value[position:])
        return "".join(out)

    return work
