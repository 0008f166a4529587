"""`staddle fleet fetch` where it can't know what for. What it fetches, and that this is enough: tests/lab."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.fleet.boxes import Boxes


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no host of this inventory was ever asked what it is"),
        (("--for", "bullseye"), "bullseye is no release that can be fetched for"),
    ],
)
def test_it_says_what_it_has_to_know(boxes: Boxes, arguments: tuple[str, ...], said: str) -> None:
    done = boxes.run("fleet", "fetch", *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert "bookworm" in done.stderr
    assert not done.stdout
