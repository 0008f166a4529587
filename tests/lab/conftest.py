"""Tests on real hosts."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.lab.fixtures import BOOTS, admin, fleet, lab, session_lab

__all__ = ["admin", "fleet", "lab", "session_lab"]


CORE = {"test_closed.py", "test_fleet.py", "test_image.py", "test_lab.py", "test_system.py"}
"""What `make test` runs, too. All of the lab would take longer than anybody waits; `make lab-test` is for that."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.lab)
            if item.path.name not in CORE:
                item.add_marker(pytest.mark.more)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in BOOTS:
        terminalreporter.write_line(f"lab {line}")
