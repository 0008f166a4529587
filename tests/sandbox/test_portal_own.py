"""What the portal answers itself: its headers, its routes, and what pages of other sites can't make it do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.sandbox.upstreams import web_socket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.sandbox.portal import Portal

OWN = {"x-content-type-options": "nosniff", "x-frame-options": "SAMEORIGIN",
       "referrer-policy": "strict-origin-when-cross-origin"}  # fmt: skip


# What the portal says about itself


@pytest.mark.parametrize(
    ("host", "path", "status"),
    [
        ("localhost", "/", 200), ("localhost", "/no/such/thing", 404), ("localhost", "/ui/api", 501),
        ("localhost", "/vmetrics/api/v1/labels", 200), ("localhost", "/vmetrics/", 200), ("localhost", "/ca.crt", 200),
        ("localhost", "/alertmgr/api/v2/status", 200), ("localhost", "/vmetrics/api/v1/nonsense", 400),
        ("localhost", "/_staddle/site.json", 200), ("localhost", "/vmetrics/snapshot/create", 405), ("localhost", "/ui", 301),
        ("p.staddle", "/api/v1/labels", 200), ("a.staddle", "/api/v2/status", 200), ("p.staddle", "/", 302),
    ],
)  # fmt: skip
def test_every_answer_of_our_own_carries_the_security_headers(
    portal: Portal, host: str, path: str, status: int
) -> None:
    answer = portal.get(host, path)
    assert answer.status == status
    assert {name: answer.headers.get(name) for name in OWN} == OWN
    assert "access-control-allow-origin" not in answer.headers, "no other site reads what somebody inside can see"
    assert answer.headers["server"] == "nginx", "without its version"


def test_our_pages_run_nothing_from_elsewhere(portal: Portal) -> None:
    for path in ("/", "/vmetrics/", "/alertmgr/", "/ui/", "/nowhere"):
        assert "default-src 'self'" in portal.get("localhost", path).headers["content-security-policy"]


def test_guests_get_only_headers_that_break_nothing(portal: Portal) -> None:
    for host, path in (
        ("app.example", "/"),
        ("docs.example", "/"),
        ("docs.example", "/nowhere"),
        ("down.example", "/"),
    ):
        headers = portal.get(host, path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
        assert not {"x-frame-options", "content-security-policy", "permissions-policy"} & headers.keys()
    assert portal.get("down.example").status == 502


def test_what_a_guest_says_itself_is_passed_on_once(portal: Portal) -> None:
    with portal.connect("safe.example") as raw:
        raw.sendall(b"GET /strict HTTP/1.1\r\nHost: safe.example\r\nConnection: close\r\n\r\n")
        lines = b"".join(iter(lambda: raw.recv(4096), b"")).decode().split("\r\n")
    said = sorted(line for line in lines if line.split(":")[0].lower() in {
        "referrer-policy", "x-content-type-options", "x-frame-options", "strict-transport-security",
        "content-security-policy", "access-control-allow-origin",
    })  # fmt: skip
    assert said == [
        "Access-Control-Allow-Origin: *", "Content-Security-Policy: default-src 'none'", "Referrer-Policy: no-referrer",
        "Strict-Transport-Security: max-age=1", "X-Content-Type-Options: nosniff", "X-Frame-Options: DENY",
    ]  # fmt: skip


def test_an_unknown_path_gets_our_404(portal: Portal) -> None:
    page = portal.get("localhost", "/no/such/thing")
    assert page.status == 404
    assert page.body == (portal.stack.root / "data/nginx/404.html").read_bytes()
    assert portal.get("localhost", "/404.html").status == 404


def test_the_ca_can_be_had_from_the_portal(portal: Portal) -> None:
    answer = portal.get("localhost", "/ca.crt", tls=False)
    assert answer.body == portal.stack.ca.read_bytes()
    assert answer.headers["content-type"] == "application/x-x509-ca-cert"


@pytest.mark.parametrize("path", ["/ui/", "/console/"])
def test_routes_of_components_to_come_are_reserved(portal: Portal, path: str) -> None:
    assert portal.get("localhost", path.rstrip("/") + "?a").headers["location"] == path
    assert portal.get("localhost", path).status == 200
    assert "reserved" in portal.get("localhost", path + "api").text


def test_the_status_of_nginx_is_for_this_host_only(portal: Portal) -> None:
    assert "Active connections" in portal.get("localhost", "/nginx", tls=False).text
    # The home entry of this inventory takes the client's address from a header, so that we can come from elsewhere.
    for address in ("10.1.2.3", "192.168.0.1", "2001:db8::1"):
        assert portal.get("localhost", "/nginx", tls=False, X_Test_Address=address).status == 403
    assert portal.get("p.staddle", "/nginx").status == 400, "VictoriaMetrics' answer"


# Other sites


@pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://localhost"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Origin": "http://HOST"}, True),
        ({"Origin": "https://HOST"}, True),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "https://HOST.evil.example"}, False),
        ({"Origin": "https://evil.example HOST"}, False),
        ({"Origin": "null"}, False),
    ],
    ids=str,
)
def test_pages_of_other_sites_change_nothing_through_the_portal(
    portal: Portal, tls: bool, headers: Mapping[str, str], allowed: bool
) -> None:
    host = f"localhost:{portal.stack.port(8443 if tls else 8080)}"
    sent = {name: value.replace("HOST", host) for name, value in headers.items()}
    answer = portal.stack.get("/vmetrics/api/v1/labels", method="POST", tls=tls, headers=sent)
    assert answer.status == (200 if allowed else 403)
    assert portal.stack.get("/vmetrics/api/v1/labels", tls=tls, headers=sent).status == 200, "reading is no change"


def test_a_web_socket_of_another_site_counts_as_a_change(portal: Portal) -> None:
    with portal.connect("localhost") as connection:
        assert web_socket(connection, "localhost", "/vmetrics/", "x", Sec_Fetch_Site="cross-site") == (403, "")
    with portal.connect("localhost") as connection:
        assert web_socket(connection, "localhost", "/vmetrics/", "x", Sec_Fetch_Site="same-origin") == (200, "")


def test_guests_decide_about_other_sites_themselves(portal: Portal) -> None:
    # Single sign-on, for one, posts across sites.
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"}
    assert portal.stack.get("/saml", host="app.example", method="POST", headers=foreign).json()["method"] == "POST"


@pytest.mark.parametrize(
    "path",
    [
        "/vmetrics/api/v1/admin/tsdb/delete_series?match[]=nothing_at_all", "/vmetrics/prometheus/api/v1/admin/x",
        "/vmetrics/internal/force_flush", "/vmetrics//internal/force_flush", "/vmetrics/x/../internal/force_flush",
        "/vmetrics/%69nternal/force_flush", "/vmetrics/-/reload", "/vmetrics/tags/delSeries", "/vmalert/-/reload",
    ],
)  # fmt: skip
def test_what_changes_something_is_not_done_by_following_a_link(portal: Portal, path: str) -> None:
    refused = portal.get("localhost", path)
    assert (refused.status, refused.headers.get("allow")) == (405, "POST")
    assert portal.stack.get(path, method="HEAD").status == 405
    assert portal.stack.get(path, method="POST").status != 405


def test_the_same_holds_on_the_domain_of_the_metrics(portal: Portal) -> None:
    assert portal.get("p.staddle", "/internal/force_flush").status == 405
    assert portal.stack.get("/internal/force_flush", host="p.staddle", method="POST").status == 200
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert portal.stack.get("/internal/force_flush", host="p.staddle", method="POST", headers=foreign).status == 403


# p. and a.


def test_p_and_a_lead_to_metrics_and_alerts(portal: Portal) -> None:
    assert "status" in portal.get("p.staddle", "/api/v1/labels").json()
    assert "cluster" in portal.get("a.staddle", "/api/v2/status").json()
    base = f"https://localhost:{portal.stack.port(8443)}"
    assert portal.get("p.staddle").headers["location"] == f"{base}/vmetrics/"
    assert portal.get("p.staddle", "/targets?a=b").headers["location"] == f"{base}/vmetrics/targets?a=b"
    assert portal.get("a.staddle").headers["location"] == f"{base}/alertmgr/"
