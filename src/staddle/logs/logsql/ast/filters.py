"""Filter nodes. A filter selects rows; a field that a row does not have counts as the empty string
everywhere.

Every node has `field` (`_msg` when the query names none) unless said otherwise, and `str(node)` is LogsQL
that parses to an equal node.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast.text import prefixed, quote, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.logs.logsql.ast.query import Query


class Filter:
    """Base of all filters."""

    __slots__ = ()

    def children(self) -> tuple[Filter, ...]:
        """Direct operands of a logical filter; empty for leaves."""
        return ()

    def walk(self) -> Iterator[Filter]:
        """The node and all below it, depth first; subqueries are not entered."""
        yield self
        for child in self.children():
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class MatchAll(Filter):
    """`*`: every row."""

    def __str__(self) -> str:
        return "*"


@dataclass(frozen=True, slots=True)
class And(Filter):
    """All operands match (two or more)."""

    filters: tuple[Filter, ...]

    def children(self) -> tuple[Filter, ...]:
        return self.filters

    def __str__(self) -> str:
        return " ".join(f"({f})" if isinstance(f, Or) else str(f) for f in self.filters)


@dataclass(frozen=True, slots=True)
class Or(Filter):
    """Any operand matches (two or more)."""

    filters: tuple[Filter, ...]

    def children(self) -> tuple[Filter, ...]:
        return self.filters

    def __str__(self) -> str:
        return " or ".join(str(f) for f in self.filters)


@dataclass(frozen=True, slots=True)
class Not(Filter):
    """The operand does not match."""

    filter: Filter

    def children(self) -> tuple[Filter, ...]:
        return (self.filter,)

    def __str__(self) -> str:
        return f"!({self.filter})" if isinstance(self.filter, And | Or) else f"!{self.filter}"


@dataclass(frozen=True, slots=True)
class Phrase(Filter):
    """Word or phrase, on word boundaries. An empty phrase matches rows where the field is empty."""

    field: str
    phrase: str

    def __str__(self) -> str:
        return prefixed(self.field) + word(self.phrase)


@dataclass(frozen=True, slots=True)
class Prefix(Filter):
    """Word or phrase beginning at a word boundary. An empty prefix matches rows where the field is not
    empty.
    """

    field: str
    prefix: str

    def __str__(self) -> str:
        if not self.prefix:
            # A bare `*` would be "every row".
            return f"{word(self.field)}:*"
        return prefixed(self.field) + word(self.prefix) + "*"


@dataclass(frozen=True, slots=True)
class AnyCasePhrase(Filter):
    """`i(phrase)`: `Phrase` with letter case ignored."""

    field: str
    phrase: str

    def __str__(self) -> str:
        return f"{prefixed(self.field)}i({word(self.phrase)})"


@dataclass(frozen=True, slots=True)
class AnyCasePrefix(Filter):
    """`i(prefix*)`: `Prefix` with letter case ignored."""

    field: str
    prefix: str

    def __str__(self) -> str:
        return f"{prefixed(self.field)}i({word(self.prefix) if self.prefix else ''}*)"


@dataclass(frozen=True, slots=True)
class Exact(Filter):
    """`="value"`: the whole value equals."""

    field: str
    value: str

    def __str__(self) -> str:
        return f"{prefixed(self.field)}={word(self.value)}"


@dataclass(frozen=True, slots=True)
class ExactPrefix(Filter):
    """`="prefix"*`: the value starts with."""

    field: str
    prefix: str

    def __str__(self) -> str:
        return f"{prefixed(self.field)}={word(self.prefix)}*"


@dataclass(frozen=True, slots=True)
class Regexp(Filter):
    """`~"re"`: the pattern (RE2 syntax) is found anywhere in the value."""

    field: str
    pattern: str

    def __str__(self) -> str:
        return f"{prefixed(self.field)}~{quote(self.pattern)}"


@dataclass(frozen=True, slots=True)
class ValueList:
    """Arguments of `in` and its like: literal values, or one column of a subquery's result."""

    values: tuple[str, ...] = ()
    query: Query | None = None
    column: str = ""

    def __str__(self) -> str:
        return str(self.query) if self.query else ",".join(word(v) for v in self.values)


