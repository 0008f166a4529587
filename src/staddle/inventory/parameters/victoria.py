"""Parameters of the stores for metrics, logs and traces, and of the rule engine."""

from typing import Annotated, ClassVar, Literal

from staddle.inventory.parameters.declare import Param, Section, wiped_by
from staddle.inventory.parameters.values import Duration, Port


class VictoriaParameters(Section):
    """The stores for metrics, logs and traces, and the engine that evaluates rules over them."""

    title: ClassVar[str] = "VICTORIA"

    vmetrics_enabled: Annotated[bool, Param("Run the metrics store.")] = True
    vmetrics_clean: Annotated[bool, Param("Delete all metrics at each run.", idle=wiped_by("vmetrics"))] = False
    vmetrics_port: Annotated[Port, Param("Port of the metrics store.", listens="infra", when=("vmetrics_enabled",))] = (
        8428
    )
    vmetrics_scrape_interval: Annotated[Duration, Param("How often targets are scraped and rules evaluated.")] = (
        Duration("10s")
    )
    vmetrics_scrape_timeout: Annotated[Duration, Param("How long a scrape may take; at most the interval.")] = Duration(
        "8s"
    )
    vmetrics_options: Annotated[str, Param("Further flags of the metrics store.")] = (
        "-retentionPeriod=15d -promscrape.fileSDCheckInterval=5s"
    )

    vlogs_enabled: Annotated[bool, Param("Run the log store.")] = True
    vlogs_provider: Annotated[
        Literal["auto", "package", "embedded"],
        Param(
            "Which log store: VictoriaLogs from a package, Staddle's own, or the package if the repositories have it."
        ),
    ] = "auto"
    vlogs_clean: Annotated[bool, Param("Delete all logs at each run.", idle=wiped_by("vlogs"))] = False
    vlogs_port: Annotated[Port, Param("Port of the log store.", listens="infra", when=("vlogs_enabled",))] = 9428
    vlogs_options: Annotated[str, Param("Further flags of the log store.")] = (
        "-retentionPeriod=15d -retention.maxDiskSpaceUsageBytes=50GiB"
        " -insert.maxLineSizeBytes=1MB -search.maxQueryDuration=120s"
    )

    vtraces_enabled: Annotated[bool, Param("Run the trace store.")] = True
    vtraces_provider: Annotated[
        Literal["auto", "package", "embedded"],
        Param(
            "Which trace store: VictoriaTraces from a package, Staddle's own, or the package if the repositories have it."
        ),
    ] = "auto"
    vtraces_clean: Annotated[bool, Param("Delete all traces at each run.", idle=wiped_by("vtraces"))] = False
    vtraces_port: Annotated[Port, Param("Port of the trace store.", listens="infra", when=("vtraces_enabled",))] = 10428
    vtraces_options: Annotated[str, Param("Further flags of the trace store.")] = (
        "-retentionPeriod=15d -retention.maxDiskSpaceUsageBytes=50GiB"
    )

    slowsql_enabled: Annotated[
        bool, Param("Turn slow statements in PostgreSQL's logs into spans; needs the stores of logs and traces.")
    ] = True
    slowsql_port: Annotated[
        Port,
        Param(
            "Port of the metrics of that.",
            listens="infra",
            when=("slowsql_enabled", "vlogs_enabled", "vtraces_enabled"),
        ),
    ] = 9597
    slowsql_min_duration: Annotated[
        Duration, Param("Statements that take less give no span; PostgreSQL decides what it logs at all.")
    ] = Duration("0s")
    slowsql_redact: Annotated[bool, Param("Take the values out of statements, plans and parameters.")] = True

    vmalert_enabled: Annotated[bool, Param("Run the rule engine; needs the metrics store.")] = True
    vmalert_port: Annotated[
        Port,
        Param("Port of the rule engine.", listens="infra", when=("vmetrics_enabled", "vmalert_enabled")),
    ] = 8880
    vmalert_options: Annotated[str, Param("Further flags of the rule engine.")] = ""
