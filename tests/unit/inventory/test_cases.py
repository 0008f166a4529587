"""Fixture pairs: `NAME.good.yml` loads without a word, `NAME.bad.yml` gives exactly the report in `NAME.bad.txt`."""

from __future__ import annotations

from pathlib import Path

import pytest

from staddle.errors import InventoryError
from staddle.inventory import Problem, load_inventory, parse_inventory, report

CASES = Path(__file__).parent / "cases"
EXAMPLES = Path(__file__).parents[3] / "examples"


def problems_of(text: str, name: str) -> list[Problem]:
    try:
        return list(parse_inventory(text, name).warnings)
    except InventoryError as error:
        return list(error.problems)


@pytest.mark.parametrize("path", sorted(CASES.glob("*.bad.yml")), ids=lambda path: path.name)
def test_a_bad_inventory_gives_exactly_this_report(path: Path) -> None:
    text = path.read_text("utf-8")
    found = report.render(problems_of(text, path.name), text)
    assert found + "\n" == path.with_suffix(".txt").read_text("utf-8")


@pytest.mark.parametrize("path", sorted(CASES.glob("*.good.yml")), ids=lambda path: path.name)
def test_a_good_inventory_loads_without_a_word(path: Path) -> None:
    loaded = load_inventory(path, strict=True)
    assert loaded.fleet.nodes
    assert not loaded.warnings
    assert not loaded.weak_secrets


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yml")), ids=lambda path: path.name)
def test_every_example_passes_the_strict_check(path: Path) -> None:
    assert load_inventory(path, strict=True).fleet.nodes


def test_there_are_examples() -> None:
    assert {path.name for path in EXAMPLES.glob("*.yml")} >= {"single.yml", "ha.yml", "pigsty-v4.yml"}
