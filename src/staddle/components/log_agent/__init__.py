"""The log agent of every node: sends the host's logs to the log stores of all INFRA nodes, each from a queue of its own.

Two providers, configured from the same sources, formats and receivers: Vector, and syslog-ng with `staddle.logagent` around
it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from staddle.components.base import Component, Confinement, Context, Draft, Package, Phase, ServiceSpec
from staddle.components.log_agent import syslog_ng, vector
from staddle.components.log_agent.receivers import receivers
from staddle.components.log_agent.sources import node_sources
from staddle.components.machines import (
    CA_PATH,
    NODE,
    PEER,
    SCRAPERS,
    authority,
    certificate,
    exporter_health,
    exporter_target,
    fingerprint,
    key,
)
from staddle.components.registration import Registration
from staddle.components.registry import component
from staddle.manifest.resources import Directory, File, HttpHealth, Validator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.inventory.fleet import Node
    from staddle.manifest.layout import Program

SYSLOG_NG_CORE = Package(
    "syslog-ng-core",
    {"syslog-ng": "/usr/sbin/syslog-ng", "persist-tool": "/usr/bin/persist-tool"},
    "3.38",
    libraries=("/usr/lib/syslog-ng",),
)
SYSLOG_NG_HTTP = Package("syslog-ng-mod-http", {"syslog-ng-modules": "/usr/lib/syslog-ng"}, "3.38", smoke=())
VECTOR = Package("vector", {"vector": "/usr/bin/vector"}, "0.34")

CONFIG = "/etc/staddle/log-agent"
LIBRARY = "/usr/lib/staddle/logagent"
MODULES = "/usr/lib/syslog-ng"
USER = "logagent"
ANY = "0.0.0.0"  # noqa: S104 - metrics are for INFRA nodes to scrape


@component
class LogAgent(Component):
    name = "log_agent"
    title = "Log agent"
    phase = Phase.MONITOR
    log_format = "syslog_ng"
    uses_certificates = True
    packages = (replace(VECTOR, optional=True), SYSLOG_NG_CORE, SYSLOG_NG_HTTP)

    def enabled(self, node: Node) -> bool:
        return node.params.vector_enabled and bool(node.params.vector_log_endpoint)

    def packages_on(self, node: Node) -> tuple[Package, ...]:
        match node.params.log_agent_provider:
            case "vector":
                return (VECTOR,)
            case "syslog-ng":
                return (SYSLOG_NG_CORE, SYSLOG_NG_HTTP)
            case "auto":
                # Vector is in no distribution: it's taken where the host's sources have it.
                return self.packages

    def program_on(self, ctx: Context) -> Program:
        names = {"vector": ("vector",), "syslog-ng": ("syslog-ng",), "auto": ("vector", "syslog-ng")}
        return ctx.program(*names[ctx.params.log_agent_provider])

    def ports(self, ctx: Context) -> Mapping[str, int]:
        return {"vector_port": ctx.port(ctx.params.vector_port)}

    def register(self, ctx: Context) -> Registration:
        node = ctx.node
        if not receivers(ctx):
            return Registration()
        labels = {"cls": node.cluster, "ins": node.name, "ip": node.ip, "exporter": self.name}
        # Vector knows one path only.
        path = "/metrics" if _is_vector(self.program_on(ctx)) else ctx.params.exporter_metrics_path
        target = exporter_target(ctx, "node", ctx.params.vector_port, labels, path)
        return Registration(targets=(target,))

    def build(self, ctx: Context) -> Draft:
        if not receivers(ctx):
            return Draft()
        return _vector(ctx) if _is_vector(self.program_on(ctx)) else _syslog_ng(ctx)


def _is_vector(program: Program) -> bool:
    return program.path.endswith("/vector")


def _syslog_ng(ctx: Context) -> Draft:
    params, program = ctx.params, ctx.program("syslog-ng")
    data, config, library = ctx.at(params.vector_data), ctx.at(CONFIG), ctx.at(LIBRARY)
    sources, targets = node_sources(ctx), receivers(ctx)
    follow, queue = f"{data}/follow", f"{data}/queue"
    conf, runner = f"{config}/syslog-ng.conf", f"{config}/agent.json"
    content = syslog_ng.configuration(
        sources,
        targets,
        follow=follow,
        queue=queue,
        queue_bytes=params.log_agent_queue_size.bytes,
        ca=ctx.at(CA_PATH),
        identity=(certificate(ctx, NODE), key(ctx, NODE)),
        release=program.release,
    )
    command = [program.path, "--no-caps", *_modules(ctx, program)]
    settings = {
        "directory": data,
        "argv": [*command, "--foreground", "--cfgfile", conf, "--pidfile", f"{data}/syslog-ng.pid"],
        "persist_tool": [ctx.program("persist-tool").path],
        "environment": dict(program.environment),
        "version": program.version,
        "read_from": params.vector_read_from,
        "queues": {receiver.name: f"{queue}/{receiver.name}" for receiver in targets},
        "queue_limit": params.log_agent_queue_size.bytes,
        **({"tls": _guard(ctx)} if ctx.guarded else {}),
        "sources": [
            {"name": source.name, "folder": f"{follow}/{source.name}", "paths": list(source.paths)}
            for source in sources
            if source.kind == "file"
        ],
    }
    sockets = sorted(
        {path.rpartition("/")[0] for source in sources if source.kind == "syslog" for path in source.paths}
    )
    return Draft(
        resources=(
            *(Directory(folder) for folder in sockets),
            Directory(data, mode=0o700, owner=ctx.owner(USER), group=ctx.owner(USER)),
            Directory(config),
            Directory(library),
            File(conf, content, on_change="reload"),
            File(runner, (json.dumps(settings, indent=1) + "\n").encode(), on_change="reload"),
            *(File(f"{library}/{name}", source) for name, source in _runner_source()),
        ),
        validators=(
            Validator(
                "syslog-ng -s",
                (*command, "--syntax-only", "--cfgfile", f"{{stage}}{conf}"),
                environment=program.environment,
            ),
        ),
        service=ServiceSpec(
            name="log_agent",
            argv=(
                ctx.layout.python,
                "-m",
                "logagent",
                runner,
                "--listen",
                ctx.listen(params.vector_port),
                "--metrics-path",
                params.exporter_metrics_path,
            ),
            health=exporter_health(ctx, params.vector_port, "/health", "OK"),
            environment={"PYTHONPATH": library.rpartition("/")[0]},
            reload_signal="HUP",
            # Its queues are on disk; what it waits for is an answer from a receiver.
            stop_timeout=30,
            displaces=("syslog-ng",),
            confinement=_confinement(),
        ),
    )


def _guard(ctx: Context) -> dict[str, str]:
    """Who may look at the agent's metrics. The fingerprint is there to make it read all that again."""
    return {
        "certificate": certificate(ctx, NODE),
        "key": key(ctx, NODE),
        "clients": ctx.at(SCRAPERS),
        "fingerprint": fingerprint(ctx),
    }


