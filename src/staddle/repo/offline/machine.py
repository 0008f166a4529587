"""What machine this is, and whether a bundle is for it."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .archive import Manifest

ARCHES = {"amd64": "x86_64", "arm64": "aarch64"}
RELEASE_FILES = ("/etc/os-release", "/usr/lib/os-release")
_EL = ("rhel", "centos", "rocky", "almalinux", "ol")


def this_machine() -> dict[str, str]:
    """Family, release and architecture, as a bundle's manifest writes them."""
    values = _os_release()
    family, release = values.get("ID", "unknown"), values.get("VERSION_ID", "")
    like = values.get("ID_LIKE", "").split()
    if family in _EL or "rhel" in like:
        family, release = "el", release.partition(".")[0]
    arch = platform.machine()
    return {"family": family, "release": release, "arch": ARCHES.get(arch, arch)}


def why_not(manifest: Manifest, here: dict[str, str]) -> str | None:
    """Why the bundle's packages are not for this machine, if they aren't."""
    if any(all(machine[key] == here[key] for key in here) for machine in manifest.machines):
        return None
    wanted = ", ".join(_named(machine) for machine in manifest.machines) or "no machine at all"
    return f"this machine is {_named(here)}, and the bundle is for {wanted}"


def why_no_python(manifest: Manifest) -> str | None:
    """Why Staddle itself can't be installed with this Python, if it can't. A bundle may bring packages only."""
    own = ".".join(map(str, sys.version_info[:2]))
    if own in manifest.pythons or not manifest.pythons:
        return None
    return f"this is Python {own}, and the bundle has Staddle for {', '.join(manifest.pythons)}"


def _named(machine: dict[str, str]) -> str:
    return f"{machine['family']} {machine['release']} on {machine['arch']}"


def _os_release() -> dict[str, str]:
    for file in RELEASE_FILES:
        try:
            with open(file, encoding="utf-8") as opened:
                lines = [line.strip().partition("=") for line in opened if "=" in line]
        except OSError:
            continue
        return {key: value.strip("\"'") for key, _, value in lines}
    return {}
