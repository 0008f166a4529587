"""Parameters of what spreads connections over a node cluster: a floating address, and HAProxy."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, SecretStr

from staddle.inventory.parameters.declare import Param, Section
from staddle.inventory.parameters.values import AnyIpInterface, Duration, Port, RouterId


class VipParameters(Section):
    """A floating address of a node cluster."""

    title: ClassVar[str] = "NODE_VIP"

    vip_enabled: Annotated[bool, Param("Give the node cluster a floating address.", level="group")] = False
    vip_address: Annotated[AnyIpInterface, Param("The floating address.", level="group")] = ""
    vip_vrid: Annotated[RouterId | None, Param("Virtual router id, unique in the network.", level="group")] = None
    vip_role: Annotated[Literal["master", "backup"], Param("Role at the start.", level="host")] = "backup"
    vip_preempt: Annotated[bool, Param("Take the address back after a recovery.", level="group")] = False
    vip_interface: Annotated[
        str, Param("Network interface; `auto` is the one with the node's address.", level="host")
    ] = "auto"
    vip_dns_suffix: Annotated[str, Param("Suffix of the DNS name of the address.", level="group")] = ""
    vip_auth_pass: Annotated[SecretStr | None, Param("Password among the members.", level="group")] = None
    vip_exporter_enabled: Annotated[
        bool, Param("There is a keepalived exporter on the members, which others set up: scrape it.", level="group")
    ] = False
    vip_exporter_port: Annotated[
        Port, Param("Port of the keepalived exporter.", listens="node", when=("vip_enabled", "vip_exporter_enabled"))
    ] = 9650


class HaproxyParameters(Section):
    """HAProxy on each node."""

    title: ClassVar[str] = "HAPROXY"

    haproxy_enabled: Annotated[bool, Param("There is an HAProxy, which others set up: scrape it.", level="group")] = (
        False
    )
    haproxy_clean: Annotated[bool, Param("Remove services that Staddle did not write.", level="group")] = False
    haproxy_reload: Annotated[bool, Param("Load a changed configuration.")] = True
    haproxy_admin_username: Annotated[str, Param("Name of the administrator.")] = "admin"
    haproxy_admin_password: Annotated[SecretStr | None, Param("Password of the administrator.")] = None
    haproxy_exporter_port: Annotated[
        Port, Param("Port of the administration page and metrics.", listens="node", when=("haproxy_enabled",))
    ] = 9101
    haproxy_client_timeout: Annotated[Duration, Param("Longest idle time of a client.")] = Duration("24h")
    haproxy_server_timeout: Annotated[Duration, Param("Longest idle time of a server.")] = Duration("24h")
    haproxy_services: Annotated[list[dict[str, Any]], Param("Services to offer.", level="group", foreign=True)] = Field(
        default_factory=list
    )


class BalanceParameters(HaproxyParameters, VipParameters):
    """All parameters of connection balancing."""
