"""VictoriaMetrics: scrapes every target of the fleet and stores what it gets.

Targets are files compiled from the Fleet, `/infra/targets/<job>/<registrant>.yml`; it re-reads them by itself.
"""

from __future__ import annotations

import shlex
from itertools import groupby
from typing import TYPE_CHECKING, Any

from staddle.components.base import INFRA, VICTORIA, Confinement, Context, Draft, InfraComponent, Package, ServiceSpec
from staddle.components.machines import client_tls
from staddle.components.registration import ClientTls, Probe, Registration, Route, Target
from staddle.components.registry import component
from staddle.components.render import to_yaml
from staddle.manifest.layout import LOOPBACK
from staddle.manifest.resources import Directory, File, HttpHealth, Resource, Validator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from staddle.inventory.fleet import Node

VICTORIA_METRICS = Package(
    "victoria-metrics",
    {
        "victoria-metrics": "/usr/bin/victoria-metrics",
        "vmalert": "/usr/bin/vmalert",
        "vmalert-tool": "/usr/bin/vmalert-tool",
    },
    minimum="1.100",
    smoke=("-version",),
    web_ui=False,
)
SCRAPE_JOBS = ("infra", "node")
PROBE_JOBS = ("ping", "probe")


@component
class VictoriaMetrics(InfraComponent):
    name = "vmetrics"
    title = "VictoriaMetrics"
    port_parameter = "vmetrics_port"
    path = "/vmetrics/"
    packages = (VICTORIA_METRICS,)
    programs = ("victoria-metrics",)
    log_format = "victoria"

    def enabled(self, node: Node) -> bool:
        return node.is_infra and node.params.vmetrics_enabled

    def register(self, ctx: Context) -> Registration:
        pages = (
            {} if ctx.program("victoria-metrics").web_ui else {"": "metrics", "vmui/": "metrics", "targets": "targets"}
        )
        route = Route(
            "/vmetrics/",
            self.name,
            f"{ctx.local(ctx.params.vmetrics_port)}/",
            pages=pages,
            timeout=120,
            changing=(
                "(prometheus/)?api/v1/admin/",
                "(graphite/)?tags/delSeries",
                "internal/",
                "snapshot/",
                "-/reload",
            ),
            reads=(
                "health",
                "targets",
                "vmui/.*",
                "(prometheus/)?api/v1/(targets|metadata|rules|alerts|notifiers)",
            ),
            queries=(
                "(prometheus/)?api/v1/(query|query_range|query_exemplars|series|series/count|labels|label/[^/]+/values)",
                "(prometheus/)?api/v1/status/[a-z_]+",
                "(prometheus/)?api/v1/export(/csv|/native)?",
                "(prometheus/)?federate",
                "(prometheus/)?(api/v1/)?format_query|(prometheus/)?api/v1/parse_query|prettify-query",
            ),
        )
        return Registration(targets=(self.target(ctx),), routes=(route,), listings=(self.listing(ctx),))

    def build(self, ctx: Context) -> Draft:
        params, program = ctx.params, ctx.program("victoria-metrics")
        config = ctx.infra("prometheus.yml")
        return Draft(
            resources=(
                Directory(ctx.infra("metrics"), mode=0o750, owner=ctx.owner(VICTORIA), group=ctx.owner(INFRA)),
                File(config, to_yaml(scrape_config(ctx)), group=ctx.owner(INFRA), on_change="reload"),
                *target_files(ctx),
            ),
            validators=(
                Validator(
                    "scrape configuration",
                    (program.path, f"-promscrape.config={{stage}}{config}", "-dryRun"),
                    environment=program.environment,
                ),
            ),
            service=ServiceSpec(
                name=self.name,
                argv=(
                    program.path,
                    f"-storageDataPath={ctx.infra('metrics')}",
                    f"-httpListenAddr={ctx.listen_behind(params.vmetrics_port)}",
                    f"-promscrape.config={config}",
                    # By default a query sees nothing younger than 30 s, and every alert would be that late.
                    "-search.latencyOffset=1s",
                    *([f"-vmalert.proxyURL={ctx.local(params.vmalert_port)}"] if params.vmalert_enabled else []),
                    *shlex.split(params.vmetrics_options),
                ),
                health=HttpHealth(f"{ctx.local(params.vmetrics_port)}/health", contains="OK"),
                environment=program.environment,
                reload_signal="HUP",
                # It writes what it holds in memory to disk.
                stop_timeout=60,
                displaces=("victoria-metrics",),
                confinement=Confinement(VICTORIA, writes=(ctx.infra("metrics"),), memory=60, open_files=1_048_576),
            ),
        )


