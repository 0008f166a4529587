"""The system's own crontab: lines of the inventory in place of what is there, or after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Package, Phase
from staddle.components.registry import component
from staddle.components.render import NOTE
from staddle.manifest.resources import Command, File, Section

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


PATH = "/etc/crontab"
HEADER = ("SHELL=/bin/sh", "PATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin")


@component
class Crontab(Component):
    name = "crontab"
    title = "Scheduled jobs"
    phase = Phase.NODE
    system_only = True
    packages = (Package("cron", {}),)

    def enabled(self, node: Node) -> bool:
        return bool(node.params.node_crontab)

    def build(self, ctx: Context) -> Draft:
        jobs = "".join(f"{line}\n" for line in ctx.params.node_crontab)
        path = ctx.at(PATH)
        whole = "".join(f"{line}\n" for line in (f"# {NOTE}", *HEADER)) + jobs
        table = (
            File(path, whole.encode(), on_change="none")
            if ctx.params.node_crontab_overwrite
            else Section(path, "jobs", jobs.encode())
        )
        # It looks at the table's time by itself. Packages don't start what they bring.
        unit = "cron.service"
        run = Command("cron", ("systemctl", "enable", "--now", unit), check=("systemctl", "is-active", "--quiet", unit))
        return Draft(resources=(table,), commands=(run,))
