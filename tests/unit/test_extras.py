"""Staddle without its extras: what few people need is asked for when it is needed, and nothing else fails."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

from staddle.cli.main import TOPICS

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
MODULES = {"ansible-core": "ansible", "google-re2": "re2", "grpcio": "grpc", "psycopg-binary": "psycopg_binary"}
"""Where the module isn't called as its package is."""
SHARED = {"typing-extensions"}
"""Also required by what everybody has."""

WITHOUT = """
import sys
sys.modules |= dict.fromkeys({missing!r})
from staddle.cli.main import main
sys.argv = ["staddle", *{arguments!r}]
main()
"""


def _missing() -> list[str]:
    extras = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    names = {wanted.split(">=")[0] for extra in extras.values() for wanted in extra} - SHARED
    return sorted(MODULES.get(name, name) for name in names)


def _staddle(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = WITHOUT.format(missing=_missing(), arguments=arguments)
    argv = [sys.executable, "-c", code]
    return subprocess.run(argv, cwd=home, capture_output=True, text=True, check=False)


def test_every_command_is_there(tmp_path: Path) -> None:
    done = _staddle(tmp_path, "--help")
    assert done.returncode == 0, done.stderr[-2000:]
    shown = set(done.stdout.split())
    assert {name for names in TOPICS.values() for name in names} - shown == set()


def test_a_command_that_needs_one_says_which(tmp_path: Path) -> None:
    (tmp_path / "staddle.yml").write_text("all: {children: {infra: {hosts: {10.0.0.1: {infra_seq: 1}}}}}")
    done = _staddle(tmp_path, "repo", "build")
    assert done.returncode == 1
    assert "pip install 'staddle[repo]'" in done.stderr
    assert "Traceback" not in done.stderr
