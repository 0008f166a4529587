"""nginx's configuration as it is written: no value of the inventory becomes anything but a value, and who listens where."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings, strategies as st
from tests.unit.fleets import compiled, contexts, files_of

from staddle.components.nginx import Nginx, realm_value
from staddle.components.nginx.servers import certificate_request, servers
from staddle.errors import InventoryError


class Directive(NamedTuple):
    """One directive of nginx's language; `block` is None without braces."""

    name: str
    arguments: tuple[str, ...]
    block: tuple[Directive, ...] | None


def inventory(entry: dict[str, Any], name: str = "extra", **variables: Any) -> str:
    portal = {"home": {"domain": "i.staddle"}, name: entry}
    users = {"nginx_users": {"ann": "secret"}}
    hosts = {"infra": {"hosts": {"127.0.0.1": {"infra_seq": 1}}}}
    return json.dumps({"all": {"children": hosts, "vars": {**users, "infra_portal": portal, **variables}}})


def rendered(text: str) -> dict[str, tuple[Directive, ...]]:
    """The parsed files of nginx, by name."""
    ctx = contexts(text)["127.0.0.1"]
    files = {r.path: r for r in Nginx().build(ctx).resources if hasattr(r, "content")}
    return {
        path.partition("/etc/nginx/")[2]: parse(file.content.decode())
        for path, file in files.items()
        if path.endswith(".conf")
    }


def names_only(directives: tuple[Directive, ...]) -> list[Any]:
    """The skeleton of a configuration: which directives, nested how, with how many arguments."""
    return [(d.name, len(d.arguments), None if d.block is None else names_only(d.block)) for d in directives]


def values_of(directives: tuple[Directive, ...], name: str) -> list[tuple[str, ...]]:
    found = [d.arguments for d in directives if d.name == name]
    return found + [value for d in directives for value in values_of(d.block or (), name)]


HOSTILE = st.one_of(
    st.text(max_size=30),
    st.text(alphabet="\"'\\;{}$#\n\r\t ab/.:*~%[]", max_size=20),
    st.sampled_from(
        [
            'x"; return 200 "',
            "x; }",
            "x} server {",
            "$host",
            "${dollar}",
            "\\",
            '\\"',
            "a b",
            "#",
            "~^.*$",
            "off",
            "",
            "../..",
            "-",
        ]
    ),
)
ENTRY: dict[str, Any] = {"domain": "x.example", "endpoint": "10.0.0.1:80", "auth": True}


@settings(max_examples=150, deadline=None)
@given(key=st.sampled_from(["domain", "endpoint", "path", "realm", "log", "cert", "domains", "certbot"]), value=HOSTILE)
@example(key="realm", value='x"; auth_basic off; #')
@example(key="path", value="/srv/a b;")
@example(key="domain", value="x.example; return 200")
def test_a_value_is_refused_or_stays_one_value(key: str, value: str) -> None:
    entry: dict[str, Any] = {**ENTRY, key: [value] if key == "domains" else value}
    if key == "path":
        del entry["endpoint"]
    if key == "cert":
        entry["key"] = value
    plain = {
        **entry,
        key: {"endpoint": "10.0.0.2:81", "path": "/srv", "cert": "/c", "domains": ["y.example"]}.get(key, "y"),
    }
    if key == "cert":
        plain["key"] = "/c"
    try:
        files = rendered(inventory(entry))
    except InventoryError:
        return
    if "conf.d/extra.conf" in files:  # not so with an empty domain
        expected = rendered(inventory(plain))
        assert names_only(files["conf.d/extra.conf"]) == names_only(expected["conf.d/extra.conf"])
        assert names_only(files["nginx.conf"]) == names_only(expected["nginx.conf"])


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["C", "Z"], include_characters=" "), max_size=40))
@example('"; auth_basic off; #')
@example("\\")
@example('\\"')
@example("$remote_user ${host} $")
def test_a_realm_reaches_the_browser_as_it_was_written(realm: str) -> None:
    (directive,) = parse(f'auth_basic "{realm_value(realm)}";')
    (value,) = directive.arguments
    # nginx puts it between quotes in the header, with its variables replaced; ours stands for a dollar sign.
    sent = value.replace("${dollar}", "\0")
    assert "$" not in sent
    assert value != "off", "that would switch the log-in off"
    assert re.sub(r"\\(.)", r"\1", sent, flags=re.DOTALL).replace("\0", "$") == realm
    assert not re.search(r'(?<!\\)(\\\\)*"', sent), "a bare quote would end the header's string"


def test_users_cannot_be_seen_in_the_configuration() -> None:
    files = files_of(compiled(inventory(ENTRY))["127.0.0.1"])
    (users,) = (file for path, file in files.items() if path.endswith("/htpasswd"))
    assert users.secret
    assert not users.mode & 0o007
    assert not [path for path, file in files.items() if b"secret" in file.content and "/etc/nginx/" in path]


