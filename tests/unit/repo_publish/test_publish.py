"""A published repository: apt and dnf accept it, changes are exact, and what is tampered with is named."""

from __future__ import annotations

import gzip
import lzma
import os
import random
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.repo_publish.packages import BOOKWORM, EL9, NOW, TRIXIE, PrivateApt, Shelf, make_deb, make_rpm, need

from staddle.repo.model import RepoError
from staddle.repo.offline import tree

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = int(os.environ.get("STADDLE_PUBLISH_ROUNDS", "5"))


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


def debs(shelf: Shelf) -> dict[object, list[Path]]:
    bookworm, trixie = shelf.folder(BOOKWORM), shelf.folder(TRIXIE)
    return {
        BOOKWORM: [
            make_deb(bookworm, "hello", "1.0-1", Depends="libhello1 (>= 1.0)"),
            make_deb(bookworm, "libhello1", "1:1.0-1", arch="amd64", Source="hello (1.0-1)"),
        ],
        TRIXIE: [make_deb(trixie, "hello", "2.0-1", pack="zstd")],
    }


def test_apt_reads_it_without_a_word_and_fetches_from_it(shelf: Shelf, tmp_path: Path) -> None:
    shelf.publish(debs(shelf))  # type: ignore[arg-type]
    for codename, version in (("bookworm", "1.0-1"), ("trixie", "2.0-1")):
        apt = PrivateApt(tmp_path / codename, shelf, codename)
        update = apt.run("update")
        assert (update.returncode, update.stderr) == (0, ""), update.stderr
        assert "Packages" in update.stdout
        madison = apt.run("madison", "hello", program="apt-cache").stdout
        assert madison.split("|")[1].strip() == version
        assert apt.run("download", "hello").returncode == 0
        assert (apt.root / f"hello_{version}_all.deb").exists()
    plan = PrivateApt(tmp_path / "third", shelf, "bookworm")
    plan.run("update")
    assert "Inst libhello1 (1:1.0-1" in plan.run("install", "--simulate", "hello").stdout


def test_the_layout_is_that_of_debians_archive(shelf: Shelf) -> None:
    published = shelf.publish(debs(shelf))  # type: ignore[arg-type]
    files = published.complete.files
    assert "pool/bookworm/main/h/hello/libhello1_1.0-1_amd64.deb" in files, "below its source, and without an epoch"
    assert "pool/trixie/main/h/hello/hello_2.0-1_all.deb" in files
    folder = published.tree / "dists/bookworm/main/binary-amd64"
    plain = (folder / "Packages").read_bytes()
    assert plain == lzma.decompress((folder / "Packages.xz").read_bytes())
    assert plain == gzip.decompress((folder / "Packages.gz").read_bytes())
    assert len(list((folder / "by-hash/SHA256").iterdir())) == 3
    assert (shelf.url / "dists/bookworm/Release.gpg").exists()
    modes = {stat.S_IMODE(path.stat().st_mode) & 0o444 for path in published.tree.rglob("*")}
    assert modes == {0o444}, "everybody can read everything"


def test_the_same_is_left_as_it_is_and_a_change_is_noticed(shelf: Shelf) -> None:
    packages = debs(shelf)
    first = shelf.publish(packages)  # type: ignore[arg-type]
    again = shelf.publish(packages, now=NOW + 50)  # type: ignore[arg-type]
    assert (again.changed, again.tree) == (False, first.tree)
    os.utime(again.tree / tree.COMPLETE, (0, 0))
    shelf.publish(packages)  # type: ignore[arg-type]
    assert (again.tree / tree.COMPLETE).stat().st_mtime > NOW, "that it is still so is noted: its age begins anew"

    packages[BOOKWORM].append(make_deb(shelf.folder(BOOKWORM), "more"))
    more = shelf.publish(packages, now=NOW + 50)  # type: ignore[arg-type]
    assert more.changed
    assert more.tree != first.tree
    assert b"Package: more" in (shelf.url / "dists/bookworm/main/binary-amd64/Packages").read_bytes()
    assert first.complete.binding != more.complete.binding

    (more.tree / "dists/bookworm/InRelease").unlink()
    assert shelf.publish(packages, now=NOW + 55).changed, "what is no longer whole is made again"  # type: ignore[arg-type]


