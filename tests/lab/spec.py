"""What a lab is made of, and what can go wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

RELEASES = ("bookworm", "trixie")
"""The Debian releases a host can run."""

NETWORK = IPv4Network("10.10.10.0/24")
"""Every lab's network. Labs don't see each other, so they may all use the same."""

ADMIN_IP = IPv4Address("10.10.10.1")
"""The ADMIN node's address in a lab."""

FIRST_HOST_IP = IPv4Address("10.10.10.10")

SUDOER = "debian"
"""The ordinary user of every host: logs in by key, may become root by sudo without a password."""

_HOST_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")


class LabError(Exception):
    """Something in the lab didn't work; the message says what, where, and where to look."""


class LabUnavailableError(LabError):
    """This machine can't run a lab; the message says why and what to do about it."""


class CommandFailedError(LabError):
    """A command ended with a status that its caller didn't expect."""

    def __init__(self, where: str, command: str, result: subprocess.CompletedProcess[str]) -> None:
        self.result = result
        output = "\n".join(part for part in (result.stdout.strip(), result.stderr.strip()) if part)
        super().__init__(f"{where}: `{command}` exited {result.returncode}\n{output}")


@dataclass(frozen=True, slots=True)
class HostSpec:
    """A host to boot. What is left out is filled in by `complete`: names lab-h1, lab-h2 …, addresses from .10 on."""

    release: str = RELEASES[0]
    name: str = ""
    ip: str = ""

    def __post_init__(self) -> None:
        if self.release not in RELEASES:
            raise LabError(f"no release {self.release!r}; there are {', '.join(RELEASES)}")
        if self.name and not _HOST_NAME.fullmatch(self.name):
            raise LabError(f"{self.name!r} can't be a host name: small letters, digits and '-', 40 at most")
        if self.ip and (IPv4Address(self.ip) not in NETWORK or IPv4Address(self.ip) <= ADMIN_IP):
            raise LabError(f"{self.ip} is not a host's address in {NETWORK}")


def complete(specs: Sequence[HostSpec]) -> list[HostSpec]:
    """The specs with every name and address given. Host number n is lab-h<n> at .9+n unless it says otherwise."""
    done = [
        HostSpec(spec.release, spec.name or f"lab-h{number}", spec.ip or str(FIRST_HOST_IP + number - 1))
        for number, spec in enumerate(specs, start=1)
    ]
    for what, values in (("name", [s.name for s in done]), ("address", [s.ip for s in done])):
        if twice := {v for v in values if values.count(v) > 1}:
            raise LabError(f"two hosts with the same {what}: {', '.join(sorted(twice))}")
    return done
