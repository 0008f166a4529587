"""Query text to tokens, and the cursor that parsers move over them.

A token is a run of letters, digits and underscores, a quoted string, `!=`, `!~`, `=~` or any other single
character. What a word of the language is (`foo-bar/baz`, `2024-01-02T10:20`) depends on where it stands, so
parsers glue tokens that follow each other without space: see `Cursor.compound`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from staddle.logs.logsql.errors import LogsQLError
from staddle.logs.logsql.quoting import literal_end, unquote

if TYPE_CHECKING:
    from collections.abc import Callable

    from staddle.logs.logsql.ast import Query

_BLANK = re.compile(r"(?:\s+|#[^\n]*)*")
_WORD = re.compile(r"\w+")

# Where a compound word ends wherever it stands.
STOPS = frozenset({",", "(", ")", "[", "]", "|", "*", ""})


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is unquoted, `raw` as written; `spaced` says that blanks or a comment stand before it."""

    text: str
    raw: str
    quoted: bool
    spaced: bool
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The token as keyword or sign, in lower case; a quoted string is none."""
        return "\0" if self.quoted else self.text.lower()


def tokenize(text: str) -> list[Token]:
    """All tokens, with an empty one at the end."""
    tokens: list[Token] = []
    position = 0
    while True:
        m = _BLANK.match(text, position)
        begin = m.end() if m else position
        spaced = begin > position or begin == 0
        if begin >= len(text):
            tokens.append(Token("", "", False, spaced, len(text), len(text)))
            return tokens
        token = _token_at(text, begin, spaced)
        tokens.append(token)
        position = token.end


def _token_at(text: str, start: int, spaced: bool) -> Token:
    m = _WORD.match(text, start)
    if m:
        return Token(m[0], m[0], False, spaced, start, m.end())
    if text[start] in "\"'`":
        end = literal_end(text, start)
        value = unquote(text[start:end]) if end > 0 else None
        if value is not None:
            return Token(value, text[start:end], True, spaced, start, end)
    size = 2 if text[start : start + 2] in {"!=", "!~", "=~"} else 1
    sign = text[start : start + size]
    return Token(sign, sign, False, spaced, start, start + size)


class Cursor:
    """A position in the tokens of a query. Parsers are functions that take one and move it.

    `parse_query` is the parser of whole queries, handed in because filters may have queries within.
    """

    def __init__(self, text: str, now_ns: int, parse_query: Callable[[Cursor], Query]) -> None:
        self.text = text
        self.now_ns = now_ns
        self.parse_query = parse_query
        self.tokens = tokenize(text)
        self.index = 0

    @property
    def token(self) -> Token:
        """The token under the cursor."""
        return self.tokens[self.index]

    def at(self, *keywords: str) -> bool:
        """Is the token one of these (lower-case) keywords or signs? Empty is the end of the query."""
        return self.token.keyword in keywords

    def at_end(self) -> bool:
        """Does the pipe (or filter) end here?"""
        return self.token.keyword in {"|", ")", ""}

    def adjacent(self, *keywords: str) -> bool:
        """`at` these, with no blank before?"""
        return not self.token.spaced and self.token.keyword in keywords

    def advance(self) -> Token:
        """Moves on; returns the token that was left."""
        token = self.tokens[self.index]
        if self.index < len(self.tokens) - 1:
            self.index += 1
        return token

    def accept(self, *keywords: str) -> bool:
        """Moves on if at one of these; says whether it did."""
        if self.at(*keywords):
            self.advance()
            return True
        return False

    def expect(self, keyword: str, what: str) -> None:
        """Moves over the keyword or sign, which has to be here."""
        if not self.accept(keyword):
            self.fail(
                f"missing {keyword!r} {what}; got {self.token.raw!r}"
                if self.token.raw
                else f"missing {keyword!r} {what}"
            )

    def fail(self, message: str) -> NoReturn:
        """Refuses the query here."""
        raise LogsQLError(message, self.text, self.token.end)

    def reject(self, message: str) -> NoReturn:
        """Refuses what was read last."""
        raise LogsQLError(message, self.text, self.tokens[max(self.index - 1, 0)].end)

    def compound(self, what: str, *more_stops: str) -> str:
        """The word here: this token and all that follow without blanks, up to a stop sign.

        A single quoted string stands for its value; in a longer word, quotes are kept as written.
        """
        first = self.token
        stops = STOPS.union(more_stops) if more_stops else STOPS
        if first.keyword in stops:
            self.fail(f"missing {what}; got {first.raw!r}" if first.raw else f"missing {what}")
        if first.raw in {'"', "'", "`"}:
            self.fail(f"improperly quoted string {self.text[first.start :]!r}")
        self.advance()
        suffix = self.suffix(stops)
        return first.raw + suffix if suffix else first.text

    def suffix(self, stops: frozenset[str]) -> str:
        """Raw text of the tokens that follow without blanks, up to a stop sign."""
        begin = self.index
        while not self.token.spaced and self.token.keyword not in stops:
            self.advance()
        return "".join(t.raw for t in self.tokens[begin : self.index])
