"""The zipapp: the same bytes every time, and nothing in it that a host with a bare Python lacks."""

from __future__ import annotations

import ast
import io
import json
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from tests.unit.converge.host import Host, block

from staddle.converge.bundle import build

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = {
    name: zipfile.ZipFile(io.BytesIO(build())).read(name).decode()
    for name in zipfile.ZipFile(io.BytesIO(build())).namelist()
}


def test_it_is_deterministic() -> None:
    assert build() == build()


@pytest.mark.parametrize("name", SOURCES)
def test_it_needs_only_the_standard_library_of_python_3_9(name: str) -> None:
    tree = ast.parse(SOURCES[name], feature_version=(3, 9))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert all(alias.name.split(".")[0] in sys.stdlib_module_names for alias in node.names), ast.dump(node)
        if isinstance(node, ast.ImportFrom) and node.level == 0:
            assert (node.module or "").split(".")[0] in {*sys.stdlib_module_names, "staddle_converge"}, ast.dump(node)


def test_it_runs_alone(tmp_path: Path) -> None:
    host = Host(tmp_path)
    bundle = tmp_path / "converge.pyz"
    bundle.write_bytes(build())
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps(host.manifest(block("a", host.file("f", "hi\n")))))
    # -I -S: no environment, no site-packages.
    command = [sys.executable, "-IS", str(bundle), "--manifest", str(manifest), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert host.read("f") == "hi\n"
    assert json.loads(done.stdout)["totals"]["changed"] == 1
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
