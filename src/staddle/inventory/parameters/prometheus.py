"""Parameters of probing and alert routing."""

from typing import Annotated, ClassVar

from pydantic import Field

from staddle.inventory.parameters.alerting import (
    AlertInterval,
    AlertReceiver,
    AlertRoute,
    AlertRouteTest,
    AlertSetting,
    SecretUrl,
)
from staddle.inventory.parameters.declare import Param, Section
from staddle.inventory.parameters.records import ProbeTarget
from staddle.inventory.parameters.values import Port, Word


class PrometheusParameters(Section):
    """Probes from outside, and where alerts go."""

    title: ClassVar[str] = "PROMETHEUS"

    blackbox_enabled: Annotated[bool, Param("Run the prober.")] = True
    blackbox_port: Annotated[Port, Param("Port of the prober.", listens="infra", when=("blackbox_enabled",))] = 9115
    blackbox_options: Annotated[str, Param("Further flags of the prober.")] = ""
    blackbox_targets: Annotated[
        list[ProbeTarget], Param("What to probe besides the nodes and the portal's domains.")
    ] = Field(default_factory=list)

    alertmanager_enabled: Annotated[bool, Param("Run the alert router.")] = True
    alertmanager_port: Annotated[
        Port, Param("Port of the alert router.", listens="infra", when=("alertmanager_enabled",))
    ] = 9059
    alertmanager_cluster_port: Annotated[
        Port,
        Param(
            "Port on which the alert routers of several INFRA nodes talk to each other.",
            listens="infra",
            when=("alertmanager_enabled",),
        ),
    ] = 9094
    alertmanager_options: Annotated[str, Param("Further flags of the alert router.")] = ""
    alert_rules: Annotated[
        dict[Word, AlertSetting],
        Param(
            "Thresholds of alerts and more, by the alert's name. Those of all levels add up, key by key.",
            level="host",
            adds_up=True,
        ),
    ] = Field(default_factory=dict)
    alert_folder: Annotated[
        str,
        Param("Folder of alerting rules of your own, from where the inventory is: `rules/`, `tests/`, `runbooks/`."),
    ] = ""
    alert_receivers: Annotated[dict[Word, AlertReceiver], Param("Where alerts are sent, by name.")] = Field(
        default_factory=dict
    )
    alert_routes: Annotated[
        list[AlertRoute], Param("Who is told about which alerts; what no route takes goes to every receiver.")
    ] = Field(default_factory=list)
    alert_intervals: Annotated[
        dict[Word, AlertInterval], Param("Times, by name, at which routes are muted or active.")
    ] = Field(default_factory=dict)
    alert_route_tests: Annotated[
        list[AlertRouteTest], Param("Alerts and who must be told about them: tried whenever the inventory is checked.")
    ] = Field(default_factory=list)
    alert_heartbeat_url: Annotated[
        SecretUrl | None,
        Param("Told every minute while alerting works, for somebody outside to miss it when it doesn't."),
    ] = None
    alert_bridge_port: Annotated[
        Port,
        Param(
            "Port of the bridge to services that Alertmanager doesn't speak to; runs if a receiver needs it.",
            listens="infra",
            when=("alertmanager_enabled",),
        ),
    ] = 9596

    exporter_metrics_path: Annotated[str, Param("Path of metrics on most exporters.")] = "/metrics"
