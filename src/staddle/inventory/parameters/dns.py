"""Parameters of the name server."""

from typing import Annotated, ClassVar

from pydantic import Field

from staddle.inventory.parameters.declare import Param, Section
from staddle.inventory.parameters.values import HostsLine, Port


class DnsParameters(Section):
    """The name server on INFRA nodes."""

    title: ClassVar[str] = "DNS"

    dns_enabled: Annotated[bool, Param("Run the name server.")] = True
    dns_port: Annotated[Port, Param("Port of the name server.", listens="infra", when=("dns_enabled",))] = 53
    dns_roles_enabled: Annotated[
        bool,
        Param(
            "Have names of PostgreSQL clusters follow their primaries; otherwise they lead where the inventory says."
        ),
    ] = True
    dns_roles_port: Annotated[
        Port,
        Param(
            "Port of the metrics of that.",
            listens="infra",
            when=("dns_enabled", "dns_roles_enabled", "vmetrics_enabled"),
        ),
    ] = 9599
    dns_records: Annotated[list[HostsLine], Param("Records to serve, as lines of a hosts file.")] = Field(
        default_factory=lambda: ["${admin_ip} ${home_domain}", "${admin_ip} ${metrics_domain} ${alerts_domain}"]
    )
