"""Variables and macros in the SQL of dashboards: a value is never more than a value, wherever its placeholder stands."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from staddle.console.sqltext import Range, SqlTextError, Values, filled

HOUR = Range(1_700_000_000_000, 1_700_003_600_000, 15_000)
FROM, TO = "'2023-11-14T22:13:20.000Z'", "'2023-11-14T23:13:20.000Z'"
SEVERAL = frozenset({"many"})


def fill(sql: str, **values: str | list[str]) -> str:
    lists = {name: [value] if isinstance(value, str) else value for name, value in values.items()}
    return filled(sql, Values(lists, SEVERAL), HOUR)


@pytest.mark.parametrize(
    ("sql", "values", "expected"),
    [
        ("select 1", {}, "select 1"),
        # Within a literal or a name, quotes are doubled.
        ("datname = '$db'", {"db": "app"}, "datname = 'app'"),
        ("datname = '${db}'", {"db": "o'neil"}, "datname = 'o''neil'"),
        ("datname = '[[db]]'", {"db": "x'; drop table t; --"}, "datname = 'x''; drop table t; --'"),
        ("e = E'$db'", {"db": "\\'; drop"}, "e = E'\\\\''; drop'"),
        ('order by "$col"', {"col": 'a" desc'}, 'order by "a"" desc"'),
        ("$q$ $db $q$", {"db": "x"}, "$q$ x $q$"),
        # Elsewhere: a number or a name as it is, all else as a literal.
        ("limit $n", {"n": "10"}, "limit 10"),
        ("limit $n", {"n": "10; drop table t"}, "limit '10; drop table t'"),
        ("order by $col", {"col": "calls"}, "order by calls"),
        ("from $tab", {"tab": "pg_catalog.pg_class"}, "from pg_catalog.pg_class"),
        ("from $tab", {"tab": "pg_sleep(9)"}, "from 'pg_sleep(9)'"),
        ("${x:raw}", {"x": "1 or true"}, "'1 or true'"),
        ("${x:sqlstring}", {"x": "a'b"}, "'a''b'"),
        ("${x:doublequote}", {"x": 'a"b'}, '"a""b"'),
        # Those that may be several are lists, also with one value.
        ("datname in ($many)", {"many": ["a", "b'c"]}, "datname in ('a','b''c')"),
        ("datname in ($many)", {"many": ["a"]}, "datname in ('a')"),
        ("datname in ($many)", {"many": []}, "datname in (NULL)"),
        ("datname in ($x)", {"x": ["a", "b"]}, "datname in ('a','b')"),
        # Comments go, so that nothing can end them.
        ("select 1 -- $db\n, 2", {}, "select 1  \n, 2"),
        ("select /* $db */ 1", {}, "select   1"),
        # What looks like a placeholder within a value stays what it is.
        ("'$a'", {"a": "$b", "b": "no"}, "'$b'"),
        ("$1", {}, "$1"),
    ],
)
def test_a_value_takes_the_form_of_its_place(sql: str, values: dict[str, str | list[str]], expected: str) -> None:
    assert fill(sql, **values) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("$__timeFilter(ts)", f"ts BETWEEN {FROM} AND {TO}"),
        ("$__timeFilter(coalesce(a, b))", f"coalesce(a BETWEEN {FROM} AND {TO}"),
        ("ts > $__timeFrom() and ts < $__timeTo()", f"ts > {FROM} and ts < {TO}"),
        ("$__time(ts)", 'ts AS "time"'),
        ("$__timeEpoch(ts)", 'extract(epoch from ts) AS "time"'),
        ("$__timeGroup(ts, '5m')", "floor(extract(epoch from ts)/300)*300"),
        ("$__timeGroup(ts, $__interval)", "floor(extract(epoch from ts)/15)*15"),
        ("$__timeGroupAlias(ts, 1h, NULL)", 'floor(extract(epoch from ts)/3600)*3600 AS "time"'),
        ("$__unixEpochFilter(e)", "e >= 1700000000 AND e <= 1700003600"),
        ("$__unixEpochGroup(e, 10s)", "floor(e/10)*10"),
        ("$__interval / $__interval_ms", "15s / 15000"),
        ("$__from ${__to}", "1700000000000 1700003600000"),
    ],
)
def test_macros(sql: str, expected: str) -> None:
    if "coalesce" in sql:
        expected = f"coalesce(a, b) BETWEEN {FROM} AND {TO}"
    assert fill(sql) == expected


@pytest.mark.parametrize(
    ("sql", "values", "problem"),
    [
        ("select $nobody", {}, "$nobody has no value"),
        ("$q$ $db $q$", {"db": "$q$; drop"}, "dollar-quoted"),
        ("$__nonsense(a)", {}, "$__nonsense() is not a macro"),
        ("$__timeFilter(a", {}, "not closed"),
        ("$__timeGroup(a, 'soon')", {}, "not an interval"),
        ("$__timeGroup(a)", {}, "takes a column and an interval"),
        ("$x", {"x": "a b\0"}, "NUL"),
    ],
)
def test_what_can_not_be_filled_in_is_told(sql: str, values: dict[str, str], problem: str) -> None:
    with pytest.raises(SqlTextError, match=problem.replace("$", r"\$").replace("(", r"\(").replace(")", r"\)")):
        fill(sql, **values)


@given(st.text(alphabet="ab'\"\\$-/*;\n ", max_size=12))
def test_no_value_gets_out_of_its_quotes(value: str) -> None:
    """Read back as PostgreSQL reads literals and names: the value, and nothing after it."""
    literal = fill("'$v'", v=value)
    assert literal[1:-1].replace("''", "").count("'") == 0
    assert literal[1:-1].replace("''", "'") == value
    name = fill('"$v"', v=value)
    assert name[1:-1].replace('""', '"') == value
    bare = fill("$v", v=value)
    assert bare == value or bare[1:-1].replace("''", "'") == value
    if bare == value:
        assert value.replace("a", "").replace("b", "") == ""
