"""Pipes: how they are understood (shown as canonical text) and what is refused."""

from __future__ import annotations

import pytest

from staddle.logs.logsql import keywords
from staddle.logs.logsql.errors import LogsQLError
from staddle.logs.logsql.evaluate.run import STAGES
from staddle.logs.logsql.parse.pipes import PIPES
from staddle.logs.logsql.parser import parse

NOW = 1_767_225_600_000_000_000

CANONICAL = [
    ("fields a, b*", "fields a, b*"),
    ("keep a, *", "fields *"),
    ("delete a, b*", "delete a, b*"),
    ("rm a", "delete a"),
    ("copy a b, c* as d*", "copy a as b, c* as d*"),
    ("mv a as b", "rename a as b"),
    ("limit", "limit 10"),
    ("head 1_000", "limit 1000"),
    ("skip 10K", "offset 10000"),
    ("sample 5", "sample 5"),
    ("where a:b", "filter a:b"),
    ("a:b", "filter a:b"),
    ("sort", "sort"),
    ("order by (a desc, b asc) desc limit 5 offset 2", "sort by (a desc, b) desc offset 2 limit 5"),
    ("sort (a) partition by (b) limit 1 rank", 'sort by (a) partition by (b) limit 1 rank as "rank"'),
    ("first", "first 1"),
    ("last 3 by (a) partition (b) rank as r", "last 3 by (a) partition by (b) rank as r"),
    ("uniq a, b", "uniq by (a, b)"),
    ("uniq by (a) limit 5 with hits", "uniq by (a) with hits limit 5"),
    ("top a", 'top 10 by (a) hits as "hits"'),
    ("top 5 by (hits) rank", 'top 5 by ("hits") hits as hitss rank as "rank"'),
    ("facets 5 max_value_len 9 keep_const_fields", "facets 5 max_value_len 9 keep_const_fields"),
    ("field_names", "field_names as name"),
    ("field_values a limit 3", "field_values a limit 3"),
    ("blocks_count x", "blocks_count as x"),
    ("block_stats", "block_stats"),
    ("len a", "len(a) as _msg"),
    ("hash(a) as b", "hash(a) as b"),
    ("json_array_len(a) b", "json_array_len(a) as b"),
    ("collapse_nums if (a:b) at c prettify", "collapse_nums if (a:b) at c prettify"),
    ("decolorize", "decolorize _msg"),
    ("drop_empty_fields", "drop_empty_fields"),
    ("replace (a, 'b c') at d limit 2", 'replace ("a", "b c") at d limit 2'),
    ("replace_regexp if (x) ('a+', '$0') at d", 'replace_regexp if (x) ("a+", "$0") at d'),
    ("format '<a>-<q:b>' as c skip_empty_results", 'format "<a>-<q:b>" as c skip_empty_results'),
    ("extract 'a=<b> ' from c keep_original_fields", 'extract "a=<b> " from c keep_original_fields'),
    ("extract_regexp 'a=(?P<b>.+)'", 'extract_regexp "a=(?P<b>.+)" from _msg'),
    ("unpack_json a fields (b, c*) result_prefix d", "unpack_json from a fields (b, c*) result_prefix d"),
    ("unpack_logfmt if (a) skip_empty_results", "unpack_logfmt if (a) from _msg skip_empty_results"),
    ("unpack_syslog offset 2h", "unpack_syslog from _msg offset 2h"),
    ("unpack_words a b drop_duplicates", "unpack_words from a as b drop_duplicates"),
    ("unroll if (a) (b, c)", "unroll if (a) by (b, c)"),
    ("pack_json", "pack_json fields (*) as _msg"),
    ("pack_logfmt fields (a, b*) as c", "pack_logfmt fields (a, b*) as c"),
    ("stream_context before 2 after 3 time_window 1m", "stream_context before 2 after 3 time_window 1m"),
    ("union (a | limit 1)", "union (a | limit 1)"),
    ("join on (a) (b:c | fields a) inner prefix 'x.'", "join by (a) (b:c | fields a) inner prefix x."),
    ("math a + b * -c ^ 2 as d", "math a + b * -c ^ 2 as d"),
    (
        "eval round(a / 3, 0.1), (b default 1) x",
        'math round(a / 3, 0.1) as "round(a / 3, 0.1)", (b default 1) as x',
    ),
    ("count()", 'stats count(*) as "count(*)"'),
    ("by (a) count() b", "stats by (a) count(*) as b"),
    (
        "stats (_time:1h offset 5m, s:10KiB) sum(a, b*) x",
        "stats by (_time:1h offset 5m, s:10KiB) sum(a, b*) as x",
    ),
    ("stats count() if (a or b) x, max(c)", 'stats count(*) if (a or b) as x, max(c) as "max(c)"'),
    (
        "stats quantile(0.99, a) p, quantile(0.5)",
        'stats quantile(0.99, a) as p, quantile(0.5) as "quantile(0.5)"',
    ),
    ("stats uniq_values(a) limit 5 as u", "stats uniq_values(a) limit 5 as u"),
    ("stats row_max(a) m, row_min(b, c) n", "stats row_max(a) as m, row_min(b, c) as n"),
    ("stats rate() r, rate_sum(a) s", "stats rate() as r, rate_sum(a) as s"),
    ("running_stats by (a) count() n", "running_stats by (a) count(*) as n"),
]


