"""Tokens and string literals."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from staddle.logs.logsql.ast.text import quote, word
from staddle.logs.logsql.lexer import tokenize
from staddle.logs.logsql.quoting import unquote


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("foo bar", ["foo", "bar"]),
        ("foo-bar.baz", ["foo", "-", "bar", ".", "baz"]),
        ("a!=b !~c =~d", ["a", "!=", "b", "!~", "c", "=~", "d"]),
        ("a >= 5", ["a", ">", "=", "5"]),
        ("'it''s'", ["it", "s"]),
        ('"a b" `c"d`', ["a b", 'c"d']),
        ("τιμή:x", ["τιμή", ":", "x"]),
        ("a # the rest is a comment\nb", ["a", "b"]),
        ('"# not a comment"', ["# not a comment"]),
        ('"open', ['"', "open"]),
        ("", []),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    assert [t.text for t in tokenize(text)] == [*tokens, ""]


def test_tokens_know_where_they_stand() -> None:
    _, second, end = tokenize("foo  'b r'")
    assert (second.start, second.end, second.quoted, second.spaced) == (5, 10, True, True)
    assert (end.start, end.text) == (10, "")


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (r'"a\"b\\c\n\t"', 'a"b\\c\n\t'),
        (r"'it\'s'", "it's"),
        (r'"\x41\101\u0442\U0001F600"', "AAт😀"),
        (r'"\xd1\x82"', "т"),
        ("`raw \\n`", "raw \\n"),
        (r'"\q"', None),
        (r'"\'"', None),
        ('"a\nb"', None),
        ('"a', None),
        ("a", None),
        (r'"\ud800"', None),
    ],
)
def test_literals(literal: str, value: str | None) -> None:
    assert unquote(literal) == value


@given(st.text())
def test_quoted_text_reads_back(text: str) -> None:
    assert unquote(quote(text)) == text


@given(st.text(max_size=6))
def test_words_read_back_as_one_token(text: str) -> None:
    joined = [t for t in tokenize(word(text)) if t.raw]
    assert "".join(t.text for t in joined) == text
    assert len(joined) == 1 or not any(t.quoted for t in joined)
