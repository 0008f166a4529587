"""The package repository of INFRA nodes: what `staddle repo build` made on the ADMIN node, served to everybody by nginx.

On a real host it comes as trees: one with the indexes, in which every package is a link into one of a few others, so that a
new package costs those it shares a tree with, and not all. The link that is served is exchanged once all is there. A
sandbox is the ADMIN node, and serves what lies there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.registration import Listing, Probe, Registration
from staddle.components.registry import component
from staddle.manifest.layout import EMBEDDED
from staddle.manifest.resources import Directory, Symlink, Tree

if TYPE_CHECKING:
    from staddle.components.material import Repository
    from staddle.inventory.fleet import Node
    from staddle.inventory.parameters import Parameters

COMPLETE = "repo_complete"


def home_of(params: Parameters) -> str:
    """The directory that has the repository: `repo_home`, and where that leads if it is the web root."""
    return params.nginx_data if params.repo_home == params.nginx_home else params.repo_home


def shard_path(home: str, name: str, address: str) -> str:
    """Where a part of the repository lies on a host."""
    return f"{home}/.{name}/parts/{address[:16]}"


@component
class Repo(Component):
    name = "repo"
    title = "Package repository"
    phase = Phase.REPO

    def enabled(self, node: Node) -> bool:
        return node.is_infra and node.params.repo_enabled

    def register(self, ctx: Context) -> Registration:
        repository = _of(ctx)
        if repository is None or not ctx.params.nginx_enabled:
            return Registration()
        params, instance = ctx.params, ctx.instance(self.name)
        url = f"http://{ctx.host}:{ctx.port(params.nginx_port)}/{params.repo_name}/{COMPLETE}"
        labels = {"cls": self.name, "ins": instance, "ip": ctx.node.ip}
        listing = Listing(
            component=self.name,
            instance=instance,
            node_ip=ctx.node.ip,
            title=self.title,
            version=repository.id[:8],
            provider=EMBEDDED,
            port=ctx.port(params.nginx_port),
            health_query=f'probe_success{{job="probe",ins="{instance}"}}' if params.blackbox_enabled else "",
            url=f"/{params.repo_name}/",
        )
        return Registration(probes=(Probe(instance, "http_2xx", url, labels),), listings=(listing,))

    def build(self, ctx: Context) -> Draft:
        repository = _of(ctx)
        if repository is None:
            return Draft()
        home, name = ctx.at(home_of(ctx.params)), ctx.params.repo_name
        if ctx.layout.is_sandbox:
            return Draft(resources=(Directory(home), Symlink(f"{home}/{name}", repository.link)))
        origin = f"package repository {name}"
        shards = tuple(Tree(shard_path(home, name, address), address, origin) for address in repository.shards)
        main = Tree(f"{home}/.{name}/trees/{repository.main[:16]}", repository.main, origin)
        return Draft(
            resources=(Directory(home, mode=None), Symlink(f"{home}/{name}", f".{name}/trees/{repository.main[:16]}")),
            trees=(*shards, main),
        )


def _of(ctx: Context) -> Repository | None:
    """What the ADMIN node has to serve; None as long as that is nothing."""
    return ctx.material.repository if ctx.material else None
