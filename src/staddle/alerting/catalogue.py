"""The rules as data: `rules/<module>/*.yml`, their unit tests beside them, and a runbook for each alert.

A file has groups of rules as Prometheus has them. An alert may say besides:

    threshold: { default: 0.9, unit: ratio, range: [0, 1], meaning: share of CPU time that is busy }
    dashboard: node-instance

`${threshold}` and `${for}` stand for what is set, in the expression as a number and in texts as people read it. `module` and
`runbook_url` are filled in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from staddle.alerting.units import UNITS
from staddle.errors import RuleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

SEVERITIES = ("CRIT", "WARN", "INFO")
SCOPES = ("instance", "cluster", "fleet")
_ALERT_KEYS = {
    "alert",
    "expr",
    "for",
    "keep_firing_for",
    "labels",
    "annotations",
    "threshold",
    "dashboard",
    "when",
    "record",
}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Threshold:
    """The number that an alert compares with: what it is if nobody sets it, and what it may be set to."""

    default: float
    unit: str
    meaning: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule as written. `wait` is its `for`; `scope` what it is about: an instance, a cluster or the fleet.

    `when` maps metrics that not every stack has to the reason.
    """

    name: str
    module: str
    file: str
    group: str
    expr: str
    wait: str = "0s"
    keep: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    threshold: Threshold | None = None
    dashboard: str | None = None
    when: Mapping[str, str] = field(default_factory=dict)

    @property
    def severity(self) -> str:
        return self.labels.get("severity", "")

    @property
    def scope(self) -> str:
        return self.labels.get("scope", "instance")


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording rule as written."""

    name: str
    module: str
    file: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)
    when: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, in their order."""

    name: str
    module: str
    rules: tuple[Alert | Recording, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Catalogue:
    """All groups, in the order of modules, files and lines."""

    groups: tuple[Group, ...]

    @cached_property
    def alerts(self) -> Mapping[str, Alert]:
        """Every alert by name."""
        return {rule.name: rule for group in self.groups for rule in group.rules if isinstance(rule, Alert)}

    @cached_property
    def modules(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(group.module for group in self.groups))


@cache
def shipped() -> Catalogue:
    """The rules that come with Staddle."""
    return read(files("staddle.alerting") / "rules")


def read(folder: Traversable) -> Catalogue:
    """The rules of a folder, which has a folder for each module. Raises RuleError with all that is wrong with them."""
    problems: list[str] = []
    groups: list[Group] = []
    for module, name, data in documents(folder, problems):
        for entry in _list(data, "groups", name, problems):
            reader = _Reader(module, name, entry, problems)
            groups.append(reader.group())
    seen: dict[str, str] = {}
    for rule in (rule for group in groups for rule in group.rules if isinstance(rule, Alert)):
        if rule.name in seen:
            problems.append(f"{rule.file}: {rule.name}: an alert of this name is in {seen[rule.name]}, too")
        seen.setdefault(rule.name, rule.file)
    names = [(group.module, group.name) for group in groups]
    problems += [f"{m}: two groups are called {name}" for m, name in sorted({n for n in names if names.count(n) > 1})]
    if problems:
        raise RuleError(problems)
    return Catalogue(tuple(groups))


def documents(folder: Traversable, problems: list[str]) -> Iterator[tuple[str, str, Any]]:
    """(module, `<module>/<file>`, content) of every YAML file in the folders of a folder."""
    if not folder.is_dir():
        return
    for module in sorted((entry for entry in folder.iterdir() if entry.is_dir()), key=lambda entry: entry.name):
        for path in sorted(module.iterdir(), key=lambda entry: entry.name):
            if path.name.endswith((".yml", ".yaml")):
                name = f"{module.name}/{path.name}"
                try:
                    yield module.name, name, yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe one
                except (yaml.YAMLError, UnicodeDecodeError) as error:
                    problems.append(f"{name}: is not YAML: {' '.join(str(error).split())}")


def runbooks(portal_url: str) -> dict[str, str]:
    """The runbook of every alert by its name, in Markdown, with links to the portal filled in."""
    found = runbooks_in(files("staddle.alerting") / "runbooks")
    return {name: text.replace("${portal}", portal_url) for name, text in found.items()}


def runbooks_in(folder: Traversable) -> dict[str, str]:
    """The same of any folder, as written."""
    return {
        path.name.removesuffix(".md"): path.read_text(encoding="utf-8")
        for path in sorted(folder.iterdir() if folder.is_dir() else (), key=lambda item: item.name)
        if path.name.endswith(".md")
    }


class _Reader:
    """Reads one group; what is wrong goes to `problems`."""

    def __init__(self, module: str, file: str, entry: Any, problems: list[str]) -> None:
        self.module, self.file, self.problems = module, file, problems
        self.entry = entry if isinstance(entry, dict) else {}
        self.name = str(self.entry.get("name", ""))
        if not self.name:
            self._wrong("", "a group without a name")

    def group(self) -> Group:
        settings = {key: value for key, value in self.entry.items() if key not in {"name", "rules"}}
        rules = [self._rule(rule) for rule in _list(self.entry, "rules", f"{self.file}: {self.name}", self.problems)]
        return Group(self.name, self.module, tuple(rule for rule in rules if rule), settings)

    def _rule(self, rule: Any) -> Alert | Recording | None:
        name = str(rule.get("alert") or rule.get("record") or "") if isinstance(rule, dict) else ""
        if not name:
            self._wrong("", "a rule without alert or record")
            return None
        if unknown := sorted(rule.keys() - _ALERT_KEYS):
            self._wrong(name, f"unknown key {', '.join(unknown)}")
        expr = str(rule.get("expr", "")).strip()
        if not expr:
            self._wrong(name, "has no expr")
        labels, when = self._texts(name, rule, "labels"), self._texts(name, rule, "when")
        if "record" in rule:
            return Recording(name, self.module, self.file, expr, labels, when)
        threshold = self._threshold(name, rule.get("threshold"))
        annotations = self._texts(name, rule, "annotations")
        if ("${threshold}" in expr) != (threshold is not None):
            self._wrong(name, "threshold and ${threshold} in expr belong together")
        if labels.get("scope", "instance") not in SCOPES:
            self._wrong(name, f"scope is none of {', '.join(SCOPES)}")
        return Alert(
            name,
            labels.get("module", self.module),
            self.file,
            self.name,
            expr,
            str(rule.get("for", "0s")),
            rule.get("keep_firing_for"),
            labels,
            annotations,
            threshold,
            rule.get("dashboard"),
            when,
        )

    def _texts(self, name: str, rule: dict[str, Any], key: str) -> dict[str, str]:
        given = rule.get(key) or {}
        if not isinstance(given, dict):
            self._wrong(name, f"{key} is not a mapping")
            return {}
        return {str(label): str(value) for label, value in given.items()}

    def _threshold(self, name: str, given: Any) -> Threshold | None:
        if given is None:
            return None
        if not isinstance(given, dict) or not {"default", "unit", "meaning"} <= given.keys():
            self._wrong(name, "threshold needs default, unit and meaning")
            return None
        limits, default = given.get("range") or (None, None), given["default"]
        if not isinstance(limits, list | tuple) or len(limits) != 2 or not all(map(_is_limit, limits)):
            self._wrong(name, "range of threshold is not two numbers, as in [0, 1]")
            return None
        low, high = limits
        if given["unit"] not in UNITS:
            self._wrong(name, f"unit of threshold is none of {', '.join(UNITS)}")
        if not isinstance(default, int | float) or isinstance(default, bool):
            self._wrong(name, "default of threshold is not a number")
            return None
        if (low is not None and default < low) or (high is not None and default > high):
            self._wrong(name, "default of threshold is outside of its range")
        return Threshold(float(default), str(given["unit"]), str(given["meaning"]), low, high)

    def _wrong(self, name: str, message: str) -> None:
        self.problems.append(f"{self.file}: {name + ': ' if name else ''}{message}")


def _is_limit(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _list(data: Any, key: str, where: str, problems: list[str]) -> list[Any]:
    found = data.get(key) if isinstance(data, dict) else None
    if not isinstance(found, list) or not found:
        problems.append(f"{where}: has no list of {key}")
        return []
    return found
