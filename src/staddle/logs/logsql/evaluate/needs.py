"""Which columns a query needs from storage."""

from __future__ import annotations

from staddle.logs.logsql import ast
from staddle.logs.logsql.ast import FieldSelection, Filter, matches, matches_any

_TIMED = (ast.Time, ast.DayRange, ast.WeekRange)


def filter_fields(f: Filter) -> frozenset[str]:
    """Fields that a filter looks at; `_stream` and `_stream_id` for stream filters."""
    names: set[str] = set()
    for node in f.walk():
        if isinstance(node, ast.StreamSelector):
            names.add("_stream")
        elif isinstance(node, ast.StreamID):
            names.add("_stream_id")
        elif isinstance(node, _TIMED):
            names.add("_time")
        elif isinstance(node, ast.EqField | ast.LeField):
            names.update((node.field, node.other))
        else:
            field = getattr(node, "field", None)
            if field is not None:
                names.add(field)
    return frozenset(names)


def _overlap(a: str, b: str) -> str:
    """The narrower of two names or patterns when one covers the other, else nothing."""
    if matches(a.removesuffix("*"), b) and (b.endswith("*") or not a.endswith("*")):
        return a
    return b if matches(b.removesuffix("*"), a) else ""


class _Need:
    """A set of columns, worked out backwards from the last pipe."""

    def __init__(self) -> None:
        self.everything = True
        self.names: set[str] = set()
        self.without: set[str] = set()

    def only(self, names: set[str]) -> None:
        """Nothing but these (patterns) from here on back."""
        self.everything, self.names, self.without = "*" in names, names - {"*"}, set()

    def restrict(self, patterns: tuple[str, ...]) -> None:
        """What is needed, as far as the patterns cover it."""
        if "*" in patterns:
            return
        if self.everything:
            self.only(set(patterns) - self.without)
        else:
            self.names = {common for n in self.names for p in patterns if (common := _overlap(n, p))}

    def add(self, names: set[str] | frozenset[str] | tuple[str, ...]) -> None:
        """These (patterns) too."""
        if "*" in names:
            self.only({"*"})
        elif self.everything:
            self.without = {w for w in self.without if not matches_any(w, tuple(names))}
        else:
            self.names.update(names)

    def made(self, names: set[str]) -> None:
        """These are made here, so what was there before isn't needed."""
        if self.everything:
            self.without.update(names)
        else:
            self.names -= names

    def needs(self, name: str) -> bool:
        """Is the field needed?"""
        if self.everything:
            return name not in self.without
        return matches_any(name, tuple(self.names))

    def selection(self) -> FieldSelection:
        """The result."""
        if self.everything:
            return FieldSelection(frozenset({"*"}), frozenset(self.without))
        return FieldSelection(frozenset(self.names))


def needed_fields(query: ast.Query) -> FieldSelection:
    """The columns that the pipes need, and (unless they need none) those that are returned. The filter's
    own are not in.
    """
    need = _Need()
    for pipe in reversed(query.pipes):
        _before(pipe, need)
    return need.selection()


def _condition(f: Filter | None, need: _Need) -> None:
    if f is not None:
        need.add(filter_fields(f))


def _before(pipe: ast.Pipe, need: _Need) -> None:
    """What is needed before the pipe, given what is needed after it."""
    if not (_before_rows(pipe, need) or _before_fields(pipe, need) or _before_values(pipe, need)):
        # pack_*, unroll, facets, field_names, joins, unions ...: all that there is.
        need.only({"*"})


def _before_rows(pipe: ast.Pipe, need: _Need) -> bool:
    match pipe:
        case ast.Stats():
            need.only({b.name for b in pipe.by})
            _entries(pipe.entries, need)
        case ast.Uniq() | ast.Top():
            need.only(set(pipe.by))
        case ast.FieldValues():
            need.only({pipe.field})
        case ast.BlocksCount():
            need.only(set())
        case ast.Sort() | ast.FirstLast():
            if pipe.rank:
                need.made({pipe.rank})
            need.add(tuple(k.name for k in pipe.by) or ("*",))
            need.add(pipe.partition_by)
        case ast.FilterPipe():
            _condition(pipe.filter, need)
        case ast.Limit() | ast.Offset() | ast.Sample():
            pass
        case _:
            return False
    return True


def _before_fields(pipe: ast.Pipe, need: _Need) -> bool:
    match pipe:
        case ast.Fields():
            need.restrict(pipe.fields)
        case ast.Delete():
            need.made({f for f in pipe.fields if not f.endswith("*")})
        case ast.Copy() | ast.Rename():
            _pairs(pipe, need)
        case ast.Math():
            _math(pipe, need)
        case _:
            return False
    return True


def _before_values(pipe: ast.Pipe, need: _Need) -> bool:
    match pipe:
        case ast.Len() | ast.Hash() | ast.JSONArrayLen() | ast.UnpackWords():
            if need.needs(pipe.result):
                need.made({pipe.result})
                need.add((pipe.field,))
        case ast.Replace() | ast.CollapseNums():
            if need.needs(pipe.field):
                _condition(pipe.condition, need)
        case ast.Decolorize():
            pass
        case ast.Format():
            if need.needs(pipe.result):
                if not (pipe.condition or pipe.keep_original_fields or pipe.skip_empty_results):
                    need.made({pipe.result})
                need.add(tuple(s.field for s in pipe.steps if s.field))
                _condition(pipe.condition, need)
        case ast.Extract() | ast.Unpack():
            need.add((pipe.field,))
            _condition(pipe.condition, need)
        case _:
            return False
    return True


def _entries(entries: tuple[ast.StatsEntry, ...], need: _Need) -> None:
    for entry in entries:
        if entry.func.name not in {"count", "rate"} or entry.func.fields != ("*",):
            need.add(entry.func.fields)
        _condition(entry.condition, need)


def _pairs(pipe: ast.Copy | ast.Rename, need: _Need) -> None:
    if any("*" in a or "*" in b for a, b in pipe.pairs):
        need.only({"*"})
        return
    for source, target in reversed(pipe.pairs):
        wanted = need.needs(target)
        need.made({target})
        if isinstance(pipe, ast.Rename):
            need.made({source})
        if wanted:
            need.add((source,))


def _math(pipe: ast.Math, need: _Need) -> None:
    def names(expr: ast.MathExpr) -> set[str]:
        if isinstance(expr, ast.MathField):
            return {expr.name}
        return set().union(*map(names, expr.args)) if isinstance(expr, ast.MathCall) else set()

    for expr, result in reversed(pipe.entries):
        if need.needs(result):
            need.made({result})
            need.add(names(expr))
