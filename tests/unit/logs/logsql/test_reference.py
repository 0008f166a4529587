"""Syntax help names all there is, and its examples are right."""

from __future__ import annotations

import pytest

from staddle.logs.logsql.keywords import STATS_NAMES
from staddle.logs.logsql.parse.filter_funcs import FUNCTIONS as FILTERS
from staddle.logs.logsql.parse.math import FUNCTIONS as MATH
from staddle.logs.logsql.parse.pipes import PIPES
from staddle.logs.logsql.parser import parse
from staddle.logs.logsql.reference import ENTRIES, Entry

ALIASES = {"cp", "del", "drop", "rm", "eval", "head", "keep", "mv", "order", "skip", "where", "stats_remote"}


def names(kind: str) -> set[str]:
    return {e.name for e in ENTRIES if e.kind == kind}


def test_nothing_is_missing() -> None:
    assert names("pipe") == set(PIPES) - ALIASES
    assert names("stats") == STATS_NAMES
    assert names("math") == set(MATH)
    assert names("filter") >= set(FILTERS)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.kind} {e.name}")
def test_examples_parse(entry: Entry) -> None:
    query = parse(entry.example, 0)
    assert entry.help
    if entry.kind == "pipe":
        assert entry.name in [str(pipe).split()[0].partition("(")[0] for pipe in query.pipes]
    if entry.kind in {"stats", "math"}:
        assert f"{entry.name}(" in str(query)
