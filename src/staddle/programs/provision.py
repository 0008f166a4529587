"""From the packages that components ask for to programs that run: choose, fetch, unpack, try, and remember.

Below the programs directory every package has a directory of its own, `<package>_<version>/`, and `programs.json` records
what was chosen. A second call with the same wishes reads that file and touches neither network nor apt.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from staddle.errors import ProgramError
from staddle.manifest.layout import Program
from staddle.programs.apt import Apt, Candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from staddle.components.base import Package

RECORD = "programs.json"
FORMAT = 2


@dataclass(frozen=True, slots=True)
class Step:
    """Progress: what is being done, and how far it is in percent (None: can't be told)."""

    text: str
    percent: float | None = None


def provision(
    packages: Sequence[Package], directory: Path, cache: Path, progress: Callable[[Step], None]
) -> dict[str, Program]:
    """Make sure that every program of `packages` can be run from below `directory`; returns them by name.

    `cache` keeps apt's lists and the archives; it may be shared between sandboxes. Raises ProgramError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory / ".lock"):
        chosen, absent = _recorded(directory)
        missing = [p for p in packages if not _serves(p, chosen, directory) and not (p.optional and p.name in absent)]
        if missing:
            cache.mkdir(parents=True, exist_ok=True)
            with _locked(cache / ".lock"):
                added = _install(missing, directory, cache, progress)
            found = {candidate.package for candidate in added}
            chosen = [candidate for candidate in chosen if candidate.package not in found] + added
            absent = (absent | {package.name for package in missing}) - found
            _record(directory, chosen, absent)
            _forget_others(directory, chosen)
        return _programs(directory, packages, chosen)


def _install(
    packages: Sequence[Package], directory: Path, cache: Path, progress: Callable[[Step], None]
) -> list[Candidate]:
    apt = Apt(cache)
    roots = _choose(apt, packages, progress)
    progress(Step("resolving dependencies"))
    chosen = apt.closure(roots)
    fetched = apt.download(chosen, lambda percent, _: progress(Step(f"downloading {len(chosen)} packages", percent)))
    for done, (candidate, archive) in enumerate(zip(chosen, fetched, strict=True)):
        progress(Step(f"unpacking {candidate.package}", 100 * done / len(chosen)))
        relocate = next((p.relocate for p in packages if p.name == candidate.package), {})
        _unpack(archive, _home(directory, candidate), relocate)
    for package in packages:
        if package.smoke and (programs := _programs(directory, [package], chosen)):
            progress(Step(f"trying {package.name}"))
            _smoke(package, programs)
    return chosen


def _choose(apt: Apt, packages: Sequence[Package], progress: Callable[[Step], None]) -> list[Candidate]:
    """For each package the first suite whose version is new enough: the machine's own release before newer ones."""
    open_packages = list(packages)
    chosen: list[Candidate] = []
    seen: dict[str, str] = {}
    for suite in apt.suites:
        # What can be done without is taken if the machine's own sources have it, not looked for elsewhere.
        wanted = [package for package in open_packages if suite == "host" or not package.optional]
        if not wanted:
            break
        progress(Step(f"updating package lists ({suite})"))
        apt.update(suite)
        offered = apt.candidates([package.name for package in wanted], suite)
        for package in wanted:
            found = offered.get(package.name)
            if found is None:
                continue
            seen[package.name] = f"{found.version} in {suite}"
            if at_least(found.version, package.minimum):
                chosen.append(found)
                open_packages.remove(package)
    open_packages = [package for package in open_packages if not package.optional]
    if open_packages:
        lacking = [
            f"{p.name} >= {p.minimum} (newest seen: {seen[p.name]})" if p.name in seen else f"{p.name} (not found)"
            for p in open_packages
        ]
        raise ProgramError(
            f"no apt source has {', '.join(lacking)}; looked in {', '.join(apt.suites)}",
            hint="add a source that has them, or switch the component off in the inventory",
        )
    return chosen


def at_least(version: str, minimum: str) -> bool:
    """By dpkg's rules."""
    return subprocess.run(["dpkg", "--compare-versions", version, "ge", minimum], check=False).returncode == 0


def _unpack(archive: Path, home: Path, relocate: Mapping[str, str]) -> None:
    """Unpack aside and rename, so that an interrupted run leaves no half package."""
    if home.exists():
        return
    scratch = home.with_name(f".{home.name}.partial")
    shutil.rmtree(scratch, ignore_errors=True)
    unpack(archive, scratch, relocate)
    scratch.rename(home)


def unpack(archive: Path, directory: Path, relocate: Mapping[str, str]) -> None:
    """The package's files, with the paths in its programs replaced. Raises ProgramError."""
    result = subprocess.run(
        ["dpkg-deb", "--extract", str(archive), str(directory)], capture_output=True, text=True, check=False
    )
    if result.returncode:
        archive.unlink(missing_ok=True)
        raise ProgramError(
            f"can't unpack {archive.name}: {result.stderr.strip()}", hint="run it again: it is refetched"
        )
    for old, new in relocate.items():
        _relocate(directory, old.encode(), new.encode())


def _relocate(home: Path, old: bytes, new: bytes) -> None:
    """Replace a path in the package's programs. The length stays, for the strings around it must not move."""
    if len(old) != len(new):
        raise ValueError(f"{old!r} and {new!r} differ in length")
    for program in sorted(home.glob("usr/*bin/*")):
        content = program.read_bytes()
        if old in content:
            program.write_bytes(content.replace(old, new))


def _smoke(package: Package, programs: dict[str, Program]) -> None:
    name = next(iter(package.programs))
    program = programs[name]
    argv = [program.path, *package.smoke]
    result = subprocess.run(
        argv, env={**os.environ, **program.environment}, capture_output=True, text=True, check=False, timeout=30
    )
    if result.returncode:
        raise ProgramError(
            f"{name} {program.version} from {program.origin} does not run on this machine: "
            f"{(result.stderr or result.stdout).strip()[-400:]}"
        )


def _programs(directory: Path, packages: Iterable[Package], chosen: Sequence[Candidate]) -> dict[str, Program]:
    by_name = {candidate.package: candidate for candidate in chosen}
    shared = _library_path(directory, chosen)
    programs = {}
    for package in packages:
        candidate = by_name.get(package.name)
        if candidate is None:
            continue
        own = [f"{_home(directory, candidate)}{path}" for path in package.libraries]
        environment = {"LD_LIBRARY_PATH": ":".join([*own, *shared])} if own or shared else {}
        for name, path in package.programs.items():
            programs[name] = Program(
                path=f"{_home(directory, candidate)}{path}",
                home=str(_home(directory, candidate)),
                version=candidate.version,
                origin=candidate.suite,
                web_ui=package.web_ui,
                environment=environment,
            )
    return programs


def _library_path(directory: Path, chosen: Sequence[Candidate]) -> list[str]:
    """Libraries that the machine lacks were unpacked too; programs find them by LD_LIBRARY_PATH."""
    found = {
        str(library.parent)
        for candidate in chosen
        for library in _home(directory, candidate).glob("**/lib*.so.*")
        if library.parent.name.endswith("-linux-gnu")
    }
    return sorted(found)


def _recorded(directory: Path) -> tuple[list[Candidate], set[str]]:
    """What was chosen before (it stays chosen while it serves), and which packages no source had."""
    try:
        record: dict[str, Any] = json.loads((directory / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return [], set()
    except (OSError, ValueError) as error:
        raise ProgramError(f"can't read {directory / RECORD}: {error}", hint="remove the file and try again") from error
    if record.get("format") != FORMAT:
        return [], set()
    return [Candidate(**item) for item in record["packages"]], set(record["absent"])


def _serves(package: Package, chosen: Sequence[Candidate], directory: Path) -> bool:
    """Whether an earlier choice is there, complete, and new enough."""
    candidate = next((c for c in chosen if c.package == package.name), None)
    if candidate is None or not at_least(candidate.version, package.minimum):
        return False
    home = _home(directory, candidate)
    return all(Path(f"{home}{path}").exists() for path in package.programs.values())


def _record(directory: Path, chosen: Sequence[Candidate], absent: set[str]) -> None:
    data = {"format": FORMAT, "packages": [asdict(c) for c in chosen], "absent": sorted(absent)}
    text = json.dumps(data, indent=1)
    scratch = directory / f".{RECORD}"
    scratch.write_text(text + "\n", encoding="utf-8")
    scratch.replace(directory / RECORD)


def _forget_others(directory: Path, chosen: Sequence[Candidate]) -> None:
    """Versions that nothing refers to any more."""
    kept = {_home(directory, candidate).name for candidate in chosen}
    for path in directory.iterdir():
        if path.is_dir() and path.name not in kept:
            shutil.rmtree(path)


def _home(directory: Path, candidate: Candidate) -> Path:
    return directory / f"{candidate.package}_{candidate.version.replace(':', '%3a')}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
