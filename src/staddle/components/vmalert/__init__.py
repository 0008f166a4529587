"""vmalert: evaluates recording and alerting rules over VictoriaMetrics and tells Alertmanager."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from staddle.alerting.rendering import owners, rule_files
from staddle.components.base import INFRA, VICTORIA, Confinement, Context, Draft, InfraComponent, ServiceSpec
from staddle.components.machines import client_tls, trust
from staddle.components.registration import Registration, Route
from staddle.components.registry import component
from staddle.components.vmetrics import VICTORIA_METRICS
from staddle.manifest.resources import File, HttpHealth, Validator

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node


@component
class Vmalert(InfraComponent):
    name = "vmalert"
    title = "vmalert"
    port_parameter = "vmalert_port"
    path = "/vmalert/"
    packages = (VICTORIA_METRICS,)
    programs = ("vmalert",)
    log_format = "victoria"
    uses_certificates = True
    # It is stopped before them too: with its store gone it waits half a minute for the last write.
    after = ("alertmanager", "vmetrics")

    def enabled(self, node: Node) -> bool:
        return node.is_infra and node.params.vmalert_enabled and node.params.vmetrics_enabled

    def register(self, ctx: Context) -> Registration:
        pages = {}
        if not ctx.program("vmalert").web_ui:
            names = (
                "",
                "vmalert/",
                "vmalert/groups",
                "vmalert/alerts",
                "groups",
                "alerts",
                "alert",
                "rule",
                "notifiers",
            )
            pages = dict.fromkeys(names, "rules")
        route = Route(
            "/vmalert/",
            self.name,
            f"{ctx.local(ctx.params.vmalert_port)}/",
            pages=pages,
            changing=("-/reload",),
            reads=("health", "api/v1/(rules|alerts|rule|alert|group|notifiers)", "vmalert/(?!-/).*"),
        )
        return Registration(targets=(self.target(ctx),), routes=(route,), listings=(self.listing(ctx),))

    def build(self, ctx: Context) -> Draft:
        params, program = ctx.params, ctx.program("vmalert")
        store = ctx.local(params.vmetrics_port)
        rules = ctx.infra("rules/*.yml")
        return Draft(
            resources=tuple(
                File(ctx.infra(f"rules/{name}"), content, group=ctx.owner(INFRA), on_change="reload")
                for name, content in _rules(ctx).items()
            ),
            validators=(
                Validator(
                    "alerting rules",
                    (program.path, f"-rule={{stage}}{rules}", "-dryRun"),
                    environment=program.environment,
                ),
            ),
            service=ServiceSpec(
                name=self.name,
                argv=(
                    program.path,
                    f"-httpListenAddr={ctx.listen_behind(params.vmalert_port)}",
                    f"-datasource.url={store}",
                    f"-remoteRead.url={store}",
                    f"-remoteWrite.url={store}",
                    *_notifiers(ctx),
                    f"-rule={rules}",
                    f"-evaluationInterval={params.vmetrics_scrape_interval}",
                    f"-external.url={ctx.portal_url}",
                    # Its default looks 30 s back, which would make every alert that late.
                    "-rule.evalDelay=1s",
                    *shlex.split(params.vmalert_options),
                ),
                health=HttpHealth(f"{ctx.local(params.vmalert_port)}/health", contains="OK"),
                environment={**program.environment, **trust(ctx)},
                reload_signal="HUP",
                stop_timeout=40,
                confinement=Confinement(VICTORIA, memory=15),
            ),
        )


def _rules(ctx: Context) -> dict[str, bytes]:
    clusters = ((target.job, target.labels["cls"], target.labels["ip"]) for target in ctx.registry.targets)
    return rule_files(ctx.portal_url, ctx.fleet.alert_rules, owners(ctx.fleet, clusters), ctx.fleet.own_rules)


def _notifiers(ctx: Context) -> list[str]:
    """Every Alertmanager of the fleet: they agree among themselves who notifies. Without one, alerts are only kept."""
    nodes = [node for node in ctx.fleet.infra if node.params.alertmanager_enabled]
    if not nodes:
        return ["-notifier.blackhole"]
    flags = [f"-notifier.url={_alertmanager(ctx, node)}" for node in nodes]
    if ctx.closed and any(node.ip != ctx.node.ip for node in nodes):
        tls = client_tls(ctx)
        flags += [
            f"-notifier.tlsCAFile={tls['ca_file']}",
            f"-notifier.tlsCertFile={tls['cert_file']}",
            f"-notifier.tlsKeyFile={tls['key_file']}",
        ]
    return flags


def _alertmanager(ctx: Context, node: Node) -> str:
    if not ctx.closed:
        return f"http://{ctx.layout.host(node)}:{ctx.port(node.params.alertmanager_port)}"
    if node.ip == ctx.node.ip:
        return ctx.local(node.params.alertmanager_port)
    return f"https://{ctx.portal_of(node)}/alertmgr"
