"""Downloads through a proxy: what `proxy_env` means to the programs that download."""

from __future__ import annotations

from typing import TYPE_CHECKING

from staddle.inventory.identity import home_domain

if TYPE_CHECKING:
    from staddle.inventory.fleet import Fleet, Node

_NO = "no_proxy"


def environment(fleet: Fleet, node: Node) -> dict[str, str]:
    """Environment variables for programs on the node; none unless `proxy_env` names a proxy.

    The fleet's own addresses and names are reached without it. Programs differ in which case of letters they look for.
    """
    given = {name.lower(): value for name, value in node.params.proxy_env.items() if value}
    if not given.keys() - {_NO}:
        return {}
    domain = home_domain(node.params).partition(".")[2] or home_domain(node.params)
    own = ("localhost", "127.0.0.1", "::1", f".{domain}", *sorted(each.ip for each in fleet.nodes))
    without = [name.strip() for name in given.pop(_NO, "").split(",") if name.strip()]
    given[_NO] = ",".join(dict.fromkeys([*without, *own]))
    return dict(sorted({**given, **{name.upper(): value for name, value in given.items()}}.items()))
