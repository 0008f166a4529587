"""The administrator of the node: an account, keys to log in with, and what sudo allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Package, Phase
from staddle.components.registry import component
from staddle.components.render import NOTE
from staddle.manifest.resources import Directory, File, Group, Section, User, Validator

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


GROUP = "admin"
SUDO = {
    "limit": "ALL=(root) NOPASSWD: /usr/bin/systemctl, /usr/bin/journalctl",
    "all": "ALL=(ALL:ALL) ALL",
    "nopass": "ALL=(ALL:ALL) NOPASSWD: ALL",
}


@component
class AdminUser(Component):
    name = "admin_user"
    title = "Administrator"
    phase = Phase.NODE
    system_only = True
    packages = (Package("sudo", {}),)

    def enabled(self, node: Node) -> bool:
        return node.params.node_admin_enabled

    def packages_on(self, node: Node) -> tuple[Package, ...]:
        return () if node.params.node_admin_sudo == "none" else self.packages

    def build(self, ctx: Context) -> Draft:
        params = ctx.params
        name = params.node_admin_username
        home = ctx.at(f"/home/{name}")
        current = ctx.material.admin_keys if ctx.material and params.node_admin_pk_current else ()
        keys = "".join(f"{key}\n" for key in dict.fromkeys([*map(str.strip, params.node_admin_pk_list), *current]))
        rule = SUDO.get(params.node_admin_sudo)
        sudoers = ctx.at(f"/etc/sudoers.d/50-staddle-{name.replace('.', '-')}")
        text = f"# {NOTE}\n{name} {rule}\n".encode()
        return Draft(
            resources=(
                Directory(home, mode=0o700, owner=name, group=GROUP),
                Directory(f"{home}/.ssh", mode=0o700, owner=name, group=GROUP),
                # Keys that somebody added there by hand stay.
                *([Section(f"{home}/.ssh/authorized_keys", "keys", keys.encode(), 0o600, name, GROUP)] if keys else []),
                *([File(sudoers, text, mode=0o440, on_change="none")] if rule else []),
            ),
            validators=(Validator("visudo", ("/usr/sbin/visudo", "-cqf", f"{{stage}}{sudoers}")),) if rule else (),
            accounts=(
                Group(GROUP),
                User(name, GROUP, home=home, shell="/bin/bash", uid=params.node_admin_uid, system=False),  # noqa: S604
            ),
        )
