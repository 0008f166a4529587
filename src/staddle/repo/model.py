"""What the parts of the repository hand to each other: targets, packages, and the lock.

The seam between building and publishing is a `Lock` and a directory of files. Whoever resolves and downloads makes sure that
`directory / package.file` exists for every package of a `TargetLock`, with the size and the SHA-256 that are written there;
whoever publishes relies on it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from staddle.errors import StaddleError

Family = Literal["debian", "ubuntu", "el"]
Format = Literal["deb", "rpm"]

CODENAMES = {"12": "bookworm", "13": "trixie", "22.04": "jammy", "24.04": "noble", "26.04": "resolute"}
DEB_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}
RELEASES: dict[Family, tuple[str, ...]] = {
    "debian": ("12", "13"),
    "ubuntu": ("22.04", "24.04", "26.04"),
    "el": ("8", "9", "10"),
}
LOCK_FORMAT = "staddle-repo-lock 1"
LOCK_NAME = "repo.lock"

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._~%^:=@-]*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class RepoError(StaddleError):
    """A package repository can't be built, read or trusted."""


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """What packages are for: a distribution's release on an architecture (`x86_64` or `aarch64`)."""

    family: Family
    release: str
    arch: str

    @classmethod
    def parse(cls, text: str) -> Target:
        """From `debian-12-x86_64` (see `key`). Raises RepoError with what is allowed."""
        for target in known_targets():
            if text == target.key:
                return target
        allowed = ", ".join(target.key for target in known_targets())
        raise RepoError(f"{text!r} is not a release that packages can be had for", hint=f"one of {allowed}")

    @property
    def key(self) -> str:
        """Its name in files and paths: `debian-12-x86_64`, `ubuntu-24.04-aarch64`, `el-9-x86_64`."""
        return f"{self.family}-{self.release}-{self.arch}"

    @property
    def major(self) -> int:
        """As `releases` of an upstream writes it: 12, 24, 9."""
        return int(self.release.partition(".")[0])

    @property
    def codename(self) -> str:
        """`bookworm`, `noble`; `el9` where releases have no names."""
        return CODENAMES.get(self.release, f"{self.family}{self.release}")

    @property
    def format(self) -> Format:
        return "rpm" if self.family == "el" else "deb"

    @property
    def package_arch(self) -> str:
        """The architecture as its packages write it: `amd64` or `x86_64`."""
        return DEB_ARCH[self.arch] if self.format == "deb" else self.arch


def known_targets() -> list[Target]:
    """Every target that upstreams are shipped for."""
    return [Target(family, release, arch) for family, releases in RELEASES.items() for release in releases
            for arch in DEB_ARCH]  # fmt: skip


Verify = Literal["metadata", "packages", "off"]


@dataclass(frozen=True, slots=True)
class Trust:
    """How it is made sure that an upstream's packages are its own.

    `metadata`: its index is signed, and says what the packages' hashes are. `packages`: every package is signed (RPM).
    `keys` are URLs or files; of what is in them, only the keys with these `fingerprints` count. No fingerprints: all of them,
    which is for the machine's own keyrings only.
    """

    verify: Verify
    fingerprints: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Upstream:
    """One source of packages for one target. `urls` are mirrors of each other, the first that answers is used.

    `suite` and `components` are those of a deb source; a suite that ends in `/` is a flat one. A higher `priority` wins over
    a higher version. `exclude` are names (with `*`) that are not taken from here. `check_date`: an expired index is refused.
    """

    name: str
    module: str
    format: Format
    urls: tuple[str, ...]
    suite: str
    components: tuple[str, ...]
    trust: Trust
    priority: int = 0
    exclude: tuple[str, ...] = ()
    check_date: bool = True
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class PackageRecord:
    """A package as its upstream's index describes it. `path` is below the upstream's URL; `control` its stanza (deb)."""

    name: str
    version: str
    arch: str
    size: int
    sha256: str
    path: str
    origin: str
    control: str = ""

    @property
    def file(self) -> str:
        """Its name in a repository."""
        return self.path.rpartition("/")[2]

    def locked(self) -> LockedPackage:
        """As the lock has it."""
        return LockedPackage(
            self.name, self.version, self.arch, self.sha256, self.size, self.origin, self.file, self.path
        )


