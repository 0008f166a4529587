"""Filters as SQL conditions over the columns of parts.

Columns hold NULL for "no such field". A condition may be NULL for such rows, which counts as "no"; it is
never NULL under a
`not`. A predicate that is not `exact` lets more rows through than the filter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.logs.logsql import ast
from staddle.logs.logsql.evaluate.matching import value_test
from staddle.logs.logsql.evaluate.streams import selector_test
from staddle.logs.logsql.times import DAY
from staddle.logs.streams import stream_id
from staddle.store.names import MORE, MSG, SHAPE, STREAM, STREAM_ID, TIME, column_of, literal, pointer, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from staddle.logs.compile.engine import Engine
    from staddle.store.manifest import Part
    from staddle.store.partset import Snapshot

WORD = r"[\pL\pN_]"
NO_WORD = r"[^\pL\pN_]"
_DIGIT_WORD = re.compile(r"[A-Za-z_]*[0-9][A-Za-z0-9_]*")
_WORDS = re.compile(r"\w+")
_PUNCTUATION = re.compile(r"[!-/:-@\[-^`{-~]")
_RE_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")
MAX_LISTED = 20_000


@dataclass(frozen=True, slots=True)
class Predicate:
    """An SQL condition, and whether it says all that the filter does."""

    sql: str
    exact: bool = True


TRUE = Predicate("true")
FALSE = Predicate("false")
UNKNOWN = Predicate("true", exact=False)


class Scope:
    """What fields are in some parts: `column` gives the SQL for a field's value, None when no row has it."""

    def __init__(self, engine: Engine, snapshot: Snapshot, tenant: int, parts: Sequence[Part], *, shaped: bool) -> None:
        self.engine = engine
        self.snapshot = snapshot
        self.tenant = tenant
        self.parts = parts
        self.shaped = shaped
        self.columns = {c for p in parts for c in engine.columns(p)}

    def column(self, field: str) -> str | None:
        """SQL for the value of a stored field (not `_time`, `_stream_id`)."""
        name = column_of(field)
        own = quoted(name) if name in self.columns else None
        if MORE in self.columns and field not in {MSG, STREAM}:
            more = f"json_extract_string({quoted(MORE)}, {literal(pointer(field))})"
            return f"coalesce({own}, {more})" if own else more
        return own

    def streams(self) -> set[str]:
        """All streams of the tenant in the parts."""
        out: set[str] = set()
        for part in self.parts:
            out.update(self.engine.summary(self.snapshot, part).streams.get(self.tenant, ()))
        return out

    def plain_numbers(self, field: str) -> bool:
        """Is every value of the field a plain decimal number, or text that can't be read as any number?"""
        return self._all_match(field, "plain", r"-?[0-9]{1,15}(\.[0-9]{1,15})?|[^0-9+\-.iInN].*")

    def only_numbers(self, field: str) -> bool:
        """Is every value of the field a plain decimal number?"""
        return self._all_match(field, "number", r"-?[0-9]{1,15}(\.[0-9]{1,15})?")

    def _all_match(self, field: str, what: str, pattern: str) -> bool:
        name = column_of(field)
        if MORE in self.columns and name not in self.columns:
            return False
        parts = [p for p in self.parts if name in self.engine.columns(p)]
        if any(MORE in p.columns for p in parts):
            return False
        condition = f"bool_and(regexp_full_match({quoted(name)}, {literal(pattern)}, 's'))"
        return self.engine.fact(self.snapshot, parts, f"{what}:{name}", condition)

    def shapes(self) -> str:
        """The shapes of the parts, as something to select `h` and `s` from."""
        files = ", ".join(literal(str(self.snapshot.shapes(p))) for p in self.parts)
        return f"read_parquet([{files}])"


def compile_filter(f: ast.Filter, scope: Scope) -> Predicate:  # noqa: PLR0911 (a table)
    """The condition for a filter."""
    match f:
        case ast.MatchAll():
            return TRUE
        case ast.And(filters=filters):
            return _join([compile_filter(x, scope) for x in filters], "and")
        case ast.Or(filters=filters):
            return _join([compile_filter(x, scope) for x in filters], "or")
        case ast.Not(filter=inner):
            p = compile_filter(inner, scope)
            if not p.exact:
                return UNKNOWN
            return {"true": FALSE, "false": TRUE}.get(p.sql) or Predicate(f"not coalesce({p.sql}, false)")
        case ast.Time(start_ns=start, end_ns=end):
            return Predicate(f"{TIME} between {start} and {end}")
        case ast.DayRange(start_ns=start, end_ns=end, offset_ns=offset):
            return Predicate(f"((({TIME} - ({offset})) % {DAY}) + {DAY}) % {DAY} between {start} and {end}")
        case ast.WeekRange(start_day=start, end_day=end, offset_ns=offset):
            return Predicate(f"(((({TIME} - ({offset})) // {DAY}) + 4) % 7 + 7) % 7 between {start} and {end}")
        case ast.StreamSelector():
            return _streams(selector_test(f), scope)
        case ast.StreamID(ids=ids) if ids.query is None:
            wanted = {i.lower() for i in ids.values}
            return _streams(lambda s: stream_id(scope.tenant, s) in wanted, scope)
        case ast.EqField(field=field, other=other) if not _virtual(field, other):
            a, b = scope.column(field), scope.column(other)
            return Predicate(f"coalesce({a or 'NULL'}, '') = coalesce({b or 'NULL'}, '')")
    return _value_filter(f, scope)


