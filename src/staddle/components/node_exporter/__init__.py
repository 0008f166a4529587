"""node_exporter on every node, and the ICMP probe of every node."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING

from staddle.components.base import PROMETHEUS, Component, Confinement, Context, Draft, Package, Phase, ServiceSpec
from staddle.components.machines import expiries, exporter_flags, exporter_health, exporter_target
from staddle.components.registration import Probe, Registration
from staddle.components.registry import component
from staddle.manifest.layout import LOOPBACK
from staddle.manifest.resources import Directory, File

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.inventory.fleet import Node

NODE_EXPORTER = Package("prometheus-node-exporter", {"node_exporter": "/usr/bin/prometheus-node-exporter"}, "1.5")

TEXTFILES = "/var/lib/node_exporter"
"""Metrics that others leave in files there (`*.prom`) are exposed, too."""


@component
class NodeExporter(Component):
    name = "node_exporter"
    title = "node_exporter"
    phase = Phase.MONITOR
    packages = (NODE_EXPORTER,)
    programs = ("node_exporter",)
    log_format = "logfmt"
    uses_certificates = True

    def enabled(self, node: Node) -> bool:
        return node.params.node_exporter_enabled

    def ports(self, ctx: Context) -> Mapping[str, int]:
        return {"node_exporter_port": ctx.port(ctx.params.node_exporter_port)}

    def register(self, ctx: Context) -> Registration:
        node, params = ctx.node, ctx.params
        labels = {"cls": node.cluster, "ins": node.name, "ip": node.ip}
        target = exporter_target(ctx, "node", params.node_exporter_port, labels, params.exporter_metrics_path)
        return Registration(
            targets=(target,),
            probes=(Probe(node.ip, "icmp", ctx.address, labels, job="ping"),) if ctx.layout.icmp else (),
        )

    def build(self, ctx: Context) -> Draft:
        params, program = ctx.params, ctx.program("node_exporter")
        return Draft(
            resources=(Directory(ctx.at(TEXTFILES)), *_expiries(ctx), *_targets(ctx)),
            service=ServiceSpec(
                name=self.name,
                argv=(
                    program.path,
                    f"--web.listen-address={ctx.listen(params.node_exporter_port)}",
                    f"--web.telemetry-path={params.exporter_metrics_path}",
                    *exporter_flags(ctx),
                    f"--collector.textfile.directory={ctx.at(TEXTFILES)}",
                    # Debian's build asks systemd by default, which a sandbox has none of.
                    *(["--no-collector.systemd"] if ctx.layout.is_sandbox else []),
                    *_ntp_collector(ctx),
                    *shlex.split(params.node_exporter_options),
                ),
                health=exporter_health(
                    ctx, params.node_exporter_port, params.exporter_metrics_path, "node_exporter_build_info"
                ),
                environment=program.environment,
                displaces=("prometheus-node-exporter",),
                # It reads the clock's state with the call that also sets it; without the right to do so it can't set it.
                confinement=Confinement(
                    PROMETHEUS,
                    PROMETHEUS,
                    # It asks the kernel for the state of interfaces and connections.
                    families=("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"),
                    calls=("@clock",),
                    memory=5,
                    umask="0077",
                    sees_host=True,
                    touches_clock=True,
                ),
            ),
        )


def _expiries(ctx: Context) -> list[File]:
    content = expiries(ctx)
    return [] if content is None else [File(ctx.at(f"{TEXTFILES}/certificates.prom"), content, on_change="none")]


def _targets(ctx: Context) -> list[File]:
    """How many targets an INFRA node is to scrape for each job: one that isn't looked at is missed by nobody else."""
    if not (ctx.node.is_infra and ctx.params.vmetrics_enabled):
        return []
    probes = ctx.registry.probes if ctx.params.blackbox_enabled else ()
    jobs = [target.job for target in ctx.registry.targets]
    jobs += [probe.job for probe in probes if probe.only_on in {None, ctx.node.ip}]
    metric = "staddle_registered_targets"
    lines = [f"# HELP {metric} How many targets of a job the inventory has.", f"# TYPE {metric} gauge"]
    lines += [f'{metric}{{of="{job}"}} {count}' for job, count in sorted(Counter(jobs).items())]
    return [File(ctx.at(f"{TEXTFILES}/targets.prom"), ("\n".join(lines) + "\n").encode(), on_change="none")]


def _ntp_collector(ctx: Context) -> list[str]:
    """Asks this node's own time server what it would tell its clients."""
    if not (ctx.node.is_infra and ctx.params.node_ntp_enabled):
        return []
    return [
        "--collector.ntp",
        f"--collector.ntp.server={LOOPBACK}",
        f"--collector.ntp.server-port={ctx.port(ctx.params.node_ntp_port)}",
        "--collector.ntp.server-is-local",
    ]
