"""`staddle repo build` for a release that is not Debian's, from signed RPMs, read back with libsolv."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import solv
from tests.sandbox.test_repo import Admin, admin_in
from tests.unit.repo.upstreams import Gpg, serve
from tests.unit.repo_publish.packages import make_rpm, need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INVENTORY = """\
all:
  children:
    infra:
      hosts:
        10.10.10.10: {{infra_seq: 1}}
  vars:
    admin_ip: 10.10.10.10
    repo_modules: own
    repo_targets: [el-9-x86_64]
    repo_packages: [tool]
    repo_extra_packages: []
    repo_upstream:
      - name: vendor
        module: own
        releases: [9]
        baseurl: {{default: '{url}/nowhere {url}/el$releasever'}}
        verify: packages
        keys: ['{fingerprint}']
        key_url: '{url}/key.asc'
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    need("createrepo_c", "rpmbuild", "rpmsign")
    folder = tmp_path / "archive/el9"
    folder.mkdir(parents=True)
    make_rpm(folder, "bash", "5.1", "Provides: /bin/sh")
    make_rpm(folder, "libtool", "1.0")
    make_rpm(folder, "tool", "1.2", "Requires: libtool >= 1.0")
    return folder


@pytest.fixture
def admin(folder: Path, tmp_path: Path) -> Iterator[Admin]:
    gpg = Gpg(tmp_path / "vendor")
    try:
        for package in sorted(folder.glob("[a-z]*.rpm")):
            gpg.sign_rpm(package)
    finally:
        gpg.stop()
    subprocess.run(["createrepo_c", "--quiet", str(folder)], check=True, capture_output=True)
    (folder.parent / "key.asc").write_bytes(gpg.public.read_bytes())
    with serve(folder.parent) as server:
        text = INVENTORY.format(url=server.url, fingerprint=gpg.fingerprint)
        yield admin_in(tmp_path / "admin", tmp_path / "cache", text)


def test_signed_packages_become_a_repository(admin: Admin) -> None:
    built = admin.data("build")
    assert [(target["target"], target["packages"]) for target in built["targets"]] == [("el-9-x86_64", 3)]
    root = admin.served / "rpm/el9/x86_64"
    pool = solv.Pool()
    pool.setarch("x86_64")
    repo = pool.add_repo("served")
    (primary,) = root.glob("repodata/*-primary.xml.*")
    assert repo.add_rpmmd(solv.xfopen(str(primary)), None, 0)
    assert {f"{one.name}-{one.evr}" for one in repo.solvables} == {"bash-5.1-3", "libtool-1.0-3", "tool-1.2-3"}
    for one in repo.solvables:
        assert (root / one.lookup_location()[0]).is_file()
    assert admin.data("build")["changed"] is False
    assert admin.data("verify")["ok"]


def test_a_package_that_is_not_signed_is_refused_by_name(admin: Admin, folder: Path) -> None:
    (folder / "tool-1.2-3.noarch.rpm").unlink()
    make_rpm(folder, "tool", "1.2", "Requires: libtool >= 1.0")
    subprocess.run(["createrepo_c", "--quiet", str(folder)], check=True, capture_output=True)
    assert "vendor: tool-1.2-3.noarch.rpm is not signed" in admin.staddle("build", code=1).stderr
    assert not admin.served.exists()
