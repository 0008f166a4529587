"""Parameters that make a host an INFRA node, and describe the portal."""

from typing import Annotated, ClassVar

from pydantic import Field

from staddle.inventory.parameters.declare import Param, Section
from staddle.inventory.parameters.records import PortalEntry, ServiceCard
from staddle.inventory.parameters.values import AbsolutePath, Count, Word

_CARDS = (
    ("Dashboards", "/ui/", "Dashboards over metrics, logs and traces", "activity"),
    ("Metrics", "/vmetrics/", "Query the metrics of the fleet", "metrics"),
    ("Logs", "/vlogs/", "Search the logs of the fleet", "logs"),
    ("Traces", "/vtraces/", "Follow requests and slow statements", "traces"),
    ("Targets", "/vmetrics/targets", "What is scraped, and whether it answers", "discovery"),
    ("Rules", "/vmalert/", "Recording and alerting rules, and their state", "rules"),
    ("Alerts", "/alertmgr/", "Firing alerts and silences", "alert"),
    ("Certificate", "/ca.crt", "The CA certificate, to be trusted by browsers", "lock"),
    ("Packages", "/${repo_name}/", "The local package repository", "package"),
)


class InfraParameters(Section):
    """The nodes that provide the foundation, and what their portal shows."""

    title: ClassVar[str] = "INFRA"

    infra_seq: Annotated[
        Count | None, Param("Number of this INFRA node: required in group `infra`, and unique.", level="host")
    ] = None
    infra_portal: Annotated[
        dict[Word, PortalEntry], Param("Servers of the portal by name; `home` is the portal itself.")
    ] = Field(default_factory=lambda: {"home": PortalEntry(domain="i.staddle")})
    infra_data: Annotated[AbsolutePath, Param("Directory of all state of the foundation, linked as `/infra`.")] = (
        "/data/infra"
    )
    infra_services: Annotated[list[ServiceCard], Param("Cards of the home page.")] = Field(
        default_factory=lambda: [
            ServiceCard(name=name, url=url, desc=desc, icon=icon) for name, url, desc, icon in _CARDS
        ]
    )
    infra_extra_services: Annotated[list[ServiceCard], Param("Your own cards, after the others.")] = Field(
        default_factory=list
    )
    infra_packages: Annotated[
        list[str] | None, Param("Packages of INFRA nodes. Unset: what the enabled components need.", tokens=True)
    ] = None
