"""Debian's versions compare as dpkg compares them; relations are read as the policy has them."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings, strategies as st

from staddle.repo.solver.relations import Relation, compare, parse, ranks

VERSIONS = st.from_regex(r"(?:[0-9]:)?[0-9][0-9a.+~]{0,4}(?:-[0-9a.+~]{1,3})?", fullmatch=True)


@pytest.mark.skipif(not shutil.which("dpkg"), reason="this machine has no dpkg")
@given(VERSIONS, VERSIONS)
@settings(max_examples=80)
def test_compare_agrees_with_dpkg(one: str, other: str) -> None:
    sign = compare(one, other)
    op = "lt" if sign < 0 else "gt" if sign > 0 else "eq"
    result = subprocess.run(["dpkg", "--compare-versions", one, op, other], capture_output=True, check=False)
    assert result.returncode == 0, f"{one} is not {op} {other}"


@given(st.lists(VERSIONS, max_size=12))
def test_ranks_order_versions(versions: list[str]) -> None:
    found = ranks(versions)
    for one in versions:
        for other in versions:
            difference = found[one] - found[other]
            assert (difference > 0) - (difference < 0) == (compare(one, other) > 0) - (compare(one, other) < 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", [[Relation("a")]]),
        ("a, b (>= 1.0-1)", [[Relation("a")], [Relation("b", ">=", "1.0-1")]]),
        ("a | b (<< 2), c", [[Relation("a"), Relation("b", "<<", "2")], [Relation("c")]]),
        ("python3:any (>= 3.5~)", [[Relation("python3", ">=", "3.5~", "any")]]),
        ("libc6(>=2.34)", [[Relation("libc6", ">=", "2.34")]]),
        ("a (< 1), b (> 1)", [[Relation("a", "<=", "1")], [Relation("b", ">=", "1")]]),
        ("a [amd64] <!nocheck>,\n b", [[Relation("a")], [Relation("b")]]),
        ("libstdc++6 (= 12.2.0-14)", [[Relation("libstdc++6", "=", "12.2.0-14")]]),
        ("", []),
    ],
)
def test_relations_are_read(text: str, expected: list[list[Relation]]) -> None:
    assert [list(group) for group in parse(text)] == expected
