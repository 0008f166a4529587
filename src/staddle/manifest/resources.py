"""What a manifest is made of: the desired state of one host, component by component.

The types here are the compile side. Their JSON form (`manifest/canonical.py`) is what `converge` reads on the target,
so every field must be plain data. Paths are absolute on the target.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

OnChange = Literal["restart", "reload", "none"]
"""What the component's service needs after a file changed: `none` = it notices by itself (file-SD, hostsdir)."""


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory. Removed again when no manifest names it any more, if we made it and it is empty by then.

    Without a mode it only has to be there, as it is, or behind a link; if it has to be made, with 0755.
    """

    kind: ClassVar[str] = "directory"
    path: str
    mode: int | None = 0o755
    owner: str | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """A regular file with exactly this content.

    `origin` is the inventory position the content came from, for messages; `secret` keeps its content out of every
    diff and report. A secret file is never readable by others than owner and group. An `initial` content is written
    where there is no file; what a program makes of it later stays.
    """

    kind: ClassVar[str] = "file"
    path: str
    content: bytes
    mode: int = 0o644
    owner: str | None = None
    group: str | None = None
    on_change: OnChange = "restart"
    secret: bool = False
    origin: str | None = None
    initial: bool = False

    def __post_init__(self) -> None:
        if self.secret and self.mode & 0o007:
            raise ValueError(f"secret file {self.path} must not be accessible to others (mode {self.mode:o})")


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link to `target`, which may be relative."""

    kind: ClassVar[str] = "symlink"
    path: str
    target: str
    on_change: OnChange = "none"


@dataclass(frozen=True, slots=True)
class Section:
    """Some lines of a text file that others write, too: between two comment lines with the section's name.

    What is outside of them is left alone. Without the file it is made, with `mode`.
    """

    kind: ClassVar[str] = "section"
    path: str
    section: str
    content: bytes
    mode: int = 0o644
    owner: str | None = None
    group: str | None = None
    on_change: OnChange = "none"


Resource = Directory | File | Section | Symlink


@dataclass(frozen=True, slots=True)
class Installed:
    """A distribution package that must be there, in this upstream version or a newer one. Several blocks may name it."""

    name: str
    minimum: str | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory of files that the host gets from the ADMIN node as one archive. Several blocks may name it.

    `sha256` addresses what is in it; another content needs another path. `origin` says for people what it is. With
    `python`, that interpreter of the host makes byte code of the modules in it.
    """

    path: str
    sha256: str
    origin: str
    python: str | None = None


@dataclass(frozen=True, slots=True)
class Offers:
    """Packages that the host can have sent, where its own sources lack one: an index of them as apt has it, and the
    SHA-256 of each one's file. `only`: nothing of these is looked for in the host's own sources.
    """

    index: str
    files: Mapping[str, str]
    only: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A group that must exist. Several blocks may name it."""

    kind: ClassVar[str] = "group"
    name: str


@dataclass(frozen=True, slots=True)
class User:
    """A user who must exist, and be in the further `groups`. One who is there already keeps home, shell and number.

    Several blocks may name the same one.
    """

    kind: ClassVar[str] = "user"
    name: str
    group: str | None = None
    groups: tuple[str, ...] = ()
    home: str = "/nonexistent"
    shell: str = "/usr/sbin/nologin"
    uid: int | None = None
    system: bool = True


@dataclass(frozen=True, slots=True)
class Command:
    """What makes the files of a block take effect: `sysctl -p …`, `update-ca-certificates`.

    Run after one of them changed (or was put back), and when `check` exits with anything but 0. Must be repeatable.
    `check` only looks. `undo` is run when the manifest no longer names the command, and its files are gone.
    """

    name: str
    argv: tuple[str, ...]
    check: tuple[str, ...] | None = None
    undo: tuple[str, ...] | None = None
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Validator:
    """A program that judges new files before they replace the old ones.

    `argv` may contain `{stage}`: a private directory in which every file and symlink of the component is laid out
    under its own absolute path (`{stage}/etc/nginx/nginx.conf`), new content included. Exit status 0 accepts. It runs
    only if one of the component's files changed. `provisional`: it asks other hosts, which a run may change before it
    comes to this one; in check mode, its refusal is told and is not a failure.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 30.0
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class HttpHealth:
    """Healthy when GET `url` answers `status` (and the body contains `contains`). TLS is not verified: it is local.

    `certificate` and `key` are the paths of what to show to a server that asks who is there.
    """

    kind: ClassVar[str] = "http"
    url: str
    status: int = 200
    contains: str | None = None
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class DnsHealth:
    """Healthy when the server answers the A (or AAAA) query for `name` with `answer` (any address if None)."""

    kind: ClassVar[str] = "dns"
    address: str
    port: int
    name: str
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class NtpHealth:
    """Healthy when the server answers an NTPv4 client packet with a usable stratum (1–15) (RFC 5905)."""

    kind: ClassVar[str] = "ntp"
    address: str
    port: int


Health = HttpHealth | DnsHealth | NtpHealth


@dataclass(frozen=True, slots=True)
class Service:
    """The long-running program of a component.

    `definition` is the path of the file that tells the service manager how to run it (a unit, a supervisor program
    section); that file is an ordinary File of the component with `on_change="restart"`. `reload_signal` is what makes
    it re-read its configuration; None means that a reload is a restart.
    """

    name: str
    definition: str
    health: Health
    reload_signal: str | None = None
    health_timeout: float = 20.0
    stop_timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Block:
    """One component on one host: converged as a unit, accepted or rolled back as a unit.

    Packages, trees and accounts come before all blocks, and stay when a block is rolled back. `displaces` are services of
    others that do the same job: they are stopped before ours starts. `lacking` says why nothing else could be said here:
    the block fails, and the component stays as it is on the host.
    """

    component: str
    phase: str
    resources: tuple[Resource, ...]
    validators: tuple[Validator, ...] = ()
    service: Service | None = None
    packages: tuple[Installed, ...] = ()
    accounts: tuple[Group | User, ...] = ()
    commands: tuple[Command, ...] = ()
    displaces: tuple[str, ...] = ()
    trees: tuple[Tree, ...] = ()
    lacking: str | None = None


@dataclass(frozen=True, slots=True)
class Manager:
    """What runs the services on the host: `supervisor` behind a Unix `socket`, or `systemd` (no socket)."""

    kind: Literal["supervisor", "systemd"]
    socket: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The desired state of one host, in the order in which it is brought about.

    `state` is the directory (0700) in which converge keeps its ledger; `log_dir` holds `<service>.log`, of which a
    failure report quotes the end. `offers` are packages that it can have sent. `environment` is for what converge runs
    there, apt above all; it may have a proxy's password.
    """

    node: str
    layout: str
    state: str
    log_dir: str
    manager: Manager
    blocks: tuple[Block, ...]
    offers: Offers | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
