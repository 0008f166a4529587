"""Portal entries that name a certificate of a public authority: what is compiled, and what the host's program does."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.fleets import fleet_of, layout_for, material_for

from staddle.acme import agent
from staddle.compile import compile_fleet
from staddle.components.material import CertificateRequest, KeyPair
from staddle.errors import InventoryError
from staddle.inventory import parse_inventory
from staddle.manifest.resources import File
from staddle.pki.authority import open_authority

if TYPE_CHECKING:
    from pathlib import Path

    from staddle.manifest.resources import Manifest

HOME = {"domain": "i.staddle"}
PORTAL = {
    "home": HOME,
    "wiki": {"domain": "wiki.example", "domains": ["w.example"], "endpoint": "10.0.0.3:80", "certbot": "site"},
    "docs": {"domain": "docs.example", "path": "/www/docs", "certbot": "site"},
    "shop": {"domain": "shop.example", "path": "/www/shop"},
}


def inventory(**parameters: Any) -> str:
    shared = {"admin_ip": "10.0.0.1", "infra_portal": PORTAL, "certbot_email": "dba@example.org", **parameters}
    hosts = {"10.0.0.1": {"infra_seq": 1}}
    return json.dumps({"all": {"children": {"infra": {"hosts": hosts}}, "vars": shared}})


def manifest(kind: str = "system", **parameters: Any) -> Manifest:
    fleet = fleet_of(inventory(**parameters))
    layout = layout_for(fleet, kind=kind)
    material = material_for(fleet)
    own = {("10.0.0.1", "acme-site"): KeyPair(b"own certificate\n", b"own key\n")}
    material = replace(material, certificates={**material.certificates, **own})
    return compile_fleet(fleet, lambda _: layout, material)["10.0.0.1"]


def files(built: Manifest) -> dict[str, bytes]:
    return {r.path: r.content for block in built.blocks for r in block.resources if isinstance(r, File)}


def test_entries_that_share_a_name_share_a_certificate_for_all_their_names() -> None:
    found = files(manifest(certbot_sign=True))
    settings = json.loads(found["/etc/staddle/acme.json"])
    assert settings["lineages"] == {"site": ["docs.example", "wiki.example", "w.example"]}
    for server, shown in (("wiki", "acme/site/current/fullchain.pem"), ("shop", "cert/nginx.crt")):
        assert f"ssl_certificate {shown};" in found[f"/etc/nginx/conf.d/{server}.conf"].decode()
    assert found["/etc/nginx/acme/site/own/privkey.pem"] == b"own key\n"


@pytest.mark.parametrize(
    ("parameters", "components"),
    [
        ({"certbot_sign": True}, {"acme", "certbot", "acme_order"}),
        # Certificates that somebody else's certbot keeps are shown, too.
        ({"certbot_sign": False}, {"acme"}),
        ({"nginx_sslmode": "disable", "certbot_sign": True}, set()),
        ({"infra_portal": {"home": HOME}, "certbot_sign": True}, set()),
    ],
)
def test_nothing_is_set_up_that_is_not_asked_for(parameters: dict[str, Any], components: set[str]) -> None:
    built = {block.component for block in manifest(**parameters).blocks}
    assert built & {"acme", "certbot", "acme_order"} == components


def test_a_sandbox_shows_its_own_certificate() -> None:
    built = manifest("sandbox", certbot_sign=True)
    assert "acme" not in {block.component for block in built.blocks}
    assert b"ssl_certificate cert/nginx.crt;" in files(built)["/box/etc/nginx/conf.d/wiki.conf"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"certbot_email": ""}, "certbot_sign needs certbot_email"),
        (
            {"infra_portal": {"home": HOME, "x": {"domain": "*.example", "path": "/www/x", "certbot": "x"}}},
            "for *.example",
        ),
    ],
)
def test_what_no_authority_would_sign_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InventoryError) as caught:
        parse_inventory(inventory(certbot_sign=True, **parameters), "fleet.yml")
    assert all(message in str(problem) for problem in caught.value.problems)


class Host:
    """The directories of a host, with a CA that plays our own and the authority's."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.numbers = itertools.count()
        self.authority = open_authority(home / "pki", "test", create=True, now=dt.datetime.now(dt.UTC))
        self.settings = agent.Settings(
            lineages=(agent.Lineage("site", ("wiki.example", "w.example")),),
            directory=home / "acme",
            live=home / "live",
            webroot=home / "www",
            email="",
            options=(),
            metrics=None,
        )
        self.issue(home / "acme/site/own", "wiki.example", "w.example")

    def issue(self, directory: Path, *names: str, days: int = 90, ago: int = 0) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        request = CertificateRequest(f"x{next(self.numbers)}", names[0], names, (), days)
        pair, _ = self.authority.ensure(str(directory), request, dt.datetime.now(dt.UTC) - dt.timedelta(days=ago))
        (directory / "fullchain.pem").write_bytes(pair.certificate)
        (directory / "privkey.pem").write_bytes(pair.key)

    @property
    def shown(self) -> str:
        return str((self.home / "acme/site/current").readlink())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_our_own_is_shown_until_the_authoritys_is_there(host: Host) -> None:
    assert agent.choose(host.settings)
    assert host.shown == "own"
    assert not agent.choose(host.settings)
    host.issue(host.home / "live/site", "wiki.example", "w.example", "more.example")
    assert agent.choose(host.settings)
    assert host.shown == str(host.home / "live/site")


@pytest.mark.parametrize(
    ("names", "days", "ago"),
    [(("wiki.example",), 90, 0), (("wiki.example", "w.example"), 10, 11)],
    ids=["for fewer names", "expired"],
)
def test_what_browsers_would_refuse_is_not_shown(host: Host, names: tuple[str, ...], days: int, ago: int) -> None:
    host.issue(host.home / "live/site", *names, days=days, ago=ago)
    agent.choose(host.settings)
    assert host.shown == "own"


def test_what_certbot_left_unreadable_is_not_shown(host: Host) -> None:
    host.issue(host.home / "live/site", "wiki.example", "w.example")
    (host.home / "live/site/fullchain.pem").write_text("garbage")
    agent.choose(host.settings)
    assert host.shown == "own"


def test_a_certificate_is_due_a_month_before_its_end(host: Host) -> None:
    lineage = host.settings.lineages[0]
    host.issue(host.home / "live/site", "wiki.example", "w.example", days=60)
    assert agent.real(host.settings, lineage, agent.DUE_DAYS * 86_400)
    host.issue(host.home / "live/site", "wiki.example", "w.example", days=20)
    assert agent.real(host.settings, lineage)
    assert not agent.real(host.settings, lineage, agent.DUE_DAYS * 86_400)


def test_the_link_of_a_lineage_that_is_no_more_goes(host: Host) -> None:
    host.issue(host.home / "acme/old/own", "old.example")
    (host.home / "acme/old/current").symlink_to("own")
    agent.choose(host.settings)
    assert not (host.home / "acme/old/current").is_symlink()


def test_metrics_tell_which_orders_failed_and_where_our_own_stands_in(host: Host) -> None:
    agent.choose(host.settings)
    text = agent.metrics(host.settings, {"site": "no such host"})
    assert 'staddle_acme_failed{certificate="site"} 1' in text
    assert 'staddle_acme_own{certificate="site"} 1' in text
