"""What is known about a host before its manifest is compiled: `converge.pyz --facts` says it, this reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from staddle.errors import StaddleError
from staddle.manifest.layout import SourceFile

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """A package on a host: the version that is installed, and the one that its sources would give."""

    installed: str | None
    candidate: str | None


@dataclass(frozen=True, slots=True)
class HostFacts:
    """One host. `arch` is in the distribution's words (`amd64`).

    `clock`: it may set its clock (many containers may not). `features`: what manages parts of it already
    (`systemd-resolved`, `networkmanager`, `nft`, `ufw`, `ufw-active`, `firewalld`, `firewalld-active`, `nftables-active`,
    `dhclient`, `dhcpcd`, `grub`), or what it may not do (`fixed-limits`, `fixed-modules`: containers).
    `nameservers`: whom it asks for names now; `search`: the domains that it tries. `memory` and `huge_page` are in KiB;
    `sources`: files of others that name package sources.
    """

    os_id: str
    codename: str
    version_id: str
    arch: str
    python: str
    hostname: str
    packages: Mapping[str, PackageFacts]
    clock: bool = True
    features: frozenset[str] = frozenset()
    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    memory: int = 0
    huge_page: int = 2048
    sources: tuple[SourceFile, ...] = ()

    @classmethod
    def from_data(cls, data: Any) -> HostFacts:
        """From the JSON of `converge.pyz --facts`. Raises StaddleError if it isn't that."""
        try:
            packages = {
                name: PackageFacts(item.get("installed"), item.get("candidate"))
                for name, item in data["packages"].items()
            }
            return cls(
                os_id=data["os_id"],
                codename=data["codename"],
                version_id=data["version_id"],
                arch=data["arch"],
                python=data["python"],
                hostname=data["hostname"],
                packages=packages,
                clock=bool(data.get("clock", True)),
                features=frozenset(data.get("features", ())),
                nameservers=tuple(data.get("nameservers", ())),
                search=tuple(data.get("search", ())),
                memory=int(data.get("memory", 0)),
                huge_page=int(data.get("huge_page", 2048)),
                sources=tuple(SourceFile(s["path"], s["text"], s["mode"]) for s in data.get("sources", ())),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StaddleError(f"these are not the facts of a host: {error!r}") from error

    def to_data(self) -> dict[str, Any]:
        """The inverse of `from_data`."""
        packages = {n: {"installed": p.installed, "candidate": p.candidate} for n, p in self.packages.items()}
        plain = {
            name: getattr(self, name)
            for name in (
                *("os_id", "codename", "version_id", "arch", "python", "hostname", "clock"),
                *("memory", "huge_page"),
            )
        }
        return {
            **plain,
            "packages": packages,
            "features": sorted(self.features),
            "nameservers": list(self.nameservers),
            "search": list(self.search),
            "sources": [{"path": s.path, "text": s.text, "mode": s.mode} for s in self.sources],
        }