@pytest.mark.parametrize(("pipe", "canonical"), CANONICAL)
def test_pipes(pipe: str, canonical: str) -> None:
    query = parse(f"* | {pipe}", NOW)
    assert str(query) == f"* | {canonical}"
    assert parse(str(query), NOW) == query


@pytest.mark.parametrize(
    ("pipe", "message"),
    [
        ("", "missing pipe"),
        ("limit -1", "cannot parse limit"),
        ("limit 1.5", "cannot parse limit"),
        ("sample 0", "unexpected zero"),
        ("fields", "missing field name"),
        ("fields a b", "unexpected token 'b'"),
        ("delete ()", "missing fields in 'delete'"),
        ("fields a,", "missing field name"),
        ("sort by (a*)", "unexpected '*'"),
        ("sort by (a) limit 1 limit 2", "duplicate 'limit'"),
        ("sort by (a) partition by (b)", "missing 'limit'"),
        ("uniq hits", "missing fields in 'uniq'"),
        ("top ()", "missing fields in 'top'"),
        ("extract 'a'", "at least one named field"),
        ("extract '<a><b>'", "missing delimiter between <a> and <b>"),
        ("extract '<a'", "missing '>'"),
        ("extract_regexp '(a)'", "at least one named group"),
        ("extract_regexp '(?P<a>'", "cannot parse regexp"),
        ("format '<a*>'", "unexpected wildcard"),
        ("stats", "unknown stats func ''"),
        ("stats nope()", "unknown stats func 'nope'"),
        ("stats count", "missing '('"),
        ("stats count() a, sum(b) a", "used twice"),
        ("stats by (a) count() a", "used twice"),
        ("stats by (a:foo) count()", "cannot parse bucket size 'foo'"),
        ("stats quantile(1.5, a)", "phi of quantile() must be"),
        ("stats count_uniq()", "at least one field name"),
        ("stats histogram(a, b)", "exactly one field name"),
        ("stats rate(a)", "rate() has no arguments"),
        ("count", "missing '('"),
        ("math a +", "missing operand"),
        ("math min(a) as b", "unexpected number of arguments for min()"),
        ("math a as b c", "unexpected token 'c'"),
        ("stream_context", "missing 'before N' or 'after N'"),
        ("join by (a)", "missing '('"),
        ("union (a", "missing ')'"),
        ("stats count() | nope(", "unexpected pipe 'nope'"),
    ],
)
def test_refused_pipes_say_why(pipe: str, message: str) -> None:
    with pytest.raises(LogsQLError) as caught:
        parse(f"* | {pipe}", NOW)
    assert message in str(caught.value)


def test_every_pipe_name_is_reserved_and_every_pipe_can_be_run() -> None:
    assert set(PIPES) == keywords.PIPE_NAMES
    used = {type(parse(f"* | {pipe}", NOW).pipes[0]) for pipe, _ in CANONICAL}
    assert used == set(STAGES)
