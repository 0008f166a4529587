"""What dashboards have to be like, looked at in their JSON: ours and anybody's. See `staddle dashboards lint`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from staddle.dashboards import shipped
from staddle.dashboards.lint.live import check_live, forget
from staddle.dashboards.lint.model import Finding, Source
from staddle.dashboards.lint.standard import check_all
from staddle.errors import StaddleError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from staddle.dashboards.lint.stores import Stores

__all__ = ["Finding", "Source", "lint", "shipped_sources", "sources_of"]


def shipped_sources() -> list[Source]:
    """Ours."""
    return [Source(f"{board.folder}/{board.path.name}", board.data(), ours=True) for board in shipped()]


def sources_of(paths: Sequence[Path]) -> tuple[list[Source], list[Finding]]:
    """Files, and all `*.json` below directories; and what can't be read as a dashboard. Raises StaddleError for no file."""
    files = [file for path in paths for file in (sorted(path.rglob("*.json")) if path.is_dir() else [path])]
    if not files:
        raise StaddleError("no *.json file there: " + ", ".join(str(path) for path in paths))
    sources, findings = [], []
    for file in files:
        try:
            data = json.loads(file.read_bytes())
        except (OSError, ValueError) as error:
            findings.append(Finding(str(file), "", "json", f"can't be read as JSON: {error}"))
            continue
        inner = data.get("dashboard", data) if isinstance(data, dict) else data
        if not isinstance(inner, dict) or not isinstance(inner.get("panels"), list):
            what = "has schema v2, which is only looked at by what shows it" if _is_v2(data) else "has no list `panels`"
            findings.append(Finding(str(file), "", "schema", f"{what}: not a dashboard in Grafana's schema v1"))
            continue
        sources.append(Source(str(file), inner))
    return sources, findings


def lint(sources: Sequence[Source], stores: Stores | None = None) -> list[Finding]:
    """All that is wrong with them, in their order; with running stores, also queries that don't parse or return nothing."""
    known = [*sources, *(source for source in shipped_sources() if source.uid not in {s.uid for s in sources})]
    findings = check_all(sources, known)
    if stores:
        forget()
        findings += [finding for source in sources for finding in check_live(source, stores)]
    order = {source.file: number for number, source in enumerate(sources)}
    return sorted(findings, key=lambda finding: order[finding.file])


def _is_v2(data: object) -> bool:
    return isinstance(data, dict) and ("elements" in data or "elements" in (data.get("spec") or {}))
