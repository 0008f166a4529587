"""The dashboards of the foundation and of hosts over a running stack: every query returns what it should."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.sandbox.dashboards import wait_for_dashboards

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.stack import Stack


def test_every_query_returns_something_or_says_why_it_may_not(stack: Stack) -> None:
    wait_for_dashboards(stack, "home", "infra", "node")


def test_those_of_what_is_not_there_parse_all_the_same(stack: Stack) -> None:
    wait_for_dashboards(stack, "pgsql", "redis", "etcd")


def test_a_mistake_of_ones_own_is_found_through_the_portal(stack: Stack, tmp_path: Path) -> None:
    source = {"type": "prometheus", "uid": "vmetrics"}
    panels = [
        {
            "id": number,
            "type": "timeseries",
            "title": title,
            "gridPos": {"x": 0, "y": number, "w": 8, "h": 1},
            "datasource": source,
            "options": {"legend": {"showLegend": True}},
            "fieldConfig": {"defaults": {"unit": "short"}},
            "targets": [{"refId": "A", "expr": expr}],
        }
        for number, (title, expr) in enumerate((("good", "up"), ("broken", "sum(up"), ("empty", "no_such_metric")))
    ]
    mine = {"uid": "mine", "title": "Mine", "schemaVersion": 42, "panels": panels}
    (tmp_path / "mine.json").write_text(json.dumps(mine))
    portal = f"https://localhost:{stack.port(8443)}"
    arguments = ["--against", portal, "--ca", str(stack.ca), "--json"]
    done = stack.run("dashboards", "lint", str(tmp_path / "mine.json"), *arguments)
    assert done.returncode == 1, done.stderr
    findings = json.loads(done.stdout)["findings"]
    assert [(finding["panel"], finding["rule"]) for finding in findings] == [("broken", "parse"), ("empty", "data")]
