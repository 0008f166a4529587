"""The trace page's files."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from staddle.logs.ui.files import OWN as LOGS, page_files

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN = Path(__file__).parent / "static"


@cache
def load() -> Mapping[str, bytes]:
    """Path below the page → content."""
    return page_files((OWN, LOGS), "traces")
