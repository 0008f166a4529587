"""Staddle's own programs, which come with it: the embedded engines that stand in for packages that can't be had."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import staddle
from staddle.manifest.layout import EMBEDDED, Program

NAMES = ("staddle-logs", "staddle-traces")
BUILD = "STADDLE_BUILD"
"""Environment variable of an embedded engine: which code it was started with, so that other code restarts it."""


def embedded_programs() -> dict[str, Program]:
    """Those that are installed beside the Python that runs this, by name."""
    folder = Path(sys.executable).parent
    found = [name for name in NAMES if (folder / name).exists()]
    environment = {BUILD: _fingerprint()} if found else {}
    return {name: Program(str(folder / name), staddle.__version__, EMBEDDED, environment=environment) for name in found}


def _fingerprint() -> str:
    """A digest of the engines' code. They start helper processes of their own, which must be of one build."""
    package = Path(staddle.__file__).parent
    digest = hashlib.sha256()
    for folder in ("logs", "store", "traces"):
        for path in sorted((package / folder).rglob("*.py")):
            digest.update(f"{path.relative_to(package)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
