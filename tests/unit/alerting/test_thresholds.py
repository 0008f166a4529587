"""Thresholds are data of the inventory: for the fleet, a cluster, a host. What is wrong with them is said, with the place."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from tests.unit.fleets import fleet_of

from staddle.alerting import units
from staddle.alerting.catalogue import read
from staddle.alerting.rendering import owners, rendered, rule_files
from staddle.errors import InventoryError, RuleError
from staddle.inventory.load import parse_inventory

if TYPE_CHECKING:
    from pathlib import Path

RULES = """\
groups:
  - name: g
    rules:
      - { record: "a:b", expr: sum(b) }
      - alert: Busy
        expr: busy > ${threshold}
        threshold: { default: 0.9, unit: ratio, range: [0, 1], meaning: share }
        for: 5m
        labels: { severity: WARN }
        annotations: { summary: Busy, description: "more than ${threshold} for ${for}, see ${portal}" }
        dashboard: node-instance
      - alert: Split
        expr: split == 1
        labels: { severity: CRIT, scope: cluster }
        annotations: { summary: Split, description: x }
        dashboard: "node-cluster?var-cls={{ $labels.cls }}&x=1"
"""


def fleet(everywhere: str = "{}", cluster: str = "{}", host: str = "{}") -> Any:
    return fleet_of(f"""\
all:
  children:
    infra: {{ hosts: {{ 10.0.0.1: {{ infra_seq: 1 }} }} }}
    a:
      hosts: {{ 10.0.0.2: {{ nodename: a1 }}, 10.0.0.3: {{ nodename: a2, alert_rules: {host} }} }}
      vars: {{ node_cluster: a, alert_rules: {cluster} }}
  vars: {{ alert_rules: {everywhere} }}
