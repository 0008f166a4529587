"""The standard that alerting rules are held to, and that the check of it can fail."""

from __future__ import annotations

from typing import Any

import pytest

from staddle.alerting import check


def test_every_alert_has_tests_a_severity_and_a_runbook() -> None:
    assert check.shortcomings() == []
    assert len(check.alerts()) >= 9


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda rule: rule["labels"].update(severity="urgent"), "InfraDown: severity is none of CRIT, WARN, INFO"),
        (lambda rule: rule["labels"].pop("module"), "InfraDown: has no label module"),
        (lambda rule: rule["annotations"].pop("description"), "InfraDown: has no annotation description"),
        (
            lambda rule: rule["annotations"].update(runbook_url="/x"),
            "InfraDown: runbook_url does not lead to its runbook",
        ),
        (lambda rule: rule.update(alert="Untested"), "Untested: has no runbook"),
        (lambda rule: rule.update(alert="Untested"), "Untested: no test says when it fires"),
        (lambda rule: rule.update(alert="Untested"), "Untested: no test says when it does not fire"),
        (lambda rule: rule.update(alert="Untested"), "InfraDown: a runbook without an alert"),
    ],
)
def test_what_is_missing_is_noticed(change: Any, complaint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load = check._load

    def changed(kind: str) -> dict[str, Any]:
        data = load(kind)
        if kind == "rules":
            change(next(r for r in data["infra.yml"]["groups"][0]["rules"] if r["alert"] == "InfraDown"))
        return data

    monkeypatch.setattr(check, "_load", changed)
    assert complaint in check.shortcomings()
