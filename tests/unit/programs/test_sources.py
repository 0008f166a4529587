"""The machine's apt sources are read in both formats; a newer suite is derived from those that serve the release itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from staddle.programs.sources import Source, derive, for_release, machine_sources, release_codename

if TYPE_CHECKING:
    from pathlib import Path

DEB822 = """\
# A comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb-src
URIs: http://mirror.example/sources-only
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://mirror.example/switched-off
Suites: bookworm
Components: main
"""
ONE_LINE = """\
# deb http://mirror.example/commented-out bookworm main
deb [arch=amd64 signed-by=/etc/apt/keys/vendor.gpg] https://vendor.example/apt stable main extra # vendor
deb-src http://mirror.example/debian bookworm main
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(DEB822, encoding="utf-8")
    (tmp_path / "sources.list").write_text(ONE_LINE, encoding="utf-8")
    (tmp_path / "sources.list.d/old.list.disabled").write_text("deb http://x.example y z\n", encoding="utf-8")
    return tmp_path


def test_both_formats_are_read_and_disabled_sources_left_out(etc: Path) -> None:
    vendor, debian, security = machine_sources(etc)
    assert vendor == Source("https://vendor.example/apt", ("stable",), "main extra", "/etc/apt/keys/vendor.gpg")
    assert debian.suites == ("bookworm", "bookworm-updates")
    assert security.signed_by is not None
    assert "mQINBF" in security.signed_by


def test_a_newer_suite_comes_from_the_same_mirror_with_the_same_key(etc: Path) -> None:
    assert derive(machine_sources(etc), "bookworm", "trixie") == [
        Source(
            "http://mirror.example/debian",
            ("trixie",),
            "main contrib",
            "/usr/share/keyrings/debian-archive-keyring.gpg",
        )
    ]


def test_another_release_has_the_same_suites_from_the_same_mirror(etc: Path) -> None:
    debian, security = for_release(machine_sources(etc), "bookworm", "trixie")
    assert debian.suites == ("trixie", "trixie-updates")
    assert debian.uris == "http://mirror.example/debian"
    assert all(suite.startswith("trixie-security") for suite in security.suites)
    assert for_release(machine_sources(etc), "jammy", "noble") == []


def test_what_is_written_is_read_back(etc: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    sources = machine_sources(etc)
    again = tmp_path_factory.mktemp("etc")
    (again / "sources.list.d").mkdir()
    text = "\n".join(source.deb822() for source in sources)
    (again / "sources.list.d/staddle.sources").write_text(text, encoding="utf-8")
    assert machine_sources(again) == sources


@pytest.mark.parametrize(
    ("text", "codename"),
    [
        ("VERSION_CODENAME=bookworm\nID=debian\n", "bookworm"),
        ('VERSION_CODENAME="trixie"\n', "trixie"),
        ("ID=arch\n", None),
    ],
)
def test_the_release_is_read_from_os_release(text: str, codename: str | None, tmp_path: Path) -> None:
    (tmp_path / "os-release").write_text(text, encoding="utf-8")
    assert release_codename(tmp_path / "os-release") == codename
    assert release_codename(tmp_path / "none") is None
