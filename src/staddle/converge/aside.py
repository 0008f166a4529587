"""What is set aside: a firewall, and package sources of others, with every line commented out, so that nothing of them is
lost to whoever looks.
"""

from __future__ import annotations

OUR_SOURCES = "/etc/apt/sources.list.d/staddle.sources"
"""Where ours are."""
SWITCHED_OFF = "/var/lib/misc/staddle-firewall"
"""Notes which firewall was switched off: one that is at work as soon as it may be again."""
BEFORE = "# before Staddle: "
"""Begins the line of our resolver configuration that says whom the host asked before us."""
NETWORK_MANAGER = "/etc/NetworkManager/conf.d/50-staddle.conf"
"""Where that is with NetworkManager; elsewhere it's in /etc/resolv.conf."""
_HEAD = "# Set aside by Staddle: other package sources are in force (staddle.sources)."
_OUT = "#~ "


def set_aside(text: str) -> str:
    """A file of package sources with everything in it commented out."""
    return "".join(f"{line}\n" for line in [_HEAD, *(f"{_OUT}{line}" for line in text.splitlines())])


def brought_back(text: str) -> str:
    """The inverse of `set_aside`. A file that is not set aside is what it is."""
    lines = text.splitlines()
    if lines[:1] != [_HEAD]:
        return text
    return "".join(f"{line.removeprefix(_OUT)}\n" for line in lines[1:])
