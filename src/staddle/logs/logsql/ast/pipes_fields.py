"""Pipe nodes that work row by row on fields and values.

Fields that are "patterns" may be `prefix*`; conditions (`if (...)`) are None when absent; limits and counts
are 0 when absent unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast.pipe_base import Pipe
from staddle.logs.logsql.ast.text import duration, name, names, quote, word

if TYPE_CHECKING:
    from staddle.logs.logsql.ast.filters import Filter
    from staddle.logs.logsql.ast.math import MathExpr


def _if(condition: Filter | None) -> str:
    return "" if condition is None else f" if ({condition})"


# --- sets of columns
# ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fields(Pipe):
    """`fields a, b*`: only these (patterns)."""

    fields: tuple[str, ...]

    def __str__(self) -> str:
        return f"fields {names(self.fields)}"


@dataclass(frozen=True, slots=True)
class Delete(Pipe):
    """`delete a, b*`: without these (patterns)."""

    fields: tuple[str, ...]

    def __str__(self) -> str:
        return f"delete {names(self.fields)}"


@dataclass(frozen=True, slots=True)
class Copy(Pipe):
    """`copy a as b, c* as d*` (patterns), in turn."""

    pairs: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return "copy " + ", ".join(f"{name(a)} as {name(b)}" for a, b in self.pairs)


@dataclass(frozen=True, slots=True)
class Rename(Pipe):
    """`rename a as b, c* as d*` (patterns), in turn."""

    pairs: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return "rename " + ", ".join(f"{name(a)} as {name(b)}" for a, b in self.pairs)


@dataclass(frozen=True, slots=True)
class DropEmptyFields(Pipe):
    """`drop_empty_fields`: rows that have no field left disappear."""

    def __str__(self) -> str:
        return "drop_empty_fields"


@dataclass(frozen=True, slots=True)
class PackJSON(Pipe):
    """`pack_json fields (...) as x`: fields (patterns) of the row as one JSON object."""

    fields: tuple[str, ...] = ("*",)
    result: str = "_msg"

    def __str__(self) -> str:
        return f"pack_json fields ({names(self.fields)}) as {word(self.result)}"


@dataclass(frozen=True, slots=True)
class PackLogfmt(Pipe):
    """`pack_logfmt fields (...) as x`: fields (patterns) of the row in logfmt."""

    fields: tuple[str, ...] = ("*",)
    result: str = "_msg"

    def __str__(self) -> str:
        return f"pack_logfmt fields ({names(self.fields)}) as {word(self.result)}"


@dataclass(frozen=True, slots=True)
class Unroll(Pipe):
    """`unroll by (a, b)`: one row per item of the JSON arrays in the fields."""

    fields: tuple[str, ...]
    condition: Filter | None = None

    def __str__(self) -> str:
        return f"unroll{_if(self.condition)} by ({names(self.fields)})"


# --- one value from another
# ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Len(Pipe):
    """`len(a) as b`: length in bytes."""

    field: str
    result: str = "_msg"

    def __str__(self) -> str:
        return f"len({word(self.field)}) as {word(self.result)}"


@dataclass(frozen=True, slots=True)
class Hash(Pipe):
    """`hash(a) as b`: xxHash64 of the value as a number."""

    field: str
    result: str = "_msg"

    def __str__(self) -> str:
        return f"hash({word(self.field)}) as {word(self.result)}"


@dataclass(frozen=True, slots=True)
class JSONArrayLen(Pipe):
    """`json_array_len(a) as b`: items in a JSON array; 0 when it is none."""

    field: str
    result: str = "_msg"

    def __str__(self) -> str:
        return f"json_array_len({word(self.field)}) as {word(self.result)}"


@dataclass(frozen=True, slots=True)
class Math(Pipe):
    """`math expr as x, ...`, in turn."""

    entries: tuple[tuple[MathExpr, str], ...]

    def __str__(self) -> str:
        return "math " + ", ".join(f"{expr} as {word(result)}" for expr, result in self.entries)


@dataclass(frozen=True, slots=True)
class CollapseNums(Pipe):
    """`collapse_nums at x prettify`: numbers become placeholders."""

    field: str = "_msg"
    prettify: bool = False
    condition: Filter | None = None

    def __str__(self) -> str:
        return f"collapse_nums{_if(self.condition)} at {word(self.field)}" + (" prettify" if self.prettify else "")


@dataclass(frozen=True, slots=True)
class Decolorize(Pipe):
    """`decolorize x`: without ANSI escape sequences."""

    field: str = "_msg"

    def __str__(self) -> str:
        return f"decolorize {word(self.field)}"


@dataclass(frozen=True, slots=True)
class Replace(Pipe):
    """`replace (old, new) at x limit N`; with `regexp`, `replace_regexp`. `limit` 0 is none."""

    regexp: bool
    old: str
    new: str
    field: str = "_msg"
    limit: int = 0
    condition: Filter | None = None

    def __str__(self) -> str:
        verb = "replace_regexp" if self.regexp else "replace"
        text = f"{verb}{_if(self.condition)} ({quote(self.old)}, {quote(self.new)}) at {word(self.field)}"
        return text + (f" limit {self.limit}" if self.limit else "")


@dataclass(frozen=True, slots=True)
class FormatStep:
    """Literal text, then (unless `field` is None) a field's value with an option such as `q` or `time`
    (empty: as it is).
    """

    prefix: str
    field: str | None
    option: str = ""


@dataclass(frozen=True, slots=True)
class Format(Pipe):
    """`format "..<field>.." as x`."""

    pattern: str
    steps: tuple[FormatStep, ...]
    result: str = "_msg"
    keep_original_fields: bool = False
    skip_empty_results: bool = False
    condition: Filter | None = None

    def __str__(self) -> str:
        text = f"format{_if(self.condition)} {quote(self.pattern)} as {word(self.result)}"
        return text + _keep_or_skip(self.keep_original_fields, self.skip_empty_results)


# --- several values from one
# --------------------------------------------------------------------------------------------


def _keep_or_skip(keep: bool, skip: bool) -> str:
    return " keep_original_fields" if keep else " skip_empty_results" if skip else ""


@dataclass(frozen=True, slots=True)
class Extract(Pipe):
    """`extract "..<a>..<b>.." from x`; with `regexp`, `extract_regexp "..(?P<a>..)"`.

    `steps` (not for regexps) are the pattern's pieces in order: the literal before the value, and where it
    goes.
    """

    regexp: bool
    pattern: str
    steps: tuple[FormatStep, ...] = ()
    field: str = "_msg"
    keep_original_fields: bool = False
    skip_empty_results: bool = False
    condition: Filter | None = None

    def __str__(self) -> str:
        verb = "extract_regexp" if self.regexp else "extract"
        text = f"{verb}{_if(self.condition)} {quote(self.pattern)} from {word(self.field)}"
        return text + _keep_or_skip(self.keep_original_fields, self.skip_empty_results)


@dataclass(frozen=True, slots=True)
class Unpack(Pipe):
    """`unpack_json`, `unpack_logfmt` or `unpack_syslog` (`format` says which) `from x fields (...)
    result_prefix p`.

    `fields` are patterns, all when empty. `offset_ns` is the time zone of syslog times without one.
    """

    format: str
    field: str = "_msg"
    fields: tuple[str, ...] = ()
    result_prefix: str = ""
    keep_original_fields: bool = False
    skip_empty_results: bool = False
    offset_ns: int = 0
    condition: Filter | None = None

    def __str__(self) -> str:
        text = f"unpack_{self.format}{_if(self.condition)} from {word(self.field)}"
        if self.fields:
            text += f" fields ({names(self.fields)})"
        if self.offset_ns:
            text += f" offset {duration(self.offset_ns)}"
        if self.result_prefix:
            text += f" result_prefix {word(self.result_prefix)}"
        return text + _keep_or_skip(self.keep_original_fields, self.skip_empty_results)


@dataclass(frozen=True, slots=True)
class UnpackWords(Pipe):
    """`unpack_words from x as y drop_duplicates`: the words as a JSON array."""

    field: str = "_msg"
    result: str = "_msg"
    drop_duplicates: bool = False

    def __str__(self) -> str:
        text = f"unpack_words from {word(self.field)} as {word(self.result)}"
        return text + (" drop_duplicates" if self.drop_duplicates else "")
