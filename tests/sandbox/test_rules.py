"""`staddle rules`: the unit tests of the rules, run by the real vmalert-tool, and a look at them by a running stack."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from staddle.alerting.catalogue import shipped

if TYPE_CHECKING:
    from tests.sandbox.stack import Stack


@pytest.fixture(scope="module")
def tool(stack: Stack) -> str:
    chosen = json.loads((stack.root / "programs/programs.json").read_text(encoding="utf-8"))["packages"]
    version = next(c["version"] for c in chosen if c["package"] == "victoria-metrics")
    return str(stack.root / f"programs/victoria-metrics_{version}/usr/bin/vmalert-tool")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The shipped rules and tests as if they were one's own."""
    with_rules = Path(str(files("staddle.alerting")))
    for kind in ("rules", "tests"):
        shutil.copytree(with_rules / kind, tmp_path / kind)
    return tmp_path


def staddle(*arguments: str) -> tuple[int, str]:
    argv = [sys.executable, "-m", "staddle", "rules", *arguments]
    result = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=280)
    return result.returncode, result.stdout + result.stderr


def _edit(copy: Path, file: str, alert: str, **changes: Any) -> None:
    path = copy / "rules" / file
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    for rule in (rule for group in data["groups"] for rule in group["rules"]):
        if rule.get("alert") == alert:
            rule.update(changes)
    path.write_text(yaml.safe_dump(data), encoding="utf-8")


def test_all_tests_pass(tool: str) -> None:
    status, printed = staddle("test", "--json", "--tool", tool)
    assert status == 0, printed
    found = json.loads(printed)
    assert found["passed"]
    assert {name for test in found["tests"] for name in test["alerts"]} == set(shipped().alerts)


def test_a_rule_that_is_wrong_fails_and_is_shown(tool: str, copy: Path) -> None:
    _edit(copy, "node/node.yml", "NodeDown", expr='up{job="node"} == 2')
    status, printed = staddle("test", "--rules", str(copy), "--tool", tool, "-k", "a node that stays away")
    assert status == 1
    assert "node/node.yml: A node that stays away for 30 s is told about" in printed
    assert "NodeDown at 2m0s: 1 alert expected, none found" in printed
    assert 'ins="n1"' in printed
    assert "1 tests of 1 alerts, 1 failed" in printed or "1 failed" in printed


def test_an_expression_that_is_none_fails_and_is_shown(tool: str, copy: Path) -> None:
    _edit(copy, "node/node.yml", "NodeDown", expr="up{ == 2")
    status, printed = staddle("test", "--rules", str(copy), "--tool", tool, "-k", "a node that stays away")
    assert status == 1
    assert "up{ == 2" in printed


def test_settings_split_a_rule_exactly(tool: str, tmp_path: Path) -> None:
    """Each host goes by its own setting and by no other: the rendered rules, evaluated by the real thing."""
    from staddle.alerting.catalogue import Catalogue, read
    from staddle.alerting.rendering import Owner, rendered
    from staddle.inventory.parameters import AlertSetting

    folder = tmp_path / "rules/node"
    folder.mkdir(parents=True)
    rule = {"alert": "Busy", "expr": "busy > ${threshold}", "labels": {"severity": "WARN"},
            "threshold": {"default": 10, "unit": "count", "meaning": "m"},
            "annotations": {"summary": "x", "description": "${threshold}"}}  # fmt: skip
    (folder / "a.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]}), encoding="utf-8")
    catalogue: Catalogue = read(tmp_path / "rules")
    # 10.0.0.1 goes by the rule's own 10; .10 looks like .1 to a careless pattern; .3 is switched off.
    settings: dict[str, dict[str, Any]] = {"10.0.0.10": {"threshold": 5}, "10.0.0.2": {"threshold": 50, "severity": "CRIT"},
                                           "10.0.0.3": {"enabled": False}}  # fmt: skip
    owned = [Owner("ip", None, ip, {"Busy": AlertSetting.model_validate(given)}) for ip, given in settings.items()]
    rules = tmp_path / "plain/node"
    rules.mkdir(parents=True)
    (rules / "a.yml").write_bytes(rendered(catalogue, "https://p", {}, owned)["node.yml"])
    series = {"10.0.0.1": 12, "10.0.0.10": 7, "10.0.0.2": 20, "10.0.0.3": 99, "10.0.0.4": 9, "10.0.0.22": 12}
    told = {"10.0.0.1": "WARN", "10.0.0.10": "WARN", "10.0.0.22": "WARN"}
    test = {
        "rule_files": [str(rules / "a.yml")],
        "evaluation_interval": "10s",
        "tests": [
            {
                "interval": "10s",
                "input_series": [{"series": f'busy{{ip="{ip}"}}', "values": f"{v}x30"} for ip, v in series.items()],
                "alert_rule_test": [
                    {
                        "eval_time": "1m",
                        "groupname": "g",
                        "alertname": "Busy",
                        "exp_alerts": [
                            {
                                "exp_labels": {"ip": ip, "severity": severity, "module": "node"},
                                "exp_annotations": {
                                    "summary": "x",
                                    "description": "5" if ip == "10.0.0.10" else "10",
                                    "runbook_url": "https://p/runbooks/Busy.html",
                                },
                            }
                            for ip, severity in told.items()
                        ],
                    }
                ],
            }
        ],
    }
    from staddle.alerting.trial import Trial, run
    from staddle.manifest.layout import Program

    [outcome] = run(Program(tool, "", "test"), [Trial("a", "node", "t", test, {}, ("Busy",))])
    assert outcome.passed, outcome


def test_a_running_stack_knows_every_metric_or_the_rule_says_why_not(stack: Stack) -> None:
    status, printed = staddle("lint", "--json", "--dir", str(stack.root))
    assert json.loads(printed)["findings"] == [], printed
    assert status == 0
    assert json.loads(printed)["rules"] >= len(shipped().alerts)


def test_lint_finds_expressions_that_are_none_and_metrics_that_are_not_there(stack: Stack, copy: Path) -> None:
    _edit(copy, "node/node.yml", "NodeDown", expr="sum(up")
    _edit(copy, "node/node.yml", "LogAgentDown", expr="log_agent_upp == 0")
    _edit(copy, "infra/infra.yml", "InfraDown", when={"nonsense": "never"})
    status, printed = staddle("lint", "--rules", str(copy), "--dir", str(stack.root))
    assert status == 1
    assert "node/node.yml: NodeDown is no MetricsQL" in printed
    assert "the stack has no metric log_agent_upp" in printed
    assert "did you mean log_agent_up?" in printed
    assert "`when` speaks of nonsense, which the rule doesn't use" in printed
