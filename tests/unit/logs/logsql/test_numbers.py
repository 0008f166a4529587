"""Numbers: what counts as one, how results are written, and the order of values."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from staddle.logs.logsql.evaluate.ordering import in_order, ranks
from staddle.logs.logsql.numbers import (
    format_number,
    less,
    parse_bytes,
    parse_go_int,
    parse_ipv4,
    parse_math_number,
    parse_number,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-12.5", -12.5),
        ("+3", 3),
        ("1e3", 1000),
        ("1_234", 1234),
        ("1_234e-1", 123.4),
        ("1.234_567", 1.234567),
        ("0x1ff", 511),
        ("0b101", 5),
        ("0o17", 15),
        ("10K", 10_000),
        ("1.5KB", 1500),
        ("2KiB", 2048),
        ("1Ti", 1 << 40),
        ("-1MB", -1_000_000),
        ("1.5ms", 1_500_000),
        ("1m", 60_000_000_000),
        ("inf", math.inf),
        ("-Inf", -math.inf),
        ("", None),
        ("abc", None),
        ("1x", None),
        ("1.2.3.4", None),
        ("10 ", None),
        ("interval", None),
        ("1__", None),
    ],
)
def test_numbers(text: str, value: float | None) -> None:
    assert parse_number(text) == value


def test_not_a_number_is_a_number_of_its_own() -> None:
    assert math.isnan(parse_number("NaN") or 0)


def test_addresses_and_times_are_numbers_for_ranges_and_math() -> None:
    assert parse_math_number("1.2.3.4") == 0x01020304
    assert parse_math_number("1970-01-01T00:00:02Z") == 2_000_000_000
    assert parse_math_number("1.2.3.4.5") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("127.0.0.1", 0x7F000001),
        ("255.255.255.255", 0xFFFFFFFF),
        ("256.0.0.1", None),
        ("1.2.3", None),
        ("a.b.c.d", None),
    ],
)
def test_ipv4(text: str, value: int | None) -> None:
    assert parse_ipv4(text) == value


def test_sizes_need_a_unit() -> None:
    assert parse_bytes("5B") == 5
    assert parse_bytes("5") is None
    assert parse_bytes("KB") is None


def test_leading_zeros_are_octal_in_integer_literals() -> None:
    assert parse_go_int("010") == 8
    assert parse_go_int("-0x10") == -16
    assert parse_go_int("1.5") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (12.6, "12.6"),
        (-1500.0, "-1500"),
        (1e21, "1000000000000000000000"),
        (1.5e-7, "0.00000015"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_numbers_are_written_without_exponents(value: float, text: str) -> None:
    assert format_number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_written_numbers_read_back(value: float) -> None:
    text = format_number(value)
    assert "e" not in text
    assert float(text) == value


@pytest.mark.parametrize(
    "ascending",
    [
        ["1", "2", "10"],
        ["-5", "1.5", "2"],
        ["", "1", "a"],
        ["a2", "a10", "b1"],
        ["1s", "1m", "1h"],
        ["900B", "1KB", "1KiB"],
        ["2024-01-01T00:00:00+02:00", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z"],
        ["A", "a"],
        ["v9", "v10", "v10a", "v010", "v-1", "vx"],
        ["9223372036854775806", "9223372036854775807"],
    ],
)
def test_order_of_values(ascending: list[str]) -> None:
    assert in_order(reversed(ascending)) == ascending
    for a, b in pairwise(ascending):
        assert less(a, b)
        assert not less(b, a)


@given(st.lists(st.text("0123456789.-abK", max_size=4), max_size=12))
def test_ranks_agree_with_the_order_of_pairs_of_numbers(values: list[str]) -> None:
    numbers = [v for v in values if parse_number(v) is not None]
    table = ranks(numbers)
    for a in numbers:
        for b in numbers:
            assert less(a, b) == (table[a] < table[b])


@given(st.text(max_size=8), st.text(max_size=8))
def test_no_value_is_both_before_and_after_another(a: str, b: str) -> None:
    assert not (less(a, b) and less(b, a))
    assert not less(a, a)
