"""Staddle's own programs, which come with it: the embedded engines that stand in for packages that can't be had."""

from __future__ import annotations

import sys
from pathlib import Path

from staddle import __version__
from staddle.manifest.layout import EMBEDDED, Program

NAMES = ("staddle-logs",)


def embedded_programs() -> dict[str, Program]:
    """Those that are installed beside the Python that runs this, by name."""
    folder = Path(sys.executable).parent
    return {name: Program(str(folder / name), __version__, EMBEDDED) for name in NAMES if (folder / name).exists()}
