"""Trees that come as archives: made once, watched, mended, and gone with the last component that needs them."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.converge.host import Host, block, result

import staddle
from staddle.converge.drift import drift
from staddle.converge.remote import answer
from staddle.manifest.resources import Tree
from staddle.programs.shelf import Packed, Shelf

if TYPE_CHECKING:
    from collections.abc import Callable

    from staddle.manifest.resources import Block

FILES = {"bin/run": "#!/bin/sh\n", "lib/a.py": "A = 1\n", "lib/deep/er/b.txt": "b\n"}


class Site:
    """A host, and an ADMIN node's shelf."""

    def __init__(self, root: Path) -> None:
        self.host = Host(root)
        self.shelf = Shelf(root / "shelf")

    def pack(self, key: str = "one", **more: str) -> Packed:
        def fill(tree: Path) -> None:
            for name, text in {**FILES, **more}.items():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                (tree / name).write_text(text)
            (tree / "bin/run").chmod(0o700)
            (tree / "lib/link").symlink_to("a.py")

        return self.shelf.make(key, fill)

    def block(self, packed: Packed, component: str = "app", *, python: str | None = None) -> Block:
        path = self.host.at(f"opt/{packed.sha256[:8]}")
        tree = Tree(path, packed.sha256, "a program from the ADMIN node", python)
        return replace(block(component, self.host.file(component, f"{path}\n")), trees=(tree,))

    def path(self, packed: Packed) -> Path:
        return Path(self.host.at(f"opt/{packed.sha256[:8]}"))

    def send(self, packed: Packed, offset: int | None = None, piece: bytes = b"") -> int:
        parcel = packed.parcel
        request = {"op": "receive", "host": {"state": str(self.host.state)}, "name": parcel.name, "size": parcel.size}
        told = answer({**request, "sha256": parcel.sha256, "offset": offset}, io.BytesIO(piece))
        return int(told["have"])

    def send_all(self, packed: Packed) -> None:
        content = Path(packed.parcel.path).read_bytes()
        assert self.send(packed) == 0
        assert self.send(packed, 0, content) == len(content)

    def drift(self) -> list[tuple[str, str]]:
        return [(item.path, item.note) for item in drift(str(self.host.state))]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_the_same_files_are_the_same_tree_whoever_packs_them(site: Site, tmp_path: Path) -> None:
    first, second = site.pack(), Site.pack(_other(tmp_path))
    assert first.sha256 == second.sha256
    assert first.parcel.sha256 == second.parcel.sha256
    assert (first.files, first.unpacked) == (4, sum(map(len, FILES.values())))
    assert site.pack("two", more="x").sha256 != first.sha256
    assert site.shelf.get("one") == first
    assert site.shelf.find(first.sha256) == first.parcel
    Path(first.parcel.path).unlink()
    assert site.shelf.get("one") is None


