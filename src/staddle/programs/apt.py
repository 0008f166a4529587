"""A private apt: its own lists and archives, nobody's privileges, nothing of the machine's changed.

Two questions are answered: which version would a suite give, and what has to be unpacked to run it here. For packages of the
machine's own release the second is apt's own solution, less what is installed. For those of a newer suite it is the package
alone, with the missing ones of its dependencies taken from the machine's release (its C library can't be replaced).

"The machine" is this one, or a host of another release and architecture (`Target`) whose packages are looked for here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.errors import ProgramError
from staddle.programs.sources import NEWER_SUITES, derive, for_release, machine_sources, release_codename

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

# Containers switch off what makes apt fast, in a place that only the command line outdoes.
_CACHED = ("-oDir::Cache::pkgcache=pkgcache.bin", "-oDir::Cache::srcpkgcache=srcpkgcache.bin")
_INST = re.compile(r"^Inst (\S+) (?:\[[^\]]*\] )?\((\S+) ")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version of a package that a suite offers. `suite` is `host` for the machine's own release."""

    package: str
    version: str
    suite: str


@dataclass(frozen=True, slots=True)
class Target:
    """A host that packages are looked for: its release and architecture, and a copy of what dpkg knows there."""

    codename: str
    architecture: str
    status: Path