""")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "node").mkdir()
    (tmp_path / "node/rules.yml").write_text(RULES, encoding="utf-8")
    return tmp_path


def _alerts(rules: Path, given: Any, name: str) -> list[dict[str, Any]]:
    clusters = [("node", node.cluster, node.ip) for node in given.nodes]
    found = rendered(read(rules), "https://p", given.alert_rules, owners(given, clusters))
    loaded = yaml.safe_load(found["node.yml"])["groups"][0]["rules"]
    return [rule for rule in loaded if rule.get("alert") == name]


def test_a_rule_that_nobody_changes_is_as_it_was_written(rules: Path) -> None:
    [rule] = _alerts(rules, fleet(), "Busy")
    assert rule == {
        "alert": "Busy",
        "expr": "busy > 0.9",
        "for": "5m",
        "labels": {"severity": "WARN", "module": "node"},
        "annotations": {
            "summary": "Busy",
            "description": "more than 90 % for 5m, see https://p",
            "runbook_url": "https://p/runbooks/Busy.html",
            "dashboard": "https://p/ui/d/node-instance?var-cls={{ $labels.cls }}&var-ins={{ $labels.ins }}"
            "&var-ip={{ $labels.ip }}",
        },
    }


# The shipped rules stand in for the validation, this file's own for what is rendered: Busy is known to neither.
def _set(given: Any, **values: dict[str, dict[str, Any]]) -> Any:
    """The fleet with settings by level, past the check of names."""
    from dataclasses import replace

    from staddle.inventory.parameters import AlertSetting

    def made(*levels: str) -> dict[str, AlertSetting]:
        total: dict[str, dict[str, Any]] = {}
        for level in levels:
            for name, fields in values.get(level, {}).items():
                total.setdefault(name, {}).update(fields)
        return {name: AlertSetting.model_validate(fields) for name, fields in total.items()}

    levels = {"10.0.0.1": ("fleet",), "10.0.0.2": ("fleet", "cluster"), "10.0.0.3": ("fleet", "cluster", "host")}
    nodes = tuple(
        replace(node, params=node.params.model_copy(update={"alert_rules": made(*levels[node.ip])}))
        for node in given.nodes
    )
    return replace(given, nodes=nodes, alert_rules=made("fleet"))


def test_for_the_fleet(rules: Path) -> None:
    [rule] = _alerts(
        rules, _set(fleet(), fleet={"Busy": {"threshold": "50%", "for": "1m", "severity": "CRIT"}}), "Busy"
    )
    assert (rule["expr"], rule["for"], rule["labels"]["severity"]) == ("busy > 0.5", "1m", "CRIT")
    assert rule["annotations"]["description"].startswith("more than 50 % for 1m")


def test_for_hosts_each_setting_has_one_rule_and_they_exclude_each_other(rules: Path) -> None:
    given = _set(fleet(), cluster={"Busy": {"threshold": 0.8}}, host={"Busy": {"for": "1m"}})
    everywhere, cluster, host = _alerts(rules, given, "Busy")
    assert everywhere["expr"] == 'label_mismatch(\n  busy > 0.9,\n  "ip", `10\\.0\\.0\\.2|10\\.0\\.0\\.3`\n)'
    assert (cluster["expr"], cluster["for"]) == ('label_match(\n  busy > 0.8,\n  "ip", `10\\.0\\.0\\.2`\n)', "5m")
    assert (host["expr"], host["for"]) == ('label_match(\n  busy > 0.8,\n  "ip", `10\\.0\\.0\\.3`\n)', "1m")


def test_hosts_with_the_same_setting_share_a_rule(rules: Path) -> None:
    everywhere, cluster = _alerts(rules, _set(fleet(), cluster={"Busy": {"threshold": 0.8}}), "Busy")
    assert "`10\\.0\\.0\\.2|10\\.0\\.0\\.3`" in cluster["expr"]
    assert "`10\\.0\\.0\\.2|10\\.0\\.0\\.3`" in everywhere["expr"]


def test_a_setting_that_says_what_the_rule_says_changes_nothing(rules: Path) -> None:
    given = _set(fleet(), cluster={"Busy": {"threshold": "90%", "for": "5m"}})
    assert _alerts(rules, given, "Busy") == _alerts(rules, fleet(), "Busy")


def test_off_for_a_host_for_a_cluster_and_for_all(rules: Path) -> None:
    [rule] = _alerts(rules, _set(fleet(), host={"Busy": {"enabled": False}}), "Busy")
    assert rule["expr"] == 'label_mismatch(\n  busy > 0.9,\n  "ip", `10\\.0\\.0\\.3`\n)'
    [rule] = _alerts(rules, _set(fleet(), cluster={"Split": {"enabled": False}}), "Split")
    assert rule["expr"] == 'label_mismatch(\n  split == 1,\n  "cls", `a`\n)'
    assert _alerts(rules, _set(fleet(), fleet={"Busy": {"enabled": False}}), "Busy") == []
    [rule] = _alerts(rules, _set(fleet(), fleet={"Busy": {"enabled": False}}, host={"Busy": {"enabled": True}}), "Busy")
    assert rule["expr"] == 'label_match(\n  busy > 0.9,\n  "ip", `10\\.0\\.0\\.3`\n)'


def test_levels_of_the_inventory_add_up_key_by_key() -> None:
    given = fleet(
        "{ InfraDown: { for: 1m }, NodeDown: { for: 1m, severity: WARN } }",
        "{ NodeDown: { for: 2m } }",
        "{ NodeDown: { severity: INFO }, ProbeFailed: { enabled: false } }",
    )
    found = {node.ip: {name: rule.model_dump(exclude_unset=True) for name, rule in node.params.alert_rules.items()}
             for node in given.nodes}  # fmt: skip
    down = {"InfraDown": {"wait": "1m"}}
    assert found == {
        "10.0.0.1": {**down, "NodeDown": {"wait": "1m", "severity": "WARN"}},
        "10.0.0.2": {**down, "NodeDown": {"wait": "2m", "severity": "WARN"}},
        "10.0.0.3": {**down, "NodeDown": {"wait": "2m", "severity": "INFO"}, "ProbeFailed": {"enabled": False}},
    }
    assert given.alert_rules["NodeDown"].wait == "1m"
    node = yaml.safe_load(rule_files("https://p", given.alert_rules, owners(given, []))["node.yml"])
    waits = [rule["for"] for group in node["groups"] for rule in group["rules"] if rule["alert"] == "NodeDown"]
    assert waits == ["1m", "2m", "2m"]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    text = """\
all:
  children:
    infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } }
  vars:
    alert_rules:
      NodeDwn: { for: 1m }
      nonsense: {}
      NodeDown: { threshold: 3 }
      InfraDown: { for: 9 }
      ProbeFailed: { for: 90d }
      Watchdog: { enabled: false }
      LogsDropped: { sevrity: CRIT }
      LogQueueGrowing: { severity: urgent }
      RepoStale: { threshold: 80% }
      CertificateExpiresSoon: { threshold: 0 }
