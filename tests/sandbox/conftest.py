"""The stack that most tests share: the built-in kind of inventory, scraped every second so that tests needn't wait."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.sandbox.changing import changing, changing_stack
from tests.sandbox.portal import portal
from tests.sandbox.shared import shared
from tests.sandbox.stack import Stack, started

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["changing", "changing_stack", "portal"]

FAST = """\
all:
  children:
    infra:
      hosts:
        127.0.0.1: { infra_seq: 1, nodename: box }
  vars:
    vmetrics_scrape_interval: 1s
    vmetrics_scrape_timeout: 1s
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Real programs come from Debian's packages; without apt there are none to test."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.sandbox)
            if not shutil.which("apt-get"):
                item.add_marker(pytest.mark.skip(reason="needs apt-get to fetch the real programs"))


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack. Tests leave it as they found it."""
    yield from shared("stack", started(tmp_path_factory.mktemp("stack"), FAST))