class Apt:
    """apt with private state below `directory`, one set of lists per suite, for this machine or a `target`."""

    def __init__(self, directory: Path, target: Target | None = None) -> None:
        if not shutil.which("apt-get"):
            raise ProgramError(
                "this machine has no apt: packaged programs can be fetched on Debian and its derivatives only",
                hint="put the programs on the PATH yourself, or run Staddle on Debian 12 or newer",
            )
        self.directory = directory
        self.target = target
        here = release_codename() or ""
        codename = target.codename if target else here
        self.suites = ("host", *NEWER_SUITES.get(codename, ()))
        sources = machine_sources()
        if not sources:
            raise ProgramError("apt has no sources on this machine", hint="add one to /etc/apt/sources.list.d")
        if target:
            sources = for_release(sources, here, codename)
            if not sources:
                raise ProgramError(f"none of this machine's apt sources is one that {codename} could be had from")
        self._sources = {
            suite: sources if suite == "host" else derive(sources, codename, suite) for suite in self.suites
        }

    def update(self, suite: str) -> None:
        """Fetch the suite's package lists. Raises ProgramError with apt's own words."""
        home = self._home(suite)
        for sub in ("etc/sources.list.d", "state/lists/partial", "cache/archives/partial"):
            (home / sub).mkdir(parents=True, exist_ok=True)
        stanzas = "\n".join(source.deb822() for source in self._sources[suite])
        (home / "etc/sources.list.d/staddle.sources").write_text(stanzas, encoding="utf-8")
        self._run(suite, ["apt-get", "update", "-qq", "--error-on=any"])
        (home / "updated").touch()

    def refresh(self, suite: str, age: float) -> None:
        """`update`, unless that was done less than `age` seconds ago. Where it can't be done now, what is there has to
        do: raises ProgramError if that is nothing.
        """
        stamp = self._home(suite) / "updated"
        if stamp.exists() and time.time() - stamp.stat().st_mtime < age:
            return
        try:
            self.update(suite)
        except ProgramError:
            if not stamp.exists():
                raise

    def solution(self, names: Iterable[str]) -> list[Candidate]:
        """All that installing these packages, in the versions of the machine's release, would bring there."""
        return self._missing(list(names))

    def stanzas(self, candidates: Iterable[Candidate]) -> dict[str, str]:
        """What the index says of each of these packages of the machine's release: signed by it, checked by apt."""
        found: dict[str, str] = {}
        text = self._run("host", ["apt-cache", "show", *(f"{c.package}={c.version}" for c in candidates)])
        for stanza in text.split("\n\n"):
            name = re.search(r"^Package: (\S+)$", stanza, re.MULTILINE)
            if name and re.search(r"^SHA256: ", stanza, re.MULTILINE):
                found.setdefault(name[1], stanza.strip() + "\n")
        return found

    def candidates(self, packages: Iterable[str], suite: str) -> dict[str, Candidate]:
        """What the suite would install, whatever the machine has; packages that it doesn't know are left out."""
        found: dict[str, Candidate] = {}
        for line in self._run(suite, ["apt-cache", "madison", *packages]).splitlines():
            columns = [column.strip() for column in line.split("|")]
            if len(columns) >= 3:
                found.setdefault(columns[0], Candidate(columns[0], columns[1], suite))
        return found

    def closure(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """The candidates and everything of the machine's release that they need and the machine lacks."""
        wanted = list(candidates)
        names = [c.package for c in wanted if c.suite == "host"]
        for foreign in (c for c in wanted if c.suite != "host"):
            names += self.dependencies(foreign)
        missing = self._missing(names) if names else []
        known = {c.package for c in wanted}
        return wanted + [c for c in missing if c.package not in known]

    def download(self, candidates: Sequence[Candidate], progress: Callable[[float, str], None]) -> list[Path]:
        """Fetch the packages (those not fetched before), verified by apt. Returns the archives, in the same order."""
        archives = self.directory / "archives"
        archives.mkdir(parents=True, exist_ok=True)
        files = [archives / f"{c.package}_{c.version.replace(':', '%3a')}.deb" for c in candidates]
        todo = [(c, f) for c, f in zip(candidates, files, strict=True) if not f.exists()]
        for done, suite in enumerate(sorted({c.suite for c, _ in todo})):
            self._download_suite(suite, [(c, f) for c, f in todo if c.suite == suite], progress, done)
        return files

    def _download_suite(
        self, suite: str, todo: list[tuple[Candidate, Path]], progress: Callable[[float, str], None], batch: int
    ) -> None:
        scratch = self.directory / "partial" / f"{os.getpid()}-{batch}"
        scratch.mkdir(parents=True)
        read, write = os.pipe()
        argv = ["apt-get", "download", "-q", "-o", f"APT::Status-Fd={write}"]
        argv += [f"{c.package}={c.version}" for c, _ in todo]
        with subprocess.Popen(
            argv,
            cwd=scratch,
            env=self._environment(suite),
            pass_fds=[write],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            os.close(write)
            with os.fdopen(read, encoding="utf-8", errors="replace") as status:
                for line in status:
                    kind, _, rest = line.rstrip().partition(":")
                    if kind == "dlstatus" and rest.count(":") >= 2:
                        _, percent, message = rest.split(":", 2)
                        progress(float(percent), message)
            errors = process.stderr.read() if process.stderr else ""
        if process.returncode:
            raise ProgramError(f"apt could not download {', '.join(c.package for c, _ in todo)}: {_clean(errors)}")
        for candidate, file in todo:
            name = candidate.version.replace(":", "%3a")
            fetched = list(scratch.glob(f"{candidate.package}_{name}_*.deb"))
            if not fetched:
                raise ProgramError(f"apt downloaded no file for {candidate.package} {candidate.version}")
            fetched[0].replace(file)
        scratch.rmdir()

    def dependencies(self, candidate: Candidate) -> list[str]:
        """What it depends on, of what the machine's release has."""
        text = self._run(candidate.suite, ["apt-cache", "show", f"{candidate.package}={candidate.version}"])
        names = []
        for field in re.findall(r"^(?:Pre-)?Depends: (.+)$", text, re.MULTILINE):
            names += [re.split(r"[ (:|]", item.strip())[0] for item in field.split(",")]
        known = self._run("host", ["apt-cache", "pkgnames"]).split()
        return sorted(set(names) & set(known))

    def _missing(self, names: list[str]) -> list[Candidate]:
        text = self._run("host", ["apt-get", "install", "-s", "-q", "--no-install-recommends", *sorted(set(names))])
        found = (_INST.match(line) for line in text.splitlines())
        return [Candidate(m[1], m[2], "host") for m in found if m]

    def _run(self, suite: str, argv: list[str]) -> str:
        argv = [argv[0], *_CACHED, *argv[1:]]
        result = subprocess.run(argv, env=self._environment(suite), capture_output=True, text=True, check=False)
        if result.returncode:
            raise ProgramError(
                f"{argv[0]} {argv[len(_CACHED) + 1]} failed for {suite}: {_clean(result.stderr or result.stdout)}"
            )
        return result.stdout

    def _environment(self, suite: str) -> dict[str, str]:
        """Apt reads its whole configuration from one file of ours, so that hooks and proxies of the machine stay valid."""
        home = self._home(suite)
        home.mkdir(parents=True, exist_ok=True)
        config = home / "apt.conf"
        settings = {
            "Dir::State": home / "state",
            "Dir::State::status": self.target.status if self.target else "/var/lib/dpkg/status",
            "Dir::Cache": home / "cache",
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": home / "etc/sources.list.d",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "APT::Sandbox::User": "",
            "APT::Update::Post-Invoke": "",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        if self.target:
            settings["APT::Architecture"] = self.target.architecture
            settings["APT::Architectures"] = self.target.architecture
        text = "".join(f'{key} "{value}";\n' for key, value in settings.items())
        text += "#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n"
        if not config.exists() or config.read_text(encoding="utf-8") != text:
            config.write_text(text, encoding="utf-8")
        return {**os.environ, "APT_CONFIG": str(config), "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}

    def _home(self, suite: str) -> Path:
        return self.directory / suite


def _clean(text: str) -> str:
    """Apt's message without its progress lines."""
    lines = [line.strip() for line in text.splitlines() if line.startswith(("E:", "W:"))] or text.split("\n")
    return "; ".join(line for line in lines if line)
