"""Which rows filters select."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, strategies as st

from staddle.logs.logsql.evaluate import words
from staddle.logs.logsql.evaluate.matching import compile_filter
from staddle.logs.logsql.parser import parse
from staddle.logs.logsql.source import Block
from staddle.logs.logsql.valuetypes import column_type

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = 1_767_225_600_000_000_000


def select(query: str, **columns: Sequence[str]) -> list[int]:
    rows = len(next(iter(columns.values())))
    block = Block(dict(columns), rows, [NOW + i * 3600 * 10**9 for i in range(rows)])
    return list(compile_filter(parse(query, NOW).filter)(block, range(rows)))


TEXT = [
    "error: disk full",
    "errors were found",
    "ERROR",
    "",
    "an error",
    "terror",
    "ошибка диска",
    "a_error b",
]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("error", [0, 4]),
        ("error*", [0, 1, 4]),
        ("i(error)", [0, 2, 4]),
        ("i(ERR*)", [0, 1, 2, 4]),
        ('"error: disk"', [0]),
        ('"disk fu"', []),
        ('"disk fu"*', [0]),
        ('": "', [0]),
        ("ошибка", [6]),
        ("оши", []),
        ('""', [3]),
        ('""*', [0, 1, 2, 4, 5, 6, 7]),
        ("!error", [1, 2, 3, 5, 6, 7]),
        ("error or found", [0, 1, 4]),
        ("error !an", [0]),
        ("=ERROR", [2]),
        ("=an*", [4]),
        ("~'err'", [0, 1, 4, 5, 7]),
        ("~'(?i)err'", [0, 1, 2, 4, 5, 7]),
        ("~'^.{5}$'", [2]),
        ("in(ERROR, '')", [2, 3]),
        ("in()", []),
        ("contains_all(error, disk)", [0]),
        ("contains_all()", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("contains_any(disk, found)", [0, 1]),
        ("contains_any()", []),
        ("contains_any('')", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("seq(error, full)", [0]),
        ("seq(full, error)", []),
        ("seq(error, error)", []),
        ("len_range(5, 8)", [2, 4, 5]),
        ("string_range(E, a)", [2]),
        (">terror", [6]),
        ("<ERROR", [3]),
        ("missing:''", [0, 1, 2, 3, 4, 5, 6, 7]),
        ("missing:*", []),
        ("missing:=x", []),
    ],
)
def test_text(query: str, rows: list[int]) -> None:
    assert select(query, _msg=TEXT) == rows


NUMBERS = ["10", "9.5", "-3", "abc", "", "1KiB", "1m", "0x10", "1.2.3.4", "2026-01-01T00:00:00Z", "NaN"]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("n:>9", [0, 1, 5, 6, 7, 8, 9]),
        ("n:>=1KB", [5, 6, 8, 9]),
        ("n:<=9.5", [1, 2]),
        ("n:range[9.5, 10]", [0, 1]),
        ("n:range(9.5, 10)", []),
        ("n:range(9, 16]", [0, 1, 7]),
        ("n:>=1.2.3.4 n:<1.2.3.5", [8]),
        ("n:ipv4_range(1.2.0.0/16)", [8]),
        ("n:>2025-12-31T00:00:00Z", [9]),
    ],
)
def test_numbers(query: str, rows: list[int]) -> None:
    assert select(query, n=NUMBERS) == rows


def test_ipv6_addresses() -> None:
    values = ["::1", "fe80::1", "fe80:0:0:0::2", "10.0.0.1", "x:y", ""]
    assert select("n:ipv6_range('fe80::/10')", n=values) == [1, 2]
    assert select("n:ipv6_range('::', '::1')", n=values) == [0]


def test_fields_compared_with_each_other() -> None:
    a, b = ["1", "10", "x", "", "2s"], ["1", "9", "y", "", "3000ms"]
    assert select("a:eq_field(b)", a=a, b=b) == [0, 3]
    assert select("a:lt_field(b)", a=a, b=b) == [2, 4]
    assert select("a:le_field(b)", a=a, b=b) == [0, 2, 3, 4]
    assert select("a:eq_field(missing)", a=a, b=b) == [3]


STREAMS = ['{app="web",env="prod"}', '{app="db",env="test"}', "{}", '{app="web2"}', r'{app="a\"b,c"}']


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ('{app="web"}', [0]),
        ('{app=~"web.?"}', [0, 3]),
        ('{app=~"eb"}', []),
        ('{app!="web"}', [1, 2, 3, 4]),
        ('{app!~"web.*"}', [1, 2, 4]),
        ('{env=""}', [2, 3, 4]),
        ('{app="web",env="test" or app="db"}', [1]),
        ("{app in (web, db)}", [0, 1]),
        ("{app not_in (web, db)}", [2, 3, 4]),
        ("{app='a\"b,c'}", [4]),
        ("{}", [0, 1, 2, 3, 4]),
    ],
)
def test_streams(query: str, rows: list[int]) -> None:
    assert select(query, _stream=STREAMS) == rows


def test_time_of_day_and_week() -> None:
    # Row i is at i o'clock on Thursday, 2026-01-01, UTC.
    hours = ["x"] * 26
    assert select("_time:day_range[02:00, 04:00)", a=hours) == [2, 3]
    assert select("_time:day_range(02:00, 04:00]", a=hours) == [3, 4]
    assert select("_time:day_range[02:00, 04:00) offset 1h", a=hours) == [3, 4]
    assert select("_time:week_range[Fri, Sat]", a=hours) == [24, 25]
    assert select("_time:week_range[Thu, Thu] offset -1h", a=hours) == list(range(23))


def test_time_is_read_from_text_where_pipes_made_it() -> None:
    block = Block({"_time": ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "never"]}, 3)
    matcher = compile_filter(parse("_time:2026-01-01Z", NOW).filter)
    assert list(matcher(block, range(3))) == [0]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["", ""], ""),
        (["a", "a"], "const"),
        (["a", "b", ""], "dict"),
        ([str(i) for i in range(200)], "uint8"),
        ([str(i * 300) for i in range(200)], "uint16"),
        ([str(i * 10**6) for i in range(20)], "uint32"),
        ([str(i * 10**10) for i in range(20)], "uint64"),
        ([str(-i) for i in range(20)], "int64"),
        ([f"{i}.5" for i in range(20)], "float64"),
        ([f"{i}.50" for i in range(20)], "string"),
        ([f"0{i}" for i in range(20)], "string"),
        ([f"10.0.0.{i}" for i in range(20)], "ipv4"),
        ([f"2024-01-02T03:04:{i}.000Z" for i in range(10, 30)], "iso8601"),
        ([f"v{i}" for i in range(20)], "string"),
    ],
)
def test_value_types(values: list[str], kind: str) -> None:
    assert column_type(values) == kind
    everything = list(range(len(values)))
    assert select(f'a:value_type("{kind}")', a=values, b=["x"] * len(values)) == everything


@given(
    st.lists(st.text("ab_ -é1", max_size=8), min_size=1, max_size=5),
    st.text("ab_ -é1", min_size=1, max_size=4),
)
def test_a_phrase_is_where_it_stands_between_word_boundaries(values: list[str], phrase: str) -> None:
    def slow(value: str) -> bool:
        def word(c: str) -> bool:
            return c.isalnum() or c == "_"

        for at in range(len(value) - len(phrase) + 1):
            end = at + len(phrase)
            if value[at:end] != phrase:
                continue
            cut_before = at > 0 and word(value[at - 1]) and word(phrase[0])
            cut_after = end < len(value) and word(value[end]) and word(phrase[-1])
            if not cut_before and not cut_after:
                return True
        return False

    test = words.phrase_test(phrase)
    assert [test(v) for v in values] == [slow(v) for v in values]


@given(st.lists(st.sampled_from(["", "a", "b", "a b", "c"]), min_size=1, max_size=8), st.data())
def test_logic_is_that_of_sets(values: list[str], data: st.DataObject) -> None:
    word = st.sampled_from(["a", "b", "c", '""', "*"])
    x, y = data.draw(word), data.draw(word)
    rows = set(range(len(values)))
    of_x, of_y = set(select(f"f:{x}", f=values)), set(select(f"f:{y}", f=values))
    assert set(select(f"f:{x} f:{y}", f=values)) == of_x & of_y
    assert set(select(f"f:{x} or f:{y}", f=values)) == of_x | of_y
    assert set(select(f"!f:{x}", f=values)) == rows - of_x
    assert set(select(f"!(f:{x} or !f:{y})", f=values)) == rows - (of_x | (rows - of_y))
