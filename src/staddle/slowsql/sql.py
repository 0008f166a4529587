"""SQL text as PostgreSQL cuts it into words: enough to take the literals out, and to find what applications say in comments.

A log's statement may be cut off anywhere, or be no SQL at all, and must not show a literal all the same. So nothing here
fails: what does not end is a literal (or a comment) to the end of the text. Source: PostgreSQL's manual, "Lexical Structure".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACEHOLDER = "?"

_WORD = re.compile(r"[^\W\d][\w$]*")
_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F_]+|0[oObB][0-7_]+|(?:\d[\d_]*)?\.?\d[\d_]*(?:[eE][+-]?\d+)?\.?)")
_DOLLAR = re.compile(r"\$(?:[^\W\d]\w*)?\$")
_PARAMETER = re.compile(r"\$\d+")
_SPACE = re.compile(r"\s+")
_LIST = re.compile(r"\( ?\?(?: ?, ?\?)+ ?\)")
_ROWS = re.compile(r"\(\?\)(?: ?, ?\(\?\))+")
_STRING_PREFIX = re.compile(r"(?:[eEbBxXnN]|[uU]&)?'")
_PAIR = re.compile(r"([\w%.-]+)\s*=\s*'((?:[^'\\]|\\.)*)'")
_STARTS = {"WITH", "EXPLAIN"}
_OPERATIONS = {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE"}


class Token(NamedTuple):
    """A piece of a statement. `kind` is one of space, comment, literal, parameter, name, word, other."""

    kind: str
    text: str


def tokens(sql: str) -> Iterator[Token]:
    """The pieces of a text; put together again, they are the text."""
    at = 0
    while at < len(sql):
        kind, end = _next(sql, at)
        yield Token(kind, sql[at:end])
        at = end


def _next(sql: str, at: int) -> tuple[str, int]:  # noqa: PLR0911 - one case each
    char = sql[at]
    if match := _SPACE.match(sql, at):
        return "space", match.end()
    if sql.startswith("--", at):
        end = sql.find("\n", at)
        return "comment", len(sql) if end < 0 else end
    if sql.startswith("/*", at):
        return "comment", _end_of_comment(sql, at)
    if match := _STRING_PREFIX.match(sql, at):
        return "literal", _end_of_string(sql, match.end(), escapes=match[0][0] in "eE")
    if char == '"':
        end = sql.find('"', at + 1)
        # A name that doesn't end may be the beginning of anything.
        return ("name", end + 1) if end >= 0 else ("literal", len(sql))
    if char == "$":
        if match := _PARAMETER.match(sql, at):
            return "parameter", match.end()
        if match := _DOLLAR.match(sql, at):
            end = sql.find(match[0], match.end())
            return "literal", len(sql) if end < 0 else end + len(match[0])
    if match := _WORD.match(sql, at):
        return "word", match.end()
    if (char.isdigit() or char == ".") and (match := _NUMBER.match(sql, at)):
        return "literal", match.end()
    return "other", at + 1


def _end_of_comment(sql: str, at: int) -> int:
    """Comments may be nested."""
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(sql, at):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return match.end()
    return len(sql)


def _end_of_string(sql: str, at: int, *, escapes: bool) -> int:
    while at < len(sql):
        if sql[at] == "\\" and escapes:
            at += 2
        elif sql[at] != "'":
            at += 1
        elif sql.startswith("''", at):
            at += 2
        elif sql[at - 1] == "\\" and not escapes:
            # Whether the string ends here depends on a setting of the session (standard_conforming_strings).
            return len(sql)
        else:
            return at + 1
    return len(sql)


def is_cut_off(sql: str) -> bool:
    """Whether the text ends within a literal or a comment."""
    *_, last = tokens(f"{sql}\0")
    return last.text != "\0"


def redacted(sql: str) -> str:
    """The text with its literals replaced and its comments left out. Parameters ($1) stay."""
    return _joined(PLACEHOLDER if token.kind == "literal" else token.text for token in _meant(sql))


def normalised(sql: str) -> str:
    """One text for all statements that differ in literals, parameters, comments, spaces and the length of lists only."""
    text = _joined(PLACEHOLDER if token.kind in {"literal", "parameter"} else token.text for token in _meant(sql))
    text = _LIST.sub("(?)", text)
    return _ROWS.sub("(?)", text).rstrip("; ")


def _meant(sql: str) -> Iterator[Token]:
    for token in tokens(sql):
        yield Token("space", " ") if token.kind in {"space", "comment"} else token


def _joined(parts: Iterator[str]) -> str:
    return _SPACE.sub(" ", "".join(parts)).strip()


def operation(sql: str) -> str:
    """What the statement does, in one word and capitals: `SELECT`. Of WITH and EXPLAIN, what they are about."""
    depth, first = 0, ""
    for kind, text in tokens(sql):
        if kind == "other":
            depth += {"(": 1, ")": -1}.get(text, 0)
        elif kind == "word" and (depth == 0 or not first):
            word = text.upper()
            if not first:
                first = word
                if word not in _STARTS:
                    return word
            elif word in _OPERATIONS:
                return word
    return first


def comments(sql: str) -> dict[str, str]:
    """What an application says about a statement in a comment, as sqlcommenter has it: `/*key='value',…*/`, URL-encoded."""
    found: dict[str, str] = {}
    for kind, text in tokens(sql):
        if kind == "comment" and text.startswith("/*"):
            for key, value in _PAIR.findall(text[2:].removesuffix("*/")):
                found[unquote(key)] = unquote(value.replace("\\'", "'"))
    return found
