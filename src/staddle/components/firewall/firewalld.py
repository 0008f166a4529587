"""A zone for the trusted networks and a policy for the open ports, in files of our own that firewalld reads.

Its other zones stay as they are: what they let in still comes in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Draft
from staddle.components.render import NOTE
from staddle.manifest.resources import Command, File, Validator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.components.base import Context

HOME = "/etc/firewalld"
RELOAD = ("firewall-cmd", "--quiet", "--reload")
# It may have been switched off since.
UNDO = ("sh", "-c", "! systemctl is-active --quiet firewalld.service || firewall-cmd --quiet --reload")


def firewalld(ctx: Context, networks: Sequence[str], ports: Sequence[int]) -> Draft:
    """Both files, judged by firewalld before they are in force."""
    zone = ['<zone target="ACCEPT">', *(f'  <source address="{network}"/>' for network in networks), "</zone>"]
    policy = ['<policy target="CONTINUE" priority="-10">']
    policy += ['  <ingress-zone name="ANY"/>', '  <egress-zone name="HOST"/>']
    policy += [f'  <port port="{port}" protocol="tcp"/>' for port in ports] + ["</policy>"]
    home = ctx.at(HOME)
    check = ("firewall-offline-cmd", "--system-config", f"{{stage}}{home}", "--check-config")
    return Draft(
        resources=(
            File(f"{home}/zones/staddle-trusted.xml", _xml(zone), on_change="none"),
            File(f"{home}/policies/staddle.xml", _xml(policy), on_change="none"),
        ),
        validators=(Validator("firewall-offline-cmd --check-config", check),),
        commands=(Command("firewalld", RELOAD, check=("firewall-cmd", "--info-policy=staddle"), undo=UNDO),),
    )


def _xml(lines: list[str]) -> bytes:
    head = ['<?xml version="1.0" encoding="utf-8"?>', f"<!-- {NOTE} -->"]
    return "".join(f"{line}\n" for line in [*head, *lines]).encode()
