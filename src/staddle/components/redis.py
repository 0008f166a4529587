"""Redis: servers that others set up. Their exporter on the same node asks each of them, and the log agent reads their logs."""

from __future__ import annotations

import ipaddress
import json
import shlex
from typing import TYPE_CHECKING

from staddle.components.base import PROMETHEUS, Component, Confinement, Context, Draft, Package, Phase, ServiceSpec
from staddle.components.machines import NODE, SCRAPERS, certificate, exporter_health, exporter_target, key, trust
from staddle.components.registration import LogSource, Registration, Target
from staddle.components.registry import component
from staddle.inventory.modules import member, placed, redis_instances
from staddle.manifest.layout import LOOPBACK
from staddle.manifest.resources import Directory, File

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.inventory.fleet import Node

# The first whose certificates and password file are these.
REDIS_EXPORTER = Package(
    "prometheus-redis-exporter", {"redis_exporter": "/usr/bin/prometheus-redis-exporter"}, "1.45", smoke=("-version",)
)
PASSWORDS = "/etc/staddle/redis-passwords.json"
"""The passwords of the servers, by their URLs, as redis_exporter reads them."""


@component
class Redis(Component):
    """Registers the servers, whether their exporter is Staddle's or not here at all."""

    name = "redis"
    title = "Redis"
    phase = Phase.MODULE

    def enabled(self, node: Node) -> bool:
        return member(node, "redis") is not None

    def register(self, ctx: Context) -> Registration:
        if not ctx.params.redis_exporter_enabled:
            return Registration()
        return Registration(targets=tuple(_target(ctx, port, ins) for port, ins in redis_instances(ctx.node).items()))

    def logs(self, ctx: Context) -> tuple[LogSource, ...]:
        params, found = ctx.params, []
        for port, ins in redis_instances(ctx.node).items():
            path = params.redis_instances[port].log or f"{params.redis_log_dir.rstrip('/')}/{ins}.log"
            labels = {"job": "redis", "cls": placed(ctx.node, "redis").cluster, "ins": ins, "ip": ctx.node.ip}
            found.append(LogSource(f"redis-{port}", "redis", labels, (ctx.at(path),)))
        return tuple(found)

    def build(self, ctx: Context) -> Draft:
        del ctx
        return Draft()


@component
class RedisExporter(Component):
    name = "redis_exporter"
    title = "redis_exporter"
    phase = Phase.MODULE
    packages = (REDIS_EXPORTER,)
    programs = ("redis_exporter",)
    log_format = "logfmt"
    uses_certificates = True

    def enabled(self, node: Node) -> bool:
        return node.params.redis_exporter_enabled and bool(redis_instances(node))

    def ports(self, ctx: Context) -> Mapping[str, int]:
        return {"redis_exporter_port": ctx.port(ctx.params.redis_exporter_port)}

    def build(self, ctx: Context) -> Draft:
        params, program, password = ctx.params, ctx.program("redis_exporter"), ctx.params.redis_password
        secret = password.get_secret_value() if password else ""
        passwords = {_url(ctx, port): secret for port in redis_instances(ctx.node)} if secret else {}
        owner = ctx.owner(PROMETHEUS)
        return Draft(
            resources=(
                Directory(ctx.at("/etc/staddle")),
                File(ctx.at(PASSWORDS), _json(passwords), mode=0o600, owner=owner, group=owner, secret=True),
            ),
            service=ServiceSpec(
                name=self.name,
                argv=(
                    program.path,
                    # It has no server of its own; which one is asked for is said in each request.
                    "-redis.addr=",
                    f"-redis.password-file={ctx.at(PASSWORDS)}",
                    f"-web.listen-address={ctx.listen(params.redis_exporter_port)}",
                    *_tls_flags(ctx),
                    *shlex.split(params.redis_exporter_options),
                ),
                health=exporter_health(ctx, params.redis_exporter_port, "/health", "ok"),
                environment={**program.environment, **trust(ctx)},
                displaces=("prometheus-redis-exporter",),
                confinement=Confinement(PROMETHEUS, PROMETHEUS, memory=5, umask="0077"),
            ),
        )


def _target(ctx: Context, port: int, ins: str) -> Target:
    labels = {
        "cls": placed(ctx.node, "redis").cluster,
        "ins": ins,
        "ip": ctx.node.ip,
        "instance": f"{_literal(ctx.node.ip)}:{port}",
    }
    target = {"target": _url(ctx, port)}
    return exporter_target(ctx, "redis", ctx.params.redis_exporter_port, labels, "/scrape", target)


def _url(ctx: Context, port: int) -> str:
    """Where the exporter, on the same host, reaches a server. Its port is not ours to move."""
    bound = ctx.params.redis_bind_address
    if ctx.layout.is_sandbox or (bound and ipaddress.ip_address(bound).is_unspecified):
        bound = LOOPBACK
    return f"redis://{_literal(bound or ctx.node.ip)}:{port}"


def _literal(ip: str) -> str:
    return f"[{ip}]" if ":" in ip else ip


def _tls_flags(ctx: Context) -> list[str]:
    if not ctx.guarded:
        return []
    return [
        f"-tls-server-cert-file={certificate(ctx, NODE)}",
        f"-tls-server-key-file={key(ctx, NODE)}",
        f"-tls-server-ca-cert-file={ctx.at(SCRAPERS)}",
    ]


def _json(value: Mapping[str, str]) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()