def test_another_key_makes_another_repository(shelf: Shelf) -> None:
    packages = debs(shelf)
    first = shelf.publish(packages)  # type: ignore[arg-type]
    (shelf.root / "pki/repo").rename(shelf.root / "pki/old")
    second = shelf.publish(packages)  # type: ignore[arg-type]
    assert second.changed
    assert first.complete.key != second.complete.key
    assert tree.verify(second.tree, shelf.signer.key) == []


def test_who_has_read_the_old_indexes_still_gets_what_they_name(shelf: Shelf, tmp_path: Path) -> None:
    packages = debs(shelf)
    shelf.publish(packages)  # type: ignore[arg-type]
    apt = PrivateApt(tmp_path / "apt", shelf, "bookworm")
    apt.run("update")
    packages[BOOKWORM] = [make_deb(shelf.folder(BOOKWORM), "hello", "1.0-2")]
    second = shelf.publish(packages)  # type: ignore[arg-type]
    assert set(second.complete.retained) > {"pool/bookworm/main/h/hello/hello_1.0-1_all.deb"}
    assert apt.run("download", "hello").returncode == 0
    assert (apt.root / "hello_1.0-1_all.deb").exists()
    packages[BOOKWORM] = [make_deb(shelf.folder(BOOKWORM), "hello", "1.0-3")]
    third = shelf.publish(packages)  # type: ignore[arg-type]
    assert "pool/bookworm/main/h/hello/hello_1.0-1_all.deb" not in third.complete.everything, "but not for ever"
    trees = sorted(path.name for path in (shelf.home / ".pkgs/trees").iterdir())
    assert trees == sorted((second.complete.id, third.complete.id)), "older trees are gone"


def test_a_package_that_is_not_what_its_lock_says_is_refused_by_name(shelf: Shelf) -> None:
    packages = debs(shelf)
    first = shelf.publish(packages)  # type: ignore[arg-type]
    from tests.unit.repo_publish.packages import locked

    from staddle.repo.publish import Part, publish

    parts = [Part(locked(target, files), shelf.folder(target)) for target, files in packages.items()]  # type: ignore[arg-type]
    evil = packages[BOOKWORM][0]
    content = bytearray(evil.read_bytes())
    content[-1] ^= 1
    evil.unlink()
    evil.write_bytes(content)
    with pytest.raises(RepoError, match=r"hello_1\.0-1_all\.deb: its content is not what the lock says"):
        publish(parts, shelf.home, "pkgs", shelf.signer, work=shelf.root / "work", wheel_files=[], now=NOW)
    assert tree.current(shelf.home, "pkgs") == first.tree


