"""The catalogue of the PostgreSQL exporter: what each entry must be like. That they run is tested on real servers."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import yaml

from staddle.components.postgres_exporter.catalogue import Entry, entries, queries_file

ENTRIES = entries()
RANGE = re.compile(r"(<|>=)\d+( (<|>=)\d+)?")


def ids(entry: Entry) -> str:
    return f"{entry.theme}:{entry.name}"


def test_each_metric_has_one_place() -> None:
    counted = Counter(name for entry in ENTRIES for name in entry.metrics)
    assert [name for name, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("entry", ENTRIES, ids=ids)
def test_an_entry_says_what_it_gives(entry: Entry) -> None:
    assert len({"query", "versions", "dynamic"} & entry.spec.keys()) == 1
    assert entry.spec.keys() <= {"query", "versions", "dynamic", "master", "cache_seconds", "metrics"}
    assert entry.metrics
    assert set(entry.columns.values()) <= {"LABEL", "GAUGE", "COUNTER"}
    assert all(RANGE.fullmatch(span) for span in entry.spec.get("versions", ()))
    assert all(about["description"] for metric in entry.spec["metrics"] for about in metric.values())


@pytest.mark.parametrize("entry", [e for e in ENTRIES if not e.spec.get("master")], ids=ids)
def test_what_is_asked_of_each_database_says_which_and_is_asked_seldom(entry: Entry) -> None:
    assert entry.columns["datname"] == "LABEL"
    assert entry.spec["cache_seconds"] >= 30


def test_the_exporter_gets_what_it_knows() -> None:
    content = yaml.safe_load(queries_file())
    assert list(content) == [entry.name for entry in ENTRIES]
    known = {"query", "master", "cache_seconds", "metrics"}
    assert all(spec.keys() <= known and spec["query"] for spec in content.values())
    assert "current_setting('server_version_num')::int >= 170000" in content["pg_stat_checkpointer"]["query"]
