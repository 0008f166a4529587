"""Where a node's logs go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from staddle.errors import CompileError

if TYPE_CHECKING:
    from staddle.components.base import Context

INSERT = "/insert/jsonline"
ALL_INFRA = "infra"


@dataclass(frozen=True, slots=True)
class Receiver:
    """A log store. `name` is unique among a node's receivers and stays the same while its place in the inventory does."""

    name: str
    url: str

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
                    url = f"http://{ctx.layout.address(node)}:{ctx.port(node.params.vlogs_port)}{INSERT}"
                    found.setdefault(url, Receiver(f"infra-{node.infra_seq}", url))
        else:
            url = _insert_url(ctx, entry)
            found.setdefault(url, Receiver(f"url-{position}", url))
    return tuple(found.values())


def _insert_url(ctx: Context, entry: str) -> str:
    parts = urlsplit(entry)
    if parts.scheme not in {"http", "https"} or not parts.hostname or any(c in entry for c in "'\"\\ \n\t"):
        where = ctx.node.where("vector_log_endpoint")
        raise CompileError(f"{where or ctx.node.ip}: vector_log_endpoint: {entry!r} is neither `infra` nor an HTTP URL")
    return entry if parts.path.strip("/") else entry.rstrip("/") + INSERT
