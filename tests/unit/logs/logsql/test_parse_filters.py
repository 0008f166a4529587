"""Filters: how they are understood (shown as canonical text) and what is refused."""

from __future__ import annotations

import pytest

from staddle.logs.logsql import ast
from staddle.logs.logsql.errors import LogsQLError
from staddle.logs.logsql.parser import parse, parse_filter

NOW = 1_767_225_600_000_000_000
S = 1_000_000_000
HOUR = 3600 * S
STREAM_ID = "0000000000000000" + "ab" * 16


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        # words, phrases, prefixes
        ("error", "error"),
        ("foo-bar/baz", '"foo-bar/baz"'),
        ("'a b'", '"a b"'),
        ("foo*", "foo*"),
        ("`a b`*", '"a b"*'),
        ("*", "*"),
        ("level:*", "level:*"),
        ('level:""', 'level:""'),
        ("a.b:c.d", "a.b:c.d"),
        ('"":x', "x"),
        (":x", "x"),
        ("and", '"and"'),
        ("x:or", 'x:"or"'),
        # a word goes on over signs that stand without blanks
        ("a!b", '"a!b"'),
        ("a:b:c", 'a:"b:c"'),
        ("t:2024-01-02T03:04:05+08:00", 't:"2024-01-02T03:04:05+08:00"'),
        # logic
        ("a b", "a b"),
        ("a and b AND c", "a b c"),
        ("a or b c", "a or b c"),
        ("(a or b) c", "(a or b) c"),
        ("not a", "!a"),
        ("- a", "!a"),
        ("!a b", "!a b"),
        ("not not a", "a"),
        ("!(a b)", "!(a b)"),
        ("((a))", "a"),
        ("* a", "a"),
        ("a:(b or !c d*)", "a:b or !a:c a:d*"),
        ("a:(b:c)", 'a:"b:c"'),
        ("a:(=b !~c >5)", 'a:=b !a:~"c" a:>5'),
        # comparisons
        ("=a", "=a"),
        ("a:=b*", "a:=b*"),
        ("a:!=b", "!a:=b"),
        ("a:~'x|y'", 'a:~"x|y"'),
        ("a:!~x", '!a:~"x"'),
        ("a:>=10KB", "a:>=10KB"),
        ("a: < 5", "a:<5"),
        ("a:>b", "a:>b"),
        ("range(1, 2]", "range(1, 2]"),
        ("a:range[-1.5,inf)", 'a:range["-1.5", "inf")'),
        # functions
        ("exact(a b)", None),
        ("exact('a b')", '="a b"'),
        ("i(Foo)", "i(Foo)"),
        ("a:i(foo*)", "a:i(foo*)"),
        ("a:in(b,'c d',)", 'a:in(b,"c d")'),
        ("in()", "in()"),
        ("a:in(*)", "*"),
        ("a:contains_all(b, c)", "a:contains_all(b,c)"),
        ("a:contains_any(b, c)", "a:contains_any(b,c)"),
        ("seq(a, 'b c')", 'seq(a,"b c")'),
        ("a:re('x.y')", 'a:~"x.y"'),
        ("a:ipv4_range(10.0.0.0/8)", "a:ipv4_range(10.0.0.0, 10.255.255.255)"),
        ("a:ipv4_range(1.2.3.4, 2.3.4.5)", "a:ipv4_range(1.2.3.4, 2.3.4.5)"),
        ("a:ipv6_range('fe80::/10')", 'a:ipv6_range("fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff")'),
        ("ipv6_range('::1', '::2')", 'ipv6_range("::1", "::2")'),
        ("a:len_range(1, 1_000)", "a:len_range(1, 1_000)"),
        ("a:string_range(b, c)", "a:string_range(b, c)"),
        ("a:eq_field(b)", "a:eq_field(b)"),
        ("a:lt_field(b) a:le_field(c)", "a:lt_field(b) a:le_field(c)"),
        ("a:value_type(uint8)", "a:value_type(uint8)"),
        # names of functions are words where no parenthesis follows
        ("in", '"in"'),
        ("a:in-b", 'a:"in-b"'),
        ("range:x", '"range":x'),
        # streams
        ('{a="b"}', '{a="b"}'),
        ("_stream:{a=b,c!~'d' or e in (f,g)}", '{a="b",c!~"d" or e in ("f","g")}'),
        (f"_stream_id:{STREAM_ID}", f"_stream_id:{STREAM_ID}"),
        (f"_stream_id:in({STREAM_ID},{STREAM_ID})", f"_stream_id:in({STREAM_ID},{STREAM_ID})"),
        # subqueries
        ("a:in(b:c | fields d)", "a:in(b:c | fields d)"),
        ("_stream_id:in(x | uniq by (_stream_id))", "_stream_id:in(x | uniq by (_stream_id))"),
        # comments
        ("a # b\n c", "a c"),
    ],
)
def test_filters(query: str, canonical: str | None) -> None:
    if canonical is None:
        with pytest.raises(LogsQLError):
            parse(query, NOW)
        return
    found = parse(query, NOW).filter
    assert str(found) == canonical
    assert parse(canonical, NOW).filter == found


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("_time:1h", NOW - HOUR + 1, NOW),
        ("_time:1h offset 30m", NOW - 3 * HOUR // 2 + 1, NOW - HOUR // 2),
        ("_time:offset 1h", ast.MIN_TIME_NS, NOW - HOUR),
        ("_time:2025Z", NOW - 365 * 24 * HOUR, NOW - 1),
        ("_time:2025-12Z", NOW - 31 * 24 * HOUR, NOW - 1),
        ("_time:2025-12-31Z", NOW - 24 * HOUR, NOW - 1),
        ("_time:2025-12-31T23Z", NOW - HOUR, NOW - 1),
        ("_time:2025-12-31T23:59Z", NOW - 60 * S, NOW - 1),
        ("_time:2025-12-31T23:59:59Z", NOW - S, NOW - 1),
        ("_time:2025-12-31T23:59:59.999Z", NOW - 10**6, NOW - 1),
        ("_time:2025-12-31T23:59:59.5Z", NOW - S // 2, NOW - S // 2),
        ("_time:2025-12-31T18-06:00", NOW, NOW + HOUR - 1),
        ("_time:[2025-12-31Z, 2025-12-31Z]", NOW - 24 * HOUR, NOW - 1),
        ("_time:(2025-12-31Z, now)", NOW - 24 * HOUR + 1, NOW - 1),
        ("_time:[-2h, now-1h]", NOW - 2 * HOUR, NOW - HOUR),
        ("_time:>2025-12-31Z", NOW, ast.MAX_TIME_NS),
        ("_time:>=2025-12-31Z", NOW - 24 * HOUR, ast.MAX_TIME_NS),
        ("_time:<2025-12-31Z", ast.MIN_TIME_NS, NOW - 24 * HOUR - 1),
        ("_time:<=2025-12-31Z", ast.MIN_TIME_NS, NOW - 1),
        ("_time:>1h", ast.MIN_TIME_NS, NOW - HOUR - 1),
        ("_time:<=1h", NOW - HOUR, ast.MAX_TIME_NS),
        ("_time:[1767225600, 1767225601]", NOW, NOW + S),
        ("_time:2h a:b _time:1h", NOW - HOUR + 1, NOW),
        ("_time:1h or a", ast.MIN_TIME_NS, ast.MAX_TIME_NS),
    ],
)
def test_time_ranges(query: str, start: int, end: int) -> None:
    assert parse(query, NOW).time_range() == (start, end)


