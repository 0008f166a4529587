"""A running portal with entries of every kind, and programs behind it: the fixture that its tests share."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.sandbox.shared import shared
from tests.sandbox.stack import Answer, Stack, started
from tests.sandbox.upstreams import app

from staddle.components.material import CertificateRequest
from staddle.pki.authority import open_authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from staddle.components.material import KeyPair

REALMS = {
    "plain": "Staff only",
    "quotes": 'The "inner" \\ circle',
    "dollar": "$host; costs $5 #1 {",
    "unicode": "Nur für Befugte",
    "off": "off",
    "empty": "",
}
USERS = {"ann": "correct horse", "bob the builder": "$5; }", "zoë": "pässwörd"}


@dataclass(frozen=True)
class Portal:
    """A stack with entries of every kind. `own_pair` belongs to entry `own-pair`."""

    stack: Stack
    own_pair: KeyPair
    docs: Path

    def get(self, host: str, path: str = "/", *, tls: bool = True, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.stack.get(path, host=host, tls=tls, headers=named)

    def connect(self, host: str, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        context = context or ssl.create_default_context(cafile=str(self.stack.ca))
        raw = socket.create_connection(("127.0.0.1", self.stack.port(8443)), timeout=10)
        return context.wrap_socket(raw, server_hostname=host)


@pytest.fixture(scope="session")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    home = tmp_path_factory.mktemp("portal")
    docs = home / "docs"
    for path, text in {
        "index.html": 600 * "<p>manual</p>",
        "plain/a.txt": "0123456789",
        ".git/config": "secret",
    }.items():
        (docs / path).parent.mkdir(parents=True, exist_ok=True)
        (docs / path).write_text(text, encoding="utf-8")
    store = home / "sandbox/admin/pki"
    authority = open_authority(store, "staddle-ca", create=True, now=dt.datetime.now(dt.UTC))
    pairs = {}
    for name in ("backend.internal", "own.example"):
        request = CertificateRequest(name, name, (name,), ("127.0.0.1",), 30)
        pairs[name], _ = authority.ensure("test", request, dt.datetime.now(dt.UTC))
    backend, own = (store / "test" / name for name in pairs)
    (home / "nginx").mkdir()
    (home / "nginx/greeting.conf").write_text(TEMPLATE, encoding="utf-8")
    (home / "nginx/.greeting.conf.swp").write_bytes(b"\xff\x00 an editor's")
    with contextlib.ExitStack() as servers:
        plain = servers.enter_context(app())
        secure = servers.enter_context(app(f"{backend}.crt", f"{backend}.key"))
        text = inventory(plain, secure, docs, str(own), str(store / "ca/ca.crt"))
        (home / "fleet.yml").write_text(text, encoding="utf-8")
        for stack in shared("portal", started(home, text)):
            yield Portal(stack, pairs["own.example"], docs)


TEMPLATE = """\
{# A template of the user's own. #}
server {
    {% for address in listen %}
    listen {{ address }}:{{ tls_port }} ssl;
    {% endfor %}
    server_name {{ server_names | join(" ") }};
    ssl_certificate {{ server.certificate }};
    ssl_certificate_key {{ server.key }};
    default_type text/plain;
    return 200 "hello from {{ server.name }}; {{ routes | length }} routes\\n";
}
"""


def inventory(plain: int, secure: int, docs: Path, own: str, ca: str) -> str:
    app_at = f"127.0.0.1:{plain}"
    entries = {
        "home": {"domain": "i.staddle", "domains": ["portal.example"],
                 "config": "set_real_ip_from 127.0.0.1; real_ip_header X-Test-Address; location /raw { return 204; }"},
        "app": {"domain": "app.example", "domains": ["app2.example", "*.apps.example"], "endpoint": app_at},
        "chat": {"domain": "chat.example", "endpoint": app_at, "websocket": True, "log": "chat.log"},
        "secure": {"domain": "secure.example", "endpoint": f"127.0.0.1:{secure}", "scheme": "https"},
        "verified": {"domain": "verified.example", "endpoint": f"127.0.0.1:{secure}", "scheme": "https",
                     "config": f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {ca}; proxy_ssl_name backend.internal;"},
        "suspect": {"domain": "suspect.example", "endpoint": f"127.0.0.1:{secure}", "scheme": "https",
                    "config": f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {ca}; proxy_ssl_name other.internal;"},
        "docs": {"domain": "docs.example", "path": str(docs)},
        "listed": {"domain": "listed.example", "path": str(docs), "index": True},
        "below": {"domain": "below.example", "path": "/www/_staddle/pages"},
        "safe": {"domain": "safe.example", "endpoint": app_at, "enforce_https": True},
        "down": {"domain": "down.example", "endpoint": "127.0.0.1:9"},
        "raw": {"domain": "raw.example", "path": str(docs),
                "config": "add_header X-Raw yes always;\nlocation = /teapot {\n  return 418; # a comment, unfinished"
                          "\n}\n# the end"},
        "own-template": {"domain": "greeting.example", "conf": "greeting.conf"},
        "own-pair": {"domain": "own.example", "path": str(docs), "cert": f"{own}.crt", "key": f"{own}.key"},
        "acme": {"domain": "acme.example", "path": str(docs), "certbot": "acme"},
        "metrics": {"domain": "entry-called-metrics.example", "endpoint": app_at},
    }  # fmt: skip
    for name, realm in REALMS.items():
        entries[f"realm-{name}"] = {"domain": f"{name}.realm.example", "endpoint": app_at, "auth": True, "realm": realm}
    variables = {
        "nginx_users": USERS, "infra_portal": entries, "blackbox_enabled": False, "dns_enabled": False,
        "vlogs_enabled": False, "vtraces_enabled": False, "console_enabled": False,
    }  # fmt: skip
    hosts = {"127.0.0.1": {"infra_seq": 1, "nodename": "box"}}
    return json.dumps({"all": {"children": {"infra": {"hosts": hosts}}, "vars": variables}})
