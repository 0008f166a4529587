"""What others set up and what has metrics of its own: INFRA nodes scrape it, and nothing of ours runs beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from staddle.components.base import Component, Context, Draft, Phase
from staddle.components.machines import CA_PATH, client_tls
from staddle.components.registration import ClientTls, LogSource, Probe, Registration, Target
from staddle.components.registry import component
from staddle.inventory.modules import member, placed

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


class Foreign(Component):
    """A server that registers a target on its own port: under the label `job`, as an instance of `module`."""

    phase = Phase.MODULE
    module: ClassVar[str]
    job: ClassVar[str]
    exporter: ClassVar[str] = ""
    """The label of that name, where it isn't what the job is about."""

    def enabled(self, node: Node) -> bool:
        return member(node, self.module) is not None

    def build(self, ctx: Context) -> Draft:
        del ctx
        return Draft()

    def labels(self, ctx: Context) -> dict[str, str]:
        place = placed(ctx.node, self.module)
        own = {"exporter": self.exporter} if self.exporter else {}
        return {"cls": place.cluster, "ins": place.ins, "ip": ctx.node.ip, **own}

    def target(self, ctx: Context, port: int, path: str, tls: ClientTls | None = None) -> Registration:
        labels, scheme = self.labels(ctx), "https" if tls else "http"
        # Its port is not ours to move.
        target = Target(self.job, labels["ins"], f"{ctx.host}:{port}", labels, path, scheme, tls=tls)
        return Registration(targets=(target,))


@component
class Etcd(Foreign):
    name = module = job = "etcd"
    title = "etcd"

    def register(self, ctx: Context) -> Registration:
        params = ctx.params
        own = ClientTls(*(ctx.at(path) if path else "" for path in (params.etcd_ca, params.etcd_cert, params.etcd_key)))
        return self.target(ctx, params.etcd_port, "/metrics", _trusting(ctx, own) if params.etcd_https else None)

    def logs(self, ctx: Context) -> tuple[LogSource, ...]:
        if not ctx.params.etcd_log:
            return ()
        return (LogSource("etcd", "json", {"job": "etcd", **self.labels(ctx)}, (ctx.at(ctx.params.etcd_log),)),)


@component
class Minio(Foreign):
    name = module = job = "minio"
    title = "MinIO"

    def register(self, ctx: Context) -> Registration:
        params = ctx.params
        tls = _trusting(ctx, ClientTls("")) if params.minio_https else None
        return self.target(ctx, params.minio_port, params.minio_metrics_path, tls)


@component
class Patroni(Foreign):
    name = exporter = "patroni"
    title = "Patroni"
    module = job = "pgsql"

    def enabled(self, node: Node) -> bool:
        return node.params.patroni_enabled and super().enabled(node)

    def register(self, ctx: Context) -> Registration:
        params = ctx.params
        own = ClientTls(ctx.at(params.patroni_ca) if params.patroni_ca else "")
        return self.target(
            ctx, params.patroni_port, "/metrics", _trusting(ctx, own) if params.patroni_ssl_enabled else None
        )


class OnNode(Foreign):
    """What a node has beside its own exporter."""

    module = job = "node"

    def labels(self, ctx: Context) -> dict[str, str]:
        node = ctx.node
        return {"cls": node.cluster, "ins": node.name, "ip": node.ip, "exporter": self.exporter}

    def target(self, ctx: Context, port: int, path: str, tls: ClientTls | None = None) -> Registration:
        found = super().target(ctx, port, path, tls)
        return Registration(targets=tuple(replace(target, file=ctx.node.ip) for target in found.targets))


@component
class Haproxy(OnNode):
    name = exporter = "haproxy"
    title = "HAProxy"

    def enabled(self, node: Node) -> bool:
        return node.params.haproxy_enabled

    def register(self, ctx: Context) -> Registration:
        return self.target(ctx, ctx.params.haproxy_exporter_port, ctx.params.exporter_metrics_path)


@component
class Keepalived(OnNode):
    name = exporter = "keepalived"
    title = "keepalived"

    def enabled(self, node: Node) -> bool:
        return node.params.vip_enabled

    def labels(self, ctx: Context) -> dict[str, str]:
        return {**super().labels(ctx), "vip": _vip(ctx)}

    def register(self, ctx: Context) -> Registration:
        probes = _pings(ctx)
        if not ctx.params.vip_exporter_enabled:
            return Registration(probes=probes)
        found = self.target(ctx, ctx.params.vip_exporter_port, ctx.params.exporter_metrics_path)
        return replace(found, probes=probes)


def _pings(ctx: Context) -> tuple[Probe, ...]:
    """The floating address itself, whoever has it: once for all who share it."""
    sharing = [node for node in ctx.fleet.nodes if node.params.vip_enabled and _address(node) == _vip(ctx)]
    if not ctx.layout.icmp or ctx.layout.is_sandbox or ctx.node is not sharing[0]:
        return ()
    cluster = ctx.node.cluster
    labels = {"cls": cluster, "ins": f"{cluster}-vip", "ip": _vip(ctx)}
    return (Probe(f"{_vip(ctx)}---vip", "icmp", _vip(ctx), labels, job="ping"),)


def _vip(ctx: Context) -> str:
    return _address(ctx.node)


def _address(node: Node) -> str:
    return node.params.vip_address.partition("/")[0]


def _trusting(ctx: Context, own: ClientTls) -> ClientTls:
    """What was given, with Staddle's own CAs and certificate for what was not."""
    ours = client_tls(ctx) if ctx.closed else {"ca_file": ctx.at(CA_PATH), "cert_file": "", "key_file": ""}
    pair = (own.certificate, own.key) if own.certificate else (ours["cert_file"], ours["key_file"])
    return ClientTls(own.ca or ours["ca_file"], *pair)
