"""The alert bridge: passes Alertmanager's messages on to services that it doesn't speak to. Runs where a receiver needs it."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from staddle.alerting.receivers import BRIDGED, bridge_settings
from staddle.components.base import PROMETHEUS, Confinement, Context, Draft, InfraComponent, ServiceSpec
from staddle.components.registration import Registration
from staddle.components.registry import component
from staddle.manifest.layout import EMBEDDED, Program
from staddle.manifest.resources import Directory, File, HttpHealth

if TYPE_CHECKING:
    from staddle.inventory.fleet import Node

LIBRARY = "/usr/lib/staddle/notify"
SETTINGS = "/etc/staddle/notify.json"


@component
class AlertBridge(InfraComponent):
    name = "alert_bridge"
    title = "Alert bridge"
    port_parameter = "alert_bridge_port"
    log_format = "python"

    def enabled(self, node: Node) -> bool:
        receivers = node.params.alert_receivers.values()
        return node.is_infra and node.params.alertmanager_enabled and any(r.type in BRIDGED for r in receivers)

    def program_on(self, ctx: Context) -> Program:
        return Program(ctx.layout.python, "", EMBEDDED)

    def register(self, ctx: Context) -> Registration:
        return Registration(targets=(self.target(ctx),))

    def build(self, ctx: Context) -> Draft:
        params = ctx.params
        library, settings = ctx.at(LIBRARY), ctx.at(SETTINGS)
        content = bridge_settings(params.alert_receivers) or b"{}\n"
        owner = ctx.owner(PROMETHEUS)
        return Draft(
            resources=(
                Directory(library),
                *(File(f"{library}/{name}", source) for name, source in _source()),
                File(settings, content, mode=0o600, owner=owner, on_change="reload", secret=True),
            ),
            service=ServiceSpec(
                name=self.name,
                argv=(
                    *(ctx.layout.python, "-m", "notify", settings),
                    f"--listen={ctx.listen_behind(params.alert_bridge_port)}",
                ),
                health=HttpHealth(f"{ctx.local(params.alert_bridge_port)}/health", contains="OK"),
                environment={"PYTHONPATH": library.rpartition("/")[0]},
                reload_signal="HUP",
                confinement=Confinement(PROMETHEUS, memory=5),
            ),
        )


def _source() -> list[tuple[str, bytes]]:
    package = files("staddle.notify")
    names = sorted(path.name for path in package.iterdir() if path.name.endswith(".py"))
    return [(name, (package / name).read_bytes()) for name in names]
