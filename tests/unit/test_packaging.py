"""What pip installs: a wheel of the source archive has all that a checkout has, and runs without one."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from staddle.dashboards import BUILT

if TYPE_CHECKING:
    from collections.abc import Iterable

REPO = Path(__file__).parents[2]
SOURCE = REPO / "src/staddle"
ASSETS = SOURCE / "console/assets"


def _hatch(where: Path, kind: str, into: Path, environment: dict[str, str]) -> Path:
    argv = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
    done = subprocess.run(argv, cwd=where, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [made] = into.iterdir()
    return made


def _below(folder: Path) -> set[str]:
    """Files of the package below a folder, named as within the wheel."""
    found: Iterable[Path] = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(SOURCE.parent)) for path in found}


def _builder() -> Any:
    spec = importlib.util.spec_from_file_location("staddle_web_build", REPO / "web/build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def has_console() -> bool:
    """Whether this checkout has the console's pages."""
    return bool(_builder().is_fresh())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, has_console: bool) -> Path:
    """Made of the source archive. Pages of the console are those of this checkout: to build them takes minutes."""
    scratch = tmp_path_factory.mktemp("packaging")
    environment = {**os.environ, "STADDLE_CACHE": str(scratch / "cache")}
    if has_console:
        builder = _builder()
        builder._keep(ASSETS, scratch / f"cache/console/{builder.digest()}.tar")
    else:
        environment["STADDLE_WITHOUT_CONSOLE"] = "1"
    archive = _hatch(REPO, "sdist", scratch / "sdist", environment)
    with tarfile.open(archive) as tar:
        tar.extractall(scratch / "unpacked")
    [unpacked] = (scratch / "unpacked").iterdir()
    return _hatch(unpacked, "wheel", scratch / "wheel", environment)


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_it_has_all_of_the_package(names: list[str]) -> None:
    made = _below(ASSETS) | _below(BUILT)
    assert _below(SOURCE) - made - set(names) == set()
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    "what",
    [
        "staddle/alerting/rules/pgsql/",
        "staddle/alerting/runbooks/Watchdog.md",
        "staddle/ansible/ansible_collections/staddle/infra/playbooks/",
        "staddle/dashboards/built/pgsql/",
        "staddle/programs/engine.txt",
        "staddle/share/docs/limits.md",
        "staddle/share/docs/runbooks/Watchdog.md",
        "staddle/share/requirements/run.txt",
    ],
)
def test_it_has(names: list[str], what: str) -> None:
    assert [name for name in names if name.startswith(what)]


def test_it_has_the_consoles_pages(names: list[str], has_console: bool) -> None:
    if not has_console:
        pytest.skip("the console's pages were not built here (no Node, or not `make console` yet)")
    assert _below(ASSETS) - set(names) == set()


def test_installed_elsewhere_it_needs_no_checkout(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", str(target), str(wheel)], check=True)
    environment = {**os.environ, "PYTHONPATH": str(target)}

    def staddle(*arguments: str) -> str:
        argv = [sys.executable, "-m", "staddle", *arguments]
        done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    argv = [sys.executable, "-c", "import staddle; print(staddle.__file__)"]
    told = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert told.strip() == str(target / "staddle/__init__.py")
    assert "pgsql" in staddle("dashboards", "ls")
    assert "Watchdog" in staddle("runbook", "Watchdog")