@dataclass(frozen=True, slots=True, order=True)
class LockedPackage:
    """One file of the repository. `file` is its name there; `path` where its upstream has it, below the upstream's URL.

    `origin` names the upstream. No URL is kept: a lock is committed, and may be used where mirrors are others.
    """

    name: str
    version: str
    arch: str
    sha256: str
    size: int
    origin: str
    file: str
    path: str


@dataclass(frozen=True, slots=True)
class TargetLock:
    """What one target's repository consists of. `request` is the digest of what was asked for (lists and upstreams)."""

    target: Target
    request: str
    packages: tuple[LockedPackage, ...]

    @property
    def digest(self) -> str:
        """The SHA-256 of its text: what `repo_complete` is bound to."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    @property
    def size(self) -> int:
        return sum(package.size for package in self.packages)

    def text(self) -> str:
        """One line per package, sorted: two locks of the same content are the same bytes."""
        lines = [f"target {self.target.key}", f"request {self.request}"]
        lines += [" ".join((p.name, p.version, p.arch, p.sha256, str(p.size), p.origin, p.file, p.path))
                  for p in sorted(self.packages)]  # fmt: skip
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Lock:
    """`repo.lock`: the packages of all targets, sorted by target."""

    targets: tuple[TargetLock, ...]

    def text(self) -> str:
        """The content of the file."""
        head = f"# Written by `staddle repo`. To be committed, not to be edited.\n{LOCK_FORMAT}\n"
        return head + "".join("\n" + part.text() for part in sorted(self.targets, key=lambda part: part.target))

    def of(self, target: Target) -> TargetLock | None:
        """The part of a target, if it has one."""
        return next((part for part in self.targets if part.target == target), None)

    def with_part(self, part: TargetLock) -> Lock:
        """With that part in place of what the target had."""
        others = [other for other in self.targets if other.target != part.target]
        return Lock(tuple(sorted([*others, part], key=lambda item: item.target)))

    @classmethod
    def parse(cls, text: str, name: str = LOCK_NAME) -> Lock:
        """The inverse of `text`. Raises RepoError with the line that is wrong."""
        lines = text.splitlines()
        if LOCK_FORMAT not in lines[:3]:
            raise RepoError(f"{name} is not a lock of this version", hint="remove it, and build again")
        parts: list[tuple[Target, str, list[LockedPackage]]] = []
        for number, line in enumerate(lines, 1):
            words = line.split(" ")
            if not line or line.startswith("#") or line == LOCK_FORMAT:
                continue
            if words[0] == "target" and len(words) == 2:
                parts.append((Target.parse(words[1]), "", []))
            elif words[0] == "request" and len(words) == 2 and parts:
                parts[-1] = (parts[-1][0], words[1], parts[-1][2])
            elif parts and (package := _package(words)):
                parts[-1][2].append(package)
            else:
                raise RepoError(f"{name}:{number}: can't be read: {line[:80]!r}", hint="restore it, or build again")
        return cls(tuple(TargetLock(target, request, tuple(packages)) for target, request, packages in parts))


def _package(words: list[str]) -> LockedPackage | None:
    """None if the line is not one that `text` writes: names of files must not lead anywhere else."""
    if len(words) != 8 or not words[4].isdigit() or not _SHA256.fullmatch(words[3]):
        return None
    name, version, arch, sha256, size, origin, file, path = words
    plain = all(_SAFE.fullmatch(word) for word in (name, version, arch, file, origin))
    if not plain or not safe_path(path):
        return None
    return LockedPackage(name, version, arch, sha256, int(size), origin, file, path)


def safe_path(path: str) -> bool:
    """Whether a relative path has only plain parts, none of them `..`."""
    return all(part != ".." and _SAFE.fullmatch(part) for part in path.split("/"))
