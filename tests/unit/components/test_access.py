"""Who may do what at the portal without logging in, as the maps of nginx decide it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.fleets import TWO_INFRA, contexts

from staddle.components.nginx.access import access, asks_for_login, login_for
from staddle.components.nginx.servers import is_default, servers

if TYPE_CHECKING:
    from staddle.components.base import Context


def portal(ip: str = "10.0.0.1", variables: str = "", *, kind: Any = "system") -> Context:
    ctx = contexts(TWO_INFRA.replace("admin_ip: 10.0.0.1", f"admin_ip: 10.0.0.1{variables}"))[ip]
    return replace(ctx, layout=replace(ctx.layout, kind=kind))


def granted(request: str) -> bool:
    """`role METHOD /path`."""
    return any(re.search(python(rule), request) for rule in access(portal()).granted)


def python(rule: str) -> str:
    """Perl's end of the text is not Python's."""
    return rule.replace(r"\z", r"\Z")


READS = (
    "/vmetrics/api/v1/query", "/vmetrics/api/v1/query_range", "/vmetrics/api/v1/label/job/values", "/vmetrics/federate",
    "/vmetrics/api/v1/status/tsdb", "/vmetrics/prometheus/api/v1/series", "/vlogs/select/logsql/query",
    "/vlogs/select/logsql/hits",
)  # fmt: skip
CHANGES = (
    "/vmetrics/api/v1/admin/tsdb/delete_series", "/vmetrics/prometheus/api/v1/admin/tsdb/delete_series",
    "/vmetrics/api/v1/import", "/vmetrics/api/v1/import/prometheus", "/vmetrics/api/v1/write", "/vmetrics/write",
    "/vmetrics/snapshot/create", "/vmetrics/internal/force_merge", "/vmetrics/internal/force_flush", "/vmetrics/-/reload",
    "/vmetrics/tags/delSeries", "/vmetrics/graphite/tags/delSeries", "/vmetrics/vmalert/-/reload", "/vmetrics/config",
    "/vmetrics/api/v1/status/../admin/tsdb/delete_series", "/vmetrics/flags", "/vmalert/-/reload", "/vmalert/vmalert/-/reload",
    "/alertmgr/api/v2/silences", "/alertmgr/-/reload", "/vlogs/delete/run_task", "/vlogs/internal/force_flush",
    "/blackbox/probe", "/blackbox/-/reload", "/vmetrics/api/v1/query/x", "/vmetrics/api/v1/queryx", "/vmetrics/x/api/v1/query",
    "/other/vmetrics/api/v1/query", "/vmetrics/api/v1/query\n",
)  # fmt: skip


@pytest.mark.parametrize("path", READS)
def test_infra_nodes_may_query_each_other_and_no_other_node_may(path: str) -> None:
    for method in ("GET", "HEAD", "POST"):
        assert granted(f"infra {method} {path}")
        assert not granted(f"node {method} {path}")
        assert not granted(f" {method} {path}")
    assert not granted(f"infra DELETE {path}")


@pytest.mark.parametrize("path", CHANGES)
def test_no_machine_may_change_anything(path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert not granted(f"infra {method} {path}")
        assert not granted(f"node {method} {path}")


@pytest.mark.parametrize(
    ("request_line", "who"),
    [
        ("POST /alertmgr/api/v2/alerts", {"infra"}),
        ("GET /alertmgr/api/v2/alerts", {"infra"}),
        ("GET /alertmgr/api/v2/silences", {"infra"}),
        ("GET /_staddle/metrics/vmetrics", {"infra"}),
        ("POST /_staddle/metrics/vmetrics", set()),
        ("GET /_staddle/metrics/../x", set()),
        ("POST /vlogs/insert/jsonline", {"node"}),
        ("GET /vlogs/insert/jsonline", set()),
        ("GET /", set()),
        ("GET /_staddle/site.json", set()),
        ("GET /vmetrics/metrics", set()),
        ("GET /blackbox/probe", set()),
    ],
)
def test_what_a_role_is_for_it_may_do(request_line: str, who: set[str]) -> None:
    assert {role for role in ("infra", "node", "") if granted(f"{role} {request_line}")} == who


def test_a_role_is_told_by_who_issued_the_certificate_and_only_nodes_of_the_inventory_have_one() -> None:
    roles = dict(access(portal()).machines)
    assert roles.keys() == {f"SUCCESS CN=10.0.0.{n} CN=staddle-nodes" for n in range(1, 5)} | {
        f"SUCCESS CN=10.0.0.{n} CN=staddle-infra" for n in (1, 2)
    }
    assert roles["SUCCESS CN=10.0.0.1 CN=staddle-nodes"] == "node"
    assert roles["SUCCESS CN=10.0.0.1 CN=staddle-infra"] == "infra"
    assert not access(portal(variables=", infra_expose: intranet")).machines


@pytest.mark.parametrize(
    ("request_line", "free"),
    [
        ("GET /ca.crt", True),
        ("HEAD /ca.crt", True),
        ("POST /ca.crt", False),
        ("GET /ca.crt/x", False),
        ("GET /_staddle/health", True),
        ("GET /staddle/dists/trixie/Release", True),
        ("PUT /staddle/dists/trixie/Release", False),
        ("GET /.well-known/acme-challenge/token", True),
        ("GET /", False),
        ("GET /staddlex/y", False),
        ("GET /_staddle/site.json", False),
        ("GET /runbooks/NodeDown.html", False),
        ("GET /vmetrics/staddle/x", False),
    ],
)
def test_what_everybody_may_fetch(request_line: str, free: bool) -> None:
    assert any(re.search(python(rule), request_line) for rule in access(portal()).public) is free


@pytest.mark.parametrize(
    "path", [*READS, "/", "/_staddle/site.json", "/vmetrics/", "/vmalert/", "/alertmgr/api/v2/silences"]
)
def test_a_reader_may_look_at_what_changes_nothing(path: str) -> None:
    assert readable(f"GET {path}")


@pytest.mark.parametrize(
    "path", [*CHANGES, "/_staddle/metrics/vmetrics", "/vlogs/insert/jsonline", "/alertmgr/api/v2/alerts"]
)
def test_a_reader_may_change_nothing(path: str) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert not readable(f"{method} {path}")
    # Some may be looked at; one is a page of ours here.
    seen = ("/alertmgr/api/v2/silences", "/alertmgr/api/v2/alerts", "/other/", "/vmalert/vmalert/")
    if not path.startswith(seen):
        assert not readable(f"GET {path}")


def readable(request_line: str) -> bool:
    """The first rule that fits decides."""
    verdicts = (verdict for rule, verdict in access(portal()).readable if re.search(python(rule), request_line))
    return next(verdicts, 0) == 1


@pytest.mark.parametrize(
    ("variables", "kind", "auth", "login"),
    [
        ("", "system", None, "all"),
        ("", "system", True, "all"),
        ("", "system", False, "changes"),
        ("", "sandbox", None, "none"),
        ("", "sandbox", True, "all"),
        ("", "sandbox", False, "none"),
        (", infra_expose: intranet", "system", None, "none"),
        (", infra_expose: intranet", "system", True, "all"),
    ],
)
def test_what_takes_a_login(variables: str, kind: str, auth: bool | None, login: str) -> None:
    ctx = portal(variables=variables, kind=kind)
    assert login_for(ctx, auth) == login
    if auth is None:
        assert asks_for_login(ctx) is (login != "none")
        ours = [server for server in servers(ctx) if server.is_ours]
        assert {server.login for server in ours} == {login}
        # Passwords never go over plain HTTP.
        assert {server.redirects for server in ours} == {login != "none"}


def test_machines_are_shown_our_own_certificate_whatever_browsers_are() -> None:
    entry = "{domain: i.staddle, cert: /etc/own.crt, key: /etc/own.key}"
    found = servers(portal(variables=f", infra_portal: {{home: {entry}}}"))
    certificates = {server.name: server.certificate for server in found if server.is_home}
    assert certificates == {"home": "/etc/own.crt", "_address": "cert/nginx.crt"}
    assert [server.name for server in found if is_default(server, found)] == ["_address"]
    assert [server.name for server in servers(portal()) if is_default(server, servers(portal()))] == ["home"]
