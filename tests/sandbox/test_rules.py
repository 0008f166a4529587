"""The unit tests of the alerting rules, run by the real vmalert-tool."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from staddle.alerting import check
from staddle.manifest.layout import Program

if TYPE_CHECKING:
    from tests.sandbox.stack import Stack


@pytest.fixture(scope="module")
def tool(stack: Stack) -> Program:
    chosen = json.loads((stack.root / "programs/programs.json").read_text(encoding="utf-8"))["packages"]
    version = next(c["version"] for c in chosen if c["package"] == "victoria-metrics")
    path = stack.root / f"programs/victoria-metrics_{version}/usr/bin/vmalert-tool"
    return Program(str(path), version, "test")


def test_all_pass(tool: Program) -> None:
    passed, printed = check.run_unit_tests(tool)
    assert passed, printed


def test_a_rule_that_is_wrong_fails_them(tool: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    load = check._load

    def broken(kind: str) -> dict[str, Any]:
        data = load(kind)
        for group in data.get("node.yml", {}).get("groups", []):
            group["rules"][0]["expr"] = 'up{job="node"} == 2'
        return data

    monkeypatch.setattr(check, "_load", broken)
    passed, printed = check.run_unit_tests(tool)
    assert not passed
    assert "NodeDown" in printed
