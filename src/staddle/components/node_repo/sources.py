"""Which package sources a node shall have, and how apt is told (deb822, see sources.list(5))."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.components.repo import home_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.components.base import Context

LOCAL = "local"
COMPONENT = "main"
"""The one that the local repository has."""


@dataclass(frozen=True, slots=True)
class Source:
    """One definition. Its `uris` have the same packages; a suite that ends in `/` has no components.

    `keys` is what it is signed with (armoured OpenPGP); empty: one of the keys that the host trusts for everything.
    `trusted`: nobody vouches for its packages, and they are taken all the same.
    """

    name: str
    uris: tuple[str, ...]
    suite: str
    components: tuple[str, ...] = ()
    keys: str = ""
    trusted: bool = False

    def stanza(self) -> str:
        """As deb822."""
        lines = [f"X-Staddle: {self.name}", "Types: deb", f"URIs: {' '.join(self.uris)}", f"Suites: {self.suite}"]
        lines += [f"Components: {' '.join(self.components)}"] if self.components else []
        lines += ["Trusted: yes"] if self.trusted else []
        if self.keys:
            # Within the definition, so that it can be tried before it is in its place.
            lines += ["Signed-By:", *(f" {line or '.'}" for line in self.keys.strip().splitlines())]
        return "".join(f"{line}\n" for line in lines)


def sources_of(ctx: Context) -> list[Source]:
    """The node's, in the order of its modules: what is first wins among equal versions."""
    given = ctx.material.sources.get(ctx.node.ip, {}) if ctx.material else {}
    found: list[Source] = []
    for module in dict.fromkeys(ctx.params.node_repo_modules):
        if module == LOCAL:
            found += _local(ctx)
        else:
            found += given.get(module, ())
    return found


def _local(ctx: Context) -> list[Source]:
    """The repositories of the INFRA nodes, or the one behind `repo_endpoint`. None as long as none was built."""
    key = ctx.material.repo_key if ctx.material else ""
    codename = ctx.layout.system.codename
    if not (key and codename):
        return []
    return [Source(LOCAL, tuple(_urls(ctx)), codename, (COMPONENT,), key)]


def _urls(ctx: Context) -> list[str]:
    params = ctx.params
    usual = f"http://{params.admin_ip}:{params.nginx_port}"
    if params.repo_endpoint.rstrip("/") != usual:
        return [f"{params.repo_endpoint.rstrip('/')}/{params.repo_name}"]
    urls = []
    # The one that gives services to all comes first; on an INFRA node, its own files do.
    serving = [node for node in ctx.fleet.infra if node.params.repo_enabled]
    for node in sorted(serving, key=lambda node: (node.ip != ctx.node.ip, node.ip != params.admin_ip)):
        if node.ip == ctx.node.ip:
            urls.append(f"file:{home_of(node.params)}/{node.params.repo_name}")
            continue
        port = "" if node.params.nginx_port == 80 else f":{node.params.nginx_port}"
        urls.append(f"http://{ctx.layout.host(node)}{port}/{node.params.repo_name}")
    return urls


def render(sources: Sequence[Source], note: str) -> bytes:
    """The file that apt reads."""
    return (f"# {note}\n\n" + "\n".join(source.stanza() for source in sources)).encode()