def test_only_what_was_used_last_stays_in_the_shelf(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("staddle.programs.shelf.KEPT", 2)
    packed = [site.pack(f"{number}", more=f"{number}") for number in range(3)]
    for number, one in enumerate(packed[1:], 1):
        os.utime(Path(one.parcel.path).parent / f"{number}.json", (number, number))
    site.shelf.alias("by another name", packed[1])
    site.pack("3", more="3")
    assert [site.shelf.get(f"{number}") is not None for number in range(4)] == [False, True, False, True]
    assert site.shelf.get("by another name") == packed[1]


def _other(tmp_path: Path) -> Site:
    (tmp_path / "other").mkdir()
    return Site(tmp_path / "other")


def test_what_is_missing_is_asked_for_and_what_was_sent_is_put_in_place(site: Site) -> None:
    packed = site.pack()
    wanted = site.block(packed)
    plan = site.host.converge(wanted, check=True)
    assert plan.wants == [packed.sha256]
    tree = result(plan, "app").resources[0]
    assert (tree.kind, tree.action, tree.note) == ("tree", "create", "a program from the ADMIN node")
    refused = site.host.converge(wanted)
    assert "was not sent to this host" in str(result(refused, "app").message)
    assert site.host.tree() == {}
    site.send_all(packed)
    done = site.host.converge(wanted)
    assert done.changes() == plan.changes()
    path = site.path(packed)
    assert {name: (path / name).read_text() for name in FILES} == FILES
    assert (path / "bin/run").stat().st_mode & 0o777 == 0o755
    assert (path / "lib/link").readlink() == Path("a.py")
    assert list((site.host.state / "incoming").iterdir()) == []
    again = site.host.converge(wanted)
    assert (again.exit_code, again.wants) == (0, [])
    assert site.drift() == []


def test_it_is_sent_in_pieces_and_goes_on_where_it_broke_off(site: Site) -> None:
    packed = site.pack()
    content = Path(packed.parcel.path).read_bytes()
    assert site.send(packed, 0, content[:100]) == 100
    assert site.send(packed, 0, content) == 100, "a piece that doesn't fit is not taken"
    assert site.send(packed) == 100
    assert site.send(packed, 100, content[100:]) == len(content)
    assert site.send(packed) == len(content)
    assert site.host.converge(site.block(packed)).exit_code == 2


def test_what_nobody_came_back_for_goes_after_a_day(site: Site) -> None:
    packed, other = site.pack(), site.pack("two", more="x")
    site.send_all(packed)
    site.send_all(other)
    os.utime(site.host.state / "incoming" / other.sha256, (1, 1))
    assert site.host.converge(block("app", site.host.file("app"))).exit_code == 2
    assert [path.name for path in (site.host.state / "incoming").iterdir()] == [packed.sha256]


def test_what_was_damaged_on_the_way_is_refused(site: Site) -> None:
    packed = site.pack()
    content = bytearray(Path(packed.parcel.path).read_bytes())
    content[-20] ^= 1
    with pytest.raises(Exception, match="not what was announced"):
        site.send(packed, 0, bytes(content))
    site.send_all(packed)
    # Nor is another archive taken under that name.
    other = site.pack("two", more="x")
    shutil.copy(other.parcel.path, site.host.state / "incoming" / packed.sha256)
    report = site.host.converge(site.block(packed))
    assert "damaged on the way" in str(result(report, "app").message)
    assert site.host.tree().keys() <= {"opt"}
    site.send_all(packed)
    assert site.host.converge(site.block(packed)).exit_code == 2


SPOILS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "changed": (lambda path: (path / "lib/a.py").write_text("A = 2\n"), "lib/a.py was changed"),
    "gone": (lambda path: (path / "lib/deep/er/b.txt").unlink(), "lib/deep/er/b.txt is gone"),
    "added": (lambda path: (path / "lib/c.py").write_text(""), "lib/c.py was added"),
    "mode": (lambda path: (path / "bin/run").chmod(0o777), "bin/run has another mode: 0777"),
    "kind": (lambda path: _link(path / "lib/a.py"), "lib/a.py is a symlink now"),
    "target": (lambda path: _link(path / "lib/link"), "lib/link leads elsewhere"),
    "all": (shutil.rmtree, "this tree is gone"),
}


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/etc/passwd")


@pytest.mark.parametrize("name", SPOILS)
def test_what_is_tampered_with_is_drift_and_is_mended(site: Site, name: str) -> None:
    spoil, note = SPOILS[name]
    packed = site.pack()
    site.send_all(packed)
    site.host.converge(site.block(packed))
    before = site.host.tree()
    spoil(site.path(packed))
    assert site.drift() == [(str(site.path(packed)), note)]
    plan = site.host.converge(site.block(packed), check=True)
    assert plan.wants == [packed.sha256]
    site.send_all(packed)
    done = site.host.converge(site.block(packed))
    assert done.changes() == plan.changes()
    assert [action for _, _, action in done.changes()] == ["create" if name == "all" else "update"]
    assert site.host.tree() == before
    assert site.drift() == []


