"""What is sent ahead of a run: in pieces, only what a host says it lacks, and for a rollback, too."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.fleet.boxes import ADDRESSES, Boxes

from staddle.ansible import hosts
from staddle.ansible.hosts import Task
from staddle.drive import remote
from staddle.drive.compilation import host_data, loaded
from staddle.drive.rundir import RunDirectory, admin_directory
from staddle.errors import FleetError
from staddle.manifest.canonical import to_json
from staddle.manifest.resources import Block, Directory, File, Manager, Manifest, Tree
from staddle.programs.shelf import Packed, Shelf

if TYPE_CHECKING:
    from collections.abc import Callable

IP = ADDRESSES[0]


class Site:
    """One host of a fleet, asked the way Ansible has it asked; `asked` are the sizes of what went there."""

    def __init__(self, boxes: Boxes, cache: Path) -> None:
        self.boxes = boxes
        self.shelf = Shelf(cache / "trees")
        self.asked: list[int] = []
        self.breaks: Callable[[bytes], bool] = lambda _payload: False

    def pack(self, text: str) -> Packed:
        def fill(tree: Path) -> None:
            (tree / "program").write_text(text * 5000)

        return self.shelf.make(text, fill)

    def path(self, packed: Packed) -> Path:
        return self.boxes.root(IP) / "opt" / packed.sha256[:8]

    def task(self, packed: Packed | None = None, **options: Any) -> Task:
        """With the manifest of a run in which the host shall have the tree."""
        run = RunDirectory.create(admin_directory(self.boxes.inventory), 1)
        if packed:
            run.write("manifest", IP, to_json(self.manifest(packed)))
            run.put("index", IP, {"phases": {"node": ["app"]}, "register": [], "cert": []})
            run.put("parcels", IP, {packed.sha256: asdict(packed.parcel)})
        return Task(IP, run, self.boxes.inventory, self.exchange, check=False, tags=[], skipped=[], options=options)

    def manifest(self, packed: Packed) -> Manifest:
        node = loaded(self.boxes.inventory).fleet.node(IP)
        told = host_data(node)
        root = self.boxes.root(IP)
        tree = Tree(str(self.path(packed)), packed.sha256, "a program")
        resources = (Directory(f"{root}/etc"), File(f"{root}/etc/app", tree.path.encode()))
        block = Block("app", "node", resources, trees=(tree,))
        manager = Manager("supervisor", told["manager"]["socket"])
        return Manifest(IP, told["layout"], told["state"], told["log_dir"], manager, (block,))

    def exchange(self, payload: bytes) -> tuple[int, str, str]:
        self.asked.append(len(payload))
        if self.breaks(payload):
            return 255, "", "broken pipe"
        argv = ["sh", "-c", remote.command(sys.executable)]
        done = subprocess.run(argv, input=payload, capture_output=True, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def apply(self, packed: Packed) -> dict[str, Any]:
        task = self.task(packed)
        hosts.plan(task)
        return hosts.apply(replace(task, options={"phase": "node"}))


@pytest.fixture
def site(boxes: Boxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("STADDLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hosts, "PIECE", 100)
    return Site(boxes, tmp_path / "cache")


def test_what_a_host_lacks_is_sent_in_pieces_and_once_only(site: Site) -> None:
    packed = site.pack("one")
    assert packed.parcel.size > 200
    assert site.apply(packed)["components"] == {"app": "changed"}
    assert (site.path(packed) / "program").read_text().startswith("oneone")
    # A plan, a question how much is there, the pieces, the run.
    assert len(site.asked) == 3 + -(-packed.parcel.size // 100)
    site.asked.clear()
    assert site.apply(packed)["skipped"]
    assert len(site.asked) == 1


def test_a_connection_that_breaks_costs_one_piece(site: Site) -> None:
    packed = site.pack("one")
    site.breaks = lambda _payload: len(site.asked) == 5
    with pytest.raises(FleetError, match="broken pipe"):
        site.apply(packed)
    assert len(site.asked) == 5
    site.asked.clear()
    site.breaks = lambda _payload: False
    site.apply(packed)
    assert len(site.asked) == 3 + -(-(packed.parcel.size - 200) // 100)
    assert (site.path(packed) / "program").exists()


def test_going_back_sends_what_was_there_then(site: Site) -> None:
    first, second = site.pack("one"), site.pack("two")
    site.apply(first)
    site.apply(second)
    assert not site.path(first).exists()
    done = hosts.rollback(site.task())
    assert done["components"] == {"app": "changed"}, done
    assert site.path(first).exists()
    assert not site.path(second).exists()


def test_what_the_admin_node_does_not_have_any_more_is_told(site: Site) -> None:
    first, second = site.pack("one"), site.pack("two")
    site.apply(first)
    site.apply(second)
    Path(first.parcel.path).unlink()
    done = hosts.rollback(site.task())
    assert done["failed"]
    assert "was not sent to this host" in done["msg"]
    assert site.path(second).exists()
