"""Where a node gets packages from: the INFRA nodes' repository, upstreams, or whatever it had.

What it had is set aside only once the new sources are proven on that very host: their signed index was fetched, and
what the node needs could be installed from them (`staddle.converge.prove`). The files stay, with every line commented
out; when they are no longer to be set aside, or if something fails, they are as they were.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.node_repo.sources import render, sources_of
from staddle.components.registry import all_components, component
from staddle.components.render import NOTE
from staddle.converge.aside import OUR_SOURCES, set_aside
from staddle.errors import CompileError
from staddle.manifest.resources import Command, File, Validator

if TYPE_CHECKING:
    from staddle.components.node_repo.sources import Source
    from staddle.inventory.fleet import Node

CA = "/etc/apt/keyrings/staddle-ca.crt"
SETTINGS = "/etc/apt/apt.conf.d/50staddle-sources"
UPDATE = ("apt-get", "update", "-qq")
# Those that are set up again may lead nowhere by now; that is no reason not to give them back.
FORGET = ("sh", "-c", "apt-get update -qq || true")


@component
class NodeRepo(Component):
    name = "node_repo"
    title = "Package sources"
    phase = Phase.REPO
    after = ("repo",)
    system_only = True

    def enabled(self, node: Node) -> bool:
        return bool(node.params.node_repo_modules)

    def build(self, ctx: Context) -> Draft:
        sources = sources_of(ctx)
        if not sources:
            return Draft()
        ours, system = ctx.at(OUR_SOURCES), ctx.layout.system
        hosts = _certified(ctx, sources)
        resources = [File(ours, render(sources, NOTE), on_change="none"), *_trust(ctx, hosts)]
        if ctx.params.node_repo_remove:
            resources += [
                File(ctx.at(old.path), set_aside(old.text).encode(), mode=old.mode, on_change="none",
                     secret=not old.mode & 0o007)
                for old in system.sources
            ]  # fmt: skip
        needed = sorted({p.name for c in all_components() if c.enabled(ctx.node)
                         for p in c.packages_on(ctx.node) if not p.optional})  # fmt: skip
        staged = [f"-oAcquire::https::{host}::CaInfo={{stage}}{ctx.at(CA)}" for host in hosts]
        # No file of the host's: nothing is there before it is proven.
        program = (files("staddle.converge") / "prove.py").read_text(encoding="utf-8")
        argv = (ctx.layout.python, "-Ic", program, f"{{stage}}{ours.rpartition('/')[0]}", *staged, "--", *needed)
        return Draft(
            resources=tuple(resources),
            validators=(Validator("new package sources", argv, timeout=900, provisional=True),),
            commands=(Command("apt-get-update", UPDATE, undo=FORGET, timeout=600),),
        )


def _certified(ctx: Context, sources: list[Source]) -> list[str]:
    """The hosts among them that speak TLS with a certificate of our own CA, which a bare host need not know yet."""
    urls = [urlsplit(uri) for source in sources for uri in source.uris]
    # A portal that insists on it sends its visitors there.
    insisting = {node.ip for node in ctx.fleet.infra if node.params.nginx_sslmode == "enforce"}
    infra = {node.ip for node in ctx.fleet.infra}
    found = {u.hostname for u in urls if u.hostname in insisting or (u.scheme == "https" and u.hostname in infra)}
    return sorted(host for host in found if host)


def _trust(ctx: Context, hosts: list[str]) -> list[File]:
    """How apt knows our CA."""
    if not hosts:
        return []
    if ctx.material is None:
        raise CompileError("compiling needs the CA's certificate")
    lines = [f'Acquire::https::{host}::CaInfo "{ctx.at(CA)}";' for host in hosts]
    return [
        File(ctx.at(CA), ctx.material.ca_certificate, on_change="none"),
        File(ctx.at(SETTINGS), "".join(f"{line}\n" for line in (f"// {NOTE}", *lines)).encode(), on_change="none"),
    ]