@dataclass(frozen=True, slots=True)
class In(Filter):
    """`in(a, b)`: the value equals one of them."""

    field: str
    values: ValueList

    def __str__(self) -> str:
        return f"{prefixed(self.field)}in({self.values})"


@dataclass(frozen=True, slots=True)
class ContainsAll(Filter):
    """`contains_all(a, b)`: every one is in the value as a phrase; empty ones are ignored."""

    field: str
    values: ValueList

    def __str__(self) -> str:
        return f"{prefixed(self.field)}contains_all({self.values})"


@dataclass(frozen=True, slots=True)
class ContainsAny(Filter):
    """`contains_any(a, b)`: at least one is in the value as a phrase; an empty one is in any value."""

    field: str
    values: ValueList

    def __str__(self) -> str:
        return f"{prefixed(self.field)}contains_any({self.values})"


@dataclass(frozen=True, slots=True)
class Sequence(Filter):
    """`seq(a, b)`: the phrases occur in this order, not overlapping."""

    field: str
    phrases: tuple[str, ...]

    def __str__(self) -> str:
        return f"{prefixed(self.field)}seq({','.join(word(p) for p in self.phrases)})"


@dataclass(frozen=True, slots=True)
class Range(Filter):
    """Numeric range, both ends included (open ends are already moved to the next float). `text` is as
    written.
    """

    field: str
    low: float
    high: float
    text: str

    def __str__(self) -> str:
        return prefixed(self.field) + self.text


@dataclass(frozen=True, slots=True)
class StringRange(Filter):
    """`low <= value < high` by bytes. `high` None is no upper end. `text` is as written."""

    field: str
    low: str
    high: str | None
    text: str

    def __str__(self) -> str:
        return prefixed(self.field) + self.text


@dataclass(frozen=True, slots=True)
class LenRange(Filter):
    """`len_range(low, high)`: length in characters, both ends included."""

    field: str
    low: int
    high: int
    text: str

    def __str__(self) -> str:
        return f"{prefixed(self.field)}len_range{self.text}"


@dataclass(frozen=True, slots=True)
class IPv4Range(Filter):
    """`ipv4_range(low, high)`: the value is an IPv4 address in it, both ends included, as 32-bit numbers."""

    field: str
    low: int
    high: int

    def __str__(self) -> str:
        def dotted(n: int) -> str:
            return ".".join(str(n >> shift & 255) for shift in (24, 16, 8, 0))

        return f"{prefixed(self.field)}ipv4_range({dotted(self.low)}, {dotted(self.high)})"


@dataclass(frozen=True, slots=True)
class IPv6Range(Filter):
    """`ipv6_range(low, high)`: the value is an IPv6 address in it, both ends included, as 128-bit numbers."""

    field: str
    low: int
    high: int

    def __str__(self) -> str:
        low, high = (IPv6Address(n) for n in (self.low, self.high))
        return f'{prefixed(self.field)}ipv6_range("{low}", "{high}")'


@dataclass(frozen=True, slots=True)
class ValueType(Filter):
    """`value_type(t)`: the storage encodes the block's column as `t` (see `Block.value_type`)."""

    field: str
    kind: str

    def __str__(self) -> str:
        return f"{prefixed(self.field)}value_type({word(self.kind)})"


@dataclass(frozen=True, slots=True)
class EqField(Filter):
    """`eq_field(other)`: both fields have the same value."""

    field: str
    other: str

    def __str__(self) -> str:
        return f"{prefixed(self.field)}eq_field({word(self.other)})"


@dataclass(frozen=True, slots=True)
class LeField(Filter):
    """`le_field(other)`, `lt_field(other)` when `strict`: the field is before the other in value order."""

    field: str
    other: str
    strict: bool

    def __str__(self) -> str:
        return f"{prefixed(self.field)}{'lt' if self.strict else 'le'}_field({word(self.other)})"
