"""Where a node's logs go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from staddle.errors import CompileError
from staddle.manifest.layout import LOOPBACK

if TYPE_CHECKING:
    from staddle.components.base import Context
    from staddle.inventory.fleet import Node

INSERT = "/insert/jsonline"
ROUTE = "/vlogs"
"""Where a portal has its log store."""
ALL_INFRA = "infra"


@dataclass(frozen=True, slots=True)
class Receiver:
    """A log store. `name` is unique among a node's receivers and stays the same while its place in the inventory does.

    With `identified`, this machine shows it who it is.
    """

    name: str
    url: str
    identified: bool = False

    @property
    def tls(self) -> bool:
        return self.url.startswith("https://")


def receivers(ctx: Context) -> tuple[Receiver, ...]:
    """The receivers of the context's node, as `vector_log_endpoint` names them. Raises CompileError."""
    found: dict[str, Receiver] = {}
    for position, entry in enumerate(ctx.params.vector_log_endpoint, start=1):
        if entry == ALL_INFRA:
            for node in ctx.fleet.infra:
                if node.params.vlogs_enabled and (node.ip, "vlogs") not in ctx.left_out:
                    receiver = _store(ctx, node)
                    found.setdefault(receiver.url, receiver)
        else:
            url = _insert_url(ctx, entry)
            found.setdefault(url, Receiver(f"url-{position}", url))
    return tuple(found.values())


def _store(ctx: Context, node: Node) -> Receiver:
    """That of an INFRA node: on the node itself without the way round by its portal, which may be what there is to log."""
    name = f"infra-{node.infra_seq}"
    if ctx.guarded and node.ip != ctx.node.ip:
        return Receiver(name, f"https://{ctx.portal_of(node)}{ROUTE}{INSERT}", identified=True)
    host = LOOPBACK if ctx.closed else ctx.layout.host(node)
    return Receiver(name, f"http://{host}:{ctx.port(node.params.vlogs_port)}{INSERT}")


def _insert_url(ctx: Context, entry: str) -> str:
    parts = urlsplit(entry)
    if parts.scheme not in {"http", "https"} or not parts.hostname or any(c in entry for c in "'\"\\ \n\t"):
        where = ctx.node.where("vector_log_endpoint")
        raise CompileError(f"{where or ctx.node.ip}: vector_log_endpoint: {entry!r} is neither `infra` nor an HTTP URL")
    return entry if parts.path.strip("/") else entry.rstrip("/") + INSERT
