"""The unit tests of the alerting rules, run by the real vmalert-tool."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from staddle.alerting.catalogue import Alert, Catalogue, Recording, shipped
from staddle.alerting.trial import run_unit_tests
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
    passed, printed = run_unit_tests(tool)
    assert passed, printed


def test_a_rule_that_is_wrong_fails_them(tool: Program) -> None:
    def broken(rule: Alert | Recording) -> Alert | Recording:
        return replace(rule, expr='up{job="node"} == 2') if rule.name == "NodeDown" else rule

    groups = (replace(group, rules=tuple(map(broken, group.rules))) for group in shipped().groups)
    passed, printed = run_unit_tests(tool, Catalogue(tuple(groups)))
    assert not passed
    assert "NodeDown" in printed
