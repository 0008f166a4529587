"""Parameters of what is around a PostgreSQL instance on its host: PgBouncer, Patroni, pgBackRest, and everybody's logs."""

from typing import Annotated, ClassVar

from staddle.inventory.parameters.declare import Param, Section
from staddle.inventory.parameters.values import AbsolutePath, AnyPath, Port, Text, Word


class PgbouncerParameters(Section):
    """PgBouncer beside PostgreSQL, which others set up."""

    title: ClassVar[str] = "PGBOUNCER"

    pgbouncer_enabled: Annotated[bool, Param("There is a PgBouncer: watch it.", level="group")] = False
    pgbouncer_port: Annotated[Port, Param("Port of PgBouncer.", level="group")] = 6432
    pgbouncer_exporter_enabled: Annotated[bool, Param("Run its exporter.", level="group")] = True
    pgbouncer_exporter_port: Annotated[
        Port,
        Param(
            "Port of its exporter.",
            listens="node",
            when=("pg_cluster", "pgbouncer_enabled", "pgbouncer_exporter_enabled"),
        ),
    ] = 9631
    pgbouncer_exporter_host: Annotated[
        Text,
        Param(
            "Where its exporter finds it: an address, or the directory of its socket. It logs in as `pg_monitor_username`, who"
            " has to be among PgBouncer's `stats_users`.",
            level="group",
        ),
    ] = "127.0.0.1"


class PatroniParameters(Section):
    """Patroni, which others set up. It has metrics of its own."""

    title: ClassVar[str] = "PATRONI"

    patroni_enabled: Annotated[bool, Param("There is a Patroni: watch it.", level="group")] = False
    patroni_port: Annotated[Port, Param("Port of its API.", level="group")] = 8008
    patroni_ssl_enabled: Annotated[bool, Param("Its API speaks TLS.", level="group")] = False
    patroni_ca: Annotated[
        AnyPath, Param("On INFRA nodes: whom to trust there. Empty: Staddle's CAs.", level="group")
    ] = ""


class PgbackrestParameters(Section):
    """pgBackRest, which others set up."""

    title: ClassVar[str] = "PGBACKREST"

    pgbackrest_enabled: Annotated[bool, Param("There is a pgBackRest: watch it.", level="group")] = False
    pgbackrest_path: Annotated[AbsolutePath, Param("Its program on the host.", level="group")] = "/usr/bin/pgbackrest"
    pgbackrest_config: Annotated[
        AnyPath, Param("Its configuration. Empty: where it looks for it itself.", level="group")
    ] = ""
    pgbackrest_exporter_enabled: Annotated[bool, Param("Run its exporter.", level="group")] = True
    pgbackrest_exporter_port: Annotated[
        Port,
        Param(
            "Port of its exporter.",
            listens="node",
            when=("pg_cluster", "pgbackrest_enabled", "pgbackrest_exporter_enabled"),
        ),
    ] = 9854
    pg_dbsu: Annotated[Word, Param("Operating system user of PostgreSQL, who runs pgBackRest.", level="group")] = (
        "postgres"
    )


class PgLogParameters(Section):
    """Where PostgreSQL and those around it write their logs."""

    title: ClassVar[str] = "PG_LOG"

    pg_log_dir: Annotated[AbsolutePath, Param("PostgreSQL: `*.csv` and `*.json`, or else `*.log`.", level="group")] = (
        "/pg/log/postgres"
    )
    patroni_log_dir: Annotated[AbsolutePath, Param("Patroni: `patroni.log`.", level="group")] = "/pg/log/patroni"
    pgbouncer_log_dir: Annotated[AbsolutePath, Param("PgBouncer: `pgbouncer.log`.", level="group")] = (
        "/pg/log/pgbouncer"
    )
    pgbackrest_log_dir: Annotated[AbsolutePath, Param("pgBackRest: `*.log`.", level="group")] = "/pg/log/pgbackrest"


class AroundParameters(PgLogParameters, PgbackrestParameters, PatroniParameters, PgbouncerParameters):
    """All parameters of what is around a PostgreSQL instance."""
