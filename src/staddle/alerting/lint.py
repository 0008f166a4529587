"""Rules against a running stack: every expression is parsed by its parser, and every metric is one that it has.

A metric that not every stack has is declared beside the rule, with the reason (`when`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Protocol

from staddle.alerting import units
from staddle.alerting.catalogue import Alert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from staddle.alerting.catalogue import Catalogue, Recording

_STRINGS = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`")
_COMMENTS = re.compile(r"#.*")
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)", re.IGNORECASE)
_BRACKETS = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]")
_NAMES = re.compile(r"(?<![\w.:])([A-Za-z_][\w:]*)(?![\w:]*\s*\()")
_KEYWORDS = re.compile(
    "and|or|unless|if|ifnot|default|by|without|on|ignoring|group_left|group_right|bool|offset|atan2|keep_metric_names"
    "|limit|inf|nan|prefix",
    re.IGNORECASE,
)


class Store(Protocol):
    """A running stack, as far as rules are looked at."""

    def parse(self, expr: str) -> None:
        """Raises StaddleError if this isn't MetricsQL."""

    def label_values(self, label: str, match: str) -> list[str]:
        """The values of a label."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a rule."""

    file: str
    rule: str
    message: str
    nearest: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it. `unchecked` are modules of which the stack has nothing: their metrics were not looked for."""

    rules: int
    findings: tuple[Finding, ...]
    unchecked: tuple[str, ...]


def lint(
    catalogue: Catalogue,
    store: Store,
    wrong: type[Exception],
    *,
    module: str = "",
    told: Callable[[str], None] = lambda _: None,
) -> Report:
    """What is wrong with the rules, by a running stack. `wrong` is what it raises for an expression that can't be parsed."""
    known = set(store.label_values("__name__", ""))
    # Some modules are exporters of job `node` (keepalived, haproxy).
    watched = {*store.label_values("job", "up"), *store.label_values("exporter", "up")}
    recorded = {rule.name for group in catalogue.groups for rule in group.rules if not isinstance(rule, Alert)}
    found: list[Finding] = []
    rules = [rule for group in catalogue.groups for rule in group.rules if module in {"", rule.module}]
    for rule in rules:
        told(rule.name)
        expr = expression(rule)
        try:
            store.parse(expr)
        except wrong as error:
            found.append(Finding(rule.file, rule.name, f"is no MetricsQL: {error}"))
            continue
        if rule.module in watched:
            found += _names(rule, metrics_of(expr), known | recorded)
    unchecked = dict.fromkeys(rule.module for rule in rules if rule.module not in watched)
    return Report(len(rules), tuple(found), tuple(unchecked))


def expression(rule: Alert | Recording) -> str:
    """As it is evaluated if nobody changes its threshold."""
    if isinstance(rule, Alert) and rule.threshold:
        return rule.expr.replace("${threshold}", units.number(rule.threshold.default))
    return rule.expr


def metrics_of(expr: str) -> list[str]:
    """The names of metrics in an expression that can be parsed, each once, in order."""
    text = _COMMENTS.sub(" ", _STRINGS.sub('""', expr))
    text = _LABELS.sub(" ", text)
    while _BRACKETS.search(text):
        text = _BRACKETS.sub(" ", text)
    return list(dict.fromkeys(name for name in _NAMES.findall(text) if not _KEYWORDS.fullmatch(name)))


def _names(rule: Alert | Recording, used: list[str], known: set[str]) -> Iterator[Finding]:
    for name in used:
        if name not in known and name not in rule.when:
            near = get_close_matches(name, known, n=1, cutoff=0.8)
            message = f"the stack has no metric {name}; if not every stack has it, say in `when` why"
            yield Finding(rule.file, rule.name, message, near[0] if near else None)
    for name in rule.when:
        if name not in used:
            yield Finding(rule.file, rule.name, f"`when` speaks of {name}, which the rule doesn't use")
