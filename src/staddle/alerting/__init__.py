"""Alerting rules, and who is told when one fires."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.alerting.catalogue import Group

WATCHDOG = "Watchdog"
"""The alert that always fires: whoever stops hearing it knows that alerting itself is down."""


@dataclass(frozen=True, slots=True)
class OwnRules:
    """The operator's rules (own.py), and the runbooks of those that have one, in Markdown with `${portal}` in it."""

    groups: tuple[Group, ...] = ()
    runbooks: Mapping[str, str] = field(default_factory=dict)
