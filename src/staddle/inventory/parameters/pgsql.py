"""Parameters of PostgreSQL: which instances there are, who they are, and how they are watched."""

from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr

from staddle.inventory.parameters.declare import Param, Record, Section
from staddle.inventory.parameters.values import (
    AnyHost,
    AnyIpInterface,
    AnyPath,
    AnySuffix,
    AnyWord,
    Count,
    Csv,
    NameTarget,
    Port,
)

Role = Literal["primary", "replica", "offline", "standby", "delayed"]


class RemotePostgres(Record):
    """An instance that is watched from afar. Further keys (`pg_databases`, …) are carried along."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)

    pg_cluster: Annotated[AnyWord, Param("Name of its cluster.")]
    pg_seq: Annotated[Count, Param("Number of the instance in it.")]
    pg_role: Annotated[Role | None, Param("Its role.")] = None
    pg_host: Annotated[AnyHost, Param("Where it is: a name or an address.")] = ""
    pg_port: Annotated[Port, Param("Its port.")] = 5432
    pg_monitor_username: Annotated[str, Param("Role to log in as. Empty: as for all.")] = ""
    pg_monitor_password: Annotated[SecretStr | None, Param("Its password. Unset: as for all.")] = None
    pg_exporter_url: Annotated[
        SecretStr | None, Param("Connection string that replaces host, port, role, password and parameters.")
    ] = None
    pg_exporter_params: Annotated[
        str, Param("Parameters of the connection, as in `sslmode=require`. Empty: verified TLS, with Staddle's CA.")
    ] = ""
    pg_exporter_auto_discovery: Annotated[bool, Param("Look into every database.")] = True
    pg_exporter_exclude_database: Annotated[Csv, Param("Databases that are not looked into.")] = Field(
        default_factory=list
    )
    pg_exporter_include_database: Annotated[Csv, Param("The only databases that are looked into.")] = Field(
        default_factory=list
    )


def _nothing(value: object) -> object:
    return {} if value is None else value


class PgIdentityParameters(Section):
    """Which PostgreSQL instances there are, who they are, and under what names they are found. Others set them up."""

    title: ClassVar[str] = "PG_ID"

    pg_cluster: Annotated[AnyWord, Param("Name of the cluster, the `cls` label.", level="group")] = ""
    pg_seq: Annotated[Count | None, Param("Number of this host's instance in it.", level="host")] = None
    pg_role: Annotated[Role | None, Param("Role of the instance. Unset: not known.", level="host")] = None
    pg_port: Annotated[Port, Param("Port of PostgreSQL.", level="group")] = 5432
    pg_localhost: Annotated[
        AnyPath, Param("Directory of PostgreSQL's socket, which its exporter connects to.", level="group")
    ] = "/var/run/postgresql"
    pg_exporters: Annotated[
        dict[Port, RemotePostgres],
        BeforeValidator(_nothing),
        Param(
            "Instances elsewhere (managed ones, say) that this node watches: one exporter each, by its port.",
            level="host",
            foreign=True,
        ),
    ] = Field(default_factory=dict)
    pg_dns_suffix: Annotated[AnySuffix, Param("What is appended to the cluster's name in DNS.", level="group")] = ""
    pg_dns_target: Annotated[
        NameTarget,
        Param(
            "What the cluster's name leads to: `primary`, `vip`, `auto` (the VIP if there is one), `none`, or an address.",
            level="group",
        ),
    ] = "auto"
    pg_vip_enabled: Annotated[bool, Param("Whether the cluster has a VIP, which is then pinged.", level="group")] = (
        False
    )
    pg_vip_address: Annotated[AnyIpInterface, Param("The VIP, with or without its prefix length.", level="group")] = ""


class PgMonitorParameters(Section):
    """How PostgreSQL is watched."""

    title: ClassVar[str] = "PG_MONITOR"

    pg_exporter_enabled: Annotated[bool, Param("Run postgres_exporter on the host of the instance.", level="group")] = (
        True
    )
    pg_exporter_port: Annotated[
        Port, Param("Port of postgres_exporter.", listens="node", when=("pg_cluster", "pg_exporter_enabled"))
    ] = 9630
    pg_monitor_username: Annotated[str, Param("Role that exporters log in as.")] = "dbuser_monitor"
    pg_monitor_password: Annotated[
        SecretStr | None, Param("Its password. Unset: the server must let it in without.")
    ] = None
    pg_exporter_url: Annotated[
        SecretStr | None,
        Param("Connection string that replaces socket, port, role, password and parameters.", level="host"),
    ] = None
    pg_exporter_params: Annotated[
        str, Param("Further parameters of the connection, as in `sslmode=require`.", level="group")
    ] = ""
    pg_exporter_auto_discovery: Annotated[
        bool, Param("Look into every database, for its tables and indexes: one connection to each.", level="group")
    ] = True
    pg_exporter_exclude_database: Annotated[Csv, Param("Databases that are not looked into.", level="group")] = Field(
        default_factory=lambda: ["template0", "template1"]
    )
    pg_exporter_include_database: Annotated[Csv, Param("The only databases that are looked into.", level="group")] = (
        Field(default_factory=list)
    )
    pg_exporter_connect_timeout: Annotated[
        Count, Param("How long connecting may take in milliseconds; rounded up to seconds.", level="group")
    ] = 200
    pg_exporter_options: Annotated[str, Param("Further flags of postgres_exporter.", level="group")] = ""


class PgsqlParameters(PgMonitorParameters, PgIdentityParameters):
    """All parameters of PostgreSQL."""
