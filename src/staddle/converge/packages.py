"""Distribution packages, through apt: all that is missing in one transaction, before the first block.

Nothing is started by dpkg while we install: a program must not run before it is configured. (`policy-rc.d` is how Debian
asks; ours refuses only while this very process lives, so a killed run leaves nothing that matters.)
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from typing import TYPE_CHECKING

from . import offered
from .facts import explain
from .report import CHANGED, FAILED, OK, ResourceResult

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from .ledger import Store
    from .model import Block, Offers, Package

POLICY = "/usr/sbin/policy-rc.d"
_KEPT = f"{POLICY}.before-staddle"
_MARK = "# Staddle installs packages:"
_TIMEOUT = 1800.0
_INST = re.compile(r"^Inst (\S+) (?:\[([^\]]*)\] )?\((\S+)")
_REMV = re.compile(r"^(?:Remv|Purg) (\S+)")
_APT = ("apt-get", "-y", "-q", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=120")
# Changed configuration files stay as they are: they are ours, or the administrator's.
_KEEP = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")


class AptError(Exception):
    """What apt or dpkg said when it failed."""


class Packages:
    """Those of all blocks. `ensure` installs what is missing; `results` and `failures` tell each block how that went.

    `coming` are the components of which a package is not there yet: known after `ensure` in check mode. `wants` are
    the files of `offers` that it takes and that were not sent yet. `sources_change`: other package sources would be in
    force before that, so what can't be had from those of today is no failure.
    """

    def __init__(
        self, blocks: Iterable[Block], store: Store, offers: Offers | None, *, sources_change: bool = False
    ) -> None:
        self._store = store
        self._offers = offers
        self._later = sources_change
        self.wants: list[str] = []
        self._owners: dict[str, list[str]] = {}
        self._minimum: dict[str, str] = {}
        for block in blocks:
            for package in block.packages:
                self._add(block.component, package)
        self.results: dict[str, list[ResourceResult]] = {}
        self.failures: dict[str, str] = {}
        self.coming: set[str] = set()
        self.installed: set[str] = set()

    def _add(self, component: str, package: Package) -> None:
        owners = self._owners.setdefault(package.name, [])
        if component not in owners:
            owners.append(component)
        _require(self._minimum, package)

    def ensure(self, *, check: bool) -> None:
        """Brings them about (or, with `check`, says exactly what that would be). Never raises: see `failures`."""
        if not self._owners:
            return
        results = {name: ResourceResult("package", name) for name in self._owners}
        try:
            there = _installed(self._owners)
            wanted = [name for name in self._owners if not self._will_do(name, there.get(name))]
            if wanted:
                self._install(wanted, there, results, check=check)
        except (AptError, OSError) as error:
            reason = explain(error) if isinstance(error, OSError) else str(error)
            # If it is not known which of them is at fault, none of them can be relied on.
            for name in [n for n, result in results.items() if result.action != "none"] or list(results):
                self._fail(name, results[name], reason)
        for name, result in results.items():
            for component in self._owners[name]:
                first = component == self._owners[name][0] or result.outcome == FAILED
                shown = result if first else ResourceResult("package", name, OK)
                self.results.setdefault(component, []).append(shown)

    def _will_do(self, name: str, version: str | None) -> bool:
        return version is not None and _is_enough(version, self._minimum.get(name))

    def _install(
        self, wanted: list[str], there: dict[str, str], results: dict[str, ResourceResult], *, check: bool
    ) -> None:
        known, sent = self._look(wanted, check=check)
        for name in list(wanted):
            result = results[name]
            result.action = "upgrade" if name in there else "install"
            if not self._will_do(name, known.get(name)):
                wanted.remove(name)
                lacking = self._lacking(name, known.get(name))
                if check and self._later:
                    result.outcome, result.note = CHANGED, f"by now, {lacking}; others are to be set up"
                    self.coming.update(self._owners[name])
                else:
                    self._fail(name, result, lacking)
        if not wanted:
            return
        plan = [f"{name}={known[name]}" for name in wanted]
        with offered.index(sent) as options:
            simulated = _apt("install", "--simulate", "--no-install-recommends", *options, *plan)
        changes = {m[1]: (m[2], m[3]) for m in map(_INST.match, simulated.splitlines()) if m}
        removed = [m[1] for m in map(_REMV.match, simulated.splitlines()) if m]
        for name in wanted:
            result = results[name]
            before, after = changes.get(name, (there.get(name), known[name]))
            result.note = f"{before} → {after}" if before else after
            result.outcome = CHANGED
            self.coming.update(self._owners[name])
        others = sorted(name for name in changes if name not in wanted)
        extra = [f"brings {', '.join(others)}"] if others else []
        extra += [f"removes {', '.join(removed)}"] if removed else []
        extra += ["from the ADMIN node"] if sent else []
        if extra:
            results[wanted[0]].note = "; ".join([results[wanted[0]].note or "", *extra])
        files = {name: sent.files[name] for name in changes if sent and name in sent.files}
        self.wants = offered.absent(files, self._store)
        if check:
            return
        if self.wants:
            raise AptError(f"{len(self.wants)} package files of the ADMIN node were not sent to this host")
        with offered.placed(files, self._store) as options, _nothing_started():
            alone = offered.ALONE if sent and sent.only else ()
            _apt("install", "--no-install-recommends", *_KEEP, *alone, *options, *plan)
        self.installed = {name for name in wanted if name not in there}

    def _look(self, wanted: list[str], *, check: bool) -> tuple[dict[str, str], Offers | None]:
        """Which versions can be had of these: by the host itself if it has all of them, else with what is offered."""
        known = {} if self._offers and self._offers.only else _candidates(wanted)
        if all(self._will_do(name, known.get(name)) for name in wanted):
            return known, None
        if self._offers is None:
            if not check:
                _apt("update", "--error-on=any")
                known = _candidates(wanted)
            return known, None
        with offered.index(self._offers) as options:
            return _candidates(wanted, options), self._offers

    def _lacking(self, name: str, candidate: str | None) -> str:
        if candidate is None:
            return "no package source of this host has it"
        return f"version {self._minimum[name]} or newer is needed, and its package sources have {candidate}"

    def _fail(self, name: str, result: ResourceResult, reason: str) -> None:
        result.outcome, result.note = FAILED, reason
        for component in self._owners[name]:
            self.failures.setdefault(component, f"package {name}: {reason}")


def remove(names: Collection[str], ours: Collection[str], *, check: bool) -> list[ResourceResult]:
    """Removes packages (their configuration stays), unless that would take something along that is not `ours`."""
    results = []
    for name in sorted(names):
        result = ResourceResult("package", name, CHANGED, "remove")
        try:
            if name not in _installed([name]):
                result.outcome, result.action, result.note = OK, "forget", "was already gone"
            else:
                _remove(name, ours, result, check=check)
        except AptError as error:
            result.outcome, result.note = FAILED, str(error)
        results.append(result)
    return results


def _remove(name: str, ours: Collection[str], result: ResourceResult, *, check: bool) -> None:
    simulated = _apt("remove", "--simulate", name).splitlines()
    others = sorted({m[1] for m in map(_REMV.match, simulated) if m} - set(ours) - {name})
    if others:
        result.outcome, result.action = OK, "forget"
        result.note = f"left where it is: {', '.join(others[:3])} would go with it"
    elif not check:
        with _nothing_started(stops=True):
            _apt("remove", name)


def lacking(names: Collection[str], blocks: Iterable[Block]) -> list[tuple[str, str, str]]:
    """Those that are not installed, or older than the blocks want: (name, `missing` or `version`, why).

    None if dpkg can't be asked.
    """
    minimum: dict[str, str] = {}
    found = []
    try:
        for package in (package for block in blocks for package in block.packages):
            _require(minimum, package)
        there = _installed(names)
        for name in sorted(names):
            if name not in there:
                found.append((name, "missing", "this package is not installed any more"))
            elif not _is_enough(there[name], minimum.get(name)):
                found.append((name, "version", f"{there[name]} is installed, {minimum[name]} is needed"))
    except AptError:
        return []
    return found


def _require(minimum: dict[str, str], package: Package) -> None:
    """Several blocks may want the same package: the newest version of all that they need. Raises AptError."""
    known = minimum.get(package.name)
    if package.minimum and (known is None or _newer(package.minimum, known)):
        minimum[package.name] = package.minimum


def _is_enough(version: str, minimum: str | None) -> bool:
    return minimum is None or version == minimum or _newer(version, minimum)


def _installed(names: Iterable[str]) -> dict[str, str]:
    """Versions of those that are installed, in one call."""
    argv = ["dpkg-query", "--show", "--showformat", "${Package}\\t${db:Status-Status}\\t${Version}\\n", *names]
    rows = [line.split("\t") for line in _run(argv, accept=(0, 1)).splitlines()]
    return {row[0]: row[2] for row in rows if len(row) == 3 and row[1] == "installed"}


def _candidates(names: Iterable[str], options: Iterable[str] = ()) -> dict[str, str]:
    found: dict[str, str] = {}
    current = ""
    for line in _run(["apt-cache", "policy", *options, *names]).splitlines():
        if not line.startswith(" "):
            current = line.rstrip(":")
        elif line.strip().startswith("Candidate: ") and not line.endswith("(none)"):
            found[current] = line.split(": ", 1)[1].strip()
    return found


def _newer(version: str, than: str) -> bool:
    """By dpkg's rules."""
    try:
        done = subprocess.run(["dpkg", "--compare-versions", version, "gt", than], check=False)
    except OSError as error:
        raise AptError(f"dpkg can't be run: {error.strerror}") from error
    return done.returncode == 0


