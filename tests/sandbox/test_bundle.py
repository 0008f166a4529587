"""Offline bundles, as who makes and carries them uses them: one file, judged anywhere, by Python alone."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.repo_publish.packages import BOOKWORM, TRIXIE, locked, make_deb

from staddle.repo.offline import actions
from staddle.repo.offline.archive import BundleError
from staddle.repo.publish import HOME, Part, publish
from staddle.repo.signing import open_signer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from staddle.repo.model import Target

pytestmark = pytest.mark.sandbox
STADDLE = Path(sys.executable).parent / "staddle"
HERE = BOOKWORM if "bookworm" in platform.freedesktop_os_release().get("VERSION_CODENAME", "") else TRIXIE
ELSEWHERE = TRIXIE if HERE == BOOKWORM else BOOKWORM
SMALL = "all: {children: {infra: {hosts: {127.0.0.1: {infra_seq: 1}}}}, vars: {repo_name: pkgs}}"


def _pythons() -> list[str]:
    """Those of this machine that start: a version manager's may only say that they don't."""
    found = set()
    for name in ("python3.9", "python3.10", "python3", "python3.13", "/usr/bin/python3"):
        if path := shutil.which(name):
            told = subprocess.run(
                [path, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True, check=False
            )
            found |= {told.stdout.strip()} if told.returncode == 0 else set()
    return sorted(found)


class Site:
    """A directory with an inventory, packages, and the repository that is published of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "files").mkdir(mode=0o700, parents=True)
        (path / "staddle.yml").write_text(SMALL, encoding="utf-8")

    def publish(self, packages: dict[Target, list[Path]]) -> None:
        parts = [Part(locked(target, files), self.folder(target)) for target, files in packages.items()]
        now = int(time.time())
        files = self.path / "files"
        signer = open_signer(files / "pki", "Test", now)
        publish(parts, files / HOME, "pkgs", signer, work=files / "repo/work", wheel_files=[], now=now)

    def folder(self, target: Target) -> Path:
        path = self.path / "downloads" / target.key
        path.mkdir(parents=True, exist_ok=True)
        return path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [str(STADDLE), "bundle", *arguments]
        return subprocess.run(argv, cwd=self.path, capture_output=True, text=True, check=False)

    @property
    def key(self) -> Path:
        return self.path / "files/pki/repo/repo.asc"


