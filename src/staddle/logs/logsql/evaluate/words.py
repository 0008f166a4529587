"""Words and phrases in values. A word is a run of letters, digits and underscores, in any script."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_WORD = re.compile(r"\w+")


def words(value: str) -> list[str]:
    """All words of the value, in order."""
    return _WORD.findall(value)


def is_word_char(char: str) -> bool:
    """Can the character be part of a word?"""
    return char.isalnum() or char == "_"


def phrase_pattern(phrase: str, *, open_end: bool = False) -> re.Pattern[str]:
    """Where the phrase stands in a value without cutting a word; with `open_end`, words may go on after
    it.
    """
    before = r"(?<!\w)" if is_word_char(phrase[0]) else ""
    after = r"(?!\w)" if not open_end and is_word_char(phrase[-1]) else ""
    return re.compile(before + re.escape(phrase) + after)


def phrase_test(phrase: str) -> Callable[[str], bool]:
    """Does the value contain the phrase? The empty phrase is only in the empty value."""
    if not phrase:
        return lambda value: not value
    search = phrase_pattern(phrase).search
    return lambda value: phrase in value and search(value) is not None


def prefix_test(prefix: str) -> Callable[[str], bool]:
    """Does the value contain a phrase that begins so? The empty prefix is in any value but the empty one."""
    if not prefix:
        return bool
    search = phrase_pattern(prefix, open_end=True).search
    return lambda value: prefix in value and search(value) is not None


def any_case_test(test: Callable[[str], bool]) -> Callable[[str], bool]:
    """The test (made for lower-case text) with letter case ignored."""
    return lambda value: test(value.lower())


def sequence_test(phrases: tuple[str, ...]) -> Callable[[str], bool]:
    """Do the phrases stand in the value in this order? Empty ones do anywhere."""
    patterns = [phrase_pattern(p) for p in phrases if p]
    first = next((p for p in phrases if p), "")

    def test(value: str) -> bool:
        if first not in value:
            return False
        position = 0
        for pattern in patterns:
            m = pattern.search(value, position)
            if m is None:
                return False
            position = m.end()
        return True

    return test
