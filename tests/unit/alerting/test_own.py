"""Rules of the operator's own: `alert_folder`, a folder beside the inventory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import yaml
from typer.testing import CliRunner

from staddle.alerting.rendering import owners, rule_files
from staddle.cli.main import app, load
from staddle.errors import InventoryError
from staddle.inventory import load_inventory

if TYPE_CHECKING:
    from pathlib import Path

INVENTORY = """\
all:
  children:
    infra: { hosts: { 10.0.0.1: { infra_seq: 1 } } }
    shop: { hosts: { 10.0.0.2: { alert_rules: { ShopQueueLong: { threshold: 5 } } } } }
  vars:
    alert_folder: ours
"""
RULES = """\
groups:
  - name: queue
    rules:
      - record: shop:queue:max
        expr: max by (job, cls, ins, ip) (shop_queue_length)
      - alert: ShopQueueLong
        expr: shop:queue:max > ${threshold}
        for: 2m
        threshold: { default: 100, unit: count, range: [1, 1000], meaning: orders that wait }
        labels: { severity: WARN, family: shop_queue }
        annotations: { summary: "{{ $value }} orders wait in {{ $labels.ins }} (limit: ${threshold})" }
      - alert: ShopGone
        expr: absent(shop_queue_length)
        labels: { severity: CRIT, scope: fleet }
        annotations: { summary: The shop is gone }
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    put(tmp_path, "fleet.yml", INVENTORY)
    put(tmp_path, "ours/rules/shop/queue.yml", RULES)
    put(tmp_path, "ours/runbooks/ShopGone.md", "# ShopGone\n\nSee ${portal}/ui/.\n")
    return tmp_path


def put(home: Path, name: str, text: str) -> None:
    (home / name).parent.mkdir(parents=True, exist_ok=True)
    (home / name).write_text(text, encoding="utf-8")


def problems(home: Path) -> list[str]:
    with pytest.raises(InventoryError) as error:
        load_inventory(home / "fleet.yml")
    return [f"{it.position.line if it.position else 0}: {it.message}" for it in error.value.problems]


def test_they_are_rendered_to_files_of_their_own_with_the_inventorys_thresholds(home: Path) -> None:
    fleet = load_inventory(home / "fleet.yml").fleet
    files = rule_files("https://p", fleet.alert_rules, owners(fleet, ()), fleet.own_rules)
    assert [name for name in files if name.startswith("own-")] == ["own-shop.yml"]
    assert files.keys() - {"own-shop.yml"} == rule_files("https://p").keys()
    [group] = yaml.safe_load(files["own-shop.yml"])["groups"]
    recorded, everywhere, there, gone = group["rules"]
    assert recorded == {"record": "shop:queue:max", "expr": "max by (job, cls, ins, ip) (shop_queue_length)"}
    assert ("> 100" in everywhere["expr"], "label_mismatch" in everywhere["expr"]) == (True, True)
    assert ("> 5" in there["expr"], "`10\\.0\\.0\\.2`" in there["expr"]) == (True, True)
    assert everywhere["labels"] == {"severity": "WARN", "family": "shop_queue", "module": "shop"}
    assert "runbook_url" not in everywhere["annotations"], "it has no runbook"
    assert gone["annotations"]["runbook_url"] == "https://p/runbooks/ShopGone.html"


def test_the_command_line_knows_them(home: Path) -> None:
    load(None)
    listed = CliRunner().invoke(app, ["rules", "ls", "-m", "shop", "--json", "-i", str(home / "fleet.yml")])
    found = {row["alert"]: row["runbook"] for row in json.loads(listed.stdout)}
    assert found == {"ShopQueueLong": None, "ShopGone": "runbooks/ShopGone.html"}
    shown = CliRunner().invoke(app, ["runbook", "ShopGone", "-i", str(home / "fleet.yml")])
    assert shown.output.startswith("# ShopGone")


def test_all_that_is_wrong_with_them_is_said_at_once_where_the_folder_is_named(home: Path) -> None:
    put(home, "ours/rules/shop/queue.yml", RULES.replace("CRIT", "BAD").replace("meaning: orders that wait", ""))
    put(home, "ours/rules/node/cpu.yml", "groups: [{ name: cpu, rules: [{ alert: NodeCpuHigh, exp: up }] }]")
    put(home, "ours/runbooks/ShopGon.md", "# ShopGon\n")
    found = problems(home)
    assert "6: node/cpu.yml: NodeCpuHigh: unknown key exp" in found
    assert "6: shop/queue.yml: ShopQueueLong: threshold needs default, unit and meaning" in found
    put(home, "ours/rules/shop/queue.yml", RULES.replace("CRIT", "BAD"))
    put(home, "ours/rules/node/cpu.yml", "groups: [{ name: cpu, rules: [{ alert: NodeCpuHigh, expr: up }] }]")
    assert problems(home) == [
        "6: node/cpu.yml: NodeCpuHigh: Staddle has an alert of this name; alert_rules changes that one, or switches it off",
        "6: node/cpu.yml: NodeCpuHigh: severity '' is none of CRIT, WARN, INFO",
        "6: node/cpu.yml: NodeCpuHigh: has no annotation summary, which messages begin with",
        "6: shop/queue.yml: ShopGone: severity 'BAD' is none of CRIT, WARN, INFO",
        "6: runbooks/ShopGon.md: there is no alert of this name",
    ]


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("{ severity: WARN, family: shop_queue }", "[WARN]", "ShopQueueLong: labels is not a mapping"),
        ("[1, 1000]", "[1]", "ShopQueueLong: range of threshold is not two numbers, as in [0, 1]"),
        ("[1, 1000]", "[a, b]", "ShopQueueLong: range of threshold is not two numbers, as in [0, 1]"),
        ("groups:", "groups: {", "is not YAML"),
    ],
)
def test_what_has_another_shape_is_said(home: Path, right: str, wrong: str, message: str) -> None:
    put(home, "ours/rules/shop/queue.yml", RULES.replace(right, wrong, 1))
    assert any(f"shop/queue.yml: {message}" in problem for problem in problems(home))


@pytest.mark.parametrize("file", ["rules/shop/queue.yml", "runbooks/ShopGone.md"])
def test_what_is_not_text_is_said(home: Path, file: str) -> None:
    (home / "ours" / file).write_bytes(b"\xff\xfe\x00")
    assert problems(home)


def test_a_folder_that_is_not_there_is_an_error(home: Path) -> None:
    put(home, "fleet.yml", INVENTORY.replace("ours", "our"))
    assert any("there is no folder" in problem for problem in problems(home))


def test_thresholds_of_them_are_checked_as_those_of_ours(home: Path) -> None:
    put(home, "fleet.yml", INVENTORY.replace("threshold: 5", "threshold: 5000"))
    assert problems(home) == ["4: is out of range for orders that wait"]
