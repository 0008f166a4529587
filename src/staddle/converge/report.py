"""What a run says about itself: plain data, the same in process and as JSON.

Outcomes (per resource and per block): `ok`, `changed` (in check mode: would change), `failed`, `rolled back`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

FORMAT = 1

OK = "ok"
CHANGED = "changed"
FAILED = "failed"
ROLLED_BACK = "rolled back"
OUTCOMES = (OK, CHANGED, FAILED, ROLLED_BACK)
SERVICE_ACTIONS = ("start", "restart", "reload", "enable", "stop")


@dataclass(frozen=True)
class Event:
    """One line of progress. `kind`: `begin` (of the run), `step` (what a component is doing now), `block` (a
    component is done; `outcome` says how), `end` (of the run). `index` counts blocks from 1 to `total`.
    """

    kind: str
    component: str = ""
    text: str = ""
    index: int = 0
    total: int = 0
    outcome: str = ""
    seconds: float = 0.0

    def to_json(self) -> str:
        """One line, without the fields that are empty."""
        return json.dumps({key: value for key, value in asdict(self).items() if value not in ("", 0)})


@dataclass
class ResourceResult:
    """One path. `action`: none, create, update, mode, owner, retarget, remove, forget (already gone, or no longer
    ours).

    `diff` is a unified diff for text, a line with sizes for anything else, and never holds a secret.
    """

    kind: str
    path: str
    outcome: str = OK
    action: str = "none"
    diff: str | None = None
    note: str | None = None


@dataclass
class ServiceResult:
    """The program of a block. `action`: none or one of `SERVICE_ACTIONS`. `healthy` is None when nobody looked."""

    name: str
    action: str = "none"
    pid_before: int | None = None
    pid_after: int | None = None
    seconds: float = 0.0
    healthy: bool | None = None


@dataclass
class BlockResult:
    """One component. `origin` is the inventory position behind a refused configuration; `log_tail` the end of its log.

    `removed` marks a component that the manifest no longer names. `services` has the block's own service first, then
    those that it gave up.
    """

    component: str
    phase: str = ""
    outcome: str = OK
    message: str | None = None
    origin: str | None = None
    log_tail: str | None = None
    resources: list[ResourceResult] = field(default_factory=list)
    services: list[ServiceResult] = field(default_factory=list)
    removed: bool = False
    seconds: float = 0.0

    @property
    def service(self) -> ServiceResult | None:
        """The block's own service, if it has one."""
        return self.services[0] if self.services else None


@dataclass
class Report:
    """A whole run. `error` is set when it could not even begin (bad manifest, locked, unusable state directory).

    `wants` are the SHA-256 names of what this host has to be sent first, because it isn't here.
    """

    node: str = ""
    check: bool = False
    blocks: list[BlockResult] = field(default_factory=list)
    error: str | None = None
    generation: int | None = None
    seconds: float = 0.0
    wants: list[str] = field(default_factory=list)
    format: int = FORMAT

    @property
    def failed(self) -> bool:
        """Something is not as the manifest wants it."""
        return self.error is not None or any(block.outcome in (FAILED, ROLLED_BACK) for block in self.blocks)

    @property
    def changed(self) -> bool:
        """Something was changed for good, or would be."""
        return any(block.outcome == CHANGED for block in self.blocks)

    @property
    def exit_code(self) -> int:
        """0 nothing to change, 2 changed (or would change), 1 failed."""
        return 1 if self.failed else 2 if self.changed else 0

    def totals(self) -> dict[str, int]:
        """Counts of resources by outcome, of blocks by outcome (`blocks_…`) and of services acted on (`services_…`)."""
        counts = dict.fromkeys(OUTCOMES, 0)
        counts.update({f"blocks_{outcome}": 0 for outcome in OUTCOMES})
        counts.update({f"services_{action}": 0 for action in SERVICE_ACTIONS})
        for block in self.blocks:
            counts[f"blocks_{block.outcome}"] += 1
            for resource in block.resources:
                counts[resource.outcome] += 1
            for service in block.services:
                if service.action != "none":
                    counts[f"services_{service.action}"] += 1
        return counts

    def changes(self) -> list[tuple[str, str, str]]:
        """Everything done for good (in check mode: to be done): (component, path or service name, action), in order."""
        found: list[tuple[str, str, str]] = []
        for block in self.blocks:
            if block.outcome != CHANGED:
                continue
            found += [(block.component, r.path, r.action) for r in block.resources if r.outcome == CHANGED]
            found += [(block.component, s.name, s.action) for s in block.services if s.action != "none"]
        return found

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON; `totals` and `exit_code` are included for readers that are not Python."""
        return {**asdict(self), "totals": self.totals(), "exit_code": self.exit_code}

    def to_json(self) -> str:
        """`to_data` as JSON text."""
        return json.dumps(self.to_data(), indent=1, ensure_ascii=False)

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Report:
        """The inverse of `to_data`. Raises ValueError on another format version."""
        if data.get("format") != FORMAT:
            raise ValueError(f"report format {data.get('format')!r} is not known here (expected {FORMAT})")
        blocks = [
            BlockResult(
                **{
                    **block,
                    "resources": [ResourceResult(**item) for item in block["resources"]],
                    "services": [ServiceResult(**item) for item in block["services"]],
                }
            )
            for block in data["blocks"]
        ]
        fields = {key: value for key, value in data.items() if key not in ("blocks", "totals", "exit_code")}
        return cls(blocks=blocks, **fields)
