"""Rules with the comment `staddle`, beside those of others. A rule that somebody else has made already stays theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Draft
from staddle.manifest.resources import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

# As `ufw show added` prints them: `ufw allow 22/tcp comment 'staddle'`.
_FUNCTIONS = """\
ours() { ufw show added | sed -n "s/^ufw \\(.*\\) comment 'staddle'\\$/\\1/p"; }
theirs() { ufw show added | grep -v "comment 'staddle'\\$" | sed -n "s/^ufw //; s/ comment '.*'\\$//; p"; }
wanted() { for rule; do theirs | grep -qxF -e "$rule" || echo "$rule"; done; }
"""
_TELL = f"""set -eu
{_FUNCTIONS}
ours | while read -r rule; do wanted "$@" | grep -qxF -e "$rule" || ufw delete $rule; done
wanted "$@" | while read -r rule; do ours | grep -qxF -e "$rule" || ufw $rule comment staddle; done
"""
_CHECK = f"""set -eu
{_FUNCTIONS}
[ "$(ours | sort)" = "$(wanted "$@" | sort)" ]
"""
_TAKE_BACK = f"""set -eu
{_FUNCTIONS}
ours | while read -r rule; do ufw delete $rule; done
"""


def ufw(networks: Sequence[str], ports: Sequence[int]) -> Draft:
    """What it is told, each time that its rules are others. What it does by default is not ours to say."""
    # It writes a single address without its prefix.
    short = [network.removesuffix("/128" if ":" in network else "/32") for network in networks]
    rules = [*(f"allow from {network}" for network in short), *(f"allow {port}/tcp" for port in ports)]
    command = Command(
        "ufw",
        ("sh", "-c", _TELL, "sh", *rules),
        check=("sh", "-c", _CHECK, "sh", *rules),
        undo=("sh", "-c", _TAKE_BACK),
    )
    return Draft(commands=(command,))
