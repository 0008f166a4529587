"""Recorded series cost something all the time: each is there for somebody, and nobody asks for one that isn't."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

pytest.importorskip("grafana_foundation_sdk", reason="building dashboards needs grafana-foundation-sdk")

import staddle.alerting
from staddle.dashboards import shipped

RULES = Path(staddle.alerting.__file__).parent / "rules"

NAME = re.compile(r"\b[a-z]+:[a-z]+:[a-z_]+\b")
"""As those of PostgreSQL are called; with colons, no exporter's is."""
FLEET = ("home", "pgsql-overview", "pgsql-cluster")
RAW = re.compile(r"rate\(pg_stat_database_(xact_commit|xact_rollback|blks_hit|blks_read|active_time)\{(?![^}]*datname)")


def rules() -> list[dict[str, str]]:
    files = [yaml.safe_load(path.read_bytes()) for path in sorted(RULES.rglob("*.yml"))]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def test_every_recorded_series_is_drawn_or_alerted_on_and_every_one_that_is_asked_for_is_recorded() -> None:
    recorded = {rule["record"]: str(rule["expr"]) for rule in rules() if "record" in rule}
    drawn = {name for board in shipped() for name in NAME.findall(board.content.decode())} - {"https"}
    told = {name for rule in rules() if "alert" in rule for name in NAME.findall(str(rule["expr"]))}
    asked = drawn | told
    used = asked | {name for record in asked & recorded.keys() for name in NAME.findall(recorded[record])}
    assert recorded
    assert used == recorded.keys()


@pytest.mark.parametrize("uid", FLEET)
def test_what_shows_many_instances_at_once_asks_for_recorded_series(uid: str) -> None:
    (board,) = [each for each in shipped() if each.uid == uid]
    expressions = [
        str(target.get("expr"))
        for panel in board.data()["panels"]
        for target in panel.get("targets", ())
        if "by (datname)" not in str(target.get("expr"))
    ]
    assert expressions
    assert not [expression for expression in expressions if RAW.search(expression)]