def test_slow_queries_have_their_two_minutes() -> None:
    files = rendered(inventory(ENTRY))
    assert values_of(files["conf.d/extra.conf"], "proxy_read_timeout") == [("120s",)]
    (metrics,) = (
        d for server in files["conf.d/home.conf"] for d in server.block or () if d.arguments == ("/vmetrics/",)
    )
    assert ("125s",) in values_of((metrics,), "proxy_read_timeout")
    sockets = rendered(inventory({**ENTRY, "websocket": True}))
    assert values_of(sockets["conf.d/extra.conf"], "proxy_read_timeout") == [("24h",)]


def test_a_sandbox_listens_on_loopback_only() -> None:
    listens = values_of(rendered(inventory(ENTRY))["conf.d/home.conf"], "listen")
    assert {arguments[0] for arguments in listens} == {"127.0.0.1:80", "127.0.0.1:443"}


def test_a_host_listens_on_every_address_of_both_families() -> None:
    files = files_of(compiled(inventory(ENTRY), kind="system")["127.0.0.1"])
    listens = values_of(parse(files["/etc/nginx/conf.d/home.conf"].content.decode()), "listen")
    assert {arguments[0] for arguments in listens} == {"*:80", "[::]:80", "*:443", "[::]:443"}


@pytest.mark.parametrize(("mode", "enforced"), [("enable", []), ("enforce", ["extra", "home"])])
def test_https_is_enforced_where_it_is_asked_for(mode: str, enforced: list[str]) -> None:
    ctx = contexts(inventory(ENTRY, nginx_sslmode=mode))["127.0.0.1"]
    assert [s.name for s in servers(ctx) if s.enforce_https and s.name[0] != "_"] == [*reversed(enforced)]
    ctx = contexts(inventory({**ENTRY, "enforce_https": True}))["127.0.0.1"]
    assert [s.name for s in servers(ctx) if s.enforce_https] == ["extra"]


def test_the_certificate_covers_every_server_without_one_of_its_own() -> None:
    entry = {**ENTRY, "domains": ["*.Apps.example"], "certbot": "corp"}
    request = certificate_request(contexts(inventory(entry))["127.0.0.1"])
    assert request.dns_names == ("*.apps.example", "a.staddle", "i.staddle", "localhost", "p.staddle", "x.example")
    assert set(request.addresses) == {"127.0.0.1", "::1"}
    own = {**ENTRY, "cert": "/etc/own.crt", "key": "/etc/own.key"}
    assert "x.example" not in certificate_request(contexts(inventory(own))["127.0.0.1"]).dns_names


def test_an_ipv6_node_is_covered_and_probed_by_its_address() -> None:
    text = "all: {children: {infra: {hosts: {'fd00::1': {infra_seq: 1}}}}}"
    ctx = contexts(text)["fd00::1"]
    assert set(certificate_request(ctx).addresses) == {"127.0.0.1", "::1", "fd00::1"}
    manifest = compiled(text, kind="system")["fd00::1"]
    probes = files_of(manifest)["/data/infra/targets/probe/nginx-1.yml"].content.decode()
    assert "https://[fd00::1]:443/" in probes


@pytest.mark.parametrize("domain", ["p.staddle", "P.Staddle"])
def test_an_entry_may_take_a_name_of_ours(domain: str) -> None:
    ctx = contexts(inventory({**ENTRY, "domain": domain}))["127.0.0.1"]
    assert {s.name for s in servers(ctx)} == {"home", "extra", "_alerts"}


def parse(text: str) -> tuple[Directive, ...]:
    """nginx's own grammar (ngx_conf_read_token): words, quotes, backslashes, comments, `;` and braces."""
    tokens = list(tokenize(text))
    directives, rest = block(tokens, 0)
    assert rest == len(tokens), "an unexpected }"
    return directives


def block(tokens: list[str | tuple[str]], at: int) -> tuple[tuple[Directive, ...], int]:
    found: list[Directive] = []
    words: list[str] = []
    while at < len(tokens) and tokens[at] != "}":
        token = tokens[at]
        at += 1
        if isinstance(token, tuple):
            words.append(token[0])
            continue
        assert words, f"unexpected {token}"
        inner = None
        if token == "{":
            inner, at = block(tokens, at)
            assert tokens[at] == "}", "unexpected end of file"
            at += 1
        found.append(Directive(words[0], tuple(words[1:]), inner))
        words = []
    assert not words, "a directive without an end"
    return tuple(found), at


TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+|\#[^\n]*)|(?P<mark>[;{}])"""
    r"""|"(?P<double>(?:[^"\\]|\\.)*)"(?=[\s;{)])|'(?P<single>(?:[^'\\]|\\.)*)'(?=[\s;{)])"""
    r"""|(?P<bare>(?:\$\{|\\.|[^\s;{\\])+)""",
    re.DOTALL,
)


def tokenize(text: str) -> Any:
    """Marks as text, words as tuples of one."""
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        assert match, f"nginx could not read on at {text[at : at + 40]!r}"
        at = match.end()
        if match.lastgroup == "mark":
            yield match["mark"]
        elif match.lastgroup != "space":
            word = match[str(match.lastgroup)]
            yield (re.sub(r"\\([\"'\\trn])", lambda m: {"t": "\t", "r": "\r", "n": "\n"}.get(m[1], m[1]), word),)
