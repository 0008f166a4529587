"""What pipes make of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[..., list[dict[str, str]]]

ROWS = [
    {"_msg": "b", "n": "10", "g": "x"},
    {"_msg": "a", "n": "9", "g": "x"},
    {"_msg": "c", "g": "y"},
    {"_msg": "d", "n": "9", "g": "y", "extra": "1"},
]


def messages(rows: list[dict[str, str]]) -> str:
    return "".join(row.get("_msg", "-") for row in rows)


@pytest.mark.parametrize(
    ("pipes", "order"),
    [
        ("sort by (_msg)", "abcd"),
        ("sort by (_msg desc)", "dcba"),
        ("sort by (_msg) desc", "dcba"),
        ("sort by (_msg desc) desc", "abcd"),
        ("sort by (n, _msg)", "cadb"),
        ("sort by (n desc, _msg)", "badc"),
        ("sort by (n)", "cadb"),
        ("sort by (_time desc)", "dcab"),
        ("sort", "abcd"),
        ("sort by (_msg) limit 2", "ab"),
        ("sort by (_msg) offset 1 limit 2", "bc"),
        ("sort by (_msg) offset 3", "d"),
        ("sort by (_msg) partition by (g) limit 1", "ac"),
        ("sort by (_msg) partition by (g) offset 1 limit 1", "bd"),
        ("first by (_msg)", "a"),
        ("last by (_msg)", "d"),
        ("last 2 by (_msg)", "dc"),
        ("first by (_msg desc) partition by (g)", "db"),
        ("limit 2", "ba"),
        ("limit 0", ""),
        ("offset 3", "d"),
        ("offset 1 | limit 2", "ac"),
        ("filter n:9", "ad"),
        ("n:* | sort by (_msg)", "abd"),
    ],
)
def test_order_and_limits(ask: Ask, pipes: str, order: str) -> None:
    for block_rows in (1, 3, 100):
        assert messages(ask(f"* | {pipes}", ROWS, block_rows=block_rows)) == order


def test_limit_stops_the_scan(memory: Any) -> None:
    from staddle.logs.logsql.evaluate import run
    from staddle.logs.logsql.parser import parse

    source = memory([{"_msg": "x"}] * 1000, block_rows=10)
    assert sum(b.rows for b in run(parse("* | limit 15", 0), source)) == 15
    assert source.blocks_read == 2


def test_rank_is_the_place_in_the_order(ask: Ask) -> None:
    found = ask("* | sort by (_msg) offset 1 rank as place | fields _msg, place", ROWS)
    assert found == [{"_msg": m, "place": p} for m, p in (("b", "2"), ("c", "3"), ("d", "4"))]
    per_group = ask("* | last 2 by (_msg) partition by (g) rank | fields _msg, rank", ROWS)
    assert sorted((r["_msg"], r["rank"]) for r in per_group) == [
        ("a", "2"),
        ("b", "1"),
        ("c", "2"),
        ("d", "1"),
    ]


def test_sorting_with_a_limit_keeps_few_rows(ask: Ask) -> None:
    rows = [{"n": str(i * 7919 % 50_000)} for i in range(50_000)]
    assert [r["n"] for r in ask("* | sort by (n desc) limit 3", rows)] == ["49999", "49998", "49997"]
    found = ask("* | sort by (n) partition by (missing) limit 2 | fields n", rows)
    assert [r["n"] for r in found] == ["0", "1"]


def test_a_sample_is_about_the_asked_part(ask: Ask) -> None:
    assert 50 < len(ask("* | sample 10", [{"a": "b"}] * 2000)) < 400
    assert len(ask("* | sample 1", [{"a": "b"}] * 20)) == 20


@pytest.mark.parametrize(
    ("pipe", "row"),
    [
        ("fields a, c*", {"a": "1", "cc": "3", "cd": "4"}),
        ("delete c*, a", {"b": "2"}),
        ("copy a as b, b as x", {"a": "1", "b": "1", "x": "1", "cc": "3", "cd": "4"}),
        ("copy c* as d*", {"a": "1", "b": "2", "cc": "3", "cd": "4", "dc": "3", "dd": "4"}),
        ("rename a as x, x as y", {"y": "1", "b": "2", "cc": "3", "cd": "4"}),
        ("rename c* as *", {"a": "1", "b": "2", "c": "3", "d": "4"}),
        ("rename missing as a", {"b": "2", "cc": "3", "cd": "4"}),
        ("rename a as a", {"a": "1", "b": "2", "cc": "3", "cd": "4"}),
        ("fields a | pack_json as j", {"a": "1", "j": '{"a":"1"}'}),
        ("pack_json fields (c*, none) as a | fields a", {"a": '{"cc":"3","cd":"4"}'}),
        ("pack_logfmt fields (a, b) as j | fields j", {"j": "a=1 b=2"}),
        ("drop_empty_fields | fields a", {"a": "1"}),
        ("len(cc) as n | fields n", {"n": "1"}),
        ("len(none) as n | fields n", {"n": "0"}),
        ("hash(a) as h | fields h", {"h": "13237225503670494420"}),
    ],
)
def test_fields(ask: Ask, pipe: str, row: dict[str, str]) -> None:
    assert ask(f"* | delete _time | {pipe}", [{"a": "1", "b": "2", "cc": "3", "cd": "4"}]) == [row]


def test_a_row_that_has_no_field_left_can_be_dropped(ask: Ask) -> None:
    assert len(ask("* | fields n | drop_empty_fields", ROWS)) == 3


@pytest.mark.parametrize(
    ("pipe", "value", "result"),
    [
        ("replace ('a', 'X')", "banana", "bXnXnX"),
        ("replace ('a', 'X') limit 2", "banana", "bXnXna"),
        ("replace_regexp ('(.)an', '[$1]')", "banana", "[b]ana"),
        ("replace_regexp ('(?P<x>.)n', '${x}$$') limit 1", "banana", "ba$ana"),
        ("replace_regexp ('n', '$9')", "banana", "baaa"),
        ("replace_regexp ('n*', '-')", "bann", "-b-a-"),
        ("decolorize", "\x1b[1;31mred\x1b[0m", "red"),
        (
            "collapse_nums",
            "id=12 0x1f4b2e v3 took 1.5s at T12:30 facade be",
            "id=<N> 0x<N> v<N> took <N>.<N>s at T<N>:<N> <N> be",
        ),
        ("collapse_nums prettify", "2024-01-02T03:04:05.678Z 10.0.0.1 12:00:01,5", "<DATETIME> <IP4> <TIME>"),
        ("collapse_nums prettify", "2edfed59-3e98-4073-bbb2-28d321ca71a7 1/2/2024", "<UUID> <DATE>"),
        ("collapse_nums", "abc a1b2c3 x12y", "abc <N> x12y"),
        ("json_array_len(_msg)", '[1,"a,b",[2,3]]', "3"),
        ("json_array_len(_msg)", "{}", "0"),
        ("unpack_words", "to be, or not (to) be!", '["to","be","or","not","to","be"]'),
        ("unpack_words drop_duplicates", "to be, to be", '["to","be"]'),
        ("format '<_msg>+<q:_msg>'", 'a"b', 'a"b+"a\\"b"'),
        ("format '&lt;<uc:_msg>&gt;'", "aé", "<AÉ>"),
        ("format '<time:_msg>'", "1700000000", "2023-11-14T22:13:20Z"),
        ("format '<time:_msg>'", "1700000000123", "2023-11-14T22:13:20.123Z"),
        ("format '<time:_msg>'", "soon", "soon"),
        ("format '<duration:_msg>'", "90500000000", "1m30.5s"),
        ("format '<duration_seconds:_msg>'", "1m0.5s", "60.5"),
        ("format '<ipv4:_msg>'", "16909060", "1.2.3.4"),
        ("format '<hexencode:_msg>'", "é", "C3A9"),
        ("format '<hexdecode:_msg>'", "C3A9", "é"),
        ("format '<hexdecode:_msg>'", "xyz", "xyz"),
        ("format '<hexnumencode:_msg>'", "255", "00000000000000FF"),
        ("format '<hexnumdecode:_msg>'", "ff", "255"),
        ("format '<base64encode:_msg>'", "é", "w6k="),
        ("format '<base64decode:_msg>'", "w6k=", "é"),
        ("format '<urlencode:_msg>'", "a b&é", "a+b%26%C3%A9"),
        ("format '<urldecode:_msg>'", "a+b%26", "a b&"),
        ("format '<nope>x'", "a", "x"),
        ("format '' skip_empty_results", "a", "a"),
        ("format 'x' keep_original_fields", "a", "a"),
        ("format if (b) 'x'", "a", "a"),
    ],
)
def test_values(ask: Ask, pipe: str, value: str, result: str) -> None:
    assert ask(f"* | {pipe}", [{"_msg": value}]) == [{"_msg": result}]


@pytest.mark.parametrize(
    ("pipe", "value", "made"),
    [
        ("extract 'a=<a> b=<b>'", "x a=1 b=2 c", {"a": "1", "b": "2 c"}),
        ("extract 'a=<a> b=<b> '", "x a=1 b=2 c", {"a": "1", "b": "2"}),
        ("extract '<a> <_> <b>'", "1 2 3 4", {"a": "1", "b": "3 4"}),
        ("extract 'a=<a>,'", "a=1;", {}),
        ("extract 'a=<a> b=<b>'", "a=1", {}),
        ("extract '\"m\":<m>'", '{"m":"x \\"y\\" z","n":1}', {"m": 'x "y" z'}),
        ("extract '\"m\":<plain:m>,'", '{"m":"x","n":1}', {"m": '"x"'}),
        ("extract '<a>&lt;<b>'", "1<2", {"a": "1", "b": "2"}),
        ("extract_regexp 'a=(?P<a>\\\\d+)( b=(?P<b>.))?'", "a=12", {"a": "12"}),
        ("extract_regexp '(?P<a>x)'", "y", {}),
        ("unpack_json", '{"a":"1","b":{"c":2.50,"d":[1,"x"]},"e":null,"f":true}',
         {"a": "1", "b.c": "2.50", "b.d": '[1,"x"]', "f": "true"}),
        ("unpack_json fields (a, z)", '{"a":"1","b":2}', {"a": "1"}),
        ("unpack_json fields (b*) result_prefix p.", '{"a":"1","b":{"c":2}}', {"p.b.c": "2"}),
        ("unpack_json", "[1,2]", {}),
        ("unpack_json", '{"a":', {}),
        ("unpack_logfmt", 'a=1 b="x y" c d= e=f=g "', {"a": "1", "b": "x y", "e": "f=g"}),
        ("unpack_syslog", "<34>1 2003-10-11T22:14:15.003Z host su - ID47 [ex@1 a=\"b\"] hello",
         {"priority": "34", "facility": "4", "facility_keyword": "auth", "severity": "2", "level": "critical",
          "format": "rfc5424", "timestamp": "2003-10-11T22:14:15.003Z", "hostname": "host", "app_name": "su",
          "proc_id": "-", "msg_id": "ID47", "ex@1.a": "b", "message": "hello"}),
        ("unpack_syslog offset 1h", "<13>Dec  3 10:00:00 host cron[12]: started",
         {"priority": "13", "facility": "1", "facility_keyword": "user", "severity": "5", "level": "notice",
          "format": "rfc3164", "timestamp": "2025-12-03T09:00:00Z", "hostname": "host", "app_name": "cron",
          "proc_id": "12", "message": "started"}),
        ("unpack_syslog", "no header", {"format": "rfc3164", "message": "no header"}),
    ],
)  # fmt: skip
def test_fields_made_from_one(ask: Ask, pipe: str, value: str, made: dict[str, str]) -> None:
    assert ask(f"* | {pipe}", [{"_msg": value}]) == [{"_msg": value, **made}]


def test_what_becomes_of_fields_that_were_there(ask: Ask) -> None:
    row = {"_msg": '{"a":"new","b":""}', "a": "old", "b": "old"}
    assert ask("* | unpack_json | fields a, b", [row]) == [{"a": "new"}]
    assert ask("* | unpack_json keep_original_fields | fields a, b", [row]) == [{"a": "old", "b": "old"}]
    assert ask("* | unpack_json skip_empty_results | fields a, b", [row]) == [{"a": "new", "b": "old"}]
    assert ask("* | unpack_json if (a:x) | fields a, b", [row]) == [{"a": "old", "b": "old"}]


def test_unrolling_arrays(ask: Ask) -> None:
    rows = [{"a": '["x",1,{"k":2},null]', "b": "[7]", "c": "keep"}, {"a": "none", "c": "d"}]
    assert ask("* | unroll (a, b)", rows) == [
        {"a": "x", "b": "7", "c": "keep"},
        {"a": "1", "c": "keep"},
        {"a": '{"k":2}', "c": "keep"},
        {"a": "null", "c": "keep"},
        {"c": "d"},
    ]
    assert ask("* | unroll if (c:d) (a)", rows) == [rows[0], {"c": "d"}]


@pytest.mark.parametrize(
    ("expr", "result"),
    [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("10 - 3 - 2", "5"),
        ("10-3", "7"),
        ("2 ^ 3 ^ 2", "64"),
        ("-2 ^ 2", "4"),
        ("7 % 4 + 1", "4"),
        ("5 & 3 xor 8 or 16", "25"),
        ("a + b", "5.5"),
        ("a / 0", "+Inf"),
        ("none default 7", "7"),
        ("text default a", "3"),
        ("text + 1", "NaN"),
        ("1KiB + 1s / 1ms", "2024"),
        ("ip - 1.2.3.0", "4"),
        ("'2026-01-01T00:00:00Z' - '2025-12-31T23:59:59Z'", "1000000000"),
        ("abs(-a)", "3"),
        ("max(a, b, none)", "3"),
        ("min(a, b)", "2.5"),
        ("round(b)", "3"),
        ("round(7.389, 0.01)", "7.39"),
        ("round(1234, 100)", "1200"),
        ("ceil(b) + floor(b)", "5"),
        ("ln(exp(a))", "3"),
        ("now()", "1767225600000000000"),
        ("rand() * 0", "0"),
        ("1e3", "1000"),
    ],
)
def test_math(ask: Ask, expr: str, result: str) -> None:
    rows = [{"a": "3", "b": "2.5", "text": "x", "ip": "1.2.3.4"}]
    assert ask(f"* | math {expr} as r | fields r", rows) == [{"r": result}]


def test_math_sees_earlier_results_and_names_unnamed_ones(ask: Ask) -> None:
    assert ask("* | math a * 2 as b, b + 1 | delete a", [{"a": "4"}]) == [{"b": "8", "b + 1": "9"}]


def test_distinct_values_and_their_hits(ask: Ask) -> None:
    assert ask("* | uniq by (g) with hits", ROWS) == [{"g": "x", "hits": "2"}, {"g": "y", "hits": "2"}]
    assert ask("* | uniq by (n, g)", ROWS) == [
        {"n": "10", "g": "x"},
        {"n": "9", "g": "x"},
        {"g": "y"},
        {"n": "9", "g": "y"},
    ]
    over_the_limit = ask("* | uniq by (_msg) with hits limit 2", ROWS)
    assert [r["hits"] for r in over_the_limit] == ["0", "0"]
    assert ask("* | uniq by (g) with hits limit 2", ROWS) == [
        {"g": "x", "hits": "2"},
        {"g": "y", "hits": "2"},
    ]
    assert ask("* | field_values n", ROWS) == [
        {"n": "10", "hits": "1"},
        {"n": "9", "hits": "2"},
        {"hits": "1"},
    ]


def test_most_frequent_values(ask: Ask) -> None:
    assert ask("* | top 2 by (n)", ROWS) == [{"n": "9", "hits": "2"}, {"hits": "1"}]
    assert ask("* | top 3 by (n) hits as c rank", ROWS)[2] == {"n": "10", "c": "1", "rank": "3"}


def test_facets(ask: Ask) -> None:
    found = ask("* | delete _time | facets 1", ROWS)
    assert [(r["field_name"], r["field_value"], r["hits"]) for r in found] == [
        ("_msg", "a", "1"),
        ("extra", "1", "1"),
        ("g", "x", "2"),
        ("n", "9", "2"),
    ]
    assert {r["field_name"] for r in ask("* | facets max_values_per_field 2", ROWS)} == {"extra", "g", "n"}
    long = [{"a": "x" * 200}, {"a": "y"}]
    assert ask("* | delete _time | facets", long) == []
    same = [{"a": "x"}, {"a": "x"}]
    assert ask("* | fields a | facets", same) == []
    assert len(ask("* | fields a | facets keep_const_fields", same)) == 1


def test_names_of_fields(ask: Ask) -> None:
    found = ask("* | field_names", ROWS)
    assert {(r["name"], r["hits"]) for r in found} == {
        ("_time", "4"),
        ("_msg", "4"),
        ("n", "3"),
        ("g", "4"),
        ("extra", "1"),
    }


def test_blocks(ask: Ask) -> None:
    assert ask("* | blocks_count as n", ROWS, block_rows=2) == [{"n": "2"}]
    kinds = {r["field"]: r["type"] for r in ask("* | block_stats", ROWS)}
    assert kinds == {"_time": "time", "_msg": "dict", "n": "dict", "g": "dict", "extra": "dict"}
