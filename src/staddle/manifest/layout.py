"""Where things are on a host, and what runs them: the only part that knows whether it is a sandbox or a system.

Components name logical places (`/infra/targets`) and the layout maps them. In the sandbox the whole tree hangs below one
directory, listeners are on the loopback address, and a supervisor runs the services.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.inventory.fleet import Node
    from staddle.manifest.resources import Manager, Offers, Tree

EMBEDDED = "embedded"
"""The origin of Staddle's own programs."""
LOOPBACK = "127.0.0.1"
STATE = "/var/lib/staddle"
LOGS = "/var/log/staddle"


@dataclass(frozen=True, slots=True)
class Program:
    """An executable that a component may run, and what is known about it.

    `version` is the package's, e.g. `1.112.0+ds1-2`; `origin` where it came from (a suite such as `trixie`, or `host`);
    `home` is the directory its package was unpacked to ("" if it is installed);
    `web_ui` is False when the packager stripped its web pages; `environment` is what it needs to run from there. `tree` is
    what it is in, if the ADMIN node sends it, and `needs` are the packages of the host that it wants there then; `lacking` is
    why it can't be had although there should be one.
    """

    path: str
    version: str
    origin: str
    home: str = ""
    web_ui: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    tree: Tree | None = None
    needs: tuple[str, ...] = ()
    lacking: str | None = None

    @property
    def provider(self) -> str:
        """`package`, or `embedded` for a program of Staddle's own."""
        return "embedded" if self.origin == EMBEDDED else "package"

    @property
    def release(self) -> tuple[int, ...]:
        """The upstream version as numbers, for comparisons."""
        return release_of(self.version)


@cache
def release_of(version: str) -> tuple[int, ...]:
    """The upstream part of a package's version as numbers: `1.22.1-9+deb12u11` → (1, 22, 1)."""
    upstream = version.partition(":")[2] or version
    parts: list[int] = []
    for piece in upstream.replace("-", ".").replace("+", ".").replace("~", ".").split("."):
        if not piece.isdigit():
            break
        parts.append(int(piece))
    return tuple(parts[:3])


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file in which somebody else names package sources. (It may have been set aside by now.)"""

    path: str
    text: str = field(repr=False)
    mode: int


@dataclass(frozen=True, slots=True)
class System:
    """What a real host is: its distribution and architecture (`debian`, `12`, `bookworm`, `amd64`; empty if unknown), KiB of
    memory and of a huge page, versions that packages have or would get, and files that name package sources.
    """

    os_id: str = ""
    version_id: str = ""
    codename: str = ""
    arch: str = ""
    memory: int = 0
    huge_page: int = 2048
    candidates: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[SourceFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """The mapping from logical places to paths and ports on one host.

    `root` is prepended to every absolute path ("" on a real system). `user` is who runs everything in a sandbox;
    None means that each component has its own system user. `icmp` says whether ICMP probes can be sent, `clock` whether
    the clock may be set. `features`, `nameservers` and `search` are what a real host has already, `system` is what it is
    (`staddle.drive.facts`). `offers` are packages that it can have sent.
    """

    kind: Literal["sandbox", "system"]
    manager: Manager
    root: str = ""
    programs: Mapping[str, Program] = field(default_factory=dict)
    port_offset: int = 0
    user: str | None = None
    icmp: bool = True
    clock: bool = True
    features: frozenset[str] = frozenset()
    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    system: System = field(default_factory=System)
    offers: Offers | None = None
    python: str = "/usr/bin/python3"
    """Runs those of our programs that are shipped as source: 3.9 or newer, nothing but its standard library."""

    @property
    def is_sandbox(self) -> bool:
        return self.kind == "sandbox"

    def at(self, path: str) -> str:
        """The real path of a logical absolute path."""
        if not path.startswith("/"):
            raise ValueError(f"not an absolute path: {path}")
        return self.root + path

    def port(self, number: int) -> int:
        """The real number of a port parameter."""
        return number + self.port_offset

    def address(self, node: Node) -> str:
        """The address at which a node's services are reached by its peers."""
        return LOOPBACK if self.is_sandbox else node.ip

    def host(self, node: Node) -> str:
        """The same as it's written in a URL or before a port: an IPv6 address in brackets."""
        address = self.address(node)
        return f"[{address}]" if ":" in address else address

    def log(self, service: str) -> str:
        """The file that holds a service's output."""
        return f"{self.at(LOGS)}/{service}.log"
