"""Which upstreams a target is built from: shipped definitions, the inventory's, and the machine's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from staddle.errors import InventoryError
from staddle.inventory.load import parse_inventory
from staddle.programs.sources import machine_sources
from staddle.repo.model import RELEASES, RepoError, Target, known_targets
from staddle.repo.placeholders import resolve, tokens
from staddle.repo.upstreams.choose import choose, shipped
from staddle.repo.upstreams.host import Host

if TYPE_CHECKING:
    from collections.abc import Sequence

    from staddle.inventory.parameters import RepoUpstream
    from staddle.repo.upstreams.choose import Chosen

NO_HOST = Host("", "", Path("/nonexistent"), (), {})
BOOKWORM, TRIXIE = Target("debian", "12", "x86_64"), Target("debian", "13", "x86_64")
NOBLE, EL9 = Target("ubuntu", "24.04", "aarch64"), Target("el", "9", "x86_64")

INVENTORY = """\
all:
  children:
    infra: {{hosts: {{10.10.10.10: {{infra_seq: 1}}}}}}
  vars:
    admin_ip: 10.10.10.10
    repo_upstream:
{entries}
"""

# As in inventories that were written for Pigsty: one list for all systems, no keys, options of dnf.
PIGSTY = """\
- {name: pigsty-local, description: 'Local', module: local, releases: [11,12,13,22,24,26], arch: [x86_64, aarch64], baseurl: {default: 'http://${admin_ip}/pigsty ./'}}
- {name: pigsty-infra, description: 'Infra', module: infra, releases: [11,12,13,22,24,26], arch: [x86_64, aarch64], baseurl: {default: 'https://repo.pigsty.io/apt/infra/ generic main', china: 'https://repo.pigsty.cc/apt/infra/ generic main'}}
- {name: base, description: 'Debian Basic', module: node, releases: [11,12,13], arch: [x86_64, aarch64], baseurl: {default: 'http://mirror.example.org/debian/ ${distro_codename} main non-free-firmware'}}
- {name: base, description: 'Ubuntu Basic', module: node, releases: [22,24,26], arch: [aarch64], baseurl: {default: 'http://ports.ubuntu.com/ubuntu-ports/ ${distro_codename} main universe'}}
- {name: pgdg, description: 'PGDG', module: pgsql, releases: [11,12,13,22,24,26], arch: [x86_64, aarch64], baseurl: {default: 'http://apt.postgresql.org/pub/repos/apt/ ${distro_codename}-pgdg main', china: 'https://mirrors.aliyun.com/postgresql/repos/apt/ ${distro_codename}-pgdg main'}}
- {name: appstream, description: 'EL 8+ AppStream', module: node, releases: [8,9,10], arch: [x86_64, aarch64], baseurl: {default: 'https://dl.rockylinux.org/pub/rocky/$releasever/AppStream/$basearch/os/', europe: 'https://mirrors.xtom.de/rocky/$releasever/AppStream/$basearch/os/'}, meta: {excludepkgs: 'postgresql* libpq*'}}
- {name: pgdg-common, description: 'PG Common', module: pgsql, releases: [8,9,10], arch: [x86_64, aarch64], baseurl: {default: 'https://download.postgresql.org/pub/repos/yum/common/redhat/rhel-$releasever-$basearch'}, meta: {gpgcheck: 0, skip_if_unavailable: 1, priority: 11}}
"""  # noqa: E501 - as people write them


def entries(text: str) -> list[RepoUpstream]:
    """`repo_upstream` of an inventory. Raises InventoryError."""
    indented = "".join(f"      {line}\n" for line in text.splitlines())
    params = parse_inventory(INVENTORY.format(entries=indented)).fleet.infra[0].params
    assert params.repo_upstream is not None
    return params.repo_upstream


def chosen(
    target: Target, *modules: str, given: Sequence[RepoUpstream] | None = None, region: str = "default",
    host: Host = NO_HOST,
) -> Chosen:  # fmt: skip
    return choose(target, modules, given, region=region, pg_version="17", host=host)


@pytest.mark.parametrize("target", known_targets(), ids=lambda target: target.key)
def test_every_target_has_its_distribution_postgresql_and_infrastructure(target: Target) -> None:
    found = chosen(target, "infra", "node", "pgsql").upstreams
    assert {upstream.module for upstream in found} == {"infra", "node", "pgsql"}
    assert {"grafana", "vector", "pgdg"} <= {upstream.name for upstream in found}
    for upstream in found:
        assert upstream.format == target.format
        assert upstream.trust.verify != "off"
        assert upstream.trust.fingerprints
        assert upstream.trust.keys
        assert "$" not in " ".join((*upstream.urls, upstream.suite))
        assert all(url.startswith("https://") for url in upstream.urls) or upstream.trust.verify == "metadata"


def test_shipped_definitions_name_known_releases_only() -> None:
    majors = {int(release.partition(".")[0]) for releases in RELEASES.values() for release in releases}
    assert {release for entry in shipped() for release in entry.releases} == majors


@pytest.mark.parametrize(
    ("target", "region", "name", "expected"),
    [
        (BOOKWORM, "default", "pgdg", "https://apt.postgresql.org/pub/repos/apt bookworm-pgdg main"),
        (TRIXIE, "china", "pgdg", "https://mirrors.aliyun.com/postgresql/repos/apt trixie-pgdg main"),
        (TRIXIE, "europe", "pgdg", "https://apt.postgresql.org/pub/repos/apt trixie-pgdg main"),
        (TRIXIE, "default", "security",
         "http://security.debian.org/debian-security trixie-security main contrib non-free-firmware"),
        (NOBLE, "default", "base", "http://ports.ubuntu.com/ubuntu-ports noble main restricted universe multiverse"),
        (EL9, "default", "pgdg", "https://download.postgresql.org/pub/repos/yum/17/redhat/rhel-9-x86_64"),
        (EL9, "europe", "baseos", "https://mirrors.xtom.de/rocky/9/BaseOS/x86_64/os"),
    ],
)  # fmt: skip
def test_urls_by_region(target: Target, region: str, name: str, expected: str) -> None:
    found = chosen(target, "infra", "node", "pgsql", region=region).upstreams
    upstream = next(upstream for upstream in found if upstream.name == name)
    assert " ".join([*upstream.urls, upstream.suite, *upstream.components]).strip() == expected


def test_a_pigsty_inventory_loads_and_gets_keys() -> None:
    given = entries(PIGSTY)
    bookworm = chosen(BOOKWORM, "infra", "node", "pgsql", given=given)
    assert [upstream.name for upstream in bookworm.upstreams] == ["pigsty-infra", "base", "pgdg"]
    pgdg = bookworm.upstreams[-1]
    assert pgdg.trust.fingerprints == ("B97B0AFCAA1A47F044F244A07FCC7D46ACCC4CF8",)
    assert (pgdg.suite, pgdg.components) == ("bookworm-pgdg", ("main",))
    el9 = chosen(EL9, "node", "pgsql", given=given)
    assert [(upstream.name, upstream.priority, upstream.exclude) for upstream in el9.upstreams] == [
        ("appstream", 0, ("postgresql*", "libpq*")),
        ("pgdg-common", 88, ()),
    ]
    assert el9.optional == {"pgdg-common"}
    assert el9.upstreams[1].trust.verify == "metadata"
    (warning,) = el9.warnings
    assert warning.startswith("pgdg-common: `gpgcheck` has no effect")
    assert [upstream.name for upstream in chosen(NOBLE, "node", given=given).upstreams] == ["base"]


def test_what_can_not_be_an_upstream_is_told_at_once() -> None:
    given = entries("""\
