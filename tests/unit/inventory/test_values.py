"""Durations, sizes and names that nearly match."""

from __future__ import annotations

import pytest

from staddle.inventory.nearest import distance, nearest
from staddle.inventory.parameters import Duration, Size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("15d", 1_296_000), ("397d", 34_300_800), ("1h30m", 5400), ("100ms", 0.1), ("1.5h", 5400), ("2w", 1_209_600),
        ("1y", 31_536_000),
    ],
)  # fmt: skip
def test_a_duration_keeps_its_text_and_knows_its_seconds(text: str, seconds: float) -> None:
    assert Duration(text) == text
    assert Duration(text).seconds == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "15", "d", "15 d", "-1d", "1d!", "1,5h", "١d"])
def test_what_is_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        Duration(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [("50GiB", 50 * 2**30), ("1MB", 10**6), ("512 KiB", 2**19), ("10", 10), ("1.5G", 1_500_000_000), ("7b", 7)],
)
def test_a_size_keeps_its_text_and_knows_its_bytes(text: str, number: int) -> None:
    assert Size(text) == text
    assert Size(text).bytes == number


@pytest.mark.parametrize("text", ["", "GiB", "1XB", "-1", "1 000"])
def test_what_is_not_a_size(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        Size(text)


@pytest.mark.parametrize(
    ("a", "b", "edits"),
    [
        ("", "", 0), ("port", "port", 0), ("prot", "port", 1), ("prt", "port", 1), ("porrt", "port", 1),
        ("tort", "port", 1), ("kitten", "sitting", 3),
    ],
)  # fmt: skip
def test_distance_counts_edits(a: str, b: str, edits: int) -> None:
    assert distance(a, b, 5) == distance(b, a, 5) == edits
    assert distance(a, b, 2) == min(edits, 3)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("nginx_prot", "nginx_port"), ("nginxport", "nginx_port"), ("Nginx-Port", "nginx_port"), ("hots", "hosts"),
        ("nginx", None), ("x", None), ("", None), ("hst", None), ("a" * 10_000, None),
    ],
)  # fmt: skip
def test_the_nearest_name_is_a_typo_away(name: str, meant: str | None) -> None:
    assert nearest(name, ["nginx_port", "nginx_home", "hosts"]) == meant
