"""Regular expressions: RE2's syntax and its linear time, whatever the pattern and the text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import re2  # type: ignore[import-untyped]

from staddle.logs.logsql.remember import remembered

if TYPE_CHECKING:
    from collections.abc import Callable

_QUIET = re2.Options()
_QUIET.log_errors = False
_SPECIAL = re.compile(r"[\\.+*?()|\[\]{}^$]")


def compile_regexp(pattern: str) -> Any:
    """An RE2 object with the interface of `re.Pattern`; ValueError says what is wrong with the pattern."""
    try:
        return re2.compile(pattern, options=_QUIET)
    except (re2.error, UnicodeError) as e:
        reason = e.args[0] if e.args else e
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        msg = f"cannot parse regexp {pattern!r}: {text}"
        raise ValueError(msg) from e


def searcher(pattern: str) -> Callable[[str], bool]:
    """A function that says whether the pattern is found in a value."""
    if not _SPECIAL.search(pattern):
        return lambda value: pattern in value
    if pattern in {".*", "(?s).*"}:
        return lambda _value: True
    search = compile_regexp(pattern).search
    return remembered(lambda value: search(clean(value)) is not None)


def clean(value: str) -> str:
    """The value without lone surrogates, which RE2 can't take."""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8", "replace")
