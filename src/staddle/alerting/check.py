"""Rules are held to a standard: every alert has unit tests for both ways, a severity, and a runbook.

The unit tests (`tests/<module>.yml`) are in the format of `vmalert-tool unittest`, which runs them. It compares annotations
literally; to keep tests about what matters, it's given the rules with their `summary` only.
"""

from __future__ import annotations

import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from staddle.manifest.layout import Program

SEVERITIES = ("CRIT", "WARN", "INFO")
REQUIRED_ANNOTATIONS = ("summary", "description", "runbook_url")


def alerts() -> dict[str, dict[str, Any]]:
    """Every alerting rule by name, with its file (`file`) and group (`group`)."""
    found: dict[str, dict[str, Any]] = {}
    for name, data in _load("rules").items():
        for group in data["groups"]:
            for rule in group["rules"]:
                if "alert" in rule:
                    if rule["alert"] in found:
                        raise ValueError(f"two alerts are called {rule['alert']}")
                    found[rule["alert"]] = {**rule, "file": name, "group": group["name"]}
    return found


def shortcomings() -> list[str]:
    """What the rules lack, in words; empty if they are complete."""
    fires, silent = _tested()
    runbooks = {path.name for path in (files("staddle.alerting") / "runbooks").iterdir()}
    found = []
    for name, rule in alerts().items():
        labels, annotations = rule.get("labels", {}), rule.get("annotations", {})
        if labels.get("severity") not in SEVERITIES:
            found.append(f"{name}: severity is none of {', '.join(SEVERITIES)}")
        if not labels.get("module"):
            found.append(f"{name}: has no label module")
        found += [f"{name}: has no annotation {key}" for key in REQUIRED_ANNOTATIONS if not annotations.get(key)]
        if f"{name}.md" not in runbooks:
            found.append(f"{name}: has no runbook")
        elif not str(annotations.get("runbook_url", "")).endswith(f"/runbooks/{name}.html"):
            found.append(f"{name}: runbook_url does not lead to its runbook")
        if name not in fires:
            found.append(f"{name}: no test says when it fires")
        # The Watchdog is the one that can't be silent.
        if name not in silent and rule["expr"] != "vector(1)":
            found.append(f"{name}: no test says when it does not fire")
    found += [f"{path[:-3]}: a runbook without an alert" for path in sorted(runbooks) if path[:-3] not in alerts()]
    return found


def run_unit_tests(tool: Program) -> tuple[bool, str]:
    """Run every unit test with `vmalert-tool`. Returns whether all passed, and what it printed."""
    with tempfile.TemporaryDirectory(prefix="staddle-rules-") as scratch:
        for kind in ("rules", "tests"):
            folder = Path(scratch) / kind
            folder.mkdir()
            for name, data in _load(kind).items():
                (folder / name).write_text(yaml.safe_dump(_with_summaries(data)), encoding="utf-8")
        result = subprocess.run(
            [tool.path, "unittest", f"--files={scratch}/tests/*.yml"],
            capture_output=True,
            text=True,
            check=False,
            env=dict(tool.environment),
        )
    return result.returncode == 0, result.stdout + result.stderr


def _with_summaries(data: dict[str, Any]) -> dict[str, Any]:
    for group in data.get("groups", []):
        for rule in group["rules"]:
            if "annotations" in rule:
                rule["annotations"] = {"summary": rule["annotations"]["summary"]}
    return data


def _tested() -> tuple[set[str], set[str]]:
    """The alerts that some test expects to fire, and those that some test expects to be silent."""
    fires: set[str] = set()
    silent: set[str] = set()
    for data in _load("tests").values():
        for test in data["tests"]:
            for case in test.get("alert_rule_test", []):
                (fires if case.get("exp_alerts") else silent).add(case["alertname"])
    return fires, silent


def _load(kind: str) -> dict[str, Any]:
    folder = files("staddle.alerting") / kind
    return {
        path.name: yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in sorted(folder.iterdir(), key=lambda item: item.name)
        if path.name.endswith(".yml")
    }
