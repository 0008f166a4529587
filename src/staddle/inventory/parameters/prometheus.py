"""Parameters of probing and alert routing."""

from typing import Annotated, ClassVar

from pydantic import Field

from staddle.inventory.parameters.declare import Param, Section
from staddle.inventory.parameters.records import AlertReceiver, ProbeTarget
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
    alert_receivers: Annotated[dict[Word, AlertReceiver], Param("Where alerts are sent, by name.")] = Field(
        default_factory=dict
    )

    exporter_metrics_path: Annotated[str, Param("Path of metrics on most exporters.")] = "/metrics"
