"""What all tests share: properties are judged by what they find, never by how long a busy machine took over it."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from tests.sandbox.shared import wake_only

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

settings.register_profile(
    "staddle",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("STADDLE_SAME_EXAMPLES")),
)
settings.load_profile("staddle")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Stacks that this file doesn't ask for stand still."""
    wake_only(_asked_for(item.session)[item.path])


@cache
def _asked_for(session: pytest.Session) -> Mapping[Path, set[str]]:
    """The fixtures of each file's tests."""
    found: dict[Path, set[str]] = {}
    for item in session.items:
        found.setdefault(item.path, set()).update(getattr(item, "fixturenames", ()))
    return found
