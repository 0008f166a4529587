"""Parameters of what others set up beside databases and have metrics of its own: etcd and MinIO."""

from typing import Annotated, ClassVar

from staddle.inventory.parameters.declare import Param, Section
from staddle.inventory.parameters.values import AnyPath, AnyWord, Count, Port


class EtcdParameters(Section):
    """etcd servers that others set up. INFRA nodes scrape them; their logs are in the journal, or in a file that is named."""

    title: ClassVar[str] = "ETCD"

    etcd_cluster: Annotated[AnyWord, Param("Name of the cluster.", level="group")] = "etcd"
    etcd_seq: Annotated[Count | None, Param("Number of this host in it. Unset: it has no etcd.", level="host")] = None
    etcd_port: Annotated[Port, Param("Port of clients, where the metrics are, too.", level="group")] = 2379
    etcd_https: Annotated[bool, Param("The servers speak TLS, and ask for a certificate.", level="group")] = True
    etcd_ca: Annotated[AnyPath, Param("On INFRA nodes: whom to trust there. Empty: Staddle's CAs.", level="group")] = ""
    etcd_cert: Annotated[
        AnyPath, Param("On INFRA nodes: the certificate to show. Empty: the INFRA node's own.", level="group")
    ] = ""
    etcd_key: Annotated[AnyPath, Param("The key of `etcd_cert`.", level="group")] = ""
    etcd_log: Annotated[AnyPath, Param("Log file, in JSON. Empty: only the journal.", level="group")] = ""


class MinioParameters(Section):
    """MinIO servers that others set up. INFRA nodes scrape them, without a token (`MINIO_PROMETHEUS_AUTH_TYPE=public`)."""

    title: ClassVar[str] = "MINIO"

    minio_cluster: Annotated[AnyWord, Param("Name of the cluster.", level="group")] = ""
    minio_seq: Annotated[Count | None, Param("Number of this host in it.", level="host")] = None
    minio_port: Annotated[Port, Param("Port of the API.", level="group")] = 9000
    minio_https: Annotated[bool, Param("The servers speak TLS.", level="group")] = True
    minio_metrics_path: Annotated[AnyPath, Param("Where the metrics are.", level="group")] = "/minio/metrics/v3"


class StoreParameters(MinioParameters, EtcdParameters):
    """All parameters of etcd and MinIO."""
