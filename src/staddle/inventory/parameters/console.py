"""Parameters of the console."""

from typing import Annotated, ClassVar

from staddle.inventory.parameters.declare import Param, Section
from staddle.inventory.parameters.values import AbsolutePath, Port


class ConsoleParameters(Section):
    """The web console: dashboards and explore pages that need no Grafana."""

    title: ClassVar[str] = "CONSOLE"

    console_enabled: Annotated[bool, Param("Run the console.")] = True
    console_port: Annotated[Port, Param("Port of the console.", listens="infra", when=("console_enabled",))] = 3080
    console_dashboards: Annotated[
        AbsolutePath | None,
        Param("Directory of dashboards of your own, as Grafana's JSON files. Unset: `dashboards` below `infra_data`."),
    ] = None