@contextlib.contextmanager
def _nothing_started(*, stops: bool = False) -> Iterator[None]:
    """Services that packages bring are not started by dpkg meanwhile. A policy that is there already is kept.

    `stops`: services of packages that go may be stopped. (Those of packages that are upgraded would not come back.)
    """
    allow = '[ "$2" != stop ] || exit 0\n' if stops else ""
    try:
        _clear_policy()
        if os.path.lexists(POLICY):
            os.rename(POLICY, _KEPT)
        descriptor = os.open(POLICY, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o755)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(
                f"#!/bin/sh\n{_MARK} nothing is started before it is configured.\n{allow}"
                f"[ ! -d /proc/{os.getpid()} ] || exit 101\n"
                f'[ ! -x {_KEPT} ] || exec {_KEPT} "$@"\nexit 0\n'
            )
            os.fchmod(descriptor, 0o755)
    except OSError as error:
        raise AptError(f"{POLICY} can't be written: {(error.strerror or str(error)).lower()}") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            _clear_policy()


def _clear_policy() -> None:
    """What an earlier run, or this one, put there; and back what was there before. Raises OSError."""
    try:
        with open(POLICY, encoding="utf-8", errors="replace") as file:
            ours = _MARK in file.read(400)
    except FileNotFoundError:
        ours = False
    if ours:
        os.unlink(POLICY)
    if os.path.lexists(_KEPT) and not os.path.lexists(POLICY):
        os.rename(_KEPT, POLICY)


def _apt(verb: str, *arguments: str) -> str:
    return _run([*_APT, verb, *arguments])


def _run(argv: list[str], accept: tuple[int, ...] = (0,)) -> str:
    """Standard output. Raises AptError with what it said."""
    try:
        done = subprocess.run(
            argv,
            env={**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except FileNotFoundError:
        raise AptError(f"{argv[0]} is missing: packages are installed with apt, on Debian and its relatives") from None
    except subprocess.TimeoutExpired:
        raise AptError(f"{argv[0]} did not end within {_TIMEOUT / 60:.0f} minutes") from None
    except OSError as error:
        raise AptError(f"{argv[0]} can't be run: {(error.strerror or str(error)).lower()}") from error
    if done.returncode not in accept:
        lines = [line for line in done.stderr.splitlines() if line.startswith("E:")] or done.stderr.splitlines()[-5:]
        raise AptError("; ".join(line.strip() for line in lines) or f"{argv[0]} exited with {done.returncode}")
    return done.stdout
