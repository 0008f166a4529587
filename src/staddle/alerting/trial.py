"""Running the unit tests of rules with `vmalert-tool`.

They are in its format (which is that of promtool), without what goes without saying: `rule_files`, `evaluation_interval`
(10 s) and `groupname` are filled in. It compares annotations literally; to keep tests about what matters, it is given the
rules with their `summary` only.
"""

from __future__ import annotations

import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from staddle.alerting.catalogue import shipped
from staddle.alerting.check import read_tests
from staddle.alerting.rendering import rendered

if TYPE_CHECKING:
    from staddle.alerting.catalogue import Catalogue
    from staddle.manifest.layout import Program

INTERVAL = "10s"


def run_unit_tests(tool: Program, catalogue: Catalogue | None = None) -> tuple[bool, str]:
    """Run the unit tests over the shipped rules, or others in their place. Returns whether all passed, and what it printed."""
    catalogue = catalogue or shipped()
    with tempfile.TemporaryDirectory(prefix="staddle-rules-") as scratch:
        for name, content in rendered(catalogue, "https://portal", {}, ()).items():
            (Path(scratch) / name).write_text(_with_summaries(content), encoding="utf-8")
        for module, name, data in read_tests(files("staddle.alerting") / "tests"):
            path = Path(scratch) / f"test-{name.replace('/', '-')}"
            path.write_text(yaml.safe_dump(completed(data, module, catalogue)), encoding="utf-8")
        result = subprocess.run(
            [tool.path, "unittest", f"--files={scratch}/test-*.yml"],
            capture_output=True,
            text=True,
            check=False,
            env=dict(tool.environment),
        )
    return result.returncode == 0, result.stdout + result.stderr


def completed(data: dict[str, Any], module: str, catalogue: Catalogue) -> dict[str, Any]:
    """A file of tests with what goes without saying."""
    alerts = catalogue.alerts
    tests = []
    for test in data["tests"]:
        wanted = [
            {"groupname": alerts[case["alertname"]].group, **case} if case.get("alertname") in alerts else case
            for case in test.get("alert_rule_test") or []
        ]
        tests.append({"interval": INTERVAL, **test, **({"alert_rule_test": wanted} if wanted else {})})
    return {"evaluation_interval": INTERVAL, "rule_files": [f"{module}.yml"], **data, "tests": tests}


def _with_summaries(content: bytes) -> str:
    data = yaml.safe_load(content)
    for group in data["groups"]:
        for rule in group["rules"]:
            if "annotations" in rule:
                rule["annotations"] = {"summary": rule["annotations"].get("summary", "")}
    text: str = yaml.safe_dump(data)
    return text
