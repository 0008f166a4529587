"""The front end by its own tools: types, style, and the unit tests of its parts (web/test)."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

WEB = Path(__file__).parents[3] / "web"

pytestmark = pytest.mark.skipif(
    not (WEB / "node_modules/.staddle").exists(),
    reason="web/node_modules is not there: the console's pages came from the cache, or can't be built here",
)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["typescript/bin/tsc", "--noEmit"], id="types"),
        pytest.param(["@biomejs/biome/bin/biome", "check", "src", "test", "vite"], id="style"),
        pytest.param(["vitest/vitest.mjs", "run"], id="units"),
    ],
)
def test_front_end(command: list[str]) -> None:
    node, _ = _builder()._node(lambda text: None)
    tool, *arguments = command
    done = subprocess.run(
        [node, str(WEB / "node_modules" / tool), *arguments],
        cwd=WEB,
        env={**os.environ, "CI": "1", "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _builder() -> Any:
    spec = importlib.util.spec_from_file_location("staddle_web_build", WEB / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
