"""The embedded engines as a tree for hosts: our own code, and the wheels that it runs on, for a host's Python.

The wheels are those that `engine.txt` pins, checked by their hashes, fetched by the machine's own pip and kept in the
cache. What the engines have no use for is left out: it would be three quarters of the whole.
"""

from __future__ import annotations

import ast
import fnmatch
import hashlib
import json
import re
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import staddle
from staddle.errors import ProgramError
from staddle.manifest.layout import EMBEDDED, Program
from staddle.manifest.resources import Tree
from staddle.programs.embedded import to_be_had
from staddle.programs.shelf import Packed, Shelf, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = "/opt/staddle/engine"
OLDEST = (3, 11)
"""The oldest Python that the engines run on."""
_FORMAT = 1
_PACKAGE = Path(staddle.__file__).parent
_REQUIREMENTS = Path(__file__).with_name("engine.txt")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_GLIBC = range(28, 16, -1)
_LEFT_OUT = (
    *("*.pyi", "*.pyx", "*.pxd", "*.pxi", "*.h", "*.hpp", "*.c", "*.cc", "*.cmake", "*/py.typed", "*.dist-info/RECORD"),
    *("*/tests/*", "*/testing/*", "*/include/*", "*/includes/*", "*/conftest.py", "*/bin/*", "*-stubs/*"),
    *("numpy/f2py/*", "numpy/distutils/*", "numpy/_pyinstaller/*", "numpy/_core/lib/*", "numpy/_core/_simd.*"),
    *("pyarrow/src/*", "pyarrow/libarrow_flight.*", "pyarrow/libarrow_python_flight.*", "pyarrow/libarrow_s3.*"),
    # The linker's names for the one that is loaded.
    *("pyarrow/libarrow_python.so", "pyarrow/libarrow_python.so.*.*.*", "pyarrow/_generated_version.py"),
    *(f"pyarrow/_{name}.*" for name in ("flight", "s3fs", "gcsfs", "azurefs", "hdfs", "orc", "substrait", "feather")),
    *(
        f"pyarrow/_{name}.*"
        for name in ("parquet", "parquet_encryption", "dataset", "dataset_*", "csv", "json", "cuda")
    ),
    *("zstandard/_cffi.*", "zstandard/backend_cffi.py", "adbc_driver_duckdb/*", "duckdb/experimental/*"),
)
_LAUNCHER = """\
#!/usr/bin/python3 -IB
import sys
sys.path.insert(0, __file__.rpartition("/bin/")[0] + "/lib")
from {module} import {function}
sys.exit({function}())
"""


@cache
def entry_points() -> dict[str, tuple[str, str]]:
    """The module and the function behind each of our engines that there is, by program."""
    modules = {name: f"staddle.{name.removeprefix('staddle-')}.main" for name in to_be_had()}
    there = {n: m for n, m in modules.items() if (_PACKAGE.parent / f"{m.replace('.', '/')}.py").exists()}
    return {name: (module, "main") for name, module in there.items()}


def engine_programs(
    python: str, architecture: str, cache_directory: Path, progress: Callable[[str], None]
) -> tuple[dict[str, Program], Packed]:
    """The engines for hosts with this Python (`3.11.2`) and architecture (`amd64`), and the tree that they are in.

    Raises ProgramError if they can't run there, or what they need can't be had.
    """
    packed = engine_tree(python, architecture, cache_directory, progress)
    path = f"{ROOT}/{packed.sha256[:16]}"
    weight = f"{packed.unpacked / 1e6:.0f} MB, {packed.parcel.size / 1e6:.0f} MB to send"
    origin = f"Staddle's engines {staddle.__version__} from the ADMIN node, {weight}"
    tree = Tree(path, packed.sha256, origin, python="/usr/bin/python3")
    programs = {
        name: Program(f"{path}/bin/{name}", staddle.__version__, EMBEDDED, tree=tree) for name in entry_points()
    }
    return programs, packed


