"""From rules and what the inventory sets about them to the files that vmalert reads.

A rule whose setting differs between nodes is rendered once for each distinct setting. Which series each of them is about is
said by `label_match` and `label_mismatch` around its expression: they exclude each other, whatever the expression is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import yaml

from staddle.alerting import units
from staddle.alerting.catalogue import Alert, Catalogue, shipped

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from staddle.alerting import OwnRules
    from staddle.alerting.catalogue import Recording
    from staddle.inventory.fleet import Fleet
    from staddle.inventory.parameters import AlertSetting

_Base: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_NOTE = "# Managed by Staddle: thresholds are set by alert_rules in the inventory.\n"
_SPECIAL = re.compile(r"[.+*?()|\[\]{}^$\\]")
_LABEL = {"instance": "ip", "cluster": "cls"}
"""Which label tells whose setting an alert goes by."""
VARIABLES: Mapping[str, tuple[str, ...]] = {"instance": ("cls", "ins", "ip"), "cluster": ("cls",), "fleet": ()}


class _Dumper(_Base):  # type: ignore[misc]
    """YAML with texts of several lines as such."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """What an alert goes by: its rule's own values, or the inventory's."""

    threshold: float | None
    wait: str
    severity: str
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Variant:
    """A setting and the values of the label `label` that it is for: `only` these, or all but `others`."""

    setting: Setting
    label: str = ""
    only: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Owner:
    """A node, or a cluster of a module, as labels name it, with what the inventory sets about alerts there."""

    label: str
    module: str | None
    name: str
    rules: Mapping[str, AlertSetting]


def owners(fleet: Fleet, clusters: Iterable[tuple[str, str, str]]) -> tuple[Owner, ...]:
    """All that may have settings of its own. `clusters` are (module, cluster, ip) of everything that is watched."""
    nodes = [Owner("ip", None, node.ip, node.params.alert_rules) for node in fleet.nodes]
    rules = {node.ip: node.params.alert_rules for node in fleet.nodes}
    # Members agree about alerts of their cluster: the inventory is refused otherwise (inventory/checks/alerting.py).
    first = {(module, name): ip for module, name, ip in sorted(set(clusters), reverse=True) if ip in rules}
    return (*nodes, *(Owner("cls", module, name, rules[ip]) for (module, name), ip in sorted(first.items())))


def setting_of(alert: Alert, given: AlertSetting | None) -> Setting:
    """What the alert goes by where the inventory says `given`."""
    threshold = alert.threshold
    value = threshold.default if threshold else None
    if given is None:
        return Setting(value, alert.wait, alert.severity)
    if threshold and given.threshold is not None:
        value = units.read(given.threshold, threshold.unit)
    wait = alert.wait if given.wait is None else str(given.wait)
    return Setting(value, wait, given.severity or alert.severity, given.enabled)


def variants(alert: Alert, everywhere: Mapping[str, AlertSetting], owned: Iterable[Owner]) -> list[Variant]:
    """The settings of an alert: first that for all that has none of its own, then the others in the order of their owners."""
    base = setting_of(alert, everywhere.get(alert.name))
    label = _LABEL.get(alert.scope, "")
    different: dict[Setting, list[str]] = {}
    for owner in owned:
        if owner.label == label and owner.module in {None, alert.module}:
            own = setting_of(alert, owner.rules.get(alert.name))
            if own != base:
                different.setdefault(own, []).append(owner.name)
    others = tuple(name for names in different.values() for name in names)
    found = [Variant(base, label, others=others)]
    return found + [Variant(setting, label, only=tuple(names)) for setting, names in different.items()]


def rule_files(
    portal_url: str,
    everywhere: Mapping[str, AlertSetting] | None = None,
    owned: Sequence[Owner] = (),
    own: OwnRules | None = None,
) -> dict[str, bytes]:
    """The rules as vmalert reads them: a file for each module, by name, and one for each module of the operator's own."""
    if not everywhere and not any(owner.rules for owner in owned):
        found = dict(_plain(portal_url))
    else:
        found = rendered(shipped(), portal_url, everywhere or {}, owned)
    if own and own.groups:
        files = rendered(Catalogue(own.groups), portal_url, everywhere or {}, owned, own.runbooks)
        found |= {f"own-{name}": content for name, content in files.items()}
    return found


def rendered(
    catalogue: Catalogue,
    portal_url: str,
    everywhere: Mapping[str, AlertSetting],
    owned: Sequence[Owner],
    runbooks: Container[str] | None = None,
) -> dict[str, bytes]:
    """The files of any rules; `runbooks` are the alerts that have one, if not all do. Deterministic."""
    found = {}
    for module in catalogue.modules:
        groups = []
        for group in (group for group in catalogue.groups if group.module == module):
            rules: list[dict[str, Any]] = []
            for rule in group.rules:
                if isinstance(rule, Alert):
                    rules += [
                        _alert(rule, variant, portal_url, told=runbooks is None or rule.name in runbooks)
                        for variant in variants(rule, everywhere, owned)
                        if variant.setting.enabled
                    ]
                else:
                    rules.append(_recording(rule))
            if rules:
                groups.append({"name": group.name, **group.settings, "rules": rules})
        text = yaml.dump({"groups": groups}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
        found[f"{module}.yml"] = (_NOTE + text).encode()
    return found


@lru_cache(maxsize=8)
def _plain(portal_url: str) -> Mapping[str, bytes]:
    return rendered(shipped(), portal_url, {}, ())


def _recording(rule: Recording) -> dict[str, Any]:
    return {"record": rule.name, "expr": rule.expr, **({"labels": dict(rule.labels)} if rule.labels else {})}


def _alert(alert: Alert, variant: Variant, portal_url: str, *, told: bool) -> dict[str, Any]:
    setting, threshold = variant.setting, alert.threshold
    texts = {"${portal}": portal_url, "${for}": setting.wait}
    expr = alert.expr
    if threshold and setting.threshold is not None:
        texts["${threshold}"] = units.shown(setting.threshold, threshold.unit)
        expr = expr.replace("${threshold}", units.number(setting.threshold))
    annotations = dict(alert.annotations)
    if told:
        annotations.setdefault("runbook_url", f"${{portal}}/runbooks/{alert.name}.html")
    if alert.dashboard:
        annotations["dashboard"] = f"${{portal}}/ui/d/{_with_variables(alert)}"
    return {
        "alert": alert.name,
        "expr": _about(expr, variant),
        "for": setting.wait,
        **({"keep_firing_for": alert.keep} if alert.keep else {}),
        "labels": {**alert.labels, "severity": setting.severity, "module": alert.module},
        "annotations": {key: _replaced(text, texts) for key, text in annotations.items()},
    }


def _about(expr: str, variant: Variant) -> str:
    names = variant.only or variant.others
    if not names:
        return expr
    function = "label_match" if variant.only else "label_mismatch"
    # In backquotes, what is escaped for the pattern needn't be escaped again.
    pattern = "|".join(_SPECIAL.sub(r"\\\g<0>", name) for name in names)
    return f'{function}(\n  {expr},\n  "{variant.label}", `{pattern}`\n)'


def _with_variables(alert: Alert) -> str:
    """`node-instance` becomes `node-instance?var-ins={{ $labels.ins }}&…`, unless it says itself what to show."""
    assert alert.dashboard is not None  # noqa: S101 - asked by the caller
    names = VARIABLES[alert.scope]
    if "?" in alert.dashboard or not names:
        return alert.dashboard
    return alert.dashboard + "?" + "&".join(f"var-{name}={{{{ $labels.{name} }}}}" for name in names)


def _replaced(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text