def scrape_config(ctx: Context) -> dict[str, Any]:
    """Prometheus' scrape configuration: one job per directory of target files."""
    params = ctx.params
    jobs = {*SCRAPE_JOBS, *(target.job for target in ctx.registry.targets if not target.tls)}
    others = {target.folder: target.tls for target in ctx.registry.targets if target.tls}
    probe_jobs = {*PROBE_JOBS, *(probe.job for probe in ctx.registry.probes)} if params.blackbox_enabled else set()
    prober = f"{LOOPBACK}:{ctx.port(params.blackbox_port)}"
    tls = {"tls_config": client_tls(ctx)} if ctx.closed else {}
    return {
        "global": {
            "scrape_interval": str(params.vmetrics_scrape_interval),
            "scrape_timeout": str(params.vmetrics_scrape_timeout),
        },
        "scrape_configs": [
            *({"job_name": job, **tls, **_file_sd(ctx, job), **_drops(job)} for job in sorted(jobs)),
            *(
                {"job_name": name, "tls_config": _tls(own), **_file_sd(ctx, name)}
                for name, own in sorted(others.items())
            ),
            *(
                {
                    "job_name": job,
                    "metrics_path": "/probe",
                    **_file_sd(ctx, job),
                    "relabel_configs": [
                        {"source_labels": ["__address__"], "target_label": "__param_target"},
                        {"source_labels": ["__param_target"], "target_label": "instance"},
                        {"target_label": "__address__", "replacement": prober},
                    ],
                }
                for job in sorted(probe_jobs)
            ),
        ],
    }


def _tls(tls: ClientTls) -> dict[str, str]:
    pair = {"cert_file": tls.certificate, "key_file": tls.key} if tls.certificate else {}
    return {"ca_file": tls.ca, **pair}


_RULES: Mapping[str, Mapping[str, object]] = {
    # It has some of most metrics for every bucket, which may be any number.
    "minio": {"source_labels": ["bucket"], "regex": ".+", "action": "drop"},
    # postgres_exporter says on each series what it connects to; `ins` says that.
    "pgsql": {"regex": "server", "action": "labeldrop"},
}
"""Series and labels that are not kept."""


def _drops(job: str) -> dict[str, Any]:
    return {"metric_relabel_configs": [dict(_RULES[job])]} if job in _RULES else {}


def target_files(ctx: Context) -> list[Resource]:
    """The file-SD files of everything registered, a directory per job and a file per registrant."""
    entries: list[tuple[str, str, dict[str, Any]]] = [
        (target.folder, target.file, _scrape_entry(ctx, target)) for target in ctx.registry.targets
    ]
    if ctx.params.blackbox_enabled:
        entries += [
            (probe.job, probe.file, _probe_entry(probe))
            for probe in ctx.registry.probes
            if probe.only_on in {None, ctx.node.ip}
        ]
    jobs = sorted({*SCRAPE_JOBS, *PROBE_JOBS, *(job for job, _, _ in entries)})
    resources: list[Resource] = [Directory(ctx.infra(f"targets/{job}"), group=ctx.owner(INFRA)) for job in jobs]
    entries.sort(key=lambda entry: (entry[0], entry[1], sorted(entry[2]["labels"].items()), entry[2]["targets"]))
    for (job, file), group in groupby(entries, key=lambda entry: entry[:2]):
        content = to_yaml([entry for _, _, entry in group])
        path = ctx.infra(f"targets/{job}/{file}.yml")
        resources.append(File(path, content, mode=0o640, group=ctx.owner(INFRA), on_change="none"))
    return resources


def _file_sd(ctx: Context, job: str) -> dict[str, Any]:
    return {"file_sd_configs": [{"files": [ctx.infra(f"targets/{job}/*.yml")]}]}


def _scrape_entry(ctx: Context, target: Target) -> dict[str, Any]:
    labels, address, path, scheme = dict(target.labels), target.address, target.path, target.scheme
    ip = labels["ip"]
    if target.near and ip == ctx.node.ip:
        address, path, scheme = f"{LOOPBACK}:{target.near.port}", target.near.path, "http"
    # Whichever way it is scraped, it is one instance.
    if target.near:
        labels["instance"] = f"{f'[{ip}]' if ':' in ip else ip}:{target.near.port}"
    if target.tls:
        labels["job"] = target.job
    labels |= {f"__param_{name}": value for name, value in target.params.items()}
    if path != "/metrics":
        labels["__metrics_path__"] = path
    if scheme != "http":
        labels["__scheme__"] = scheme
    return _entry(labels, [address])


def _probe_entry(probe: Probe) -> dict[str, Any]:
    labels = {**probe.labels, "__param_module": probe.module}
    if probe.hostname:
        labels["__param_hostname"] = probe.hostname
    return _entry(labels, [probe.target])


def _entry(labels: Mapping[str, str], targets: Iterable[str]) -> dict[str, Any]:
    return {"labels": dict(sorted(labels.items())), "targets": list(targets)}
