"""Rules are held to a standard: every alert has tests for both ways, a severity, a runbook and a dashboard."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from staddle import dashboards
from staddle.alerting import WATCHDOG
from staddle.alerting.catalogue import SEVERITIES, documents, runbooks, shipped
from staddle.errors import RuleError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from importlib.resources.abc import Traversable

    from staddle.alerting.catalogue import Alert, Catalogue

ANNOTATIONS = ("summary", "description")
SECTIONS = ("Meaning", "Impact", "Diagnosis", "Mitigation")
LABELS: Mapping[str, tuple[str, ...]] = {"instance": ("cls", "ins", "ip"), "cluster": ("cls",), "fleet": ()}
"""What a test has to see on an alert, by its scope: whoever is told must know what it is about."""


@dataclass(frozen=True, slots=True)
class Case:
    """One expectation of a unit test: at that time an alert fires with these labels, or (none) does not."""

    alert: str
    file: str
    test: str
    time: str
    labels: tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Material:
    """What the check looks at. `dashboards` are the uids that there are."""

    catalogue: Catalogue
    cases: tuple[Case, ...]
    runbooks: Mapping[str, str]
    dashboards: Collection[str] = ()


def shipped_material() -> Material:
    """All that Staddle ships."""
    tests = read_tests(files("staddle.alerting") / "tests")
    return Material(
        shipped(), tuple(cases(tests)), runbooks("${portal}"), [board.uid for board in dashboards.shipped()]
    )


def shortcomings(material: Material) -> list[str]:
    """What the rules lack, in words; empty if they are complete."""
    found = []
    for name, alert in material.catalogue.alerts.items():
        found += [f"{name}: {text}" for text in (*_own(alert), *_tests(alert, material.cases))]
        found += [f"{name}: {text}" for text in (*_runbook(material.runbooks.get(name)), *_dashboard(alert, material))]
    found += [f"{name}: a runbook without an alert" for name in material.runbooks.keys() - material.catalogue.alerts]
    known = material.catalogue.alerts
    return found + sorted(
        {f"{case.file}: tests {case.alert}, which is no alert" for case in material.cases if case.alert not in known}
    )


def read_tests(folder: Traversable) -> list[tuple[str, str, dict[str, Any]]]:
    """(module, file, content) of every file of unit tests. Raises RuleError with all that is wrong with them."""
    problems: list[str] = []
    found = []
    for module, name, data in documents(folder, problems):
        if not isinstance(data, dict) or not isinstance(data.get("tests"), list):
            problems.append(f"{name}: has no list of tests")
        else:
            found.append((module, name, data))
    if problems:
        raise RuleError(problems)
    return found


def cases(tests: list[tuple[str, str, dict[str, Any]]]) -> Iterator[Case]:
    """Every expectation in files of unit tests."""
    for _, file, data in tests:
        for test in data["tests"]:
            for case in test.get("alert_rule_test") or []:
                labels = tuple(expected.get("exp_labels") or {} for expected in case.get("exp_alerts") or [])
                yield Case(
                    str(case.get("alertname")), file, str(test.get("name", "")), str(case.get("eval_time")), labels
                )


def _own(alert: Alert) -> Iterator[str]:
    if alert.severity not in SEVERITIES:
        yield f"severity is none of {', '.join(SEVERITIES)}"
    if alert.labels.get("module", alert.module) != alert.module or not alert.module:
        yield "has no module"
    yield from (f"has no annotation {key}" for key in ANNOTATIONS if not alert.annotations.get(key))
    texts = " ".join(alert.annotations.values())
    if alert.threshold and "${threshold}" not in texts:
        yield "its texts don't say the threshold"


def _tests(alert: Alert, known: tuple[Case, ...]) -> Iterator[str]:
    own = [case for case in known if case.alert == alert.name]
    fires = [labels for case in own for labels in case.labels]
    if not fires:
        yield "no test says when it fires"
    # The Watchdog is the one that can't be silent.
    if not any(not case.labels for case in own) and alert.name != WATCHDOG:
        yield "no test says when it does not fire"
    wanted = ("severity", "module", *LABELS[alert.scope])
    for labels in fires:
        if lacking := [label for label in wanted if not labels.get(label)]:
            yield f"a test sees it without the labels {', '.join(lacking)}"
            return


def _runbook(text: str | None) -> Iterator[str]:
    if text is None:
        yield "has no runbook"
        return
    parts = re.split(r"^## +(.+?) *$", text, flags=re.MULTILINE)[1:]
    sections = {title: body.strip() for title, body in zip(parts[::2], parts[1::2], strict=True)}
    yield from (f"its runbook has no section {title}" for title in SECTIONS if not sections.get(title))


def _dashboard(alert: Alert, material: Material) -> Iterator[str]:
    if not alert.dashboard:
        yield "has no dashboard"
    elif (uid := alert.dashboard.partition("?")[0]) not in material.dashboards:
        yield f"there is no dashboard {uid}"
