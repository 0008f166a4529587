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


def _finder(phrase: str, *, open_end: bool = False) -> Callable[[str, int], int]:
    """A function that finds the phrase in a value from a position on, without cutting words; with
    `open_end`, words may go on after it. It returns where the phrase ends, -1 when there is none.
    """
    size = len(phrase)
    word_begins = is_word_char(phrase[0])
    word_ends = not open_end and is_word_char(phrase[-1])

    def find(value: str, start: int) -> int:
        at = value.find(phrase, start)
        while at >= 0:
            end = at + size
            # Written out, as this is the innermost loop of most queries.
            if not (word_begins and at and ((c := value[at - 1]).isalnum() or c == "_")) and not (
                word_ends and end < len(value) and ((c := value[end]).isalnum() or c == "_")
            ):
                return end
            at = value.find(phrase, at + 1)
        return -1

    return find


def phrase_test(phrase: str) -> Callable[[str], bool]:
    """Does the value contain the phrase? The empty phrase is only in the empty value."""
    if not phrase:
        return lambda value: not value
    find = _finder(phrase)
    return lambda value: phrase in value and find(value, 0) >= 0


def prefix_test(prefix: str) -> Callable[[str], bool]:
    """Does the value contain a phrase that begins so? The empty prefix is in any value but the empty one."""
    if not prefix:
        return bool
    find = _finder(prefix, open_end=True)
    return lambda value: prefix in value and find(value, 0) >= 0


def any_case_test(test: Callable[[str], bool]) -> Callable[[str], bool]:
    """The test (made for lower-case text) with letter case ignored."""
    return lambda value: test(value.lower())


def sequence_test(phrases: tuple[str, ...]) -> Callable[[str], bool]:
    """Do the phrases stand in the value in this order? Empty ones do anywhere."""
    finders = [_finder(p) for p in phrases if p]

    def test(value: str) -> bool:
        position = 0
        for find in finders:
            position = find(value, position)
            if position < 0:
                return False
        return True

    return test
