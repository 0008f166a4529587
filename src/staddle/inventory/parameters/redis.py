"""Parameters of Redis: who runs where, and how it is watched."""

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr

from staddle.inventory.parameters.declare import Param, Record, Section
from staddle.inventory.parameters.values import AnyIpAddress, AnyPath, AnyWord, Count, Port


class RedisInstance(Record):
    """A Redis server of a node. Further keys (`replica_of`, `conf`, …) are carried along for those who set it up."""

    model_config = ConfigDict(extra="allow")

    log: Annotated[AnyPath, Param("Its log. Unset: `<instance>.log` in `redis_log_dir`.")] = ""


def _nothing(value: object) -> object:
    return {} if value is None else value


RedisInstances = dict[Port, Annotated[RedisInstance, BeforeValidator(_nothing)]]


class RedisParameters(Section):
    """Redis servers that others set up: they are scraped by a redis_exporter on their node, and their logs are read."""

    title: ClassVar[str] = "REDIS"

    redis_cluster: Annotated[AnyWord, Param("Name of the cluster.", level="group")] = ""
    redis_node: Annotated[Count | None, Param("Number of this host in it.", level="host")] = None
    redis_instances: Annotated[RedisInstances, Param("Servers on this host, by port.", level="host", foreign=True)] = (
        Field(default_factory=dict)
    )
    redis_bind_address: Annotated[
        AnyIpAddress,
        Param("Where the servers listen. Empty: on the host's address only.", level="group"),
    ] = "0.0.0.0"  # noqa: S104 - what the servers do, not we
    redis_password: Annotated[SecretStr | None, Param("Password that the servers demand.", level="group")] = None
    redis_log_dir: Annotated[AnyPath, Param("Directory of the servers' logs.", level="group")] = "/var/log/redis"
    redis_exporter_enabled: Annotated[bool, Param("Scrape the servers.", level="group")] = True
    redis_exporter_port: Annotated[
        Port, Param("Port of redis_exporter.", listens="node", when=("redis_cluster", "redis_exporter_enabled"))
    ] = 9121
    redis_exporter_options: Annotated[str, Param("Further flags of redis_exporter.", level="group")] = ""