"""
    with pytest.raises(InventoryError) as refused:
        parse_inventory(text, "fleet.yml")
    found = {
        str(p.position).removeprefix("fleet.yml:"): str(p).partition("alert_rules.")[2] for p in refused.value.problems
    }
    assert found == {
        "6:7": "NodeDwn: there is no alert 'NodeDwn'; did you mean 'NodeDown'?",
        "7:7": "nonsense: there is no alert 'nonsense' (allowed: the alerts that `staddle rules ls` shows)",
        "8:30": "NodeDown.threshold: NodeDown has no threshold, found 3 (allowed: for, severity, enabled)",
        "9:25": "InfraDown.for: is not a duration, found 9 (allowed: a number with a unit, as in 30s, 10m, 12h or 397d)",
        "10:27": "ProbeFailed.for: is too long: nobody would be told for more than a week, found 90d (allowed: 0s to 7d)",
        "11:28": "Watchdog.enabled: can't be changed: who hears nothing of the Watchdog knows that alerting is dead,"
        " found False",
        "12:22": "LogsDropped.sevrity: unknown key 'sevrity'; did you mean 'severity'?",
        "13:36": "LogQueueGrowing.severity: is not one of the allowed values, found 'urgent' (allowed: CRIT, WARN or INFO)",
        "14:31": "RepoStale.threshold: is not time since the repository was last given other packages, found 80%"
        " (allowed: a number of seconds, or a length of time, as in 14d)",
        "15:44": "CertificateExpiresSoon.threshold: is out of range for time that a certificate has left, found 0"
        " (allowed: 1d to 365d)",
    }  # fmt: skip


def test_rules_that_are_not_in_order_are_refused_with_all_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m/a.yml").write_text(
        "groups: [{name: g, rules: [{alert: A, expr: 'x > ${threshold}'}, {alert: B, expr: y, threshold: {default: 2,"
        " unit: miles, range: [0, 1], meaning: m}}, {alert: A, expr: x, nonsense: 1}, {expr: z}]}]",
        encoding="utf-8",
    )
    (tmp_path / "m/b.yml").write_text("a: [", encoding="utf-8")
    with pytest.raises(RuleError) as refused:
        read(tmp_path)
    found = "\n".join(refused.value.problems)
    for part in (
        "m/b.yml: is not YAML",
        "m/a.yml: A: threshold and ${threshold} in expr belong together",
        "m/a.yml: B: unit of threshold is none of ratio,",
        "m/a.yml: B: default of threshold is outside of its range",
        "m/a.yml: A: unknown key nonsense",
        "m/a.yml: A: an alert of this name is in m/a.yml, too",
        "m/a.yml: a rule without alert or record",
    ):
        assert part in found


@pytest.mark.parametrize(
    ("text", "unit", "value", "shown"),
    [
        ("0.9", "ratio", 0.9, "90 %"),
        ("90%", "ratio", 0.9, "90 %"),
        ("0.025", "ratio", 0.025, "2.5 %"),
        ("14d", "seconds", 1_209_600, "14d"),
        ("90", "seconds", 90, "1.5m"),
        ("0.05", "seconds", 0.05, "50ms"),
        ("0", "seconds", 0, "0s"),
        ("10GiB", "bytes", 10 * 2**30, "10 GiB"),
        ("1500", "bytes", 1500, "1500 B"),
        ("1MiB", "bytes per second", 2**20, "1 MiB/s"),
        ("5", "per second", 5, "5/s"),
        ("3", "count", 3, "3"),
    ],
)
def test_units(text: str, unit: str, value: float, shown: str) -> None:
    assert units.read(text, unit) == value
    assert units.shown(value, unit) == shown


@pytest.mark.parametrize(("text", "unit"), [("x", "count"), ("5%", "count"), ("10GiB", "seconds"), ("nan", "ratio")])
def test_units_refuse(text: str, unit: str) -> None:
    with pytest.raises(ValueError, match="a number"):
        units.read(text, unit)


def test_vmalerts_files_are_one_for_each_module() -> None:
    folders = {path.name for path in (files("staddle.alerting") / "rules").iterdir() if path.is_dir()}
    assert set(rule_files("https://p")) == {f"{name}.yml" for name in folders}