def spoil(file: Path) -> None:
    """Other content of the same size, in a file of its own."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("victim", "tamper"),
    [
        ("pool/trixie/main/h/hello/hello_2.0-1_all.deb", spoil),
        ("dists/bookworm/main/binary-amd64/Packages.xz", spoil),
        ("dists/bookworm/InRelease", spoil),
        ("repo_complete", spoil),
        ("repo_complete.asc", spoil),
        ("index.html", lambda file: file.unlink()),
        ("dists/bookworm/Release", lambda file: file.write_text("short")),
        ("pool/added.deb", lambda file: file.write_bytes(b"x")),
        ("repo.asc", lambda file: file.write_text("no key")),
    ],
)
def test_what_is_tampered_with_is_named(shelf: Shelf, victim: str, tamper: Callable[[Path], object]) -> None:
    published = shelf.publish(debs(shelf))  # type: ignore[arg-type]
    assert tree.verify(published.tree) == []
    tamper(published.tree / victim)
    problems = tree.verify(published.tree, shelf.signer.key)
    # A damaged list and its seal can't be told apart: one of them is not what it was.
    named = {"repo_complete": "repo_complete.asc"}.get(victim, victim)
    assert [problem.partition(":")[0] for problem in problems] == [named]


@pytest.mark.parametrize("victim", ["main/binary-amd64/Packages", "InRelease", "pool"])
def test_apt_refuses_what_is_tampered_with(shelf: Shelf, tmp_path: Path, victim: str) -> None:
    published = shelf.publish(debs(shelf))  # type: ignore[arg-type]
    apt = PrivateApt(tmp_path / "apt", shelf, "bookworm")
    if victim == "pool":
        spoil(published.tree / "pool/bookworm/main/h/hello/hello_1.0-1_all.deb")
        assert apt.run("update").returncode == 0
        told = apt.run("download", "hello")
    else:
        for file in (published.tree / "dists/bookworm").rglob("*"):
            if file.is_file() and (file.name == victim or (victim != "InRelease" and file.parent.name == "SHA256")):
                spoil(file)
        told = apt.run("update")
    assert told.returncode != 0
    assert "E:" in told.stderr


def test_dnf_accepts_the_rpm_side_with_its_signature_enforced(shelf: Shelf, tmp_path: Path) -> None:
    need("rpmbuild", "dnf")
    folder = shelf.folder(EL9)
    more = (
        "Epoch: 1",
        "Requires: hello-b >= 2.0",
        "Recommends: hello-c",
        "Conflicts: old-a < 0.9",
        "Provides: virtual-a = 7",
    )
    rpms = [
        make_rpm(folder, "hello-a", "1.2", *more),
        make_rpm(folder, "hello-b", "2.5"),
        make_rpm(folder, "hello-c", "3"),
    ]
    published = shelf.publish({EL9: rpms})
    base = published.tree / "rpm/el9/x86_64"

    (tmp_path / "dnf.conf").write_text("[main]\n", encoding="ascii")

    def dnf(*arguments: str, home: str = "dnf") -> subprocess.CompletedProcess[str]:
        root = tmp_path / home
        argv = [
            *(
                "dnf",
                "--quiet",
                "--assumeyes",
                f"--config={tmp_path}/dnf.conf",
                f"--installroot={root}",
                "--releasever=9",
            ),
            *(f"--setopt={item}" for item in (f"cachedir={root}/cache", f"logdir={root}", "reposdir=/dev/null")),
            *(f"--repofrompath=own,file://{base}", "--repo=own", "--setopt=own.repo_gpgcheck=1"),
            *(f"--setopt=own.gpgkey=file://{published.tree}/repo.asc", "--forcearch=x86_64", *arguments),
        ]
        return subprocess.run(
            argv, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C.UTF-8"}
        )

    told = dnf("repoquery", "--queryformat", "%{name} %{epoch}:%{version}-%{release}.%{arch} %{size}")
    assert told.returncode == 0, told.stderr
    rows = {line.split()[0]: line.split()[1] for line in told.stdout.splitlines()}
    assert rows == {"hello-a": "1:1.2-3.noarch", "hello-b": "0:2.5-3.noarch", "hello-c": "0:3-3.noarch"}
    answers = {
        ("--whatprovides", "virtual-a >= 7"): "hello-a",
        ("--whatprovides", "/usr/bin/hello-b"): "hello-b",
        ("--whatprovides", "/usr/share/hello-c/data"): "hello-c",
        ("--whatrequires", "hello-b"): "hello-a",
        ("--whatrecommends", "hello-c"): "hello-a",
        ("--whatconflicts", "old-a = 0.5"): "hello-a",
    }
    for question, answer in answers.items():
        assert dnf("repoquery", "--queryformat", "%{name}", *question).stdout.split() == [answer], question
    for what in ("requires", "provides", "conflicts", "recommends"):
        own = set(dnf("repoquery", f"--{what}", "hello-a").stdout.split("\n")) - {""}
        rpm = subprocess.run(["rpm", "-qp", f"--{what}", rpms[0]], capture_output=True, text=True, check=True).stdout
        # What only concerns rpm, or the package itself, isn't listed.
        aside = ("rpmlib(", "config(") if what == "requires" else ("rpmlib(",)
        assert own == {line for line in rpm.splitlines() if not line.startswith(aside)}, what
    spoil(base / "repodata/repomd.xml")
    refused = dnf("repoquery", home="fresh")
    assert refused.returncode != 0
    assert "repomd.xml" in refused.stderr or "own" in refused.stderr


def test_createrepo_c_finds_nothing_to_add(shelf: Shelf, tmp_path: Path) -> None:
    """Its own metadata of the same packages, and ours, say the same."""
    need("rpmbuild", "createrepo_c")
    folder = shelf.folder(EL9)
    rpms = [
        make_rpm(folder, "hello-a", "1.2", "Epoch: 1", "Requires: hello-b >= 2.0"),
        make_rpm(folder, "hello-b", "2.5"),
    ]
    published = shelf.publish({EL9: rpms})
    theirs = tmp_path / "theirs"
    (theirs / "Packages").mkdir(parents=True)
    for rpm in rpms:
        os.link(rpm, theirs / "Packages" / rpm.name)
    subprocess.run(["createrepo_c", "--quiet", "--no-database", theirs], check=True, capture_output=True)

    from xml.etree import ElementTree as ET

    def read(root: Path, kind: str) -> list[str]:
        (file,) = (root / "repodata").glob(f"*-{kind}.xml.gz")
        return [line for package in ET.fromstring(gzip.decompress(file.read_bytes())) for line in lines(package)]

    def lines(element: ET.Element, above: str = "") -> list[str]:
        name = f"{above}/{element.tag.rpartition('}')[2]}"
        # What createrepo_c notes as the time of the file is when that was last changed.
        attributes = {
            key: value for key, value in sorted(element.attrib.items()) if (name, key) != ("/package/time", "file")
        }
        found = [line for child in element for line in lines(child, name)]
        return [
            f"{name} {attributes} {(element.text or '').strip()}",
            *(sorted(found) if "/format/" in name else found),
        ]

    for kind in ("primary", "filelists", "other"):
        assert read(published.tree / "rpm/el9/x86_64", kind) == read(theirs, kind), kind


PUBLISH = """
import sys
from pathlib import Path
from tests.unit.repo_publish.packages import BOOKWORM, Shelf
shelf = Shelf(Path(sys.argv[1]))
files = sorted(shelf.folder(BOOKWORM).glob("*.deb"))
print("begin", flush=True)
shelf.publish({BOOKWORM: files[: int(sys.argv[2])]})
print("done", flush=True)
"""


def test_interrupted_at_any_moment_what_is_served_is_whole(shelf: Shelf) -> None:
    """Killed without notice, again and again; what is served is the old repository or the new one, and verifies."""
    folder = shelf.folder(BOOKWORM)
    for number in range(40):
        make_deb(folder, f"pkg{number:02}", size=200_000, pack="none")
    files = sorted(folder.glob("*.deb"))
    began = time.monotonic()
    shelf.publish({BOOKWORM: files[:1]})
    shelf.publish({BOOKWORM: files})
    longest = time.monotonic() - began
    chance = random.Random(5)
    interrupted = 0
    for count in range(ROUNDS):
        wanted = 20 + count % 20
        argv = [sys.executable, "-c", PUBLISH, str(shelf.root), str(wanted)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3]) as process:
            assert process.stdout
            process.stdout.readline()
            time.sleep(chance.random() * longest)
            process.send_signal(signal.SIGKILL)
            if "done" in process.stdout.read():
                longest /= 2  # it was measured while the machine was busier
            else:
                interrupted += 1
        served = tree.current(shelf.home, "pkgs")
        assert served is not None
        assert tree.verify(served, shelf.signer.key) == []
    assert interrupted, "nothing was interrupted"
    final = shelf.publish({BOOKWORM: files[:7]})
    assert tree.verify(final.tree, shelf.signer.key) == []
    assert not list((shelf.home / ".pkgs").glob("new-*")), "what the killed ones left is gone"


def make_wheel(folder: Path, name: str, version: str, requires_python: str = ">=3.9,<4") -> Path:
    file = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as wheel:
        wheel.writestr(f"{name}.py", "")
        head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: {requires_python}\n"
        wheel.writestr(f"{info}/METADATA", head)
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return file


def test_pip_installs_from_the_simple_index_and_refuses_another_wheel(shelf: Shelf, tmp_path: Path) -> None:
    folder = tmp_path / "wheels"
    folder.mkdir()
    wheels = [make_wheel(folder, "some_tool", "1.0"), make_wheel(folder, "some_tool", "2.0", ">=99")]
    published = shelf.publish({BOOKWORM: [make_deb(shelf.folder(BOOKWORM), "hello")]}, wheels=wheels)

    def pip(target: str) -> subprocess.CompletedProcess[str]:
        argv = [
            sys.executable,
            "-m",
            "pip",
            "--isolated",
            "download",
            "--no-deps",
            "--no-cache-dir",
            "-d",
            str(tmp_path / target),
        ]
        argv += ["--disable-pip-version-check", "--index-url", f"file://{published.tree}/simple/", "Some.Tool"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PIP_CONFIG_FILE": os.devnull}
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)

    told = pip("got")
    assert told.returncode == 0, told.stderr
    assert [path.name for path in (tmp_path / "got").iterdir()] == [wheels[0].name], (
        "the newer one is for another Python"
    )
    spoil(published.tree / "wheels" / wheels[0].name)
    refused = pip("not")
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr.upper()
    assert "some_tool" in (published.tree / "index.html").read_text(encoding="utf-8")
