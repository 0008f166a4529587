"""What comes with Staddle beside its code: its docs, and the versions of what it runs on."""

from __future__ import annotations

from pathlib import Path

import staddle

PACKAGE = Path(staddle.__file__).parent


def shared(name: str) -> Path:
    """`docs` or `requirements`: within the installed package, or beside its sources."""
    inside = PACKAGE / "share" / name
    return inside if inside.is_dir() else PACKAGE.parents[1] / name
