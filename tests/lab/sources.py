"""Debian's package sources for any release, derived from what this machine's apt is set up with.

Nothing here names a mirror: apt is asked for its own, and the release is exchanged.
"""

from __future__ import annotations

import functools
import platform
import re
import subprocess
from pathlib import Path

from tests.lab.spec import LabUnavailableError

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_OPTIONS = re.compile(r'^(Acquire::(?:Check-Valid-Until|Check-Date|Retries|https?::Proxy\S*) "[^"]+";)$', re.MULTILINE)


@functools.cache
def for_release(release: str) -> str:
    """The content of a sources.list with which apt on this machine sees that release of Debian.

    Raises LabUnavailableError if this machine's apt has no Debian to derive it from.
    """
    lines = _derive(release)
    if not lines:  # a machine that never looked, or one whose lists were cleaned away
        subprocess.run(["apt-get", "-qq", "update"], capture_output=True, check=False)
        lines = _derive(release)
    if not lines:
        raise LabUnavailableError("apt on this machine has no lists of Debian's packages, also after `apt-get update`")
    return "".join(f"{line}\n" for line in lines)


def _derive(release: str) -> list[str]:
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    template = "$(RELEASE)|$(COMPONENT)|$(ORIGIN)|$(REPO_URI)"
    argv = ["apt-get", "indextargets", "--format", template, "Created-By: Packages"]
    listing = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    signed = f" [signed-by={_KEYRING}]" if _KEYRING.exists() else ""
    lines: dict[str, None] = {}
    for line in listing.splitlines():
        suite, component, origin, uri = line.split("|", 3)
        if component == "main" and re.fullmatch(rf"{codename}(-updates|-security)?", suite) and origin == "Debian":
            lines[f"deb{signed} {uri} {release}{suite.removeprefix(codename)} main"] = None
    return list(lines)


@functools.cache
def architecture() -> str:
    """This machine's, and so its hosts'."""
    argv = ["dpkg", "--print-architecture"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def options() -> list[str]:
    """Settings of this machine's apt that its mirror may need: proxies, and how old an index may be."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return _OPTIONS.findall(dump)