def test_what_was_only_touched_is_as_it_was(site: Site) -> None:
    packed = site.pack()
    site.send_all(packed)
    site.host.converge(site.block(packed))
    os.utime(site.path(packed) / "lib/a.py")
    assert site.drift() == []
    assert site.host.converge(site.block(packed)).exit_code == 0


def test_byte_code_is_made_for_the_python_that_is_asked_for(site: Site) -> None:
    packed = site.pack()
    site.send_all(packed)
    wanted = site.block(packed, python=sys.executable)
    assert site.host.converge(wanted).exit_code == 2
    [compiled] = site.path(packed).rglob("*.pyc")
    assert compiled.name == f"a.{sys.implementation.cache_tag}.pyc"
    assert site.host.converge(wanted).exit_code == 0
    compiled.write_bytes(b"something else")
    assert "was changed" in site.drift()[0][1]


def test_a_new_version_comes_before_and_the_old_one_goes_after(site: Site) -> None:
    old, new = site.pack(), site.pack("two", more="x")
    site.send_all(old)
    site.host.converge(site.block(old))
    site.send_all(new)
    plan = site.host.converge(site.block(new), check=True)
    done = site.host.converge(site.block(new))
    assert done.changes() == plan.changes()
    assert [(Path(path).name, action) for _, path, action in done.changes()] == [
        (new.sha256[:8], "create"),
        ("app", "update"),
        (old.sha256[:8], "remove"),
    ]
    assert not site.path(old).exists()
    assert site.path(new).exists()
    assert site.host.converge(site.block(new)).exit_code == 0


def test_the_old_version_stays_with_who_could_not_change_to_the_new_one(site: Site) -> None:
    old, new = site.pack(), site.pack("two", more="x")
    site.send_all(old)
    site.host.converge(site.block(old), site.block(old, "other"))
    site.send_all(new)
    stuck = replace(block("other"), lacking="nobody knows")
    report = site.host.converge(site.block(new), stuck)
    assert result(report, "other").message == "nobody knows"
    assert result(report, "app").outcome == "changed"
    assert site.path(old).exists()
    assert site.host.converge(site.block(new), site.block(new, "other")).exit_code == 2
    assert not site.path(old).exists()


def test_a_shared_tree_goes_with_the_last_who_needs_it(site: Site) -> None:
    packed = site.pack()
    site.send_all(packed)
    both = (site.block(packed), site.block(packed, "other"))
    site.host.converge(*both)
    site.host.converge(both[1])
    assert site.path(packed).exists()
    assert site.drift() == []
    removed = site.host.converge()
    assert ("other", str(site.path(packed)), "remove") in removed.changes()
    assert not site.path(packed).exists()
    assert list((site.host.state / "trees").iterdir()) == []


def test_killed_while_unpacking_the_next_run_clears_away(site: Site) -> None:
    packed = site.pack()
    site.send_all(packed)
    code = (
        "import json, os, sys; sys.path.insert(0, sys.argv[2])\n"
        "from staddle.converge import agent, trees\n"
        "trees._check_complete = lambda *a: os._exit(9)\n"
        "agent.converge(json.load(open(sys.argv[1])))\n"
    )
    manifest = site.host.root / "m.json"
    manifest.write_text(json.dumps(site.host.manifest(site.block(packed))))
    source = str(Path(staddle.__file__).parents[1])
    assert subprocess.run([sys.executable, "-c", code, str(manifest), source], check=False).returncode == 9
    assert not site.path(packed).exists()
    assert len(list((site.host.base / "opt").iterdir())) == 1
    assert site.host.converge(site.block(packed)).exit_code == 2
    assert [path.name for path in (site.host.base / "opt").iterdir()] == [packed.sha256[:8]]
