"""The standard that alerting rules are held to, and that the check of it can fail."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from staddle.alerting import check
from staddle.alerting.catalogue import Alert, Catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from staddle.alerting.check import Material


PAGE = "## Meaning\nx\n## Impact\nx\n## Diagnosis\n\n## Mitigation\nx"


@pytest.fixture(scope="module")
def material() -> Material:
    return check.shipped_material()


def test_every_alert_has_what_it_needs(material: Material) -> None:
    assert check.shortcomings(material) == []
    assert len(material.catalogue.alerts) >= 20


def _with(material: Material, **changes: Any) -> Material:
    """InfraDown, changed."""
    groups = tuple(
        replace(
            group,
            rules=tuple(
                replace(rule, **changes) if isinstance(rule, Alert) and rule.name == "InfraDown" else rule
                for rule in group.rules
            ),
        )
        for group in material.catalogue.groups
    )
    return replace(material, catalogue=Catalogue(groups))


def _without_cases(material: Material, *, firing: bool) -> Material:
    kept = [case for case in material.cases if case.alert != "InfraDown" or bool(case.labels) != firing]
    return replace(material, cases=tuple(kept))


def _unlabelled(material: Material) -> Material:
    blank = tuple(
        replace(case, labels=({"severity": "CRIT", "module": "infra", "cls": "x"},))
        if case.alert == "InfraDown" and case.labels
        else case
        for case in material.cases
    )
    return replace(material, cases=blank)


def _runbook(material: Material, text: str | None) -> Material:
    pages = {name: page for name, page in material.runbooks.items() if name != "InfraDown"}
    return replace(material, runbooks=pages if text is None else {**pages, "InfraDown": text})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda m: _with(m, labels={"severity": "urgent"}), "InfraDown: severity is none of CRIT, WARN, INFO"),
        (lambda m: _with(m, labels={}), "InfraDown: severity is none of CRIT, WARN, INFO"),
        (lambda m: _with(m, module=""), "InfraDown: has no module"),
        (lambda m: _with(m, annotations={"summary": "x"}), "InfraDown: has no annotation description"),
        (lambda m: _with(m, annotations={"description": "x"}), "InfraDown: has no annotation summary"),
        (lambda m: _without_cases(m, firing=True), "InfraDown: no test says when it fires"),
        (lambda m: _without_cases(m, firing=False), "InfraDown: no test says when it does not fire"),
        (_unlabelled, "InfraDown: a test sees it without the labels ins, ip"),
        (lambda m: _runbook(m, None), "InfraDown: has no runbook"),
        (lambda m: _runbook(m, PAGE), "InfraDown: its runbook has no section Diagnosis"),
        (lambda m: _with(m, name="Other"), "InfraDown: a runbook without an alert"),
        (lambda m: _with(m, name="Other"), "infra/infra.yml: tests InfraDown, which is no alert"),
        (lambda m: replace(_with(m, dashboard=None), dashboards=["a"]), "InfraDown: has no dashboard"),
        (lambda m: replace(_with(m, dashboard="b?x=1"), dashboards=["a"]), "InfraDown: there is no dashboard b"),
    ],
)  # fmt: skip
def test_what_is_missing_is_noticed(change: Callable[[Material], Material], complaint: str, material: Material) -> None:
    assert complaint in check.shortcomings(change(material))


def test_a_dashboard_that_exists_will_do(material: Material) -> None:
    changed = replace(_with(material, dashboard="infra-overview?var-ins=x"), dashboards=["infra-overview"])
    assert not [text for text in check.shortcomings(changed) if text.startswith("InfraDown: ")]
