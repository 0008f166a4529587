"""From `infra_portal` to nginx servers: names, listeners, certificates, and what each serves.

Besides the inventory's entries there are two of our own, unless an entry claims their names: `p.` (metrics) and `a.` (alerts)
of the home domain, which lead straight to VictoriaMetrics and Alertmanager.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from staddle.components.acme import shown_pair
from staddle.components.material import CertificateRequest
from staddle.components.nginx.access import Login, login_for
from staddle.components.nginx.settings import CERTIFICATE
from staddle.inventory.identity import alerts_domain, home_domain, metrics_domain
from staddle.inventory.parameters import PortalEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from staddle.components.base import Context
    from staddle.components.registration import Route

HOME = "home"
OWN_CERTIFICATE = f"cert/{CERTIFICATE}.crt"
OWN_KEY = f"cert/{CERTIFICATE}.key"
ADDRESS = "_address"
"""The home server as machines reach it, by its address: with a certificate of our CA, whatever browsers are shown."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server of the portal. `entry` is the inventory's; `route` is set on the servers that stand for one route."""

    name: str
    names: tuple[str, ...]
    entry: PortalEntry
    kind: str
    enforce_https: bool
    certificate: str
    key: str
    login: Login = "none"
    route: Route | None = None
    origin: str | None = None

    @property
    def is_home(self) -> bool:
        return self.name in {HOME, ADDRESS}

    @property
    def redirects(self) -> bool:
        """Whether plain HTTP leads to HTTPS: where somebody logs in, it must not be in the clear."""
        return self.enforce_https or (self.is_ours and self.login != "none")

    @property
    def by_our_ca(self) -> bool:
        """Whether its certificate is the portal's own."""
        return self.certificate == OWN_CERTIFICATE

    @property
    def is_ours(self) -> bool:
        """Whether what answers is Staddle's own, rather than a program or a directory of the user's."""
        return self.is_home or self.route is not None


def servers(ctx: Context) -> list[Server]:
    """The portal's servers by name, home first."""
    params = ctx.params
    portal = {HOME: PortalEntry(domain=home_domain(params)), **params.infra_portal}
    found = [_server(ctx, name, entry) for name, entry in sorted(portal.items()) if name == HOME or entry.domain]
    claimed = {name.lower() for server in found for name in server.names}
    found += [
        server for server in _route_servers(ctx, portal[HOME]) if claimed.isdisjoint(map(str.lower, server.names))
    ]
    home = next(server for server in found if server.name == HOME)
    if not home.by_our_ca:
        found.append(replace(home, name=ADDRESS, names=("_",), certificate=OWN_CERTIFICATE, key=OWN_KEY, origin=None))
    return sorted(found, key=lambda server: (server.name != HOME, server.name))


def is_default(server: Server, all_servers: Iterable[Server]) -> bool:
    """Whether it takes what is asked for by an address, or by a name that no server has."""
    return server.name == (ADDRESS if any(other.name == ADDRESS for other in all_servers) else HOME)


def certificate_request(ctx: Context) -> CertificateRequest:
    """One certificate for all servers that bring none of their own."""
    shown = [server for server in servers(ctx) if not server.entry.cert and server.name != ADDRESS]
    names = {name.lower() for server in shown for name in server.names}
    addresses = {"127.0.0.1", "::1", ctx.node.ip}
    return CertificateRequest(
        name=CERTIFICATE,
        common_name=home_domain(ctx.params),
        dns_names=tuple(sorted({*names, "localhost"})),
        addresses=tuple(sorted(addresses)),
        days=max(1, int(ctx.params.nginx_cert_validity.seconds // 86_400)),
    )


def _server(ctx: Context, name: str, entry: PortalEntry) -> Server:
    kind = "home" if name == HOME else "path" if entry.path else "endpoint"
    names = dict.fromkeys([entry.domain or home_domain(ctx.params), *entry.domains])
    certificate, key = shown_pair(ctx, entry) or (entry.cert, entry.key)
    return Server(
        name=name,
        names=tuple(names),
        entry=entry,
        kind="conf" if entry.conf else kind,
        enforce_https=ctx.params.nginx_sslmode == "enforce" or entry.enforce_https,
        certificate=certificate or OWN_CERTIFICATE,
        key=key or OWN_KEY,
        login=login_for(ctx, entry.auth) if name == HOME else "all" if entry.auth else "none",
        origin=_origin(ctx, name),
    )


def _origin(ctx: Context, name: str) -> str | None:
    position = ctx.node.where(f"infra_portal.{name}.config") or ctx.node.where(f"infra_portal.{name}")
    return str(position) if position else None


def _route_servers(ctx: Context, home: PortalEntry) -> Iterator[Server]:
    """They take the home entry's password protection along, not its document root or raw text.

    While registrations are still being collected, their routes aren't known yet.
    """
    params = ctx.params
    login = login_for(ctx, home.auth) != "none"
    entry = PortalEntry(auth=login, realm=home.realm, enforce_https=home.enforce_https)
    for name, domain, component, enabled in (
        # An entry of the inventory can't have such a name.
        ("_metrics", metrics_domain(params), "vmetrics", params.vmetrics_enabled),
        ("_alerts", alerts_domain(params), "alertmanager", params.alertmanager_enabled),
    ):
        if enabled:
            server = _server(ctx, name, entry.model_copy(update={"domain": domain}))
            route = next((route for route in ctx.registry.routes if route.component == component), None)
            yield replace(server, kind="route", route=route, origin=None)
