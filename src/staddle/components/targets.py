"""What others set up and what has metrics of its own: INFRA nodes scrape it, and nothing of ours runs beside it.

etcd and MinIO as modules of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.machines import CA_PATH, client_tls
from staddle.components.registration import ClientTls, LogSource, Registration, Target
from staddle.components.registry import component
from staddle.inventory.modules import Member, member

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


class Foreign(Component):
    """A server that registers a target on its own port. `name` is its module, and the label `job`."""

    phase = Phase.MODULE

    def enabled(self, node: Node) -> bool:
        return member(node, self.name) is not None

    def build(self, ctx: Context) -> Draft:
        del ctx
        return Draft()

    def place(self, ctx: Context) -> Member:
        place = member(ctx.node, self.name)
        if place is None:
            raise ValueError(f"{ctx.node.ip} has no {self.name}")
        return place

    def labels(self, ctx: Context) -> dict[str, str]:
        place = self.place(ctx)
        return {"cls": place.cluster, "ins": place.ins, "ip": ctx.node.ip}

    def target(self, ctx: Context, port: int, path: str, tls: ClientTls | None) -> Target:
        scheme = "https" if tls else "http"
        return Target(self.name, self.place(ctx).ins, f"{ctx.host}:{port}", self.labels(ctx), path, scheme, tls=tls)


@component
class Etcd(Foreign):
    name = "etcd"
    title = "etcd"

    def register(self, ctx: Context) -> Registration:
        params = ctx.params
        own = ClientTls(*(ctx.at(path) if path else "" for path in (params.etcd_ca, params.etcd_cert, params.etcd_key)))
        tls = _trusting(ctx, own) if params.etcd_https else None
        return Registration(targets=(self.target(ctx, params.etcd_port, "/metrics", tls),))

    def logs(self, ctx: Context) -> tuple[LogSource, ...]:
        if not ctx.params.etcd_log:
            return ()
        return (LogSource("etcd", "json", {"job": "etcd", **self.labels(ctx)}, (ctx.at(ctx.params.etcd_log),)),)


@component
class Minio(Foreign):
    name = "minio"
    title = "MinIO"

    def register(self, ctx: Context) -> Registration:
        params = ctx.params
        tls = _trusting(ctx, ClientTls("")) if params.minio_https else None
        return Registration(targets=(self.target(ctx, params.minio_port, params.minio_metrics_path, tls),))


def _trusting(ctx: Context, own: ClientTls) -> ClientTls:
    """What was given, with Staddle's own CAs and certificate for what was not."""
    ours = client_tls(ctx) if ctx.closed else {"ca_file": ctx.at(CA_PATH), "cert_file": "", "key_file": ""}
    pair = (own.certificate, own.key) if own.certificate else (ours["cert_file"], ours["key_file"])
    return ClientTls(own.ca or ours["ca_file"], *pair)