def engine_tree(python: str, architecture: str, cache_directory: Path, progress: Callable[[str], None]) -> Packed:
    """Made once for each build, Python and architecture. Raises ProgramError."""
    release = _release(python)
    machine = _MACHINES.get(architecture)
    if machine is None:
        raise ProgramError(f"Staddle's engines are made for {' and '.join(_MACHINES)}, and this host is {architecture}")
    shelf = Shelf(cache_directory / "trees")
    quick = _quick_key(release, machine)
    found = shelf.get(quick)
    if found:
        return found
    ours = _own_modules()
    parts = [_FORMAT, release, machine, _REQUIREMENTS.read_text(encoding="utf-8"), _LEFT_OUT, _LAUNCHER]
    digests = {str(path.relative_to(_PACKAGE)): hashlib.sha256(path.read_bytes()).hexdigest() for path in ours}
    key = hashlib.sha256(json.dumps([*parts, sorted(digests.items()), sorted(entry_points())]).encode()).hexdigest()[
        :24
    ]
    found = shelf.get(key)
    if found:
        return shelf.alias(quick, found)
    wheels = _wheels(release, machine, cache_directory, progress)
    progress(f"packing Staddle's engines for Python {release}")

    def fill(tree: Path) -> None:
        for wheel in wheels:
            _extract(wheel, tree / "lib")
        for path in ours:
            target = tree / "lib/staddle" / path.relative_to(_PACKAGE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        _describe(tree / "lib")
        (tree / "bin").mkdir()
        for name, (module, function) in entry_points().items():
            launcher = tree / "bin" / name
            launcher.write_text(_LAUNCHER.format(module=module, function=function), encoding="utf-8")
            launcher.chmod(0o755)

    return shelf.alias(quick, shelf.make(key, fill))


def _quick_key(release: str, machine: str) -> str:
    """What changes when a file of ours does, without reading any: runs that have nothing to do ask for it, too."""
    seen = [
        (str(path), info.st_size, info.st_mtime_ns)
        for path in sorted(_PACKAGE.rglob("*"))
        if path.suffix not in {"", ".pyc"}
        for info in (path.stat(),)
    ]
    return hashlib.sha256(json.dumps([_FORMAT, release, machine, seen]).encode()).hexdigest()[:24]


def _release(python: str) -> str:
    numbers = tuple(int(number) for number in re.findall(r"\d+", python)[:2])
    if numbers < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise ProgramError(f"Staddle's engines need Python {wanted} on the host, which has {python or 'none'}")
    return ".".join(map(str, numbers))


def _wheels(release: str, machine: str, cache_directory: Path, progress: Callable[[str], None]) -> list[Path]:
    """Those of the pinned requirements, from the cache or by pip. Raises ProgramError."""
    pins = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()[:12]
    folder = cache_directory / "wheels" / f"cp{release.replace('.', '')}-{machine}-{pins}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent / "lock"):
        if not folder.exists():
            progress(f"fetching what Staddle's engines need on Python {release}")
            scratch = folder.with_name(f".{folder.name}.partial")
            shutil.rmtree(scratch, ignore_errors=True)
            _download(release, machine, scratch)
            scratch.rename(folder)
    return sorted(folder.glob("*.whl"))


def _download(release: str, machine: str, folder: Path) -> None:
    tags = [*(f"manylinux_2_{minor}_{machine}" for minor in _GLIBC), f"manylinux2014_{machine}"]
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    argv += ["--no-deps", "--only-binary=:all:", "--require-hashes", "--requirement", str(_REQUIREMENTS)]
    argv += ["--implementation", "cp", "--python-version", release, "--retries", "1", "--dest", str(folder)]
    argv += [f"--platform={tag}" for tag in tags]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")] or done.stderr.splitlines()
        raise ProgramError(
            f"what Staddle's engines need on Python {release} ({machine}) can't be fetched: {' '.join(errors)[-600:]}",
            hint="where there is a network, `staddle fleet fetch` fills the cache that an ADMIN node without one uses",
        )


def _extract(wheel: Path, target: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for item in archive.infolist():
            name = item.filename
            if item.is_dir() or any(fnmatch.fnmatchcase(name, pattern) for pattern in _LEFT_OUT):
                continue
            if name.startswith("/") or ".." in name.split("/"):
                raise ProgramError(f"{wheel.name} wants to be unpacked elsewhere: {name}")
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(item) as source, path.open("wb") as file:
                shutil.copyfileobj(source, file, 1 << 20)


def _describe(target: Path) -> None:
    """What tells the engines their version."""
    info = target / f"staddle-{staddle.__version__}.dist-info"
    info.mkdir()
    text = f"Metadata-Version: 2.1\nName: staddle\nVersion: {staddle.__version__}\n"
    (info / "METADATA").write_text(text, encoding="utf-8")


@cache
def _own_modules() -> tuple[Path, ...]:
    """Our files that the engines consist of: their packages, and the modules of ours that those import."""
    packages = {module.split(".")[1] for module, _ in entry_points().values()} | {"store"}
    files = {path for package in packages for path in (_PACKAGE / package).rglob("*") if _is_source(path)}
    files.add(_PACKAGE / "__init__.py")
    # The console shows the dashboards, as they were built.
    files |= {path for path in (_PACKAGE / "dashboards/built").rglob("*") if _is_source(path)}
    # Their pages have the portal's look: style sheets, fonts, icons and scripts that they read when first asked for.
    files |= {path for path in (_PACKAGE / "components/portal/static").rglob("*") if _is_source(path)}
    waiting = [path for path in files if path.suffix == ".py"]
    while waiting:
        for module in _imports(waiting.pop()):
            for path in _files_of(module):
                if path not in files:
                    files.add(path)
                    waiting.append(path)
    return tuple(sorted(files))


def _is_source(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


def _imports(path: Path) -> Iterable[str]:
    """Modules of ours that a file imports when it runs; what is only for type checkers doesn't count."""
    for node in _run_statements(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "staddle")
        elif isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == "staddle":
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _run_statements(node: ast.AST) -> Iterable[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from _run_statements(child)


def _files_of(module: str) -> Iterable[Path]:
    """The file of a module and the packages that it is in; nothing for what is not a module."""
    base = _PACKAGE.parent / module.replace(".", "/")
    file = base.with_suffix(".py") if base.with_suffix(".py").exists() else base / "__init__.py"
    if not file.exists():
        return
    yield file
    for parent in file.parents:
        if parent == _PACKAGE.parent:
            break
        if (parent / "__init__.py").exists():
            yield parent / "__init__.py"
