"""Stages that make several fields from one: extract, extract_regexp, unpack_json, unpack_logfmt,
unpack_syslog, unpack_words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql import jsontext, logfmt, syslog
from staddle.logs.logsql.ast import Extract, FormatStep, Unpack, UnpackWords, matches_any
from staddle.logs.logsql.evaluate.blocks import with_columns
from staddle.logs.logsql.evaluate.fields import per_block
from staddle.logs.logsql.evaluate.matching import compile_filter
from staddle.logs.logsql.evaluate.values import value_stage
from staddle.logs.logsql.evaluate.words import words
from staddle.logs.logsql.quoting import literal_end, unquote
from staddle.logs.logsql.regexps import clean, compile_regexp
from staddle.logs.logsql.remember import remembered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from staddle.logs.logsql.ast import Filter
    from staddle.logs.logsql.evaluate.context import Context, Stage
    from staddle.logs.logsql.source import Block

    Unpacker = Callable[[str], Sequence[tuple[str, str]]]
    """The fields in a value, in order."""


def unpack_stage(field: str, unpack: Unpacker, condition: Filter | None, *, keep: bool, skip: bool) -> Stage:
    """Sets what `unpack` finds in a field. `keep` leaves fields that have a value, `skip` leaves out empty
    results.
    """
    matcher = None if condition is None else compile_filter(condition)
    unpack = remembered(unpack)

    def work(block: Block) -> Block:
        chosen = range(block.rows) if matcher is None else matcher(block, range(block.rows))
        source = block.column(field)
        changed: dict[str, Sequence[str]] = {}
        lists: dict[str, list[str]] = {}
        for i in chosen:
            for name, value in unpack(source[i]):
                column = lists.get(name)
                if column is None:
                    column = lists[name] = list(block.column(name))
                if (keep and column[i]) or (skip and not value):
                    continue
                column[i] = value
        changed.update(lists)
        return with_columns(block, changed) if changed else block

    return per_block(work)


def extract(pipe: Extract, _context: Context) -> Stage:
    """`extract` and `extract_regexp`."""
    unpack = _regexp_extractor(pipe.pattern) if pipe.regexp else _pattern_extractor(pipe.steps)
    return unpack_stage(
        pipe.field, unpack, pipe.condition, keep=pipe.keep_original_fields, skip=pipe.skip_empty_results
    )


def _regexp_extractor(pattern: str) -> Unpacker:
    regexp = compile_regexp(pattern)
    groups = sorted(regexp.groupindex.items(), key=lambda item: item[1])
    nothing = [(name, "") for name, _ in groups]

    def unpack(value: str) -> list[tuple[str, str]]:
        m = regexp.search(clean(value))
        return nothing if m is None else [(name, m.group(index) or "") for name, index in groups]

    return unpack


def _pattern_extractor(steps: tuple[FormatStep, ...]) -> Unpacker:
    names = [s.field for s in steps if s.field]

    def unpack(value: str) -> list[tuple[str, str]]:
        found = dict.fromkeys(names, "")
        position = value.find(steps[0].prefix)
        if position < 0:
            return list(found.items())
        position += len(steps[0].prefix)
        for i, step in enumerate(steps):
            if step.field is None:
                break
            following = steps[i + 1].prefix if i + 1 < len(steps) else ""
            text, end = _quoted_at(value, position) if step.option != "plain" else ("", -1)
            if end < 0:
                end = value.find(following, position) if following else len(value)
                if end < 0:
                    break
                text = value[position:end]
            if step.field:
                found[step.field] = text
            if not value.startswith(following, end):
                break
            position = end + len(following)
        return list(found.items())

    return unpack


def _quoted_at(value: str, position: int) -> tuple[str, int]:
    """A string literal in double quotes or backticks at the position, unquoted, and where it ends; -1 when
    there is none.
    """
    if value[position : position + 1] not in {'"', "`"}:
        return "", -1
    end = literal_end(value, position)
    text = unquote(value[position:end]) if end > 0 else None
    return ("", -1) if text is None else (text, end)


def unpack(pipe: Unpack, context: Context) -> Stage:
    """`unpack_json`, `unpack_logfmt` and `unpack_syslog`."""
    now, offset = context.now_ns, pipe.offset_ns
    parsers: dict[str, Unpacker] = {
        "json": lambda v: jsontext.flatten(v) or (),
        "logfmt": logfmt.parse,
        "syslog": lambda v: syslog.parse(v, now, offset),
    }
    return unpack_stage(
        pipe.field,
        _selected(pipe, parsers[pipe.format]),
        pipe.condition,
        keep=pipe.keep_original_fields,
        skip=pipe.skip_empty_results,
    )


def _selected(pipe: Unpack, parse: Unpacker) -> Unpacker:
    """Only the wanted fields; those asked for by name that are missing get empty values."""
    prefix, patterns = pipe.result_prefix, pipe.fields
    if not patterns:
        return (lambda v: [(prefix + k, x) for k, x in parse(v)]) if prefix else parse
    named = [f for f in patterns if not f.endswith("*")]

    def unpack(value: str) -> list[tuple[str, str]]:
        found = dict.fromkeys(named, "")
        for name, text in parse(value):
            if matches_any(name, patterns):
                found[name] = text
        return [(prefix + k, v) for k, v in found.items()]

    return unpack


def unpack_words(pipe: UnpackWords, _context: Context) -> Stage:
    """`unpack_words`."""
    if pipe.drop_duplicates:
        return value_stage(pipe.field, pipe.result, lambda v: jsontext.array(dict.fromkeys(words(v))))
    return value_stage(pipe.field, pipe.result, lambda v: jsontext.array(words(v)))
