"""`staddle rules ls`: what there is, and what the inventory says differently. The others: tests/sandbox/test_rules.py."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from staddle.alerting.catalogue import shipped
from staddle.cli.rules import app
from staddle.errors import StaddleError

if TYPE_CHECKING:
    from pathlib import Path

INVENTORY = """\
all:
  children:
    infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } }
    shop:
      hosts: { 10.0.0.2: {}, 10.0.0.3: { alert_rules: { NodeCpuHigh: { enabled: false } } } }
      vars: { alert_rules: { NodeCpuHigh: { threshold: 95% } } }
  vars: { alert_rules: { NodeCpuHigh: { for: 5m } } }
"""


@pytest.fixture
def listed(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "fleet.yml").write_text(INVENTORY, encoding="utf-8")
    result = CliRunner().invoke(app, ["ls", "--json", "-i", str(tmp_path / "fleet.yml")])
    assert result.exit_code == 0, result.output
    return {row["alert"]: row for row in json.loads(result.stdout)}


def test_every_alert_is_there_with_what_it_goes_by(listed: dict[str, Any]) -> None:
    assert listed.keys() == shipped().alerts.keys()
    down = listed["NodeDown"]
    assert (down["module"], down["runbook"], down["dashboard"]) == ("node", "runbooks/NodeDown.html", "node-instance")
    assert [(s["severity"], s["wait"], s["enabled"]) for s in down["settings"]] == [("CRIT", "30s", True)]


def test_what_the_inventory_says_differently_is_shown_with_whom_it_is_about(listed: dict[str, Any]) -> None:
    found = [(s["threshold"], s["wait"], s["enabled"], s["only"]) for s in listed["NodeCpuHigh"]["settings"]]
    assert found == [(0.9, "5m", True, []), (0.95, "5m", True, ["10.0.0.2"]), (0.95, "5m", False, ["10.0.0.3"])]


def test_an_unknown_module_is_said_with_the_nearest() -> None:
    with pytest.raises(StaddleError, match="did you mean 'node'"):
        CliRunner().invoke(app, ["ls", "--module", "nod"], catch_exceptions=False)
