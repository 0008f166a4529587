"""Whole queries: subqueries, joins, contexts, limits, and what is asked of storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings, strategies as st

from staddle.logs.logsql.errors import LogsQLError, QueryLimitError
from staddle.logs.logsql.evaluate import (
    Limits,
    apply_pipes,
    filter_fields,
    needed_fields,
    resolve_filter,
    run,
)
from staddle.logs.logsql.parser import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[..., list[dict[str, str]]]

NOW = 1_767_225_600_000_000_000
USERS = [
    {"_msg": "login ok", "user": "ann", "ip": "10.0.0.1"},
    {"_msg": "login failed", "user": "bob", "ip": "10.0.0.2"},
    {"_msg": "query by ann", "ip": "10.0.0.3"},
    {"_msg": "logout", "user": "bob", "ip": "10.0.0.2"},
]


def test_values_from_subqueries(ask: Ask) -> None:
    assert [r["_msg"] for r in ask("user:in(failed | fields user) | fields _msg", USERS)] == [
        "login failed",
        "logout",
    ]
    assert [r["_msg"] for r in ask("contains_any(ok | uniq by (user)) | fields _msg", USERS)] == ["query by ann"]
    assert ask("* | stats count() if (user:in(ok | keep user)) n", USERS) == [{"n": "1"}]
    assert ask("user:in(nothing | fields user)", USERS) == []


def test_union(ask: Ask) -> None:
    assert ask("ok | fields user | union (failed | fields user)", USERS) == [{"user": "ann"}, {"user": "bob"}]


def test_join(ask: Ask) -> None:
    right = "(login | fields user, _msg)"
    left = "user:* | stats by (user) count() n"
    assert ask(f"{left} | join by (user) {right}", USERS) == [
        {"user": "ann", "n": "1", "_msg": "login ok"},
        {"user": "bob", "n": "2", "_msg": "login failed"},
    ]
    assert ask(f"{left} | join by (user) (ok | fields user, ip) inner prefix r.", USERS) == [
        {"user": "ann", "n": "1", "r.ip": "10.0.0.1"}
    ]
    every = ask("ok or by | fields user | join by (user) (logout or failed | fields user, ip)", USERS)
    assert every == [{"user": "ann"}, {}]


def context_rows() -> list[dict[str, str]]:
    streams = ["s1", "s2"]
    return [
        {
            "_msg": f"{'hit' if i in (6, 10, 20) else 'row'} {i}",
            "_stream_id": streams[i % 2] * 24,
            "_stream": "{}",
        }
        for i in range(30)
    ]


def test_stream_context_gives_neighbours_of_the_same_stream(ask: Ask) -> None:
    found = [r["_msg"] for r in ask("hit | stream_context before 1 after 1 | fields _msg", context_rows())]
    assert found == ["row 4", "hit 6", "row 8", "hit 10", "row 12", "---", "row 18", "hit 20", "row 22"]
    after = [r["_msg"] for r in ask("hit | stream_context after 1 time_window 1s | fields _msg", context_rows())]
    assert after == ["hit 6", "---", "hit 10", "---", "hit 20"]


def test_memory_is_bounded(ask: Ask) -> None:
    rows = [{"a": str(i)} for i in range(20_000)]
    few = Limits(memory_bytes=200_000)
    for pipe in (
        "sort by (a)",
        "uniq by (a)",
        "stats by (a) count()",
        "stats uniq_values(a)",
        "top by (a)",
        "join by (a) (*)",
    ):
        with pytest.raises(QueryLimitError, match="MiB of memory"):
            ask(f"* | {pipe}", rows, limits=few, block_rows=500)
    assert len(ask("* | sort by (a) limit 5", rows, limits=Limits(memory_bytes=20 << 20), block_rows=500)) == 5
    assert ask("* | uniq by (a) limit 3", rows, limits=few, block_rows=500)


def test_results_come_in_bounded_blocks(memory: Any) -> None:
    source = memory([{"a": str(i)} for i in range(1000)])
    sizes = [b.rows for b in run(parse("* | sort by (a)", NOW), source, Limits(block_rows=300))]
    assert sizes == [300, 300, 300, 100]


def test_a_time_range_is_passed_to_the_scan(memory: Any) -> None:
    source = memory([{"a": str(i)} for i in range(100)], block_rows=10)
    query = "_time:[2025-12-31T23:00:30Z, 2025-12-31T23:00:39Z] | stats count() n"
    assert [r for b in run(parse(query, NOW), source) for r in b.row_dicts()] == [{"n": "10"}]
    assert source.blocks_read == 1


def test_a_time_offset_compares_with_an_earlier_time(memory: Any) -> None:
    source = memory([{"a": str(i)} for i in range(100)])
    query = "options(time_offset=1h) _time:[2026-01-01T00:00:30Z, 2026-01-01T00:00:31Z] | fields _time, a"
    found = [r for b in run(parse(query, NOW), source) for r in b.row_dicts()]
    assert found == [
        {"_time": "2026-01-01T00:00:30Z", "a": "30"},
        {"_time": "2026-01-01T00:00:31Z", "a": "31"},
    ]


def test_an_empty_time_range_reads_nothing(memory: Any) -> None:
    source = memory(USERS)
    query = parse("_time:2024Z _time:2025Z | stats count() n", NOW)
    assert [r for b in run(query, source) for r in b.row_dicts()] == [{"n": "0"}]
    assert source.scans == 0


def test_columns_come_in_a_fixed_order(memory: Any) -> None:
    source = memory([{"z": "1", "B": "2", "_msg": "m", "a": "3", "_stream": "{}"}])
    (row,) = [r for b in run(parse("*", NOW), source) for r in b.row_dicts()]
    assert list(row) == ["_time", "_stream", "_msg", "B", "a", "z"]


def test_storage_that_runs_the_beginning_itself_hands_over_rows(memory: Any) -> None:
    source = memory(USERS)
    query = parse("user:in(ok | fields user) | stats by (ip) count() n | sort by (n)", NOW)
    where = resolve_filter(query.filter, source)
    assert str(where) == "user:in(ann)"
    selected = run(parse(f"{where} | stats by (ip) count() n", NOW), source)
    found = [r for b in apply_pipes(query.pipes[1:], selected, source, query) for r in b.row_dicts()]
    assert found == [{"ip": "10.0.0.1", "n": "1"}]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("*", "*"),
        ("a:b", "*"),
        ("* | fields a, b*", "a, b*"),
        ("* | delete a", "* except a"),
        ("* | count()", ""),
        ("* | stats by (a, _time:1m) sum(b), max(c*) if (d:e)", "_time, a, b, c*, d"),
        ("* | top by (a)", "a"),
        ("* | uniq by (a, b)", "a, b"),
        ("* | field_values a", "a"),
        ("* | filter b:c | fields a", "a, b"),
        ("* | sort by (b) | fields a", "a, b"),
        ("* | sort | fields a", "*"),
        ("* | rename a as b | fields b, c", "a, c"),
        ("* | copy a as b | fields c", "c"),
        ("* | math a + b as c | fields c", "a, b"),
        ("* | math a + b as c | fields d", "d"),
        ("* | extract '<a> x' from b | fields a", "a, b"),
        ("* | format '<a><b>' as c | fields c", "a, b"),
        ("* | format if (d:e) '<a>' as c | fields c", "a, c, d"),
        ("* | len(a) as b | stats sum(b)", "a"),
        ("* | unpack_json from a | count()", "a"),
        ("* | replace (x, y) at a | fields a", "a"),
        ("* | pack_json | fields _msg", "*"),
        ("* | facets", "*"),
        ("* | fields a | fields b", ""),
        ("* | fields a* | fields ab, b", "ab"),
    ],
)
def test_only_the_needed_columns_are_asked_for(query: str, fields: str) -> None:
    assert str(needed_fields(parse(query, NOW))).replace('"', "") == fields


def test_fields_that_filters_look_at() -> None:
    found = filter_fields(parse('a:b (c:d or !e:eq_field(f)) {g="h"} _time:5m word', NOW).filter)
    assert found == {"a", "c", "e", "f", "_stream", "_time", "_msg"}


# --- properties ---------------------------------------------------------------------------------------

names = st.sampled_from(["a", "b", "ab", "x y", "_msg", "and", "in", "count"])
values = st.one_of(st.text("ab\"'` |()*:-=é\n", max_size=5), st.sampled_from(["or", "10KB", "", "1.2.3.4"]))


@st.composite
def leaves(draw: st.DrawFn) -> str:
    from staddle.logs.logsql.ast.text import quote

    field, value, other = draw(names), draw(values), draw(values)
    shape = draw(
        st.sampled_from(
            [
                "{v}",
                "{v}*",
                "={v}",
                "={v}*",
                "i({v})",
                "i({v}*)",
                "in({v},{o})",
                "contains_all({v},{o})",
                "contains_any({v})",
                "seq({v},{o})",
                "!={v}",
                ">{v}",
                "<={v}",
                "eq_field({v})",
                "string_range({v},{o})",
                "len_range(1,5)",
                "range(1,5]",
                "ipv4_range(1.2.3.4/24)",
                "*",
            ]
        )
    )
    return f"{quote(field)}:{shape.format(v=quote(value), o=quote(other))}"


filters = st.recursive(
    leaves(),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: f"({p[0]} {p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]} or {p[1]})"),
        inner.map(lambda f: f"!({f})"),
    ),
    max_leaves=6,
)


@given(filters)
def test_filters_read_back_from_their_text(text: str) -> None:
    query = parse(text, NOW)
    assert parse(str(query), NOW) == query


@given(st.text("ab \"'`|()[]{}*:,=!~<>-#.\\1_h/\n" + "or", max_size=40))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        query = parse(text, NOW)
    except LogsQLError as e:
        assert 0 <= e.position <= len(text)
    else:
        assert str(parse(str(query), NOW)) == str(query)


PIPES = st.sampled_from(
    [
        "fields a, b",
        "fields b*",
        "delete a",
        "rename a as c",
        "copy b as a",
        "rename b* as z*",
        "filter b:*",
        "sort by (b)",
        "sort by (a desc) limit 2",
        "first by (a) partition by (b)",
        "limit 3",
        "offset 1",
        "math a + 1 as a",
        "math b as q",
        "len(b) as a",
        "stats by (a) count() b",
        "stats count(b) a, max(ab) ab",
        "uniq by (a, ab)",
        "top by (b)",
        "format '<a>-<b>' as b",
        "format if (a:1) 'x' as b",
        "extract '<a>1' from b",
        "extract_regexp '(?P<b>.)' from a",
        "unpack_json from j",
        "unpack_json from j fields (a, c)",
        "unpack_words b a",
        "unroll (j)",
        "replace (1, 2) at a",
        "replace if (ab:*) (1, 2) at b",
        "pack_json fields (a) as j",
        "json_array_len(j) b",
        "field_values b",
        "drop_empty_fields",
        "collapse_nums at b",
        "hash(a) as ab",
        "sort by (b) rank as a",
        "union (a:1)",
        "join by (a) (* | fields a, b)",
        "running_stats by (a) count() b",
        "field_names",
    ]
)
SMALL = ["", "", "1", "2", "10", "x", "x 1"]
rows_of = st.lists(
    st.fixed_dictionaries(
        {
            "a": st.sampled_from(SMALL),
            "b": st.sampled_from(SMALL),
            "ab": st.sampled_from(SMALL),
            "j": st.sampled_from(["", '{"a":1,"b":"y"}', '["p","q"]']),
        }
    ),
    max_size=6,
)


@settings(max_examples=300)
@given(rows=rows_of, pipes=st.lists(PIPES, max_size=4), where=st.sampled_from(["*", "a:1", "b:* or ab:x"]))
def test_reading_only_needed_columns_changes_no_result(
    memory: Any, rows: list[dict[str, str]], pipes: list[str], where: str
) -> None:
    query = parse(" | ".join([where, *pipes]), NOW)
    filled = [{k: v for k, v in row.items() if v} for row in rows]

    def answer(**options: Any) -> list[list[tuple[str, str]]]:
        """The rows in no particular order, as few pipes promise one."""
        return sorted(sorted(r.items()) for b in run(query, memory(filled, **options)) for r in b.row_dicts())

    everything = answer(prune=False)
    text = str(query)
    # What these give depends on the order of rows, and that of field names is anybody's.
    cut = any(word in text for word in ("first", "limit", "offset", "running_stats"))
    if not (cut and "field_names" in text):
        assert answer(prune=True) == everything
    # Where the place of rows among equals matters, so do blocks.
    if not cut and not any(word in text for word in ("union", "extract", "running", "rank", "join")):
        assert answer(prune=True, block_rows=1) == everything


HUGE = [
    "9" * 5000,
    "-" + "9" * 5000,
    "1e999",
    "9" * 400 + "B",
    "9" * 5000 + "s",
    "0x" + "f" * 5000,
    "a" + "9" * 5000,
    "1." + "9" * 5000,
    "[" * 5000,
    '{"a":' * 800 + "1" + "}" * 800,
    "1" + "_1" * 3000,
]


@pytest.mark.parametrize("value", HUGE, ids=range(len(HUGE)))
@pytest.mark.parametrize(
    "pipe",
    [
        "filter a:>5",
        "filter a:le_field(b)",
        "sort by (a)",
        "stats sum(a), min(a), quantile(0.5, a), histogram(a)",
        "stats by (a:10) count()",
        "math a * a as b, round(a) as c, a & 5 as d, a ^ a as e",
        "format '<time:a><duration:a><duration_seconds:a><ipv4:a><hexnumdecode:a><hexnumencode:a>'",
        "unpack_json from a",
        "json_array_len(a)",
        "unroll (a)",
        "collapse_nums at a",
    ],
)
def test_monstrous_values_do_no_harm(ask: Ask, pipe: str, value: str) -> None:
    rows = [{"a": value, "b": "5"}, {"a": "7", "b": "6"}]
    assert ask(f"* | {pipe} | count() n", rows)[0]["n"] in {"0", "1", "2"}


@pytest.mark.parametrize("value", HUGE, ids=range(len(HUGE)))
@pytest.mark.parametrize(
    "query",
    [
        "a:>{}",
        "a:range({}, 5)",
        "_time:{}",
        "_time:[{}, now]",
        "len_range({}, 5)",
        "* | limit {}",
        "* | stats by (a:{}) count()",
        "* | math {} + 1",
        "* | unpack_syslog offset {}",
        "* | top {} by (a)",
    ],
)
def test_monstrous_arguments_are_understood_or_refused(query: str, value: str) -> None:
    try:
        assert parse(query.format(value), NOW).now_ns == NOW
    except LogsQLError as e:
        assert e.message
