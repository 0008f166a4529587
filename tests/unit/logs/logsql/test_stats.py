"""Statistics functions, grouping and buckets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[..., list[dict[str, str]]]

ROWS = [
    {"_msg": "one", "a": "2", "b": "3", "g": "x"},
    {"_msg": "two", "a": "1", "g": "x"},
    {"_msg": "three", "a": "3", "b": "54", "g": "y"},
    {"_msg": "four", "a": "10KB", "b": "z", "g": "y"},
]


@pytest.mark.parametrize(
    ("func", "result"),
    [
        ("count()", "4"),
        ("count(b)", "3"),
        ("count(b, a)", "4"),
        ("count(none)", "0"),
        ("count_empty(b)", "1"),
        ("count_empty(b, a)", "0"),
        ("count_uniq(g)", "2"),
        ("count_uniq(b)", "3"),
        ("count_uniq(g, b)", "4"),
        ("count_uniq(a) limit 2", "2"),
        ("count_uniq(none)", "0"),
        ("count_uniq_hash(a)", "4"),
        ("sum(a)", "10006"),
        ("sum(a, b)", "10063"),
        ("sum(none)", "NaN"),
        ("avg(b)", "28.5"),
        ("min(a)", "1"),
        ("min(b)", ""),
        ("max(a)", "10KB"),
        ("max(b)", "z"),
        ("max(none)", ""),
        ("median(a)", "3"),
        ("quantile(0, a)", "1"),
        ("quantile(1, a)", "10KB"),
        ("quantile(0.5, none)", ""),
        ("sum_len(_msg)", "15"),
        ("rate()", "4"),
        ("rate_sum(a)", "10006"),
        ("uniq_values(g)", '["x","y"]'),
        ("uniq_values(b)", '["3","54","z"]'),
        ("values(b)", '["3","","54","z"]'),
        ("values(a) limit 2", '["2","1"]'),
        ("json_values(a, b) limit 2", '[{"a":"2","b":"3"},{"a":"1"}]'),
        ("row_any(a)", '{"a":"2"}'),
        ("row_max(a, _msg)", '{"_msg":"four"}'),
        ("row_min(b, a, b)", '{"a":"2","b":"3"}'),
        ("row_min(none)", "{}"),
        ("count() if (b:*)", "3"),
        ("sum(a) if (g:x)", "3"),
        ("max(a) if (g:none)", ""),
    ],
)
def test_functions(ask: Ask, func: str, result: str) -> None:
    for block_rows in (1, 100):
        assert ask(f"* | stats {func} as r", ROWS, block_rows=block_rows) == [{"r": result} if result else {}]


def test_names_may_be_prefixes(ask: Ask) -> None:
    rows = [{"t1": "1", "t2": "20", "u": "100"}]
    assert ask("* | stats sum(t*) as s, count(t*) as c, max(*) as m", rows) == [
        {"s": "21", "c": "1", "m": "2025-12-31T23:00:00Z"}
    ]


def test_groups(ask: Ask) -> None:
    assert ask("* | stats by (g) count() n, max(b) m", ROWS) == [
        {"g": "x", "n": "2", "m": "3"},
        {"g": "y", "n": "2", "m": "z"},
    ]
    assert ask("* | by (g, b) count() if (a:2) n | n:>0", ROWS) == [{"g": "x", "b": "3", "n": "1"}]
    assert ask("nothing | stats by (g) count() n", ROWS) == []
    assert ask("nothing | stats count() n, sum(a) s", ROWS) == [{"n": "0", "s": "NaN"}]


def test_results_without_a_name_are_named_by_their_text(ask: Ask) -> None:
    found = ask("* | stats count(), sum(a), count() if (a:2), quantile(0.5), row_max(a)", ROWS)
    assert list(found[0]) == ["count(*)", "sum(a)", "count(*) if (a:2)", "quantile(0.5)", "row_max(a)"]


def test_buckets_of_time(ask: Ask) -> None:
    rows = [{"a": "b"}] * 90  # from 23:00:00 on, one a second
    assert ask("* | stats by (_time:1m) count() n | sort by (_time)", rows) == [{"n": "60"}, {"n": "30"}]
    starts = ask("* | stats by (_time:1m offset 20s) count() n | copy _time as t | sort by (t)", rows)
    assert starts == [
        {"n": "20", "t": "2025-12-31T22:59:20Z"},
        {"n": "60", "t": "2025-12-31T23:00:20Z"},
        {"n": "10", "t": "2025-12-31T23:01:20Z"},
    ]
    for bucket, start in (
        ("hour", "2025-12-31T23:00:00Z"),
        ("day", "2025-12-31T00:00:00Z"),
        ("week", "2025-12-25T00:00:00Z"),
        ("month", "2025-12-01T00:00:00Z"),
        ("year", "2025-01-01T00:00:00Z"),
        ("month offset -2h", "2025-12-31T22:00:00Z"),
    ):
        assert ask(f"* | stats by (_time:{bucket}) count() n | copy _time as t", rows) == [{"n": "90", "t": start}]


@pytest.mark.parametrize(
    ("value", "bucket", "key"),
    [
        ("17", "10", "10"),
        ("-3", "10", "-10"),
        ("17", "10 offset 5", "15"),
        ("0.37", "0.1", "0.3"),
        ("25000", "10KB", "20000"),
        ("10.1.2.3", "/24", "10.1.2.0"),
        ("10.1.2.3", "256", "10.1.2.0"),
        ("10.1.2.3", "/24 offset 0.0.0.5", "10.1.1.5"),
        ("95s", "1m", "1m"),
        ("2024-02-03T04:05:06Z", "day", "2024-02-03T00:00:00Z"),
        ("2024-02-03T04:05:06Z", "month", "2024-02-01T00:00:00Z"),
        ("text", "10", "text"),
    ],
)
def test_buckets_of_values(ask: Ask, value: str, bucket: str, key: str) -> None:
    assert ask(f"* | stats by (v:{bucket}) count() n", [{"v": value}]) == [{"v": key, "n": "1"}]


def test_rates_are_per_second_of_the_bucket_or_the_time_range(ask: Ask) -> None:
    rows = [{"a": "3"}] * 60
    assert ask("* | stats by (_time:1m) rate() r, rate_sum(a) s", rows) == [{"r": "1", "s": "3"}]
    in_range = "_time:[2025-12-31T23:00:00Z, 2025-12-31T23:01:59Z]"
    assert ask(f"{in_range} | stats rate() r, rate_sum(a) s", rows) == [{"r": "0.5", "s": "1.5"}]


def test_histograms_count_by_logarithmic_ranges(ask: Ask) -> None:
    rows = [{"a": v} for v in ("1", "1.1", "0", "1ms", "x", "-5", "1e30")]
    found = json.loads(ask("* | stats histogram(a) h", rows)[0]["h"])
    assert found == [
        {"vmrange": "0...1.000e-09", "hits": 1},
        {"vmrange": "8.799e-01...1.000e+00", "hits": 1},
        {"vmrange": "1.000e+00...1.136e+00", "hits": 1},
        {"vmrange": "8.799e+05...1.000e+06", "hits": 1},
        {"vmrange": "1.000e+18...+Inf", "hits": 1},
    ]


def test_statistics_so_far_and_in_all(ask: Ask) -> None:
    rows = [{"g": "x", "n": "1"}, {"g": "y", "n": "5"}, {"g": "x", "n": "2"}]
    assert [r["s"] for r in ask("* | running_stats by (g) sum(n) as s", rows)] == ["1", "5", "3"]
    assert [r["s"] for r in ask("* | total_stats by (g) sum(n) as s", rows)] == ["3", "5", "3"]
