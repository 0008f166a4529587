"""dnsmasq: answers for the names of the fleet. Records are files in `/infra/hosts`, one per registrant, noticed at once.

Names that follow the role are files in `/infra/primaries`, which `dns_roles` writes.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from staddle.components import dns_roles
from staddle.components.base import Confinement, Context, Draft, InfraComponent, Package, ServiceSpec
from staddle.components.pgsql import primary_names
from staddle.components.registration import DnsRecord, Probe, Registration
from staddle.components.registry import component
from staddle.components.render import NOTE, template
from staddle.inventory.identity import home_domain
from staddle.manifest.layout import LOOPBACK
from staddle.manifest.resources import Directory, DnsHealth, File, Validator

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node

# 2.90 also forgets the records of a file that vanishes.
USER = "dnsmasq"
RESOLVED = "/run/systemd/resolve/resolv.conf"
"""Where systemd-resolved says whom it asks itself: its own address would lead back to it, and from there to us."""
DNSMASQ = Package("dnsmasq-base", {"dnsmasq": "/usr/sbin/dnsmasq"}, "2.90", smoke=("--version",))


@component
class Dnsmasq(InfraComponent):
    name = "dnsmasq"
    title = "DNS"
    port_parameter = "dns_port"
    packages = (DNSMASQ,)
    programs = ("dnsmasq",)
    after = ("dns_roles",)

    def enabled(self, node: Node) -> bool:
        return node.is_infra and node.params.dns_enabled

    def register(self, ctx: Context) -> Registration:
        labels = self.labels(ctx)
        address = f"{ctx.host}:{ctx.port(ctx.params.dns_port)}"
        probe = Probe(labels["ins"], "dns", address, labels)
        query = f'probe_success{{job="probe",ins="{labels["ins"]}"}}'
        records = tuple(_parse(line) for line in ctx.params.dns_records) if ctx.node is ctx.fleet.infra[0] else ()
        return Registration(dns=records, probes=(probe,), listings=(self.listing(ctx, health_query=query),))

    def build(self, ctx: Context) -> Draft:
        params, program = ctx.params, ctx.program("dnsmasq")
        config = ctx.at("/etc/dnsmasq.conf")
        live = [dns_roles.folder(ctx)] if dns_roles.at_work(ctx) else []
        content = template(
            __name__,
            "dnsmasq.conf.j2",
            port=ctx.port(params.dns_port),
            addresses=sorted({LOOPBACK, ctx.address}),
            hosts=[ctx.infra("hosts"), *live],
            user=ctx.layout.user or USER,
            sandbox=ctx.layout.is_sandbox,
            upstreams=RESOLVED if "systemd-resolved" in ctx.layout.features else None,
        )
        home = home_domain(params)
        known = {name for record in ctx.registry.dns for name in record.names}
        return Draft(
            resources=(File(config, content), *(Directory(path, mode=None) for path in live), *_record_files(ctx)),
            validators=(
                Validator(
                    "dnsmasq --test",
                    (program.path, "--test", f"--conf-file={{stage}}{config}"),
                    environment=program.environment,
                ),
            ),
            service=ServiceSpec(
                name=self.name,
                argv=(program.path, "--keep-in-foreground", f"--conf-file={config}"),
                health=DnsHealth(LOOPBACK, ctx.port(params.dns_port), home if home in known else "localhost"),
                environment=program.environment,
                confinement=Confinement(
                    USER,
                    USER,
                    capabilities=("CAP_NET_BIND_SERVICE",),
                    # It watches the host's addresses.
                    families=("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"),
                    memory=5,
                ),
            ),
        )


def _parse(line: str) -> DnsRecord:
    address, *names = line.split("#", 1)[0].split()
    return DnsRecord("default", address, tuple(names))


def _record_files(ctx: Context) -> list[File]:
    files = []
    # Where nobody follows the role, the inventory's has to do.
    fixed = () if dns_roles.at_work(ctx) else (name.record for name in primary_names(ctx) if name.record)
    records = sorted(enumerate([*ctx.registry.dns, *fixed]), key=lambda item: (item[1].file, item[0]))
    for name, group in groupby((record for _, record in records), key=lambda record: record.file):
        lines = [f"# {NOTE}", *(f"{record.address} {' '.join(record.names)}" for record in group)]
        files.append(File(ctx.infra(f"hosts/{name}"), ("\n".join(lines) + "\n").encode(), on_change="none"))
    return files
