"""Filters to functions over blocks.

A matcher takes a block and the indexes of rows to look at, ascending, and returns those that match. Tests
of single values are made once per filter; constant and missing columns are tested once per block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import (
    And,
    AnyCasePhrase,
    AnyCasePrefix,
    ContainsAll,
    ContainsAny,
    DayRange,
    EqField,
    Exact,
    ExactPrefix,
    Filter,
    In,
    IPv4Range,
    IPv6Range,
    LeField,
    LenRange,
    MatchAll,
    Not,
    Or,
    Phrase,
    Prefix,
    Range,
    Regexp,
    Sequence,
    StreamID,
    StreamSelector,
    StringRange,
    Time,
    ValueType,
    WeekRange,
)
from staddle.logs.logsql.evaluate import words
from staddle.logs.logsql.evaluate.streams import selector_test
from staddle.logs.logsql.numbers import less, parse_ipv4, parse_ipv6, parse_math_number
from staddle.logs.logsql.regexps import searcher
from staddle.logs.logsql.times import DAY, parse_rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence as Seq

    from staddle.logs.logsql.source import Block

    Test = Callable[[str], bool]
    Matcher = Callable[[Block, Seq[int]], Seq[int]]


def compile_filter(f: Filter) -> Matcher:
    """The matcher of a filter whose subqueries have been replaced by their values."""
    special = _logical(f) or _on_time(f) or _on_fields(f)
    if special is not None:
        return special
    field, test = value_test(f)
    return _values(field, test)


def _logical(f: Filter) -> Matcher | None:
    match f:
        case MatchAll():
            return lambda _block, rows: rows
        case And(filters=filters):
            return _all([compile_filter(x) for x in filters])
        case Or(filters=filters):
            return _any([compile_filter(x) for x in filters])
        case Not(filter=inner):
            return _not(compile_filter(inner))
    return None


def _on_time(f: Filter) -> Matcher | None:
    match f:
        case Time(start_ns=start, end_ns=end):
            return _time(lambda t: start <= t <= end)
        case DayRange(start_ns=start, end_ns=end, offset_ns=offset):
            return _time(lambda t: start <= (t - offset) % DAY <= end)
        case WeekRange(start_day=start, end_day=end, offset_ns=offset):
            # 1970-01-01 was a Thursday.
            return _time(lambda t: start <= ((t - offset) // DAY + 4) % 7 <= end)
    return None


def _on_fields(f: Filter) -> Matcher | None:
    """Filters that look at more than the text of one field."""
    match f:
        case EqField(field=field, other=other):
            return _pair(field, other, lambda a, b: a == b)
        case LeField(field=field, other=other, strict=strict):
            return _pair(field, other, less if strict else (lambda a, b: a == b or less(a, b)))
        case ValueType(field=field, kind=kind):
            return lambda block, rows: rows if block.value_type(field) == kind else ()
    return None


def value_test(f: Filter) -> tuple[str, Test]:
    """The field that a filter looks at, and its test of one value. For filters over a single field."""
    if isinstance(f, StreamSelector):
        return "_stream", selector_test(f)
    if isinstance(f, StreamID):
        return "_stream_id", frozenset(i.lower() for i in f.ids.values).__contains__
    test = _word_test(f) or _text_test(f) or _list_test(f) or _number_test(f)
    if test is None:
        msg = f"no test for {type(f).__name__}"
        raise TypeError(msg)
    return f.field, test  # type: ignore[attr-defined]


def _word_test(f: Filter) -> Test | None:
    match f:
        case Phrase(phrase=phrase):
            return words.phrase_test(phrase)
        case Prefix(prefix=prefix):
            return words.prefix_test(prefix)
        case AnyCasePhrase(phrase=phrase):
            return words.any_case_test(words.phrase_test(phrase.lower()))
        case AnyCasePrefix(prefix=prefix):
            return words.any_case_test(words.prefix_test(prefix.lower()))
        case Sequence(phrases=phrases):
            return words.sequence_test(phrases)
    return None


def _text_test(f: Filter) -> Test | None:
    match f:
        case Exact(value=value):
            return value.__eq__
        case ExactPrefix(prefix=prefix):
            return lambda v: v.startswith(prefix)
        case Regexp(pattern=pattern):
            return searcher(pattern)
        case StringRange(low=low, high=None):
            return low.__le__
        case StringRange(low=low, high=str() as high):
            return lambda v: low <= v < high
    return None


def _list_test(f: Filter) -> Test | None:
    match f:
        case In(values=values):
            return frozenset(values.values).__contains__
        case ContainsAll(values=values):
            tests = [words.phrase_test(v) for v in values.values if v]
            return lambda v: all(test(v) for test in tests)
        case ContainsAny(values=values):
            if "" in values.values:
                return lambda _v: True
            tests = [words.phrase_test(v) for v in values.values]
            return lambda v: any(test(v) for test in tests)
    return None


def _number_test(f: Filter) -> Test | None:
    match f:
        case Range(low=low, high=high):
            return lambda v: (n := parse_math_number(v)) is not None and low <= n <= high
        case LenRange(low=low, high=high):
            return lambda v: low <= len(v) <= high
        case IPv4Range(low=low, high=high):
            return lambda v: (n := parse_ipv4(v)) is not None and low <= n <= high
        case IPv6Range(low=low, high=high):
            return lambda v: (n := parse_ipv6(v)) is not None and low <= n <= high
    return None


def _values(field: str, test: Test) -> Matcher:
    def matcher(block: Block, rows: Seq[int]) -> Seq[int]:
        if not block.has(field):
            return rows if test("") else ()
        column = block.column(field)
        return [i for i in rows if test(column[i])]

    return matcher


def _all(matchers: list[Matcher]) -> Matcher:
    def matcher(block: Block, rows: Seq[int]) -> Seq[int]:
        for m in matchers:
            rows = m(block, rows)
            if not rows:
                return ()
        return rows

    return matcher


def _any(matchers: list[Matcher]) -> Matcher:
    def matcher(block: Block, rows: Seq[int]) -> Seq[int]:
        found: set[int] = set()
        rest = rows
        for m in matchers:
            found.update(m(block, rest))
            rest = [i for i in rest if i not in found]
            if not rest:
                return rows
        return [i for i in rows if i in found]

    return matcher


def _not(inner: Matcher) -> Matcher:
    def matcher(block: Block, rows: Seq[int]) -> Seq[int]:
        out = inner(block, rows)
        if not out:
            return rows
        if len(out) == len(rows):
            return ()
        dropped = set(out)
        return [i for i in rows if i not in dropped]

    return matcher


def _pair(field: str, other: str, test: Callable[[str, str], bool]) -> Matcher:
    def matcher(block: Block, rows: Seq[int]) -> Seq[int]:
        a, b = block.column(field), block.column(other)
        return [i for i in rows if test(a[i], b[i])]

    return matcher


def _time(test: Callable[[int], bool]) -> Matcher:
    def matcher(block: Block, rows: Seq[int]) -> Seq[int]:
        stamps = block.timestamps
        if stamps is not None:
            return [i for i in rows if test(stamps[i])]
        column = block.column("_time")
        return [i for i in rows if (t := parse_rfc3339(column[i])) is not None and test(t)]

    return matcher
