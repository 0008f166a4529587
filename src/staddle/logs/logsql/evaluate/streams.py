"""Stream labels: the text of `_stream`, and tests of it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from staddle.logs.logsql.quoting import literal_end, unquote
from staddle.logs.logsql.regexps import clean, compile_regexp
from staddle.logs.logsql.remember import remembered

if TYPE_CHECKING:
    from collections.abc import Callable

    from staddle.logs.logsql.ast import LabelMatcher, StreamSelector

_NAME = re.compile(r'\s*,?\s*("|[^={},"]+)')


@lru_cache(maxsize=1 << 12)
def stream_labels(text: str) -> dict[str, str]:
    """The labels in `{a="b",c="d"}`; what can't be read ends them. The result is shared: do not change it."""
    labels: dict[str, str] = {}
    position = 1 if text.startswith("{") else len(text)
    while True:
        m = _NAME.match(text, position)
        if m is None:
            return labels
        if m[1] == '"':
            end = literal_end(text, m.start(1))
            name = unquote(text[m.start(1) : end]) if end > 0 else None
        else:
            end, name = m.end(), m[1].strip()
        if name is None or text[end : end + 1] != "=":
            return labels
        stop = literal_end(text, end + 1)
        value = unquote(text[end + 1 : stop]) if stop > 0 else None
        if value is None:
            return labels
        labels[name] = value
        position = stop


def selector_test(selector: StreamSelector) -> Callable[[str], bool]:
    """Does the text of `_stream` match the selector? Without alternatives every stream does."""
    alternatives = [[(m.label, matcher_test(m)) for m in a] for a in selector.alternatives]
    if not alternatives:
        return lambda _text: True

    def test(text: str) -> bool:
        labels = stream_labels(text)
        return any(all(t(labels.get(name, "")) for name, t in a) for a in alternatives)

    return remembered(test)


def matcher_test(matcher: LabelMatcher) -> Callable[[str], bool]:
    """Does a label's value (empty when the stream has no such label) match?"""
    values = frozenset(matcher.values)
    if matcher.op in {"=", "in"}:
        return values.__contains__
    if matcher.op in {"!=", "not_in"}:
        return lambda v: v not in values
    search = compile_regexp(f"^(?:{matcher.values[0]})$").search
    if matcher.op == "=~":
        return lambda v: search(clean(v)) is not None
    return lambda v: search(clean(v)) is None
