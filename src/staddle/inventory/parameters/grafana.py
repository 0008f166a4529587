"""Parameters of Grafana."""

from typing import Annotated, ClassVar

from pydantic import SecretStr

from staddle.inventory.parameters.declare import Param, Section, wiped_by
from staddle.inventory.parameters.values import Port


class GrafanaParameters(Section):
    """The dashboard server. Its passwords have no defaults: `staddle init` generates them."""

    title: ClassVar[str] = "GRAFANA"

    grafana_enabled: Annotated[bool, Param("Run Grafana.")] = True
    grafana_port: Annotated[Port, Param("Port of Grafana.", listens="infra", when=("grafana_enabled",))] = 3000
    grafana_clean: Annotated[bool, Param("Delete Grafana's own database at each run.", idle=wiped_by("grafana"))] = (
        False
    )
    grafana_admin_username: Annotated[str, Param("Name of the administrator.")] = "admin"
    grafana_admin_password: Annotated[SecretStr | None, Param("Password of the administrator.")] = None
    grafana_auth_proxy: Annotated[bool, Param("Trust the user name that the portal passes on.")] = False
    grafana_pgurl: Annotated[
        SecretStr | None, Param("URL of a PostgreSQL database to keep state in. Unset: SQLite.")
    ] = None
    grafana_view_password: Annotated[
        SecretStr | None,
        Param(
            "Password of the user that dashboards read a database of all metadata with.",
            idle="there is no such database; others are read as `pg_exporter_username`",
        ),
    ] = None