- {name: keyless, module: x, baseurl: {default: 'https://example.org/apt bookworm main'}}
- {name: bare, module: x, baseurl: {default: 'https://example.org/apt'}, verify: off}
- {name: ftp, module: x, baseurl: {default: 'ftp://example.org/apt x main'}, verify: off}
- {name: rpmish, module: x, baseurl: {default: 'https://example.org/apt x main'}, verify: packages}
""")
    with pytest.raises(RepoError) as caught:
        chosen(BOOKWORM, "x", given=given)
    for part in ("keyless: no key is known", "bare: 'https://example.org/apt' is no source",
                 "ftp: 'ftp://example.org/apt' is not an http", "rpmish: `verify: packages` is for RPMs"):  # fmt: skip
        assert part in caught.value.message
    assert caught.value.hint
    assert "`verify: off`" in caught.value.hint


def test_switching_checks_off_is_explicit_and_warned_about() -> None:
    given = entries("- {name: own, module: x, verify: off, baseurl: {default: 'http://10.0.0.1/deb ./'}}")
    found = chosen(BOOKWORM, "x", given=given)
    assert found.upstreams[0].trust.verify == "off"
    assert found.warnings == ("own: its signatures are NOT checked (`verify: off`)",)


def test_the_inventory_refuses_what_is_no_definition() -> None:
    with pytest.raises(InventoryError) as caught:
        entries("""\