def test_times_of_day_and_week() -> None:
    day = parse("_time:day_range[08:00, 18:30) offset 2h", NOW).filter
    assert day == ast.DayRange(8 * HOUR, 18 * HOUR + HOUR // 2 - 1, 2 * HOUR, "[08:00, 18:30)")
    week = parse("_time:week_range(Sun, Friday]", NOW).filter
    assert week == ast.WeekRange(1, 5, 0, "(Sun, Friday]")


@pytest.mark.parametrize(
    ("query", "message", "context"),
    [
        ("", "missing query", ""),
        ("foo or", "missing filter after 'or'", "foo or"),
        ("(foo", "missing ')'", "(foo"),
        ("foo)", "unexpected", "foo)"),
        ("a:", "missing filter for field 'a'", "a:"),
        ("not", "missing filter after 'not'", "not"),
        ("foo, bar", "unexpected token ','", "foo,"),
        ("nope(x)", "unknown function 'nope'", "nope"),
        ("*:a", "wildcard field names", "*:"),
        ('"open', "improperly quoted string", '"'),
        ("~'['", "cannot parse regexp", "~'['"),
        ("count() x", "cannot start with pipe keyword 'count'", "count"),
        ("_time:yesterday", "cannot parse _time filter 'yesterday'", "_time:yesterday"),
        ("_time:day_range[8, 9]", "cannot parse time of day", "_time:day_range[8, 9]"),
        ("_stream_id:abc", "48 hexadecimal digits", "_stream_id:abc"),
        ("{a}", "unsupported operator '}'", "{a}"),
        ("_stream:foo", "want '{'", "_stream:foo"),
        ("a:in(b|c)", "must end with a 'fields' or 'uniq' pipe", "a:in(b|c)"),
        ("a:in(b|fields c, d)", "must end with a 'fields' or 'uniq' pipe", "a:in(b|fields c, d)"),
        ("ipv4_range(300.1.1.1)", "cannot parse the args of ipv4_range()", "ipv4_range(300.1.1.1)"),
        ("len_range(-1, 2)", "cannot parse the args of len_range()", "len_range(-1, 2)"),
        ("range(1, b)", "cannot parse number 'b'", "range(1, b"),
        ("a:>", "missing value after '>'", "a:>"),
        ("options(x=1) a", "unexpected option 'x'", "options(x="),
    ],
)
def test_refused_filters_say_what_and_where(query: str, message: str, context: str) -> None:
    with pytest.raises(LogsQLError) as caught:
        parse(query, NOW)
    assert message in str(caught.value)
    assert caught.value.context == context


def test_error_positions_have_line_and_column() -> None:
    with pytest.raises(LogsQLError) as caught:
        parse("foo\n  | limit x", NOW)
    assert caught.value.line_column == (2, 12)


def test_deep_nesting_is_refused_not_crashed_on() -> None:
    with pytest.raises(LogsQLError, match="nested too deeply"):
        parse("(" * 100_000 + "a" + ")" * 100_000, NOW)


def test_a_filter_alone_has_no_pipes() -> None:
    assert str(parse_filter("count:5 or a", NOW)) == '"count":5 or a'
    with pytest.raises(LogsQLError):
        parse_filter("a | limit 5", NOW)


def test_options() -> None:
    options = parse("options(concurrency=2, ignore_global_time_filter=true) a", NOW).options
    assert options == ast.QueryOptions(2, ignore_global_time_filter=True)