def start(bundle: Path, *arguments: str, python: str = "/usr/bin/python3") -> subprocess.CompletedProcess[str]:
    """The bundle as a program, with a bare Python: no packages, no settings, no network."""
    argv: Sequence[str] = [python, "-I", "-S", str(bundle), *arguments]
    if os.geteuid() == 0 and shutil.which("unshare"):
        argv = ["unshare", "--net", *argv]
    return subprocess.run(argv, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Three bundles: `old.pyz`, `new.pyz` with one package more and one newer, and `delta.pyz` between them."""
    site = Site(tmp_path_factory.mktemp("bundle"))
    folder = site.folder(HERE)
    files = [make_deb(folder, "hello", size=50_000), make_deb(folder, "common", size=300_000, pack="none")]
    site.publish({HERE: files})
    built = site.run("build", "-o", "old.pyz")
    assert built.returncode == 0, built.stderr
    site.publish({HERE: [files[1], make_deb(folder, "hello", "1.1-1"), make_deb(folder, "more")]})
    assert site.run("build", "-o", "new.pyz").returncode == 0
    delta = site.run("build", "--since", "old.pyz", "-o", "delta.pyz")
    assert delta.returncode == 0, delta.stderr
    return site


def test_the_same_repository_gives_the_same_bytes(site: Site) -> None:
    assert site.run("build", "-o", "again.pyz").returncode == 0
    assert (site.path / "again.pyz").read_bytes() == (site.path / "new.pyz").read_bytes()


def test_without_a_name_it_is_called_as_the_inventory_says(site: Site) -> None:
    told = json.loads(site.run("build", "--json").stdout)
    assert Path(told["path"]).name == f"staddle-pkg-0.1.0.debian{HERE.release}.x86_64.pyz"
    assert Path(told["path"]).stat().st_size == told["size"]


def test_it_has_what_a_site_without_a_network_needs(site: Site) -> None:
    with zipfile.ZipFile(site.path / "new.pyz") as archive:
        names = archive.namelist()
        bill = json.loads(archive.read("sbom.cdx.json"))
    assert names[0] == "__main__.py"
    for wanted in (
        f"repo/pool/{HERE.codename}/main/h/hello/hello_1.1-1_all.deb",
        f"repo/dists/{HERE.codename}/InRelease",
        "collection/ansible_collections/staddle/infra/galaxy.yml",
        "docs/bundle.md",
        "requirements.txt",
    ):
        assert wanted in names
    assert not [name for name in names if "hello_1.0-1" in name], "nothing that is only kept for clients on their way"
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert {c["name"]: c["version"] for c in bill["components"]} == {
        "hello": "1.1-1",
        "common": "1.0-1",
        "more": "1.0-1",
    }
    assert all(
        c["purl"].startswith("pkg:deb/debian/") and len(c["hashes"][0]["content"]) == 64 for c in bill["components"]
    )


@pytest.mark.parametrize("python", _pythons())
def test_it_verifies_itself_with_nothing_but_python(site: Site, python: str) -> None:
    told = start(site.path / "new.pyz", "verify", "--key", str(site.key), python=python)
    assert (told.returncode, told.stderr) == (0, "")
    assert "as they were signed by key" in told.stdout
    assert start(site.path / "delta.pyz", "verify", python=python).returncode == 0


def test_gpg_verifies_it_too(site: Site, tmp_path: Path) -> None:
    if not shutil.which("gpg"):
        pytest.skip("this machine has no gpg")
    run = ["gpg", "--homedir", str(tmp_path), "--batch", "--dearmor", "-o", str(tmp_path / "key.gpg"), str(site.key)]
    subprocess.run(run, check=True, capture_output=True)
    argv = ["gpgv", "--keyring", str(tmp_path / "key.gpg"), "new.pyz.asc", "new.pyz"]
    assert subprocess.run(argv, cwd=site.path, check=False, capture_output=True).returncode == 0


def position(bundle: Path, name: str) -> int:
    """Where the content of a file of the bundle begins."""
    with zipfile.ZipFile(bundle) as archive:
        return archive.getinfo(name).header_offset + 30 + len(name.encode())


def spoil(name: str, offset: int = 10) -> Callable[[Path], None]:
    def change(bundle: Path) -> None:
        at = position(bundle, name) + offset
        content = bytearray(bundle.read_bytes())
        content[at] ^= 1
        bundle.write_bytes(content)

    return change


def rewrite(change: Callable[[dict[str, bytes]], object]) -> Callable[[Path], None]:
    """Somebody with a zip program, who keeps its checksums right."""

    def do(bundle: Path) -> None:
        with zipfile.ZipFile(bundle) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        change(files)
        with zipfile.ZipFile(bundle, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)

    return do


DEB = f"repo/pool/{HERE.codename}/main/c/common/common_1.0-1_all.deb"
INDEX = f"repo/dists/{HERE.codename}/main/binary-amd64/Packages.xz"


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (spoil(DEB), DEB),
        (spoil(INDEX), INDEX),
        (spoil("docs/bundle.md"), "docs/bundle.md"),
        (spoil("docs/bundle.md", -40), "docs/bundle.md"),
        (rewrite(lambda files: files.update({DEB: files[DEB][:-1] + b"!"})), DEB),
        (rewrite(lambda files: files.pop(INDEX)), INDEX),
        (rewrite(lambda files: files.update({"repo/extra.deb": b"x"})), "repo/extra.deb"),
        (rewrite(lambda files: files.update({"staddle_bundle/evil.py": b"x"})), "staddle_bundle/evil.py"),
        (rewrite(lambda files: files.update({"manifest.json": files["manifest.json"] + b" "})), "manifest.json.asc"),
        (rewrite(lambda files: files.update({"manifest.json.asc": b"nothing"})), "manifest.json.asc"),
        (lambda bundle: bundle.write_bytes(bundle.read_bytes()[:-100]), "no bundle"),
        (lambda bundle: bundle.write_bytes(b""), "no bundle"),
    ],
)
def test_what_is_tampered_with_is_refused_by_name(
    site: Site, tmp_path: Path, tamper: Callable[[Path], None], named: str
) -> None:
    bundle = tmp_path / "bundle.pyz"
    shutil.copy(site.path / "new.pyz", bundle)
    tamper(bundle)
    try:
        (problem,) = actions.verify(str(bundle), str(site.key))  # and nothing else is wrong
    except BundleError as error:
        problem = str(error)
    assert named in problem
    with pytest.raises(BundleError, match=re.escape(named)):
        actions.install(str(bundle), str(tmp_path / "opt"), str(tmp_path / "files"), str(site.key), lambda _: None)
    assert not [path for path in tmp_path.iterdir() if path != bundle]


def test_the_command_names_the_file_and_fails(site: Site, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pyz"
    shutil.copy(site.path / "new.pyz", bundle)
    spoil(DEB)(bundle)
    for told in (site.run("verify", str(bundle)), start(bundle, "verify")):
        assert told.returncode == 1
        assert DEB in told.stderr
    listed = json.loads(site.run("verify", str(bundle), "--json").stdout)
    assert (listed["ok"], len(listed["problems"])) == (False, 1)


def test_a_changed_signature_beside_it_is_refused(site: Site, tmp_path: Path) -> None:
    for name in ("new.pyz", "new.pyz.asc"):
        shutil.copy(site.path / name, tmp_path / name)
    shutil.copy(site.path / "old.pyz.asc", tmp_path / "new.pyz.asc")
    told = site.run("verify", str(tmp_path / "new.pyz"))
    assert told.returncode == 1
    assert "new.pyz.asc: its signature does not fit" in told.stderr


def test_a_bundle_by_somebody_else_is_refused(site: Site, tmp_path: Path) -> None:
    other = Site(tmp_path / "other")
    other.publish({HERE: [make_deb(other.folder(HERE), "hello")]})
    assert other.run("build", "-o", "evil.pyz").returncode == 0
    told = start(other.path / "evil.pyz", "verify", "--key", str(site.key))
    assert told.returncode == 1
    assert "signed by key" in told.stderr
    assert start(other.path / "evil.pyz", "verify").returncode == 0, "without a key to compare, it is as it was signed"


def test_a_delta_makes_the_new_bundle_out_of_the_old_one(site: Site, tmp_path: Path) -> None:
    assert (site.path / "delta.pyz").stat().st_size < (site.path / "new.pyz").stat().st_size - 300_000
    told = start(site.path / "delta.pyz", "apply", str(site.path / "old.pyz"), "-o", str(tmp_path / "made.pyz"))
    assert told.returncode == 0, told.stderr
    assert (tmp_path / "made.pyz").read_bytes() == (site.path / "new.pyz").read_bytes()
    assert (tmp_path / "made.pyz.asc").read_bytes() == (site.path / "new.pyz.asc").read_bytes()
    wrong = start(site.path / "delta.pyz", "apply", str(site.path / "new.pyz"), "-o", str(tmp_path / "wrong.pyz"))
    assert (wrong.returncode, (tmp_path / "wrong.pyz").exists()) == (1, False)
    assert "another bundle" in wrong.stderr
    assert "it is a delta" in start(site.path / "delta.pyz", "install", "--admin", str(tmp_path / "files")).stderr


def test_two_bundles_are_compared(site: Site) -> None:
    told = site.run("diff", "old.pyz", "new.pyz", "--json")
    assert told.returncode == 2
    found = json.loads(told.stdout)
    pool = f"repo/pool/{HERE.codename}/main"
    assert f"{pool}/m/more/more_1.0-1_all.deb" in found["added"]
    assert f"{pool}/h/hello/hello_1.0-1_all.deb" in found["removed"]
    assert f"repo/dists/{HERE.codename}/InRelease" in found["changed"]
    assert site.run("diff", "new.pyz", "new.pyz").returncode == 0


def test_the_wrong_machine_is_told_at_once(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.publish({ELSEWHERE: [make_deb(site.folder(ELSEWHERE), "hello")]})
    assert site.run("build", "-o", "b.pyz").returncode == 0
    told = start(tmp_path / "b.pyz", "install", "--dir", str(tmp_path / "opt"), "--admin", str(tmp_path / "new"))
    assert told.returncode == 1
    assert f"this machine is debian {HERE.release} on {platform.machine()}" in told.stderr
    assert f"the bundle is for debian {ELSEWHERE.release} on x86_64" in told.stderr
    assert not (tmp_path / "new").exists()


def test_where_there_is_nothing_to_bundle_it_says_so(tmp_path: Path) -> None:
    told = Site(tmp_path).run("build", "-o", "b.pyz")
    assert told.returncode == 1
    assert "there is no repository pkgs" in told.stderr
    assert not (tmp_path / "b.pyz").exists()
    assert not (tmp_path / "files" / HOME / "pkgs").exists()
