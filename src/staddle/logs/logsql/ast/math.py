"""Expressions of the `math` pipe."""

from __future__ import annotations

from dataclasses import dataclass

from staddle.logs.logsql.ast.text import word

BINARY = frozenset({"+", "-", "*", "/", "%", "^", "&", "or", "xor", "default"})


@dataclass(frozen=True, slots=True)
class MathConst:
    """A literal: number, size, duration (nanoseconds), IPv4 address or time, as `value`; `text` is as
    written.
    """

    value: float
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class MathField:
    """The field's value as a number; NaN when it is none."""

    name: str

    def __str__(self) -> str:
        return word(self.name)


@dataclass(frozen=True, slots=True)
class MathCall:
    """An operator (one of `BINARY`, or `neg`) or a named function over its arguments."""

    op: str
    args: tuple[MathExpr, ...]
    grouped: bool = False
    """Written in parentheses."""

    def __str__(self) -> str:
        if self.op == "neg":
            text = f"-{self.args[0]}"
        elif self.op in BINARY:
            text = f"{self.args[0]} {self.op} {self.args[1]}"
        else:
            return f"{self.op}({', '.join(map(str, self.args))})"
        return f"({text})" if self.grouped else text


MathExpr = MathConst | MathField | MathCall
