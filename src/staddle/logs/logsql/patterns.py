"""Patterns of `extract` and `format`: literal text with `<field>` placeholders, `<option:field>` with an
option.
"""

from __future__ import annotations

import html
import itertools

from staddle.logs.logsql.ast import FormatStep


def parse_steps(pattern: str) -> tuple[FormatStep, ...]:
    """The pieces of the pattern; ValueError says what is wrong.

    `<>`, `<_>` and `<*>` are placeholders without a name (field ""). Literal text is HTML-unescaped, so
    `&lt;` is a `<`. Text after the last placeholder is a step whose field is None.
    """
    steps: list[FormatStep] = []
    literal = ""
    rest = pattern
    while rest:
        before, bracket, after = rest.partition("<")
        literal += before
        if not bracket:
            break
        inside, closing, rest = after.partition(">")
        if not closing:
            msg = f"missing '>' for '<{after}' in the pattern {pattern!r}"
            raise ValueError(msg)
        option, colon, field = inside.partition(":")
        if not colon:
            option, field = "", inside
        field = field.strip()
        if field in {"_", "*"}:
            field = ""
        steps.append(FormatStep(html.unescape(literal), field, option.strip()))
        literal = ""
    if literal:
        steps.append(FormatStep(html.unescape(literal), None))
    return tuple(steps)


def parse_extract_steps(pattern: str) -> tuple[FormatStep, ...]:
    """The same, checked for `extract`: at least one name, and text between any two placeholders."""
    steps = parse_steps(pattern)
    if not any(step.field for step in steps):
        msg = f"the pattern {pattern!r} must contain at least one named field in the form <field>"
        raise ValueError(msg)
    for before, step in itertools.pairwise(steps):
        if step.field is not None and not step.prefix:
            msg = f"missing delimiter between <{before.field}> and <{step.field}> in the pattern {pattern!r}"
            raise ValueError(msg)
    for step in steps:
        if step.field and step.field.endswith("*"):
            msg = f"unexpected wildcard <{step.field}> in the pattern {pattern!r}"
            raise ValueError(msg)
    return steps
