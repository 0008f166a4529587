"""What the transactions of one run share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .ledger import Entry, Journal, Ledger, ServiceEntry, Store
    from .model import Manifest
    from .operate import Operator
    from .plan import Facts
    from .report import ResourceResult


@dataclass(frozen=True)
class Interrupted:
    """A transaction that an earlier run began and did not end; `service` and `paths` are the ledger's entries before it."""

    journal: Journal
    service: ServiceEntry | None
    paths: Mapping[str, Entry | None]


@dataclass
class Context:
    """`probes` are the health checks made at the beginning; `manager_error` says why no service can be worked on.

    By component: `lacking` says why a package or account is not there, `foundations` what was done about those; `coming`
    are the components whose packages would be installed by now (in check mode, so that nothing of them can be run).
    `brought` are paths of the manifest that came with packages in this run.
    """

    manifest: Manifest
    store: Store
    ledger: Ledger
    facts: Facts
    operator: Operator
    check: bool
    step: Callable[[str, str], None]
    manager_error: str | None = None
    probes: Mapping[str, str | None] = field(default_factory=dict)
    interrupted: dict[str, Interrupted] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)
    coming: frozenset[str] = frozenset()
    brought: set[str] = field(default_factory=set)
    foundations: Mapping[str, list[ResourceResult]] = field(default_factory=dict)
