"""Statements without their literals, and what applications say in comments."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from staddle.slowsql import sql

SECRET = "s3cret"


@given(st.text(alphabet=st.sampled_from("aE'\"$\\-/*(),.;=1 \n?xé:tag"), max_size=60))
def test_the_pieces_of_any_text_are_the_text(text: str) -> None:
    assert "".join(token.text for token in sql.tokens(text)) == text
    assert all(token.text for token in sql.tokens(text))


@given(st.text(alphabet="abE'\"$\\-/*(),.;=1 \n", max_size=40))
def test_what_is_normalised_stays_as_it_is(text: str) -> None:
    once = sql.normalised(text)
    assert sql.normalised(once) == once


LITERALS = [
    f"'{SECRET}'",
    f"'it''s {SECRET}'",
    f"E'a\\'{SECRET}'",
    f"e'\\\\' || '{SECRET}'",
    f"U&'{SECRET}'",
    f"B'{SECRET}'",
    f"$${SECRET}$$",
    f"$tag$ $$ {SECRET} $tag$",
    f"'{SECRET}",
    f"$x${SECRET}",
    f"'C:\\' || '{SECRET}'",
    f"'a\\'{SECRET}'",
    f'"{SECRET}',
    f"/* {SECRET} /* nested */ {SECRET} */ 1",
    f"-- {SECRET}\n 1",
    f"/* {SECRET}",
]


@pytest.mark.parametrize("literal", LITERALS)
def test_no_literal_is_left_however_it_is_written_or_cut_off(literal: str) -> None:
    text = f"SELECT * FROM users WHERE password = {literal}"
    assert SECRET not in sql.redacted(text)
    assert SECRET not in sql.normalised(text)
    assert sql.redacted(text).startswith("SELECT * FROM users WHERE password =")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("select 1", "select ?"),
        ("SELECT  a,\n\tb FROM t1 WHERE c2 = 0x1F AND d > 1.5e-3;", "SELECT a, b FROM t1 WHERE c2 = ? AND d > ?"),
        ("select * from t where id in (1, 2,3)", "select * from t where id in (?)"),
        ("select * from t where id in ($1,$2)", "select * from t where id in (?)"),
        ("insert into t values ($1, 'a'), ($2, 'b')", "insert into t values (?)"),
        ('select "Name" from "my ""table" where x = $1 /* why */', 'select "Name" from "my ""table" where x = ?'),
        ("select x::text, y::int[] from s.t", "select x::text, y::int[] from s.t"),
        ("", ""),
    ],
)
def test_statements_that_differ_in_values_only_are_one(text: str, wanted: str) -> None:
    assert sql.normalised(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("select 1", "SELECT"),
        ("/* hi */ update t set a = 1", "UPDATE"),
        ("with x as (select 1), y as (delete from t) insert into u select * from x", "INSERT"),
        ("explain analyze select 1", "SELECT"),
        ("(select 1) union (select 2)", "SELECT"),
        ("vacuum t", "VACUUM"),
        ("", ""),
    ],
)
def test_what_a_statement_does(text: str, wanted: str) -> None:
    assert sql.operation(text) == wanted


def test_comments_of_applications() -> None:
    text = "SELECT 1 /*route='%2Fpolls%201',traceparent='00-aa-bb-01'*/ -- action='no'"
    assert sql.comments(text) == {"route": "/polls 1", "traceparent": "00-aa-bb-01"}
    assert sql.comments("SELECT '/*route=''x''*/'") == {}
