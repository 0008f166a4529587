"""The repository on INFRA nodes: what is compiled, what is sent, and what a change costs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.fleets import TWO_INFRA, compiled, fleet_of, layout_for, material_for
from tests.unit.repo_publish.packages import BOOKWORM, Shelf, make_deb

from staddle.compile import compile_fleet
from staddle.components.material import Repository
from staddle.converge import model, trees
from staddle.converge.ledger import Store
from staddle.drive.repository import packed, served
from staddle.manifest.resources import Symlink
from staddle.programs.shelf import digest_of
from staddle.repo.offline import tree
from staddle.repo.publish import HOME

if TYPE_CHECKING:
    from pathlib import Path

    from staddle.manifest.resources import Block, Manifest

SHIPPED = Repository("0123456789abcdef", "the key\n", "/admin/repo/www/staddle", "a" * 64, ("b" * 64, "c" * 64))


def repo_block(manifest: Manifest) -> Block:
    return next(block for block in manifest.blocks if block.component == "repo")


def compiled_with(kind: str) -> dict[str, Manifest]:
    fleet = fleet_of(TWO_INFRA)
    layout = layout_for(fleet, kind=kind)
    return compile_fleet(fleet, lambda _: layout, replace(material_for(fleet), repository=SHIPPED))


def test_a_real_host_gets_trees_and_a_link_to_the_one_with_the_indexes() -> None:
    manifests = compiled_with("system")
    for ip in ("10.0.0.1", "10.0.0.2"):
        block = repo_block(manifests[ip])
        assert [item.path for item in block.trees] == [
            "/data/nginx/.staddle/parts/bbbbbbbbbbbbbbbb",
            "/data/nginx/.staddle/parts/cccccccccccccccc",
            "/data/nginx/.staddle/trees/aaaaaaaaaaaaaaaa",
        ]
        assert Symlink("/data/nginx/staddle", ".staddle/trees/aaaaaaaaaaaaaaaa") in block.resources
        assert block.phase == "repo", "before everything that needs packages"
    assert not [block for block in manifests["10.0.0.3"].blocks if block.component == "repo"]


def test_a_sandbox_serves_what_lies_on_the_admin_node() -> None:
    block = repo_block(compiled_with("sandbox")["10.0.0.1"])
    assert Symlink("/box/data/nginx/staddle", "/admin/repo/www/staddle") in block.resources
    assert not block.trees


def test_as_long_as_there_is_no_repository_nothing_is_served() -> None:
    block = repo_block(compiled(TWO_INFRA)["10.0.0.1"])
    assert (block.resources, block.trees) == ((), ())


def test_it_is_on_the_home_page_and_probed_once_it_is_there() -> None:
    files = {
        r.path: r
        for block in compiled_with("system")["10.0.0.1"].blocks
        for r in block.resources
        if hasattr(r, "content")
    }
    assert b"/staddle/repo_complete" in files["/data/infra/targets/probe/repo-1.yml"].content
    assert b'href="/staddle/"' in files["/data/nginx/index.html"].content
    assert b"Package repository" in files["/data/nginx/index.html"].content


class Host:
    """What is unpacked on a host, by the code that does it there."""

    def __init__(self, root: Path) -> None:
        self.home = root / "web"
        self.store = Store(str(root / "state"), readonly=False)
        (root / "state").mkdir(parents=True)

    def receive(self, repository: Repository, parcels: dict[str, str]) -> Path:
        main = self.home / ".pkgs/trees" / repository.main[:16]
        wanted = {**{self.home / ".pkgs/parts" / s[:16]: s for s in repository.shards}, main: repository.main}
        for path, address in wanted.items():
            if not path.exists():
                trees.unpack(self.store, model.Tree(str(path), address, "repository"), parcels[address])
        return main


def test_what_arrives_is_what_was_published_and_a_new_package_costs_its_part(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "files/repo")
    folder = shelf.folder(BOOKWORM)
    files = [make_deb(folder, f"pkg{number}", size=1000) for number in range(12)]
    admin, host = tmp_path / "files", Host(tmp_path / "host")
    assert shelf.home == admin / HOME
    sent: list[set[str]] = []
    for packages in (files, [*files, make_deb(folder, "more")]):
        published = shelf.publish({BOOKWORM: packages})
        found = served(admin, "pkgs")
        assert found is not None
        assert found.key == shelf.signer.public
        repository, parcels = packed(admin, found, "pkgs")
        assert packed(admin, found, "pkgs")[0] == repository, "packing again gives the same"
        main = host.receive(repository, {parcel.name: parcel.path for parcel in parcels})
        for path, (size, sha256) in published.complete.everything.items():
            assert ((main / path).stat().st_size, digest_of(main / path)) == (size, sha256), path
        assert (main / tree.COMPLETE).read_bytes() == (published.tree / tree.COMPLETE).read_bytes()
        sent.append({parcel.name for parcel in parcels})
    assert len(sent[1] - sent[0]) == 2, "the indexes, and the part that the package is in"


def test_without_a_published_repository_there_is_none(tmp_path: Path) -> None:
    assert served(tmp_path, "pkgs") is None
    (tmp_path / HOME / "pkgs").mkdir(parents=True)
    assert served(tmp_path, "pkgs") is None


@pytest.mark.parametrize("home", ["/www", "/srv/packages"])
def test_it_is_served_from_where_the_inventory_wants_it(home: str) -> None:
    text = TWO_INFRA.replace("admin_ip: 10.0.0.1", f"admin_ip: 10.0.0.1, repo_home: {home}")
    fleet = fleet_of(text)
    layout = layout_for(fleet, kind="system")
    manifest = compile_fleet(fleet, lambda _: layout, replace(material_for(fleet), repository=SHIPPED))["10.0.0.1"]
    where = {"/www": "/data/nginx"}.get(home, home)
    assert Symlink(f"{where}/staddle", ".staddle/trees/aaaaaaaaaaaaaaaa") in repo_block(manifest).resources
    conf = next(r for b in manifest.blocks for r in b.resources if r.path == "/etc/nginx/conf.d/home.conf")
    assert f"root {where};" in conf.content.decode()  # type: ignore[union-attr]