def _vector_guard(ctx: Context) -> dict[str, Any] | None:
    if not ctx.guarded:
        return None
    return {
        "enabled": True,
        "crt_file": certificate(ctx, NODE),
        "key_file": key(ctx, NODE),
        "ca_file": authority(ctx, PEER),
        "verify_certificate": True,
    }


def _confinement() -> Confinement:
    """It reads the logs of everybody."""
    return Confinement(
        USER,
        USER,
        # A log that is being read gets a second name, below the data or beside the log. Both are made on the mount that
        # the log is on, so there is no directory that could be mounted for writing alone.
        system="full",
        capabilities=("CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER"),
        families=("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"),
        memory=15,
        sees_host=True,
    )


def _modules(ctx: Context, program: Program) -> list[str]:
    """Where its modules were unpacked to. Those of packages that are installed it finds by itself."""
    if not program.home:
        return []
    folder = f"{MODULES}/{'.'.join(map(str, program.release[:2]))}"
    homes = (program.home, ctx.program("syslog-ng-modules").home)
    return [f"--module-path={':'.join(f'{home}{folder}' for home in homes)}"]


def _runner_source() -> list[tuple[str, bytes]]:
    package = files("staddle.logagent")
    names = sorted(path.name for path in package.iterdir() if path.name.endswith(".py"))
    return [(name, (package / name).read_bytes()) for name in names]


def _vector(ctx: Context) -> Draft:
    params, program = ctx.params, ctx.program("vector")
    config = ctx.at(vector.CONFIG)
    documents = vector.configuration(
        node_sources(ctx),
        receivers(ctx),
        data=ctx.at(params.vector_data),
        listen=f"{ctx.host if ctx.guarded else ctx.bind or ANY}:{ctx.port(params.vector_port)}",
        queue_bytes=params.log_agent_queue_size.bytes,
        read_from=params.vector_read_from,
        ca=ctx.at(CA_PATH),
        identity=(certificate(ctx, NODE), key(ctx, NODE)),
        guard=_vector_guard(ctx),
    )
    return Draft(
        resources=(
            Directory(ctx.at(params.vector_data), mode=0o700, owner=ctx.owner(USER), group=ctx.owner(USER)),
            Directory(config, mode=0o700, owner=ctx.owner(USER), group=ctx.owner(USER)),
            *(File(f"{config}/{name}", content, on_change="reload") for name, content in documents.items()),
        ),
        validators=(
            Validator(
                "vector validate",
                (program.path, "validate", "--no-environment", "--config-dir", f"{{stage}}{config}"),
                environment=program.environment,
            ),
        ),
        service=ServiceSpec(
            name="log_agent",
            argv=(program.path, "--config-dir", config),
            health=HttpHealth(f"{ctx.local(params.vector_port)}/metrics", contains="vector_"),
            environment=program.environment,
            reload_signal="HUP",
            stop_timeout=60,
            displaces=("vector",),
            confinement=_confinement(),
        ),
    )
