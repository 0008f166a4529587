"""What is wrong with a portal's inventory changes nothing, and is told with its place."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.changing import Changing


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("listen_to_me on;", 'unknown directive "listen_to_me"'),
        ("location /x {", 'unexpected end of file, expecting "}"'),
        ("return 200 ok", 'unexpected "}"'),
        (
            "location /x { proxy_pass http://no.such.host.invalid; }",
            'host not found in upstream "no.such.host.invalid"',
        ),
        ("include /nowhere/at/all.conf;", 'open() "/nowhere/at/all.conf" failed'),
    ],
)
def test_broken_raw_text_is_refused_with_nginxs_words_and_its_place(changing: Changing, text: str, says: str) -> None:
    changing.entries["docs"]["config"] = text
    failed = changing.refused()
    assert says in failed["message"]
    assert "/etc/nginx/conf.d/docs.conf:" in failed["message"]
    assert failed["origin"] == changing.place("docs", "config")


def test_people_are_told_so_too(changing: Changing) -> None:
    changing.entries["docs"]["config"] = "listen_to_me on;"
    said = changing.rejected()
    assert 'unknown directive "listen_to_me"' in said
    assert changing.place("docs", "config") in said


def test_a_certificate_that_is_not_there_is_refused_with_the_place_of_its_entry(changing: Changing) -> None:
    changing.entries["extra"] = {
        "domain": "x.example",
        "path": "/srv",
        "cert": "/nowhere/x.crt",
        "key": "/nowhere/x.key",
    }
    failed = changing.refused()
    assert 'cannot load certificate "/nowhere/x.crt"' in failed["message"]
    assert failed["origin"].startswith(f"{changing.stack.inventory}:")
    assert failed["origin"].split(":")[1] == changing.place("extra", "domain").split(":")[1]


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (None, "there is no template nginx/own.conf beside the inventory"),
        ("server {\n{% for x in %}", "nginx/own.conf:2: Expected an expression"),
        ("server {\n\n{{ no_such_value }}\n}", "nginx/own.conf:3: 'no_such_value' is undefined"),
        ("server {\n{{ 1 / 0 }}\n}", "nginx/own.conf:2: division by zero"),
        ("{{ ''.__class__.__mro__ }}", "nginx/own.conf:1: access to attribute '__class__' of 'str' object is unsafe"),
        ("{% include 'other.conf' %}", "nginx/own.conf:1: no loader for this environment specified"),
    ],
)
def test_a_missing_or_broken_template_is_named_with_its_line_and_the_place_of_its_entry(
    changing: Changing, template: str | None, says: str
) -> None:
    changing.entries["extra"] = {"domain": "x.example", "conf": "own.conf"}
    file = changing.stack.home / "nginx/own.conf"
    if template:
        file.write_text(template, encoding="utf-8")
    said = " ".join(changing.rejected().split())
    file.unlink(missing_ok=True)
    assert f"{changing.place('extra', 'conf')}: infra_portal.extra.conf: {says}" in said


def test_a_template_that_nginx_refuses_changes_nothing_either(changing: Changing) -> None:
    file = changing.stack.home / "nginx/own.conf"
    file.write_text("server { serve_me; }", encoding="utf-8")
    changing.entries["extra"] = {"domain": "x.example", "conf": "own.conf"}
    failed = changing.refused()
    file.unlink()
    assert 'unknown directive "serve_me" in /' in failed["message"]
    assert failed["origin"].split(":")[1] == changing.place("extra", "conf").split(":")[1]


def test_what_nginx_accepts_and_cannot_load_is_taken_back(changing: Changing) -> None:
    """`nginx -t` lets a port pass that somebody else has; the reload doesn't, and only nginx's log says so."""
    before = changing.state()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"listen 127.0.0.1:{taken.getsockname()[1]};"
        changing.entries["docs"]["config"] = listen
        result = changing.apply(ok=False)
    assert result["exit"] == 1
    (failed,) = (block for block in result["report"]["blocks"] if block["outcome"] == "rolled back")
    assert failed["component"] == "nginx"
    assert "Address already in use" in failed["log_tail"]
    assert changing.state() == before
    changing.apply(ok=True)  # nobody has the port any more
    del changing.entries["docs"]["config"]
    changing.apply()


@pytest.mark.parametrize("user", ["a:b", "#comment", "line\nbreak", ""])
def test_user_names_that_no_user_file_can_hold_are_refused(changing: Changing, user: str) -> None:
    assert "can't be used" in changing.rejected(nginx_users={user: "secret"})


def test_passwords_that_bcrypt_would_cut_are_refused(changing: Changing) -> None:
    changing.apply(nginx_users={"ann": 72 * "x"})
    assert "bcrypt can't hash" in changing.rejected(nginx_users={"ann": 73 * "x"})


def test_a_realm_of_two_lines_is_refused(changing: Changing) -> None:
    changing.entries["docs"]["realm"] = "one\r\nSet-Cookie: two"
    assert "can't be printed" in changing.rejected()
