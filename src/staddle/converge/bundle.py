"""Builds converge.pyz: this package as one file that runs on any host with Python ≥ 3.9.

The only module that stays behind.
"""

from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

_MAIN = b"import sys\n\nfrom staddle_converge.agent import main\n\nsys.exit(main())\n"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LEFT_BEHIND = {"bundle.py", "__main__.py"}


def build() -> bytes:
    """The zipapp. The same sources always give the same bytes: sorted names, no clock, fixed modes."""
    package = Path(__file__).parent
    buffer = io.BytesIO(b"#!/usr/bin/env python3\n")
    buffer.seek(0, io.SEEK_END)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "__main__.py", _MAIN)
        for path in sorted(package.glob("*.py")):
            if path.name not in _LEFT_BEHIND:
                _add(archive, f"staddle_converge/{path.name}", path.read_bytes())
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.create_system = 3
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    archive.writestr(info, content, compresslevel=9)
