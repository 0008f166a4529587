"""What the home page shows, filled in from the Fleet and what was registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from staddle.alerting import WATCHDOG
from staddle.alerting.catalogue import runbooks
from staddle.components.nginx.settings import RESERVED
from staddle.components.portal.site import Article, Card, ComponentRow, Features, Link, ModuleCell, NodeRow, Site
from staddle.inventory.identity import home_domain
from staddle.inventory.modules import MODULES, instances

if TYPE_CHECKING:
    from collections.abc import Mapping

    from staddle.components.base import Context
    from staddle.components.material import Material
    from staddle.inventory.fleet import Node
    from staddle.inventory.parameters import ServiceCard


def home_site(ctx: Context, material: Material) -> Site:
    """The portal's site as seen from this INFRA node."""
    params, registry = ctx.params, ctx.registry
    routes = {route.path: route.component for route in registry.routes}
    if any(item.component == "repo" and item.node_ip == ctx.node.ip for item in registry.listings):
        routes[f"/{params.repo_name}/"] = "repo"
    absent = {*RESERVED, f"/{params.repo_name}/"} - routes.keys()
    rows = tuple(
        ComponentRow(
            component=item.component,
            instance=item.instance,
            node_ip=item.node_ip,
            title=item.title,
            version=item.version,
            provider=item.provider,
            url=item.url if item.node_ip == ctx.node.ip else None,
            port=item.port,
            health_query=item.health_query,
        )
        for item in registry.listings
    )
    return Site(
        name="Staddle",
        version=params.version,
        domain=home_domain(params),
        portal_url=ctx.portal_url,
        admin_ip=ctx.fleet.admin_ip,
        cards=tuple(_card(card, routes, absent) for card in _cards(ctx)),
        components=rows,
        nodes=tuple(_node_row(ctx, node) for node in ctx.fleet.nodes),
        features=Features(
            metrics="/vmetrics/" in routes,
            rules="/vmalert/" in routes,
            alerts="/alertmgr/" in routes,
            dashboards="/ui/" in routes,
            logs="/vlogs/" in routes,
            traces="/vtraces/" in routes,
        ),
        docs=(Link("Runbooks", "/runbooks/", "What each alert means, and what to do"),),
        articles=tuple(Article(f"runbooks/{name}.html", name, text) for name, text in _runbooks(ctx)),
        ca_fingerprint=_fingerprint(material.ca_certificate),
        watchdog=WATCHDOG,
    )


def _runbooks(ctx: Context) -> list[tuple[str, str]]:
    own = ctx.fleet.own_rules.runbooks.items()
    theirs = {name: text.replace("${portal}", ctx.portal_url) for name, text in own}
    return sorted({**runbooks(ctx.portal_url), **theirs}.items())


def _cards(ctx: Context) -> list[ServiceCard]:
    return [*ctx.params.infra_services, *ctx.params.infra_extra_services]


def _card(card: ServiceCard, routes: Mapping[str, str], absent: set[str]) -> Card:
    route = max((path for path in routes if card.url.startswith(path)), key=len, default="")
    return Card(
        name=card.name.lower().replace(" ", "-"),
        title=card.name,
        description=card.desc,
        url=card.url,
        icon=card.icon or "link",
        component=routes.get(route),
        available=not any(card.url.startswith(path) for path in absent),
    )


def _node_row(ctx: Context, node: Node) -> NodeRow:
    cells = [ModuleCell("node", (node.name,))]
    if node.is_infra:
        cells.insert(0, ModuleCell("infra", (f"infra-{node.infra_seq}",)))
    cells += [ModuleCell(module, found) for module in MODULES if (found := instances(node, module))]
    return NodeRow(node.ip, node.name, node.cluster, tuple(cells), is_admin=node.ip == ctx.fleet.admin_ip)


def _fingerprint(pem: bytes) -> str:
    """SHA-256 of the CA's certificate, as browsers show it, so that a download can be compared."""
    return x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256()).hex(":").upper()