def _join(parts: list[Predicate], word: str) -> Predicate:
    nothing, all_of_it = ("true", "false") if word == "and" else ("false", "true")
    exact = all(p.exact for p in parts)
    if any(p.sql == all_of_it for p in parts):
        return Predicate(all_of_it, exact or word == "and" or any(p.sql == all_of_it and p.exact for p in parts))
    kept = [p.sql for p in parts if p.sql != nothing]
    if not kept:
        return Predicate(nothing, exact)
    return Predicate(kept[0] if len(kept) == 1 else f" {word} ".join(f"({k})" for k in kept), exact)


def _virtual(*fields: str) -> bool:
    return any(f in {TIME, STREAM_ID} for f in fields)


def _streams(test: Callable[[str], bool], scope: Scope) -> Predicate:
    every = scope.streams()
    chosen = sorted(s for s in every if test(s))
    if not chosen:
        return FALSE
    if len(chosen) == len(every):
        return TRUE
    if len(chosen) > MAX_LISTED:
        return UNKNOWN
    return Predicate(_in(STREAM, chosen))


def _in(column: str, values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"{column} = {literal(values[0])}"
    return f"{column} in ({', '.join(literal(v) for v in values)})"


def _value_filter(f: ast.Filter, scope: Scope) -> Predicate:
    """Filters over the value of one field."""
    field = getattr(f, "field", None)
    if field is None or isinstance(f, ast.ValueType | ast.LeField | ast.EqField) or _virtual(field):
        return UNKNOWN
    values = getattr(f, "values", None)
    if isinstance(values, ast.ValueList) and values.query is not None:
        return UNKNOWN
    empty = value_test(f)[1]("")
    c = scope.column(field)
    if c is None:
        return TRUE if empty else FALSE
    p = _text(f, c, scope) or _list(f, c, scope) or _number(f, c, scope)
    if p is None:
        return UNKNOWN
    if empty and p.sql not in {"true", "false"} and "is null" not in p.sql:
        return Predicate(f"coalesce({p.sql}, true)", p.exact)
    return p


def _text(f: ast.Filter, c: str, scope: Scope) -> Predicate | None:  # noqa: C901, PLR0911, PLR0912 (a table)
    match f:
        case ast.Phrase(phrase=""):
            return Predicate(f"{c} is null")
        case ast.Prefix(prefix=""):
            return Predicate(f"{c} is not null")
        case ast.Phrase(field=field, phrase=phrase):
            return phrase_predicate(field, phrase, c, scope)
        case ast.Prefix(prefix=prefix):
            return Predicate(_bounded(c, prefix, open_end=True))
        case ast.AnyCasePhrase(phrase=phrase) | ast.AnyCasePrefix(prefix=phrase) if not phrase:
            return Predicate(f"{c} is null" if isinstance(f, ast.AnyCasePhrase) else f"{c} is not null")
        case ast.AnyCasePhrase(phrase=phrase):
            return Predicate(_bounded(f"lower({c})", phrase.lower()), phrase.isascii())
        case ast.AnyCasePrefix(prefix=prefix):
            return Predicate(_bounded(f"lower({c})", prefix.lower(), open_end=True), prefix.isascii())
        case ast.Exact(value=value):
            return Predicate(f"{c} = {literal(value)}" if value else f"{c} is null")
        case ast.ExactPrefix(prefix=prefix):
            return Predicate(f"starts_with({c}, {literal(prefix)})") if prefix else TRUE
        case ast.Regexp(pattern=pattern):
            if not _RE_SPECIAL.search(pattern):
                return Predicate(f"contains({c}, {literal(pattern)})")
            return Predicate(f"regexp_matches({c}, {literal(pattern)})") if pattern.isascii() else UNKNOWN
        case ast.Sequence(field=field, phrases=phrases):
            found = [phrase_predicate(field, p, c, scope) for p in phrases if p]
            joined = _join(found, "and") if found else TRUE
            return Predicate(joined.sql, joined.exact and len(found) < 2)
        case ast.StringRange(low=low, high=high):
            upper = "" if high is None else f" and coalesce({c}, '') < {literal(high)}"
            return Predicate(f"coalesce({c}, '') >= {literal(low)}{upper}")
    return None


def _list(f: ast.Filter, c: str, scope: Scope) -> Predicate | None:
    match f:
        case ast.In(values=values):
            filled = [v for v in values.values if v]
            if len(filled) > MAX_LISTED:
                return UNKNOWN
            sql = _in(c, filled) if filled else "false"
            if "" in values.values:
                sql = f"{c} is null or {sql}"
            return Predicate(sql)
        case ast.ContainsAll(field=field, values=values):
            return _join([phrase_predicate(field, v, c, scope) for v in values.values if v] or [TRUE], "and")
        case ast.ContainsAny(field=field, values=values):
            if "" in values.values:
                return TRUE
            return _join([phrase_predicate(field, v, c, scope) for v in values.values] or [FALSE], "or")
    return None


def _number(f: ast.Filter, c: str, scope: Scope) -> Predicate | None:
    match f:
        case ast.LenRange(low=low, high=high):
            return Predicate(f"coalesce(length({c}), 0) between {low} and {min(high, (1 << 62))}")
        case ast.Range(field=field, low=low, high=high):
            number = f"try_cast({c} as double)"
            inside = (
                " and ".join(
                    ([f"{number} >= {_double(low)}"] if low != float("-inf") else [])
                    + ([f"{number} <= {_double(high)}"] if high != float("inf") else [])
                )
                or f"{number} is not null"
            )
            if scope.plain_numbers(field):
                return Predicate(inside)
            return Predicate(
                f"({inside}) or ({number} is null and regexp_matches({c}, '^[-+.]?[0-9iInN]'))", exact=False
            )
        case ast.IPv4Range(low=low, high=high):
            octet = "([0-9]|[1-9][0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5]|0[0-9]{1,2})"
            parts = " + ".join(
                f"cast(split_part({c}, '.', {i + 1}) as bigint) * {1 << shift}"
                for i, shift in enumerate((24, 16, 8, 0))
            )
            address = literal(rf"({octet}\.){{3}}{octet}")
            return Predicate(
                f"case when regexp_full_match({c}, {address}) then {parts} between {low} and {high} else false end"
            )
    return None


def _double(value: float) -> str:
    return f"cast({literal(repr(value))} as double)"


def phrase_predicate(field: str, phrase: str, c: str, scope: Scope) -> Predicate:
    """A phrase on word boundaries: over the shapes of messages where that is possible."""
    if field != MSG or not scope.shaped or not phrase.isascii():
        return Predicate(_bounded(c, phrase))
    shape = _DIGIT_WORD.sub("0", phrase)
    matching = f"select h from {scope.shapes()} where {_bounded('s', shape)}"
    by_shape = f"{quoted(SHAPE)} in ({matching})"
    if shape == phrase:
        return Predicate(by_shape)
    return Predicate(f"{_bounded(c, phrase)} and {by_shape}")


def _bounded(c: str, phrase: str, *, open_end: bool = False) -> str:
    """`contains`, and then the costlier look at what is before and after."""
    contains = f"contains({c}, {literal(phrase)})"
    before = f"(?:^|{NO_WORD})" if _is_word(phrase[0]) else ""
    after = f"(?:{NO_WORD}|$)" if not open_end and _is_word(phrase[-1]) else ""
    if not before and not after:
        return contains
    pattern = before + _PUNCTUATION.sub(r"\\\g<0>", phrase) + after
    return f"{contains} and regexp_matches({c}, {literal(pattern)}, 's')"


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def must_have_words(f: ast.Filter) -> frozenset[str]:
    """Words without digits that the message of every matching row has."""
    if isinstance(f, ast.And):
        return frozenset().union(*(must_have_words(x) for x in f.filters))
    phrases: Sequence[str] = ()
    if isinstance(f, ast.Phrase) and f.field == MSG:
        phrases = (f.phrase,)
    elif isinstance(f, ast.ContainsAll) and f.field == MSG and f.values.query is None:
        phrases = f.values.values
    elif isinstance(f, ast.Sequence) and f.field == MSG:
        phrases = f.phrases
    words = (w for p in phrases for w in _WORDS.findall(p))
    return frozenset(w for w in words if not re.search("[0-9]", w))


def stream_test(f: ast.Filter, tenant: int) -> Callable[[str], bool] | None:
    """A test of streams that every matching row's stream passes; None when all do."""
    tests: list[Callable[[str], bool]] = []
    for part in f.filters if isinstance(f, ast.And) else (f,):
        if isinstance(part, ast.StreamSelector):
            tests.append(selector_test(part))
        elif isinstance(part, ast.StreamID) and part.ids.query is None:
            wanted = {i.lower() for i in part.ids.values}
            tests.append(lambda s, wanted=wanted: stream_id(tenant, s) in wanted)  # type: ignore[misc]
    return (lambda s: all(t(s) for t in tests)) if tests else None
