"""Grafana's provisioning files: data sources with stable uids, and where dashboards are.

Beside its own stores (`vmetrics`, `vlogs`, `vtraces`), every Grafana knows those of every INFRA node (`vmetrics-2`, …) and
every PostgreSQL that is monitored (`pg-<instance>`). With a shared database all write the same rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from staddle.components.data_sources import databases
from staddle.components.machines import MACHINES, PEER, certificate, key
from staddle.components.render import to_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.components.base import Context
    from staddle.components.data_sources import Database
    from staddle.inventory.fleet import Node

STORES = (
    ("vmetrics", "prometheus", ""),
    ("vlogs", "victoriametrics-logs-datasource", ""),
    ("vtraces", "jaeger", "/select/jaeger"),
)
"""The component, the type of its data source, and what comes after its address."""


def data_sources_file(ctx: Context) -> bytes:
    """`provisioning/datasources/*.yml`. What is no longer in it is deleted."""
    return to_yaml({"apiVersion": 1, "prune": True, "datasources": data_sources(ctx)})


def dashboards_file(ctx: Context) -> bytes:
    """`provisioning/dashboards/*.yml`: ours, and the user's own where the console looks for them, too."""
    own = ctx.params.console_dashboards
    folders = {
        "staddle": ctx.at("/etc/grafana/dashboards"),
        "own": ctx.at(own) if own else ctx.infra("dashboards"),
    }
    providers = [
        {
            "name": name,
            "orgId": 1,
            "type": "file",
            "disableDeletion": False,
            "allowUiUpdates": False,
            "updateIntervalSeconds": 30,
            "options": {"path": path, "foldersFromFilesStructure": True},
        }
        for name, path in folders.items()
        if name == "staddle" or ctx.params.console_enabled
    ]
    return to_yaml({"apiVersion": 1, "providers": providers})


def data_sources(ctx: Context) -> list[dict[str, Any]]:
    """All of them, the own stores first."""
    params = ctx.params
    found = [
        _source(name, kind, f"{ctx.local(getattr(params, f'{name}_port'))}{below}", _options(ctx, name))
        for name, kind, below in STORES
        if getattr(params, f"{name}_enabled")
    ]
    if found and found[0]["uid"] == "vmetrics":
        found[0]["isDefault"] = True
    found += [source for node in ctx.fleet.infra for source in _stores_of(ctx, node)]
    found += [_database(ctx, database) for database in databases(ctx)]
    return found


def _stores_of(ctx: Context, node: Node) -> Iterator[dict[str, Any]]:
    """Those of an INFRA node. Where they are only reached by its portal, a Grafana shows the certificate of its host."""
    for name, kind, below in STORES:
        if not getattr(node.params, f"{name}_enabled"):
            continue
        uid = f"{name}-{node.infra_seq}"
        if not ctx.guarded:
            address = f"{ctx.layout.host(node)}:{ctx.port(getattr(node.params, f'{name}_port'))}"
            yield _source(uid, kind, f"http://{address}{below}", _options(ctx, name))
            continue
        files = {
            "tlsCACert": ctx.at(MACHINES),
            "tlsClientCert": certificate(ctx, PEER),
            "tlsClientKey": key(ctx, PEER),
        }
        source = _source(
            uid,
            kind,
            f"https://{ctx.portal_of(node)}/{name}{below}",
            {**_options(ctx, name), "tlsAuth": True, "tlsAuthWithCACert": True},
        )
        source["secureJsonData"] = {what: f"$__file{{{path}}}" for what, path in files.items()}
        yield source


def _source(uid: str, kind: str, url: str, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": uid,
        "uid": uid,
        "type": kind,
        "orgId": 1,
        "access": "proxy",
        "url": url,
        "editable": False,
        "jsonData": options,
    }


def _options(ctx: Context, store: str) -> dict[str, Any]:
    if store == "vmetrics":
        # The least that a step may be, and what $__rate_interval is made of.
        interval = f"{ctx.params.vmetrics_scrape_interval.seconds:g}s"
        return {"httpMethod": "POST", "prometheusType": "Prometheus", "timeInterval": interval}
    if store == "vtraces":
        # From a span to the log lines around it, by the labels that both have.
        tags = [{"key": name} for name in ("cls", "ins", "ip")]
        return {"tracesToLogsV2": {"datasourceUid": "vlogs", "filterByTraceID": False, "tags": tags}}
    return {}


def _database(ctx: Context, database: Database) -> dict[str, Any]:
    values = dict(database.values)
    host, port = values.get("host", ""), values.get("port", "5432")
    if host.startswith("/") and ctx.params.grafana_pgurl and len(ctx.fleet.infra) > 1:
        # A row that all share has to be good for all.
        host, values["sslmode"] = ctx.address, "require"
    source = _source(database.uid, "grafana-postgresql-datasource", _place(host, port), {})
    source |= {"user": _literal(values.get("user", ""))}
    source["jsonData"] = {
        "database": _literal(values.get("dbname", "postgres")),
        "sslmode": values.get("sslmode", "prefer") if not host.startswith("/") else "disable",
        "maxOpenConns": 4,
        "maxIdleConns": 1,
        "connMaxLifetime": 600,
        **(
            {"sslRootCertFile": values["sslrootcert"], "tlsConfigurationMethod": "file-path"}
            if values.get("sslrootcert")
            else {}
        ),
    }
    if source["jsonData"]["sslmode"] in {"prefer", "allow"}:
        source["jsonData"]["sslmode"] = "disable" if ctx.layout.is_sandbox else "require"  # it knows no other modes
    if database.password:
        source["secureJsonData"] = {"password": _literal(database.password)}
    return source


def _place(host: str, port: str) -> str:
    """A socket is named by its directory, and has the usual port; others are reached over TCP."""
    if host.startswith("/"):
        return host if port == "5432" else f"127.0.0.1:{port}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _literal(text: str) -> str:
    """Grafana replaces variables in values: a dollar that is meant is written twice."""
    return text.replace("$", "$$")
