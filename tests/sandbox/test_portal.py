"""The portal: every kind of entry, as a browser or a program meets it."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
import stat
import warnings
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from tests.sandbox.portal import REALMS, USERS
from tests.sandbox.upstreams import CHUNK, web_socket

if TYPE_CHECKING:
    from tests.sandbox.portal import Portal


# Names


@pytest.mark.parametrize(
    "host", ["app.example", "app2.example", "one.apps.example", "entry-called-metrics.example", "APP.example"]
)
def test_an_entry_answers_to_all_its_names_with_a_certificate_for_each(portal: Portal, host: str) -> None:
    assert portal.get(host, "/x?y").json()["path"] == "/x?y"


@pytest.mark.parametrize("host", ["i.staddle", "portal.example", "localhost", "127.0.0.1"])
def test_home_answers_to_its_names_and_to_no_name_at_all(portal: Portal, host: str) -> None:
    assert "<title>" in portal.get(host).text
    assert portal.get(host, tls=False).body == portal.get(host).body


def test_a_name_that_no_entry_has_leads_home(portal: Portal) -> None:
    assert portal.get("stranger.example", tls=False).body == portal.get("localhost").body


def test_the_certificate_covers_this_host(portal: Portal) -> None:
    with portal.connect("localhost") as connection:
        certificate = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    names = {*san.get_values_for_type(x509.DNSName), *map(str, san.get_values_for_type(x509.IPAddress))}
    assert names >= {
        "localhost",
        "127.0.0.1",
        "::1",
        "i.staddle",
        "p.staddle",
        "a.staddle",
        "*.apps.example",
    }
    assert "own.example" not in names, "that one has a certificate of its own"


# Programs behind the portal


def test_a_program_learns_who_asked_and_how(portal: Portal) -> None:
    headers = portal.get("app.example", X_Forwarded_For="10.9.9.9").json()["headers"]
    assert headers["host"] == "app.example"
    assert headers["x-real-ip"] == "127.0.0.1"
    assert headers["x-forwarded-for"] == "10.9.9.9, 127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert portal.get("app.example", tls=False).json()["headers"]["x-forwarded-proto"] == "http"


def test_a_path_reaches_the_program_as_it_was_sent(portal: Portal) -> None:
    for path in ("/a%2Fb//c/../d?q=%20&q", "/.well-known/x", "/.env", "/nginx", "/vmetrics/", "/_staddle/foreign"):
        assert portal.get("app.example", path).json()["path"] == path


def test_redirects_of_a_program_that_knows_nothing_of_tls_stay_on_tls(portal: Portal) -> None:
    assert portal.get("app.example", "/old-fashioned-redirect").headers["location"] == "/next?a=b"


def test_a_program_may_use_any_encoding_large_headers_and_its_own_error_pages(portal: Portal) -> None:
    page = portal.get("app.example", "/latin1")
    assert (page.headers["content-type"], page.body) == ("text/html", b"<p>\xe4</p>")
    assert len(portal.get("app.example", "/large-header").headers["set-cookie"]) == 24_008
    missing = portal.get("app.example", "/missing")
    assert (missing.status, missing.text) == (404, "the app's own page")
    assert portal.get("app.example", "/" + 20_000 * "x").status == 200


def test_web_sockets_pass_where_they_are_wanted(portal: Portal) -> None:
    with portal.connect("chat.example") as connection:
        assert web_socket(connection, "chat.example", "/live", "grüße") == (101, "grüße")


def test_web_sockets_of_other_sites_are_the_programs_own_business(portal: Portal) -> None:
    with portal.connect("chat.example") as connection:
        foreign = {"Origin": "https://elsewhere.example", "Sec_Fetch_Site": "cross-site"}
        assert web_socket(connection, "chat.example", "/", "hello", **foreign) == (101, "hello")


def test_no_upgrade_reaches_a_program_that_asked_for_none(portal: Portal) -> None:
    with portal.connect("app.example") as connection:
        assert web_socket(connection, "app.example", "/", "hello") == (200, "")
    for host in ("app.example", "chat.example"):
        headers = portal.get(host, Upgrade="h2c", Connection="Upgrade, HTTP2-Settings", HTTP2_Settings="AA").json()[
            "headers"
        ]
        assert "upgrade" not in headers
        assert "connection" not in headers


def test_a_program_may_speak_https_itself(portal: Portal) -> None:
    assert portal.get("secure.example", "/x").json()["path"] == "/x"


def test_raw_text_can_have_its_certificate_checked(portal: Portal) -> None:
    assert portal.get("secure.example").status == 200, "which checks nothing, and must not decide for the others"
    assert portal.get("verified.example").status == 200
    assert portal.get("suspect.example").status == 502


def test_uploads_of_400_mb_pass_and_larger_ones_are_refused_before_they_are_sent(portal: Portal) -> None:
    size = 400 * CHUNK
    connection = http.client.HTTPConnection("127.0.0.1", portal.stack.port(8080), timeout=60)
    with contextlib.closing(connection):
        headers = {"Host": "app.example", "Content-Length": str(size)}
        connection.request("POST", "/upload", (bytes(CHUNK) for _ in range(400)), headers)
        assert json.loads(connection.getresponse().read())["size"] == size
    with contextlib.closing(connection):
        connection.putrequest("POST", "/upload", skip_host=True)
        connection.putheader("Host", "app.example")
        connection.putheader("Content-Length", str(size + 1))
        connection.endheaders()
        assert connection.getresponse().status == 413


# Directories


def test_a_directory_is_served_but_only_listed_if_that_is_wanted(portal: Portal) -> None:
    assert "manual" in portal.get("docs.example").text
    assert portal.get("docs.example", "/plain/").status == 403
    assert 'href="a.txt"' in portal.get("listed.example", "/plain/").text
    assert portal.get("docs.example", "/plain/a.txt").text == "0123456789"


def test_hidden_files_and_what_lies_above_are_not_served(portal: Portal) -> None:
    for host in ("docs.example", "listed.example"):
        assert portal.get(host, "/.git/config").status == 404
        assert portal.get(host, "/plain/../../fleet.yml").status == 400
    assert ".git" not in portal.get("listed.example", "/plain/").text


def test_a_path_below_the_web_root_moves_with_it(portal: Portal) -> None:
    assert portal.get("below.example", "/alerts.html").status == 200


def test_ranges_head_and_compression(portal: Portal) -> None:
    part = portal.get("docs.example", "/plain/a.txt", Range="bytes=2-4")
    assert (part.status, part.text, part.headers["content-range"]) == (206, "234", "bytes 2-4/10")
    head = portal.stack.get("/plain/a.txt", host="docs.example", method="HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "10")
    packed = portal.get("docs.example", Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert len(packed.body) < len(portal.get("docs.example").body)


def test_a_directory_without_slash_leads_to_the_one_with_it_wherever_the_portal_is(portal: Portal) -> None:
    # Relative, so host, port and scheme stay as the browser knows them.
    assert portal.get("listed.example", "/plain?a=b").headers["location"] == "/plain/?a=b"
    assert portal.get("localhost", "/vmetrics?a=b").headers["location"] == "/vmetrics/?a=b"


# Who may come in


def test_a_login_is_asked_for_and_each_user_has_one(portal: Portal) -> None:
    assert portal.get("plain.realm.example").status == 401
    for user, password in USERS.items():
        assert portal.get("plain.realm.example", Authorization=basic(user, password)).status == 200
        assert portal.get("plain.realm.example", Authorization=basic(user, password + "x")).status == 401
    assert portal.get("app.example").status == 200


@pytest.mark.parametrize("name", REALMS)
def test_any_line_of_text_can_be_a_realm(portal: Portal, name: str) -> None:
    refused = portal.get(f"{name}.realm.example")
    assert refused.status == 401
    assert realm_of(refused.headers["www-authenticate"]) == REALMS[name]


def test_passwords_are_stored_as_hashes_that_others_cannot_read(portal: Portal) -> None:
    users = portal.stack.root / "etc/nginx/htpasswd"
    lines = dict(line.split(":") for line in users.read_text(encoding="utf-8").splitlines())
    assert lines.keys() == USERS.keys()
    assert all(hashed.startswith("$2b$") for hashed in lines.values())
    assert stat.S_IMODE(users.stat().st_mode) == 0o640


# HTTPS


def test_plain_http_is_redirected_for_an_entry_that_enforces_https(portal: Portal) -> None:
    answer = portal.get("safe.example", "/a?b=c", tls=False)
    assert (answer.status, answer.headers["location"]) == (301, f"https://safe.example:{portal.stack.port(8443)}/a?b=c")
    assert "strict-transport-security" not in answer.headers
    assert portal.get("safe.example").headers["strict-transport-security"] == "max-age=63072000"
    assert "strict-transport-security" not in portal.get("app.example").headers


def test_plain_http_on_the_port_for_https_is_led_there(portal: Portal) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", portal.stack.port(8443), timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/a?b", headers={"Host": f"app.example:{portal.stack.port(8443)}"})
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Location")) == (
            301,
            f"https://app.example:{portal.stack.port(8443)}/a?b",
        )


def test_http_2_is_spoken(portal: Portal) -> None:
    context = ssl.create_default_context(cafile=str(portal.stack.ca))
    context.set_alpn_protocols(["h2", "http/1.1"])
    for host in ("localhost", "app.example", "p.staddle"):
        with portal.connect(host, context) as connection:
            assert connection.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_of_tls_are_refused(portal: Portal, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=str(portal.stack.ca))
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    with pytest.raises(ssl.SSLError, match="alert protocol version"):
        portal.connect("localhost", context)


@pytest.mark.parametrize(
    ("cipher", "accepted"),
    [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", True),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", True),
        ("ECDHE-ECDSA-AES128-SHA", False),
        ("ECDHE-ECDSA-AES256-SHA384", False),
    ],
)
def test_only_ciphers_with_forward_secrecy_and_authentication_are_accepted(
    portal: Portal, cipher: str, accepted: bool
) -> None:
    context = ssl.create_default_context(cafile=str(portal.stack.ca))
    context.set_ciphers(cipher + ":@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if accepted:
        with portal.connect("localhost", context) as connection:
            assert (connection.cipher() or ("",))[0] == cipher
    else:
        with pytest.raises(ssl.SSLError, match="handshake failure"):
            portal.connect("localhost", context)


def test_a_pair_of_ones_own_is_used_and_left_alone(portal: Portal) -> None:
    with portal.connect("own.example") as connection:
        assert connection.getpeercert(binary_form=True) == ssl.PEM_cert_to_DER_cert(
            portal.own_pair.certificate.decode()
        )
    file = portal.stack.root / "admin/pki/test/own.example.key"
    assert file.read_bytes() == portal.own_pair.key


def test_an_entry_for_certbot_has_the_portals_certificate_until_it_gets_one(portal: Portal) -> None:
    assert portal.get("acme.example").status == 200


# Raw text, own templates, logs


def test_raw_text_takes_part_in_the_server(portal: Portal) -> None:
    answer = portal.get("raw.example", "/teapot")
    assert (answer.status, answer.headers["x-raw"]) == (418, "yes")
    assert portal.get("i.staddle", "/raw").status == 204


def test_an_own_template_replaces_ours(portal: Portal) -> None:
    assert portal.get("greeting.example").text == "hello from own-template; 3 routes\n"


def test_an_entrys_log_can_be_told_from_the_others(portal: Portal) -> None:
    portal.get("chat.example", "/for-the-log")
    portal.get("app.example", "/for-the-log")
    log = (portal.stack.root / "var/log/staddle/nginx-access.log").read_text(encoding="utf-8").splitlines()
    tags = {line.split()[-3]: line.split()[-1] for line in log if "/for-the-log" in line}
    assert tags == {"chat.example": "chat.log", "app.example": "-"}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def realm_of(header: str) -> str:
    """The realm of a WWW-Authenticate header: a quoted string (RFC 9110, section 5.6.4), UTF-8."""
    text = header.encode("latin-1").decode()
    assert text.startswith('Basic realm="')
    assert text.endswith('"')
    plain, quoted = "", False
    for character in text[len('Basic realm="') : -1]:
        assert quoted or character != '"', "an unquoted quote would end the string"
        quoted = character == "\\" and not quoted
        plain += "" if quoted else character
    return plain
