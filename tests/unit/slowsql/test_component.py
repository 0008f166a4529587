"""What is shipped to a host runs there, with nothing of Staddle beside it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from staddle.components.slowsql import _source

if TYPE_CHECKING:
    from pathlib import Path


def test_the_files_that_are_shipped_are_all_it_needs(tmp_path: Path) -> None:
    for name, content in _source():
        (tmp_path / "staddle" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "staddle" / name).write_bytes(content)
    # Without the packages of this environment.
    argv = [sys.executable, "-S", "-m", "staddle.slowsql", "--help"]
    done = subprocess.run(argv, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "trace store" in done.stdout
