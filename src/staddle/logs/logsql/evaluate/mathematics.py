"""The `math` stage."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

from staddle.logs.logsql.ast import Math, MathCall, MathConst, MathExpr, MathField
from staddle.logs.logsql.evaluate.blocks import with_columns
from staddle.logs.logsql.evaluate.fields import per_block
from staddle.logs.logsql.numbers import format_number, parse_math_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from staddle.logs.logsql.evaluate.context import Context, Stage
    from staddle.logs.logsql.source import Block

    Column = list[float]

NAN = math.nan


def calculated(pipe: Math, context: Context) -> Stage:
    """`math`: expressions see the results of those before them."""

    def work(block: Block) -> Block:
        for expr, result in pipe.entries:
            column = _column(expr, block, context)
            block = with_columns(block, {result: [format_number(v) for v in column]})
        return block

    return per_block(work)


def _column(expr: MathExpr, block: Block, context: Context) -> Column:
    if isinstance(expr, MathConst):
        return [expr.value] * block.rows
    if isinstance(expr, MathField):
        if expr.name == "_time" and block.timestamps is not None:
            return [float(t) for t in block.timestamps]
        return [NAN if (n := parse_math_number(v)) is None else n for v in block.column(expr.name)]
    return _call(expr, block, context)


def _call(expr: MathCall, block: Block, context: Context) -> Column:
    if expr.op == "rand":
        return [random.random() for _ in range(block.rows)]  # noqa: S311  (no secret)
    if expr.op == "now":
        return [float(context.now_ns)] * block.rows
    args = [_column(a, block, context) for a in expr.args]
    if expr.op == "round" and len(args) == 1:
        args.append([1.0] * block.rows)
    function = FUNCTIONS[expr.op]
    return [function(*row) for row in zip(*args, strict=True)]


def _divide(a: float, b: float) -> float:
    if b:
        return a / b
    return NAN if not a or math.isnan(a) else math.copysign(math.inf, a) * math.copysign(1, b)


def _modulo(a: float, b: float) -> float:
    try:
        return math.fmod(a, b)
    except ValueError:
        return NAN


def _power(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.inf if a == 0 else NAN


def _bits(work: Callable[[int, int], int]) -> Callable[[float, float], float]:
    def function(a: float, b: float) -> float:
        if not (math.isfinite(a) and math.isfinite(b)):
            return NAN
        return float(work(int(a) & 0xFFFFFFFFFFFFFFFF, int(b) & 0xFFFFFFFFFFFFFFFF))

    return function


def _exp(a: float) -> float:
    try:
        return math.exp(a)
    except OverflowError:
        return math.inf


def _ln(a: float) -> float:
    if a > 0:
        return math.log(a)
    return -math.inf if a == 0 else NAN


def _whole(work: Callable[[float], int]) -> Callable[[float], float]:
    return lambda a: float(work(a)) if math.isfinite(a) else a


def _round(a: float, nearest: float) -> float:
    if not math.isfinite(a) or not math.isfinite(nearest) or nearest == 0:
        return NAN
    text = format_number(abs(nearest))
    digits = len(text.partition(".")[2])
    shifted = a + math.copysign(nearest / 2, a)
    return round(shifted - math.fmod(shifted, nearest), digits)


def _max(*args: float) -> float:
    return max((a for a in args if not math.isnan(a)), default=NAN)


def _min(*args: float) -> float:
    return min((a for a in args if not math.isnan(a)), default=NAN)


FUNCTIONS: dict[str, Callable[..., float]] = {
    "%": _modulo,
    "&": _bits(int.__and__),
    "*": lambda a, b: a * b,
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "/": _divide,
    "^": _power,
    "abs": abs,
    "ceil": _whole(math.ceil),
    "default": lambda a, b: b if math.isnan(a) else a,
    "exp": _exp,
    "floor": _whole(math.floor),
    "ln": _ln,
    "max": _max,
    "min": _min,
    "neg": lambda a: -a,
    "or": _bits(int.__or__),
    "round": _round,
    "xor": _bits(int.__xor__),
}
