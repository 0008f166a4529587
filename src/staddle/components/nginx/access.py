"""Who may do what at the portal without logging in: the rules that become maps in nginx's configuration.

A machine is known by its certificate: who issued it is its role, and the node that it names must be in the inventory. It may
do what its role has been given, and nothing else. People log in. Everybody may fetch what is public: it can only be read, and
nodes need it before they have a certificate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from staddle.components.base import PORTAL_METRICS
from staddle.components.machines import AUTHORITIES, NODE, PEER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from staddle.components.base import Context
    from staddle.components.registration import Route

Login = Literal["none", "changes", "all"]
"""What takes a login: nothing, all but reading, or everything that isn't public."""
HEALTH = "/_staddle/health"
CLIENTS = "cert/clients.crt"
"""The CAs of machines, below nginx's directory."""


@dataclass(frozen=True, slots=True)
class Access:
    """Keys of nginx maps. `machines`: certificates and the role that they mean. The others are for requests.

    `granted` (role, method, path), `public` and `readable` (method, path) are regular expressions, tried in this order, with
    what they decide.
    """

    machines: tuple[tuple[str, str], ...]
    granted: tuple[str, ...]
    public: tuple[str, ...]
    readable: tuple[tuple[str, int], ...]


def login_for(ctx: Context, auth: bool | None) -> Login:
    """What takes a login on the portal itself, whose entry says `auth`."""
    if auth:
        return "all"
    if not ctx.guarded:
        return "none"
    return "all" if auth is None else "changes"


def asks_for_login(ctx: Context) -> bool:
    """Whether any server of the context's node does."""
    params = ctx.params
    if not (ctx.node.is_infra and params.nginx_enabled):
        return False
    entries = params.infra_portal.items()
    return any(
        login_for(ctx, entry.auth) != "none" if name == "home" else bool(entry.auth) for name, entry in entries
    ) or ("home" not in params.infra_portal and login_for(ctx, None) != "none")


def access(ctx: Context) -> Access:
    """The rules of the context's portal."""
    routes = sorted(ctx.registry.routes, key=lambda route: route.path)
    repo = re.escape(ctx.params.repo_name)
    return Access(
        machines=tuple(_machines(ctx)),
        granted=(
            rf"^{PEER} (GET|HEAD) {PORTAL_METRICS}/\w+\z",
            *(rule for route in routes for rule in _granted(route)),
        ),
        public=(rf"^(GET|HEAD) (/ca\.crt|{HEALTH}|/{repo}/.*|/\.well-known/acme-challenge/.*)\z",),
        readable=(
            *((rule, 1) for route in routes for rule in _readable(route)),
            *((rf"^[A-Z]+ {re.escape(route.path)}", 0) for route in routes),
            (rf"^[A-Z]+ {PORTAL_METRICS}/", 0),
            (r"^(GET|HEAD) /", 1),
        ),
    )


def _machines(ctx: Context) -> Iterator[tuple[str, str]]:
    """As nginx puts it: verified, subject, issuer. Both names are ours, so they look as they were asked for."""
    if not ctx.closed:
        return
    for node in ctx.fleet.nodes:
        for role in (NODE, PEER) if node.is_infra else (NODE,):
            yield f"SUCCESS CN={node.ip} CN={AUTHORITIES[role]}", role


def _granted(route: Route) -> Iterator[str]:
    for role, methods, paths in (
        (PEER, "(GET|HEAD)", (*route.reads, *route.queries)),
        (PEER, "POST", (*route.queries, *route.peers)),
        (NODE, "POST", route.agents),
    ):
        if paths:
            yield rf"^{role} {methods} {_below(route, paths)}\z"


def _readable(route: Route) -> Iterator[str]:
    """Pages of ours are what a reader gets instead of the program's own."""
    pages = tuple(f"{re.escape(page)}{'.*' if page.endswith('/') else ''}" for page in route.pages)
    yield rf"^(GET|HEAD) {_below(route, ('', *pages, *route.reads, *route.queries))}\z"
    if route.queries:
        yield rf"^POST {_below(route, route.queries)}\z"


def _below(route: Route, paths: tuple[str, ...]) -> str:
    return f"{re.escape(route.path)}({'|'.join(paths)})"
