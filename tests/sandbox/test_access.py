"""Who may do what at a portal that takes a login: strangers, machines by their certificates, people."""

from __future__ import annotations

import base64
import contextlib
import http.client
import ssl
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.changing import Changing
    from tests.sandbox.stack import Stack

QUERY = ("GET", "/vmetrics/api/v1/query?query=up")
POSTED = ("POST", "/vmetrics/api/v1/query?query=up")
METRICS = ("GET", "/_staddle/metrics/vmetrics")
ALERTS = ("POST", "/alertmgr/api/v2/alerts")
SILENCES = ("POST", "/alertmgr/api/v2/silences")
DELETE = ("POST", "/vmetrics/api/v1/admin/tsdb/delete_series?match[]=nothing")
HIDDEN = ("POST", "/vmetrics/api/v1/query/../admin/tsdb/delete_series?match[]=nothing")
IMPORT = ("POST", "/vmetrics/api/v1/import/prometheus")
IMPORT_BY_GET = ("GET", "/vmetrics/api/v1/import/prometheus")
HOME = ("GET", "/")
CA = ("GET", "/ca.crt")
HEALTH = ("GET", "/_staddle/health")
EVERYTHING = (
    QUERY, POSTED, METRICS, ALERTS, SILENCES, DELETE, HIDDEN, IMPORT, IMPORT_BY_GET, HOME, CA, HEALTH,
)  # fmt: skip
BODIES = {ALERTS: "[]", SILENCES: "{}", IMPORT: "forged 1\n", IMPORT_BY_GET: "forged 1\n"}


def status(stack: Stack, request: tuple[str, str], who: str = "", login: str = "") -> int:
    """What comes back for a request with the certificate of that role, or with a login."""
    context = ssl.create_default_context(cafile=str(stack.ca))
    if who:
        context.load_cert_chain(stack.root / f"etc/pki/{who}.crt", stack.root / f"etc/pki/{who}.key")
    headers = {"Content-Type": "application/json"} if request in BODIES else {}
    if login:
        headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
    connection = http.client.HTTPSConnection("127.0.0.1", stack.port(8443), timeout=10, context=context)
    with contextlib.closing(connection):
        connection.request(*request, BODIES.get(request), headers)
        return connection.getresponse().status


@pytest.fixture
def closed(changing: Changing) -> Changing:
    """With a login that was made, since the inventory names nobody."""
    changing.entries["home"]["auth"] = True
    changing.apply(vmetrics_enabled=True, alertmanager_enabled=True)
    return changing


def test_everybody_gets_what_was_meant_for_him_and_nothing_else(closed: Changing) -> None:
    stack = closed.stack
    public = {CA, HEALTH}
    login = (stack.root / "admin/portal-login").read_text(encoding="utf-8").strip()
    allowed = {
        "": public,
        "node": public,
        "infra": {*public, QUERY, POSTED, METRICS, ALERTS},
    }
    for who, requests in allowed.items():
        answers = {request: status(stack, request, who) for request in EVERYTHING}
        assert {request for request, answer in answers.items() if answer < 400} == requests, who
        assert {answer for request, answer in answers.items() if request not in requests} == {403 if who else 401}, who
    people = {request: status(stack, request, login=login) for request in EVERYTHING}
    # A silence needs more than an empty object, and what is deleted is asked for by POST.
    assert {request for request, answer in people.items() if answer >= 400} == {SILENCES}
    assert people[SILENCES] == 422 or people[SILENCES] == 400
    assert status(stack, HOME, login="admin:admin") == 401
    # A machine may be used by a person, too.
    assert status(stack, HOME, "node", login) == 200
    # No password goes over plain HTTP.
    assert stack.get("/", tls=False).status == 301
    assert stack.get("/ca.crt", tls=False).status == 200


def test_a_certificate_of_somebody_elses_making_is_refused(closed: Changing) -> None:
    stack = closed.stack
    folder = stack.root / "etc/pki"
    for kind in ("crt", "key"):
        (folder / f"forged.{kind}").write_bytes((stack.root / f"etc/nginx/cert/nginx.{kind}").read_bytes())
    assert {status(stack, request, "forged") for request in (HOME, CA, METRICS)} == {400}
