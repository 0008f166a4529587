"""The embedded engines as hosts get them: our own modules are all there, and the pins are those of the lock file."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import staddle
from staddle.errors import ProgramError
from staddle.programs import engine
from staddle.programs.engine import engine_tree, entry_points
from staddle.programs.pins import engine_pins

if TYPE_CHECKING:
    from collections.abc import Iterable

REPOSITORY = Path(__file__).parents[3]
PACKAGE = Path(staddle.__file__).parent
ALONE = """\
import importlib, sys
sys.path[:0] = sys.argv[1:3]  # only these: not where this test imports staddle from
for module in sys.argv[3:]:
    importlib.import_module(module)
    assert sys.modules[module].__file__.startswith(sys.argv[1]), sys.modules[module].__file__
"""


def names(paths: Iterable[Path]) -> list[str]:
    modules = [path.relative_to(PACKAGE.parent).with_suffix("") for path in paths if path.suffix == ".py"]
    return [".".join(path.parts).removesuffix(".__init__") for path in modules]


def test_pins_are_those_of_the_lock_file() -> None:
    locked = [(REPOSITORY / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "requirements/run.txt")]
    expected = engine_pins(*locked)
    assert (PACKAGE / "programs/engine.txt").read_text(encoding="utf-8") == expected, "`make lock` writes it"
    assert expected.count("==") == 10


def test_the_pages_of_the_engines_find_their_files() -> None:
    """Each in a tree that has nothing but what is packed."""
    from staddle.logs.ui import files as logs
    from staddle.traces.ui import files as traces

    ours = {path.resolve() for path in engine._own_modules()}
    for folder in (logs.OWN, traces.OWN, logs._PORTAL):
        sources = {path.resolve() for path in folder.rglob("*") if path.is_file()}
        assert sources
        assert sources <= ours, folder


def test_every_module_of_the_engines_is_there_and_no_other_of_ours(tmp_path: Path) -> None:
    ours = engine._own_modules()
    for path in ours:
        target = tmp_path / "staddle" / path.relative_to(PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    modules = [name for name in names(ours) if not name.endswith("__main__")]
    assert {module for module, _ in entry_points().values()} < set(modules)
    argv = [sys.executable, "-ISc", ALONE, str(tmp_path), sysconfig.get_path("purelib"), *modules]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    packages = {path.relative_to(PACKAGE).parts[0] for path in ours if path.suffix == ".py"}
    assert not packages & {"cli", "compile.py", "components", "converge", "drive", "inventory"}


@pytest.mark.parametrize(
    ("python", "architecture", "said"),
    [("3.9.2", "amd64", "need Python 3.11"), ("", "amd64", "which has none"), ("3.13.5", "s390x", "amd64 and arm64")],
)
def test_hosts_that_they_can_not_run_on_are_told(python: str, architecture: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match=said):
        engine_tree(python, architecture, tmp_path, print)
    assert not list(tmp_path.iterdir())
