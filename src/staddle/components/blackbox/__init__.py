"""The blackbox prober: looks at nodes, portal servers, DNS and listed targets from outside, as a client would."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from staddle.components.base import PROMETHEUS, Confinement, Context, Draft, InfraComponent, Package, ServiceSpec
from staddle.components.machines import CA_PATH
from staddle.components.registration import Probe, Registration, Route
from staddle.components.registry import component
from staddle.components.render import to_yaml
from staddle.inventory.identity import home_domain
from staddle.manifest.resources import File, HttpHealth, Validator

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node

BLACKBOX = Package(
    "prometheus-blackbox-exporter", {"blackbox_exporter": "/usr/bin/prometheus-blackbox-exporter"}, "0.23"
)
TALKATIVE = (0, 26)


@component
class Blackbox(InfraComponent):
    name = "blackbox"
    title = "Blackbox prober"
    port_parameter = "blackbox_port"
    path = "/blackbox/"
    packages = (BLACKBOX,)
    programs = ("blackbox_exporter",)
    log_format = "logfmt"

    def enabled(self, node: Node) -> bool:
        return node.is_infra and node.params.blackbox_enabled

    def register(self, ctx: Context) -> Registration:
        route = Route("/blackbox/", self.name, f"{ctx.local(ctx.params.blackbox_port)}/", changing=("-/reload",))
        return Registration(
            targets=(self.target(ctx),),
            routes=(route,),
            listings=(self.listing(ctx),),
            probes=tuple(_listed(ctx)),
        )

    def build(self, ctx: Context) -> Draft:
        params, program = ctx.params, ctx.program("blackbox_exporter")
        config = ctx.at("/etc/blackbox.yml")
        return Draft(
            resources=(File(config, to_yaml({"modules": modules(ctx)}), on_change="reload"),),
            validators=(
                Validator("blackbox modules", (program.path, f"--config.file={{stage}}{config}", "--config.check")),
            ),
            service=ServiceSpec(
                name=self.name,
                argv=(
                    program.path,
                    f"--config.file={config}",
                    f"--web.listen-address={ctx.listen_behind(params.blackbox_port)}",
                    # Since then it tells the story of every probe, unless it is told not to.
                    *(["--log.prober=warn"] if program.release >= TALKATIVE else []),
                    *shlex.split(params.blackbox_options),
                ),
                health=HttpHealth(f"{ctx.local(params.blackbox_port)}/-/healthy", contains="Healthy"),
                environment=program.environment,
                reload_signal="HUP",
                unit="blackbox_exporter",
                displaces=("prometheus-blackbox-exporter",),
                # It pings over sockets that any user may open (see the kernel parameters): no capability is needed.
                confinement=Confinement(PROMETHEUS, memory=5),
            ),
        )


def modules(ctx: Context) -> dict[str, Any]:
    """What a probe may be: `module` of `blackbox_targets`, and those that Staddle's own components use."""
    tls = {"ca_file": ctx.at(CA_PATH)}
    http = {"preferred_ip_protocol": "ip4", "tls_config": tls}
    portal = {**http, "follow_redirects": False, "valid_status_codes": [200, 301, 302, 401]}
    return {
        "icmp": {"prober": "icmp", "timeout": "5s", "icmp": {"preferred_ip_protocol": "ip4"}},
        "icmp_ttl5": {"prober": "icmp", "timeout": "5s", "icmp": {"preferred_ip_protocol": "ip4", "ttl": 5}},
        "tcp_connect": {"prober": "tcp", "timeout": "5s", "tcp": {"preferred_ip_protocol": "ip4"}},
        "tcp_tls": {"prober": "tcp", "timeout": "5s", "tcp": {"tls": True, "tls_config": tls}},
        "http_2xx": {"prober": "http", "timeout": "5s", "http": http},
        "http_post_2xx": {"prober": "http", "timeout": "5s", "http": {**http, "method": "POST"}},
        # A server that asks for a password is up, too.
        "http_portal": {"prober": "http", "timeout": "5s", "http": portal},
        # With a certificate that isn't our CA's, it has to be one that the host trusts, as a browser would.
        "http_portal_public": {"prober": "http", "timeout": "5s", "http": {**portal, "tls_config": {}}},
        "dns": {
            "prober": "dns",
            "timeout": "5s",
            "dns": {
                "query_name": home_domain(ctx.params),
                "query_type": "A",
                "preferred_ip_protocol": "ip4",
                "validate_answer_rrs": {"fail_if_none_matches_regexp": [r".*\sA\s.*"]},
            },
        },
    }


def _listed(ctx: Context) -> list[Probe]:
    """`blackbox_targets` of the inventory. Every prober looks at them, but they are registered once."""
    if ctx.node.ip != ctx.fleet.infra[0].ip:
        return []
    return [
        Probe(
            file="inventory",
            module=target.module,
            target=target.target,
            labels={"cls": target.cluster or target.name, "ins": target.name, "ip": _host(target.target)},
        )
        for target in ctx.params.blackbox_targets
    ]


def _host(target: str) -> str:
    """The host part of a URL, host:port or address."""
    rest = target.partition("://")[2] or target
    rest = rest.partition("/")[0].rpartition("@")[2]
    if rest.startswith("["):
        return rest[1:].partition("]")[0]
    return rest.rpartition(":")[0] if rest.count(":") == 1 else rest
