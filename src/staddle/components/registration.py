"""What components and nodes register with the INFRA nodes: always computed from the Fleet, never pushed by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LogFormat = Literal[
    "plain", "timestamped", "python", "logfmt", "json", "victoria", "syslog_ng", "nginx_access", "nginx_error",
    "postgres_csv", "postgres_json", "postgres_log", "patroni", "pgbouncer", "pgbackrest", "redis",
]  # fmt: skip
"""How a line is written; `components/log_agent/formats.py` says what is read from it."""


@dataclass(frozen=True, slots=True)
class Near:
    """How the node that runs a program reaches its metrics: over plain HTTP, on the loopback address."""

    port: int
    path: str = "/metrics"


@dataclass(frozen=True, slots=True)
class ClientTls:
    """Whom INFRA nodes trust when they call something that isn't Staddle's, and what they show: paths there."""

    ca: str
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """Something to scrape. Its file is `/infra/targets/<folder>/<file>.yml`.

    `labels` always has `cls`, `ins` and `ip`; `job` is added from the job itself. With `near`, the INFRA node `labels["ip"]`
    scrapes it there, and its portal leads the others to it: `address` and `path` are then the portal's. `params` are those
    of the URL. With `tls` of its own, a cluster is scraped by a job of its own, under the same label `job`.
    """

    job: str
    file: str
    address: str
    labels: Mapping[str, str]
    path: str = "/metrics"
    scheme: str = "http"
    near: Near | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tls: ClientTls | None = None

    @property
    def folder(self) -> str:
        return f"{self.job}-{self.labels['cls']}" if self.tls else self.job


@dataclass(frozen=True, slots=True)
class Probe:
    """Something the blackbox prober is to look at, from every INFRA node. `module` names a module of the prober.

    `hostname` is the Host header and TLS server name when `target` is an address. `local` probes are only run by
    the INFRA node that registered them.
    """

    file: str
    module: str
    target: str
    labels: Mapping[str, str]
    job: str = "probe"
    hostname: str | None = None
    only_on: str | None = None


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """An address and its names. Its file is `/infra/hosts/<file>`."""

    file: str
    address: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """A path of the portal that leads to a local service.

    `upstream` is the URL the rest of the path is appended to: with a path it replaces the route's own (`strip`), without
    one the path is kept as it is. `pages` maps exact paths below the route to pages of ours, for programs whose own pages are
    missing; `timeout` is how long an answer may take, in seconds.

    The rest are regular expressions for whole paths below the route. `changing`: they change something (or anything that
    begins so does) although the program accepts a GET for them; the portal only takes them as POST. Who may do what without
    logging in: `reads` only tell something, and only if asked by GET; `queries` do so if asked by POST, too. Both are for
    the INFRA nodes, and for everybody where the portal may be read without a login. What INFRA nodes may POST besides is in
    `peers`, and what any node may POST in `agents`. Everything else takes a login.
    """

    path: str
    component: str
    upstream: str
    pages: Mapping[str, str] = field(default_factory=dict)
    landing: str = ""
    """Where the bare path leads, relative to it: a program's first page is seldom at its root."""
    timeout: int = 60
    websocket: bool = False
    changing: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    elsewhere: str = ""
    """A regular expression: what begins so below the route is meant for the portal itself, and led there."""
    user_header: str = ""
    """In which header the program is told who has logged in at the portal; empty: it isn't. What clients send is discarded."""


@dataclass(frozen=True, slots=True)
class Listing:
    """How a component appears on the home page. `health_query` is a MetricsQL query that is 1 when all is well."""

    component: str
    instance: str
    node_ip: str
    title: str
    version: str
    provider: str
    port: int
    health_query: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class LogSource:
    """Something whose lines the log agent of the node `labels["ip"]` sends to the log stores.

    `name` is unique on the node. `labels` always has `job`, `cls`, `ins` and `ip`, and may have `app`. `paths` are files of
    one directory, where `*` stands for anything, or for kind `syslog` the socket to listen on; kind `journald` has none.
    """

    name: str
    format: LogFormat
    labels: Mapping[str, str]
    paths: tuple[str, ...] = ()
    kind: Literal["file", "journald", "syslog"] = "file"


@dataclass(frozen=True, slots=True)
class Registration:
    """What one component registers for one node."""

    targets: tuple[Target, ...] = ()
    probes: tuple[Probe, ...] = ()
    dns: tuple[DnsRecord, ...] = ()
    routes: tuple[Route, ...] = ()
    listings: tuple[Listing, ...] = ()
    logs: tuple[LogSource, ...] = ()


@dataclass(frozen=True, slots=True)
class Registry(Registration):
    """Everything that all nodes registered. Routes are a node's own: they lead to local services."""

    @classmethod
    def of(cls, registrations: Iterable[Registration]) -> Registry:
        collected = list(registrations)
        return cls(
            **{f.name: tuple(item for r in collected for item in getattr(r, f.name)) for f in fields(Registration)}
        )
