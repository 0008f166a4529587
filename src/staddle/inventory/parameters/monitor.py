"""Parameters of what observes a host: node_exporter and the log agent."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from staddle.inventory.parameters.declare import Param, Section, wiped_by
from staddle.inventory.parameters.values import AbsolutePath, Port, Size


class NodeExporterParameters(Section):
    """Metrics of the host."""

    title: ClassVar[str] = "NODE_MONITOR"

    node_exporter_enabled: Annotated[bool, Param("Run node_exporter.", level="group")] = True
    node_exporter_port: Annotated[
        Port, Param("Port of node_exporter.", listens="node", when=("node_exporter_enabled",))
    ] = 9100
    node_exporter_options: Annotated[str, Param("Further flags of node_exporter.")] = (
        "--no-collector.softnet --no-collector.nvme --collector.tcpstat --collector.processes"
    )


class VectorParameters(Section):
    """The agent that sends the host's logs to INFRA nodes."""

    title: ClassVar[str] = "VECTOR"

    vector_enabled: Annotated[bool, Param("Run the log agent.", level="group")] = True
    log_agent_provider: Annotated[
        Literal["auto", "vector", "syslog-ng"],
        Param("Which log agent: Vector, syslog-ng, or Vector if the repositories have it.", level="group"),
    ] = "auto"
    log_agent_queue_size: Annotated[
        Size, Param("Disk that the queue of one receiver may take; rows beyond it are dropped.", level="group")
    ] = Size("1GiB")
    vector_clean: Annotated[
        bool, Param("Forget at each run what was already sent.", level="group", idle=wiped_by("log_agent"))
    ] = False
    vector_data: Annotated[AbsolutePath, Param("Directory of positions and buffers.")] = "/data/vector"
    vector_port: Annotated[
        Port, Param("Port of the agent's own metrics.", listens="node", when=("vector_enabled",))
    ] = 9598
    vector_read_from: Annotated[
        Literal["beginning", "end"], Param("Where to start in files that were never read.", level="group")
    ] = "beginning"
    vector_log_endpoint: Annotated[
        list[str],
        Param("Where logs go: `infra` for all INFRA nodes that store logs, or URLs; empty: nowhere.", level="group"),
    ] = Field(default_factory=lambda: ["infra"])


class MonitorParameters(VectorParameters, NodeExporterParameters):
    """All parameters of what observes a host."""
