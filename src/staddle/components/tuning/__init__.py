"""Tuning by TuneD, with profiles of our own for databases: `oltp`, `olap`, `crit` and `tiny`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Package, Phase
from staddle.components.registry import component
from staddle.components.render import NOTE
from staddle.components.tuning.profiles import PROFILES
from staddle.manifest.resources import Command, Directory, File

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node

TUNED = Package("tuned", {"tuned-adm": "/usr/sbin/tuned-adm"}, "2.10", optional=True)
HOME = "/etc/tuned"
MOVED = (2, 23)
"""From this version on, profiles are in a directory of their own."""
UNIT = "tuned.service"
# A daemon that nobody used before is left as it was: not running.
GIVE_BACK = f'if [ -s "$1" ]; then systemctl restart {UNIT}; else systemctl disable --now {UNIT}; fi'


@component
class Tuning(Component):
    name = "tuning"
    title = "Tuning profile"
    phase = Phase.NODE
    system_only = True
    packages = (TUNED,)
    programs = ("tuned-adm",)

    def enabled(self, node: Node) -> bool:
        return node.params.node_tune != "none"

    def build(self, ctx: Context) -> Draft:
        name, home = ctx.params.node_tune, ctx.at(HOME)
        profile, program = PROFILES[name], self.program_on(ctx)
        folder = f"{home}/profiles/{name}" if program.release >= MOVED else f"{home}/{name}"
        active = f"{home}/active_profile"
        use = f"systemctl enable --quiet {UNIT} && systemctl restart {UNIT}"
        # It says so itself, and not only what it was told.
        check = f'systemctl is-active --quiet {UNIT} && {program.path} active | grep -qx "Current active profile: $1"'
        return Draft(
            resources=(
                Directory(folder),
                File(f"{folder}/tuned.conf", f"# {NOTE}\n{profile}".encode(), on_change="none"),
                File(active, f"{name}\n".encode(), on_change="none"),
                File(f"{home}/profile_mode", b"manual\n", on_change="none"),
            ),
            commands=(
                Command("tuned", ("sh", "-c", use), check=("sh", "-c", check, "sh", name), timeout=120,
                        undo=("sh", "-c", GIVE_BACK, "sh", active)),
            ),
        )  # fmt: skip