- {name: a, baseurl: {default: 'https://example.org x main'}, keys: [ABC]}
- {name: b, baseurl: {default: 'https://example.org x main'}, verify: maybe}
- {name: c, basurl: {default: 'https://example.org x main'}}
""")
    found = {problem.path: problem for problem in caught.value.problems}
    assert found["all.vars.repo_upstream[0].keys[0]"].message == "is not a fingerprint"
    assert "all.vars.repo_upstream[1].verify" in found
    assert found["all.vars.repo_upstream[2].basurl"].nearest == "baseurl"
    with pytest.raises(InventoryError) as caught:
        entries("- {name: d, baseurl: {default: 'https://example.org ${distro_codname} main'}}")
    assert [problem.nearest for problem in caught.value.problems] == ["distro_codename"]


def test_no_module_serves() -> None:
    with pytest.raises(RepoError, match=r"no upstream serves debian-12-x86_64 in the modules nodes") as caught:
        chosen(BOOKWORM, "nodes")
    assert "host, infra, node, pgsql" in (caught.value.hint or "")


def apt(folder: Path, sources: str, settings: dict[str, str] | None = None) -> Host:
    (folder / "sources.list.d").mkdir(parents=True)
    (folder / "sources.list.d/debian.sources").write_text(sources, encoding="utf-8")
    (folder / "trusted.gpg.d").mkdir()
    (folder / "trusted.gpg.d/own.asc").write_text("key", encoding="utf-8")
    return Host("debian", "bookworm", folder, tuple(machine_sources(folder)), settings or {})


SOURCES = """\
Types: deb
URIs: http://mirror.lan/debian http://second.lan/debian/
Suites: bookworm bookworm-updates bookworm-backports
Components: main contrib
Signed-By: /usr/share/keyrings/debian.gpg

Types: deb
URIs: http://mirror.lan/debian-security
Suites: bookworm-security
Components: main
"""


def test_the_machines_own_sources_serve_its_release_and_others(tmp_path: Path) -> None:
    host = apt(tmp_path, SOURCES, {"Acquire::http::Proxy": "http://proxy.lan:3128", "Acquire::Check-Date": "false"})
    own = chosen(BOOKWORM, "host", host=host).upstreams
    assert [(u.name, u.suite, u.components) for u in own] == [
        ("host-bookworm", "bookworm", ("main", "contrib")),
        ("host-bookworm-updates", "bookworm-updates", ("main", "contrib")),
        ("host-bookworm-backports", "bookworm-backports", ("main", "contrib")),
        ("host-bookworm-security", "bookworm-security", ("main",)),
    ]
    assert own[0].urls == ("http://mirror.lan/debian", "http://second.lan/debian")
    assert own[0].trust.keys == ("/usr/share/keyrings/debian.gpg",)
    assert own[3].trust.keys == (str(tmp_path / "trusted.gpg.d/own.asc"),)
    assert (own[0].proxy, own[0].check_date) == ("http://proxy.lan:3128", False)
    other = chosen(TRIXIE, "host", host=host).upstreams
    assert [u.suite for u in other] == ["trixie", "trixie-updates", "trixie-security"]


def test_a_distribution_comes_from_the_machines_mirror_or_the_public_one(tmp_path: Path) -> None:
    host = apt(tmp_path, SOURCES)
    assert [u.name for u in chosen(TRIXIE, "node", host=host).upstreams] == [
        "host-trixie", "host-trixie-updates", "host-trixie-security",
    ]  # fmt: skip
    assert [u.name for u in chosen(TRIXIE, "node", "host", host=host).upstreams] == [
        "host-trixie", "host-trixie-updates", "host-trixie-security",
    ]  # fmt: skip
    china = chosen(TRIXIE, "node", host=host, region="china").upstreams
    assert all("aliyun" in upstream.urls[0] for upstream in china)
    assert [u.name for u in chosen(NOBLE, "node", host=host).upstreams] == ["base", "updates", "security"]


def test_sources_that_only_apt_can_read_are_named(tmp_path: Path) -> None:
    host = apt(tmp_path, "Types: deb\nURIs: mirror+file:/etc/mirrors\nSuites: bookworm\nComponents: main\n")
    with pytest.raises(RepoError, match="which only apt can read"):
        chosen(BOOKWORM, "host", host=host)


@pytest.mark.parametrize(
    ("target", "text", "expected"),
    [
        (BOOKWORM, "${distro_name}/${distro_codename}-pgdg/${arch}", "debian/bookworm-pgdg/amd64"),
        (NOBLE, "${os}.$basearch", "ubuntu24.04.aarch64"),
        (EL9, "rhel-$releasever-$basearch/${pg_version}/${releasever}", "rhel-9-x86_64/17/9"),
        (EL9, "$releaseverx ${releasever}x", "$releaseverx 9x"),
    ],
)
def test_placeholders(target: Target, text: str, expected: str) -> None:
    assert resolve(text, tokens(target, "17")) == expected


def test_an_unknown_placeholder_is_refused() -> None:
    with pytest.raises(RepoError, match="distro_code"):
        resolve("${distro_code}", tokens(BOOKWORM, "17"))
