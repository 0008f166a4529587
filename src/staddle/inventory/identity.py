"""What things are called: nodes, clusters, and the portal's domains. Pure functions of parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.inventory.modules import member_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.inventory.parameters import Parameters

DEFAULT_DOMAIN = "i.staddle"
DEFAULT_CLUSTER = "nodes"


def node_identity(ip: str, params: Parameters, extra: Mapping[str, object], *, infra: bool) -> tuple[str, str]:
    """Name and cluster of a node, by the first rule that applies.

    Name: `nodename`; the PostgreSQL instance on it (`node_id_from_pg`); `infra-<infra_seq>`; the address.
    Cluster: `node_cluster`; the PostgreSQL cluster; `infra` for INFRA nodes; `nodes`.
    """
    postgres = member_by(params, extra, "pgsql") if params.node_id_from_pg else None
    name = params.nodename or (postgres.ins if postgres else "")
    if not name:
        name = f"infra-{params.infra_seq}" if infra and params.infra_seq is not None else ip
    if params.node_cluster != DEFAULT_CLUSTER:
        return name, params.node_cluster
    if postgres:
        return name, postgres.cluster
    return name, "infra" if infra else DEFAULT_CLUSTER


def named_by_postgres(params: Parameters, extra: Mapping[str, object]) -> bool:
    """Whether the PostgreSQL instance on a node may name it."""
    return params.node_id_from_pg and member_by(params, extra, "pgsql") is not None


def home_domain(params: Parameters) -> str:
    """The portal's own domain, `i.staddle` by default."""
    home = params.infra_portal.get("home")
    return home.domain if home and home.domain else DEFAULT_DOMAIN


def metrics_domain(params: Parameters) -> str:
    """The domain of the metrics store: `p.staddle` for `i.staddle`, `p.db.example.com` for `db.example.com`."""
    return sibling(home_domain(params), "p")


def alerts_domain(params: Parameters) -> str:
    """The domain of the alert router: `a.staddle` for `i.staddle`."""
    return sibling(home_domain(params), "a")


def sibling(domain: str, label: str) -> str:
    """The domain with its first label replaced if that is `i`, else with the label put before it."""
    first, dot, rest = domain.partition(".")
    return f"{label}.{rest}" if dot and first == "i" else f"{label}.{domain}"


def external_url(params: Parameters) -> str:
    """The portal's URL as users see it, without a final slash: `portal_url`, or from domain, mode and ports."""
    if params.portal_url:
        return params.portal_url.rstrip("/")
    if params.nginx_sslmode == "disable":
        scheme, port, usual = "http", params.nginx_port, 80
    else:
        scheme, port, usual = "https", params.nginx_ssl_port, 443
    return f"{scheme}://{home_domain(params)}" + (f":{port}" if port != usual else "")
