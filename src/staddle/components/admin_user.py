"""The administrator of the node: an account, keys to log in with, and what sudo allows."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Package, Phase
from staddle.components.registry import component
from staddle.components.render import NOTE
from staddle.manifest.resources import Directory, File, Group, Section, User, Validator

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node
    from staddle.manifest.resources import Resource


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
        peers, more = _exchange(ctx, home)
        keys = "".join(
            f"{key}\n" for key in dict.fromkeys([*map(str.strip, params.node_admin_pk_list), *current, *peers])
        )
        rule = SUDO.get(params.node_admin_sudo)
        sudoers = ctx.at(f"/etc/sudoers.d/50-staddle-{name.replace('.', '-')}")
        text = f"# {NOTE}\n{name} {rule}\n".encode()
        return Draft(
            resources=(
                Directory(home, mode=0o700, owner=name, group=GROUP),
                Directory(f"{home}/.ssh", mode=0o700, owner=name, group=GROUP),
                # Keys that somebody added there by hand stay.
                *([Section(f"{home}/.ssh/authorized_keys", "keys", keys.encode(), 0o600, name, GROUP)] if keys else []),
                *more,
                *([File(sudoers, text, mode=0o440, on_change="none")] if rule else []),
            ),
            validators=(Validator("visudo", ("/usr/sbin/visudo", "-cqf", f"{{stage}}{sudoers}")),) if rule else (),
            accounts=(
                Group(GROUP),
                User(name, GROUP, home=home, shell="/bin/bash", uid=params.node_admin_uid, system=False),  # noqa: S604
            ),
        )


def exchanges(node: Node) -> bool:
    """Whether the node's administrator may log in from there on other nodes, and from others there."""
    return node.params.node_admin_enabled and node.params.node_admin_ssh_exchange


def _exchange(ctx: Context, home: str) -> tuple[list[str], list[Resource]]:
    """Whose word lets administrators of other nodes in, and what those of this one log in with."""
    own = ctx.material.ssh.get(ctx.node.ip) if ctx.material else None
    if ctx.material is None or own is None or not exchanges(ctx.node):
        return [], []
    name, ssh = ctx.params.node_admin_username, f"{home}/.ssh"
    return [f'cert-authority,principals="{name}" {ctx.material.ssh_ca}'], [
        File(f"{ssh}/id_staddle", own.key, 0o600, name, GROUP, on_change="none", secret=True),
        File(f"{ssh}/id_staddle-cert.pub", own.certificate, 0o644, name, GROUP, on_change="none"),
        Section(f"{ssh}/config", "nodes", _config(tuple(ctx.fleet.nodes)), 0o600, name, GROUP),
    ]


@lru_cache(maxsize=1)
def _config(nodes: tuple[Node, ...]) -> bytes:
    """How ssh goes about it: a node that is met for the first time is believed to be who it is, and from then on known."""
    names = dict.fromkeys([*(node.ip for node in nodes), *(node.name for node in nodes)])
    lines = [f"Host {' '.join(names)}", "    IdentityFile ~/.ssh/id_staddle", "    StrictHostKeyChecking accept-new"]
    return "".join(f"{line}\n" for line in lines).encode()
