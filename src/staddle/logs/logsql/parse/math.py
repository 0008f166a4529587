"""Expressions of the `math` pipe."""

from __future__ import annotations

from staddle.logs.logsql.ast import Math, MathCall, MathConst, MathExpr, MathField, Pipe
from staddle.logs.logsql.lexer import STOPS, Cursor
from staddle.logs.logsql.numbers import parse_math_number
from staddle.logs.logsql.parse.names import canonical, field_name

# The smaller, the tighter.
_PRIORITY = {"^": 1, "*": 2, "/": 2, "%": 2, "+": 3, "-": 3, "&": 4, "xor": 5, "or": 6, "default": 10}
_LOOSEST = max(_PRIORITY.values())
# Function: fewest and most arguments.
FUNCTIONS = {
    "abs": (1, 1),
    "exp": (1, 1),
    "ln": (1, 1),
    "max": (2, 1 << 30),
    "min": (2, 1 << 30),
    "round": (1, 2),
    "ceil": (1, 1),
    "floor": (1, 1),
    "rand": (0, 0),
    "now": (0, 0),
}
_NAME_STOPS = frozenset("+-*/%^&=<>!:") | STOPS
_NUMBER_STOPS = frozenset("*/%^&=<>!") | STOPS


def parse_math(c: Cursor) -> Pipe:
    """`math expr as x, ...`. An expression without a name gives its own text as name."""
    c.advance()
    entries: list[tuple[MathExpr, str]] = []
    while True:
        expr = _expression(c, _LOOSEST)
        if c.accept("as") or not (c.at_end() or c.at(",")):
            entries.append((expr, field_name(c)))
        else:
            entries.append((expr, str(expr)))
        if not c.accept(","):
            return Math(tuple(entries))


def _expression(c: Cursor, loosest: int) -> MathExpr:
    left = _operand(c)
    while True:
        op = c.token.keyword
        priority = _PRIORITY.get(op)
        if priority is None or priority > loosest:
            return left
        c.advance()
        right = _expression(c, priority - 1)
        left = MathCall(op, (left, right))


def _operand(c: Cursor) -> MathExpr:
    if c.at("("):
        return _group(c)
    if c.token.keyword in FUNCTIONS and c.tokens[c.index + 1].keyword == "(":
        return _function(c)
    if c.accept("-"):
        return _negative(c)
    c.accept("+")
    return _leaf(c)


def _group(c: Cursor) -> MathExpr:
    c.advance()
    inner = _expression(c, _LOOSEST)
    c.expect(")", "after the expression")
    return MathCall(inner.op, inner.args, grouped=True) if isinstance(inner, MathCall) else inner


def _negative(c: Cursor) -> MathExpr:
    operand = _operand(c)
    if isinstance(operand, MathConst):
        return MathConst(-operand.value, "-" + operand.text)
    return MathCall("neg", (operand,))


def _function(c: Cursor) -> MathExpr:
    name = c.advance().text.lower()
    c.advance()
    args: list[MathExpr] = []
    while not c.accept(")"):
        args.append(_expression(c, _LOOSEST))
        if not c.at(")"):
            c.expect(",", f"between the arguments of {name}()")
    least, most = FUNCTIONS[name]
    if not least <= len(args) <= most:
        c.reject(f"unexpected number of arguments for {name}(): {len(args)}")
    return MathCall(name, tuple(args))


def _leaf(c: Cursor) -> MathExpr:
    token = c.token
    if token.keyword in _NAME_STOPS:
        c.fail(f"unexpected token {token.raw!r} in a math expression" if token.raw else "missing operand in 'math'")
    if not token.quoted and (token.raw[0].isdigit() or token.raw == "."):
        number = _number(c)
        if number is not None:
            return number
    c.advance()
    if token.quoted:
        value = parse_math_number(token.text)
        if value is not None and token.text[:1].isdigit():
            return MathConst(value, token.raw)
        return MathField(canonical(token.text))
    if token.keyword in {"inf", "nan"} and not (not c.token.spaced and c.token.keyword == "."):
        return MathConst(float(token.text), token.raw)
    return MathField(token.raw + c.suffix(_NAME_STOPS))


def _number(c: Cursor) -> MathConst | None:
    """A number: as many adjacent tokens as make one, so that `10-3` is a subtraction and `1e-3` a number."""
    start = c.index
    c.advance()
    text = c.tokens[start].raw
    best: tuple[int, MathConst] | None = None
    while True:
        value = parse_math_number(text)
        if value is not None:
            best = (c.index, MathConst(value, text))
        if c.token.spaced or c.token.keyword in _NUMBER_STOPS or c.index - start > 12:
            break
        text += c.advance().raw
    c.index = best[0] if best else start
    return best[1] if best else None
