"""Kernel parameters: those of the inventory, huge pages, and what components of the node need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registry import component
from staddle.components.render import NOTE
from staddle.manifest.layout import System
from staddle.manifest.resources import Command, File

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.inventory.fleet import Node


PATH = "/etc/sysctl.d/60-staddle.conf"
LARGEST_SHARE = 0.9
APPLY = "/usr/lib/systemd/systemd-sysctl"
_CHECK = """\
while [ $# -gt 0 ]; do
  [ ! -w "$1" ] || [ "$(echo $(cat "$1"))" = "$2" ] || exit 1
  shift 2
done
"""


@component
class Kernel(Component):
    name = "kernel"
    title = "Kernel parameters"
    phase = Phase.NODE
    system_only = True

    def enabled(self, node: Node) -> bool:
        return bool(_parameters(node, System(memory=1)))

    def build(self, ctx: Context) -> Draft:
        wanted = _parameters(ctx.node, ctx.layout.system)
        lines = [f"# {NOTE}", *(f"{key} = {value}" for key, value in sorted(wanted.items()))]
        # It passes over what a container may not set, and says so in the journal. Undone, what other files say is in force
        # again; what none of them mentions stays until the next boot.
        check = ("sh", "-c", _CHECK, "sh", *_comparable(wanted))
        apply = Command("sysctl", (APPLY, ctx.at(PATH)), check=check, undo=(APPLY,))
        return Draft(
            resources=(File(ctx.at(PATH), "".join(f"{line}\n" for line in lines).encode(), on_change="none"),),
            commands=(apply,),
        )


def _parameters(node: Node, system: System) -> dict[str, str]:
    """What the inventory says itself comes last, and wins."""
    params, needed = node.params, {}
    if node.is_infra and params.blackbox_enabled:
        # Lets every user send pings, so that the prober needs no capability for that.
        needed["net.ipv4.ping_group_range"] = "0 2147483647"
    if params.node_hugepage_count or params.node_hugepage_ratio:
        needed["vm.nr_hugepages"] = str(huge_pages(params.node_hugepage_count, params.node_hugepage_ratio, system))
    if params.node_overcommit_ratio:
        needed |= {"vm.overcommit_memory": "2", "vm.overcommit_ratio": str(params.node_overcommit_ratio)}
    return {**needed, **params.node_sysctl_params}


def huge_pages(count: int, ratio: float, system: System) -> int:
    """How many there shall be. A share of the memory leaves a tenth of it to everybody else."""
    return count or int(min(ratio, LARGEST_SHARE) * system.memory / system.huge_page)


def _comparable(wanted: Mapping[str, str]) -> list[str]:
    """Files below /proc/sys, each followed by what it has to say. Only those that say what they were told: numbers, and
    not of pages that there may be too few of.
    """
    words = []
    for key, value in sorted(wanted.items()):
        numbers = value.split()
        if all(number.lstrip("-").isdigit() for number in numbers) and not any(c in key for c in "*?["):
            # The first separator is the one that counts; the other one is part of a name (`eth0.1`).
            first = next((c for c in key if c in "./"), ".")
            path = key if first == "/" else key.translate(str.maketrans("./", "/."))
            words += [] if "hugepages" in key else [f"/proc/sys/{path.lstrip('-')}", " ".join(numbers)]
    return words
