"""Staddle's own programs, which come with it: the embedded engines that stand in for packages that can't be had."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import staddle
from staddle.console.assets import are_built
from staddle.manifest.layout import EMBEDDED, Program

NAMES = ("staddle-console", "staddle-logs", "staddle-traces")
BUILD = "STADDLE_BUILD"
"""Environment variable of an embedded engine: which code it was started with, so that other code restarts it."""


_STORES = ("logs", "store", "traces")
_CODE = {"staddle-console": ("console", "dashboards", "logs/http"), "staddle-logs": _STORES, "staddle-traces": _STORES}
"""What each consists of. The stores start helper processes of their own, which must be of one build."""


def to_be_had() -> tuple[str, ...]:
    """Those that can run: the console's pages need not have been built."""
    return tuple(name for name in NAMES if name != "staddle-console" or are_built())


def embedded_programs() -> dict[str, Program]:
    """Those that are installed beside the Python that runs this, by name."""
    folder = Path(sys.executable).parent
    found = [name for name in to_be_had() if (folder / name).exists()]
    builds = {code: _fingerprint(code) for code in {_CODE[name] for name in found}}
    return {
        name: Program(str(folder / name), staddle.__version__, EMBEDDED, environment={BUILD: builds[_CODE[name]]})
        for name in found
    }


def _fingerprint(folders: tuple[str, ...]) -> str:
    """A digest of code, and of what else a program reads once."""
    package = Path(staddle.__file__).parent
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted((package / folder).rglob("*")):
            if path.suffix in {".py", ".json"} or path.name == "index.html":
                digest.update(f"{path.relative_to(package)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
