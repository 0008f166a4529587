"""Rules against a running stack: what is asked for, and what is said about what isn't there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from staddle.alerting.catalogue import read
from staddle.alerting.lint import Finding, lint, metrics_of
from staddle.errors import StaddleError

if TYPE_CHECKING:
    from pathlib import Path


class Stack:
    """A stack that has node_exporters and nothing else."""

    def parse(self, expr: str) -> None:
        if expr.count("(") != expr.count(")"):
            raise StaddleError("unclosed")

    def label_values(self, label: str, match: str) -> list[str]:
        return {"__name__": ["up", "node_load1", "node_load5"], "job": ["node", "infra"], "exporter": ["log_agent"]}[
            label
        ]


RULES = """\
groups:
  - name: g
    rules:
      - { record: "load:x", expr: sum(node_load1) }
      - { alert: Good, expr: "load:x > ${threshold}", threshold: { default: 1, unit: count, meaning: m } }
      - { alert: Typo, expr: node_laod5 > 1 }
      - { alert: Rare, expr: node_md_disks > 1, when: { node_md_disks: only with RAID } }
      - { alert: Stale, expr: up == 0, when: { node_load9: no longer used } }
      - { alert: Broken, expr: sum(up }
"""
ELSEWHERE = "groups: [{ name: g, rules: [{ alert: Elsewhere, expr: redis_up == 0 }] }]"


def test_what_is_wrong_is_found_and_what_the_stack_has_nothing_of_is_said(tmp_path: Path) -> None:
    for module, text in (("node", RULES), ("redis", ELSEWHERE)):
        (tmp_path / module).mkdir()
        (tmp_path / module / "a.yml").write_text(text, encoding="utf-8")
    report = lint(read(tmp_path), Stack(), StaddleError)
    file = "node/a.yml"
    lacking = "if not every stack has it, say in `when` why"
    assert report.findings == (
        Finding(file, "Typo", f"the stack has no metric node_laod5; {lacking}", "node_load5"),
        Finding(file, "Stale", "`when` speaks of node_load9, which the rule doesn't use"),
        Finding(file, "Broken", "is no MetricsQL: unclosed"),
    )
    assert (report.rules, report.unchecked) == (7, ("redis",))
    assert lint(read(tmp_path), Stack(), StaddleError, module="redis").rules == 1


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ('up{job="node",exporter=""} == 0 unless on (ip) probe_success{job="ping"} == 1', ["up", "probe_success"]),
        ("sum by (cls, ins) (rate(a_total{x=~\"b|c{2}\"}[5m:10s])) / on(ip) group_left (x) b:c", ["a_total", "b:c"]),
        ("increase(x[5m] offset 1h) > bool 1e3 or vector(1) # y", ["x"]),
        ('label_match(a, "ip", `b`) if c default 0', ["a", "c"]),
        ("avg without (cpu) (d) > inf", ["d"]),
    ],
)  # fmt: skip
def test_metrics_of_an_expression(expr: str, names: list[str]) -> None:
    assert metrics_of(expr) == names
