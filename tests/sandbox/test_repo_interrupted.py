"""A build that is killed at any moment goes on where it was, and what is served is whole all the time."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.sandbox.test_repo import Admin, admin_in
from tests.unit.repo.upstreams import AptUpstream, Gpg, Server, serve
from tests.unit.repo_publish.packages import make_deb

from staddle.repo.offline import tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUNDS = int(os.environ.get("STADDLE_REPO_ROUNDS", "4"))
PACKAGES = 8
SIZE = 600_000

INVENTORY = """\
all:
  children:
    infra:
      hosts:
        10.10.10.10: {{infra_seq: 1}}
  vars:
    admin_ip: 10.10.10.10
    repo_modules: own
    repo_targets: [debian-12-x86_64]
    repo_packages: ['tool-*']
    repo_extra_packages: []
    repo_upstream:
      - name: vendor
        module: own
        releases: [12]
        baseurl: {{default: '{url} bookworm main'}}
        keys: ['{fingerprint}']
        key_url: '{key}'
"""


@pytest.fixture(scope="module")
def gpg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gpg]:
    key = Gpg(tmp_path_factory.mktemp("gpg") / "vendor")
    yield key
    key.stop()


@pytest.fixture
def archive(tmp_path: Path, gpg: Gpg) -> AptUpstream:
    return AptUpstream(tmp_path / "archive", gpg)


@pytest.fixture
def server(archive: AptUpstream) -> Iterator[Server]:
    archive.root.mkdir()
    with serve(archive.root) as running:
        yield running


@pytest.fixture
def admin(archive: AptUpstream, server: Server, gpg: Gpg, tmp_path: Path) -> Admin:
    text = INVENTORY.format(url=server.url, fingerprint=gpg.fingerprint, key=gpg.public)
    return admin_in(tmp_path / "admin", tmp_path / "cache", text)


def release(archive: AptUpstream, version: str) -> None:
    for file in archive.pool.glob("*.deb"):
        file.unlink()
    for number in range(PACKAGES):
        make_deb(archive.pool, f"tool-{number}", version, size=SIZE, pack="none")
    archive.index()


def test_interrupted_at_random_it_resumes_and_serves_whole_repositories(
    admin: Admin, archive: AptUpstream, server: Server
) -> None:
    release(archive, "1.0-1")
    admin.staddle("build")
    first = {row["version"] for row in admin.data("ls")}
    assert first == {"1.0-1"}
    release(archive, "2.0-1")
    server.faults.pause = 0.02
    argv = [sys.executable, "-m", "staddle", "repo", "build", "--update"]
    environment = {**os.environ, "STADDLE_CACHE": str(admin.cache)}
    chance, killed = random.Random(3), 0
    for _ in range(ROUNDS):
        with subprocess.Popen(argv, cwd=admin.home, env=environment, stderr=subprocess.PIPE, text=True) as process:
            # From the moment it has begun, in which all imports are done.
            assert process.stderr
            assert process.stderr.readline()
            time.sleep(chance.uniform(0.0, 1.2))
            killed += process.poll() is None
            process.send_signal(signal.SIGKILL)
        served = tree.current(admin.home / "files/repo/www", "staddle")
        assert served is not None
        assert tree.verify(served) == [], "whatever is served is whole"
    assert killed, "no run was interrupted"
    server.requests.clear()
    admin.staddle("build", "--update")
    assert {row["version"] for row in admin.data("ls")} == {"2.0-1"}
    assert admin.data("verify") == {"ok": True, "problems": []}
    assert not list(admin.cache.rglob("*.part"))
    assert admin.data("build")["changed"] is False


def test_a_package_tampered_with_at_its_upstream_is_refused_by_name(
    admin: Admin, archive: AptUpstream, server: Server
) -> None:
    release(archive, "1.0-1")
    file = archive.pool / "tool-3_1.0-1_all.deb"
    content = bytearray(file.read_bytes())
    content[5000] ^= 1
    file.write_bytes(content)
    report = admin.staddle("build", code=1).stderr
    assert "1 of 8 files could not be downloaded" in report
    assert "tool-3_1.0-1_all.deb: its SHA-256 is" in report
    assert not admin.served.exists()


def test_an_index_that_another_signed_is_refused_by_name(
    admin: Admin, archive: AptUpstream, server: Server, tmp_path: Path
) -> None:
    stranger = Gpg(tmp_path / "stranger")
    try:
        archive.gpg = stranger
        release(archive, "1.0-1")
    finally:
        stranger.stop()
    report = admin.staddle("build", code=1).stderr
    assert "vendor: InRelease is signed by" in report
    assert "which is not its key" in report
    assert not admin.lock.exists()


def test_a_file_by_url_is_what_it_was_the_first_time(admin: Admin, archive: AptUpstream, server: Server) -> None:
    release(archive, "1.0-1")
    name = "extra_1.0-1_all.deb"
    make_deb(archive.root, "extra", "1.0-1", Depends="tool-0")
    more = f"    repo_url_packages: ['{server.url}/{name}']\n"
    inventory = admin.home / "staddle.yml"
    inventory.write_text(inventory.read_text(encoding="utf-8").replace("tool-*", "tool-1") + more, encoding="utf-8")
    assert admin.data("plan", code=2)["unseen"] == [name]
    assert not server.asked(name), "a plan downloads nothing"
    admin.staddle("build")
    assert {row["name"] for row in admin.data("ls")} == {"extra", "tool-0", "tool-1"}
    lock = admin.lock.read_bytes()
    (archive.root / name).unlink()
    make_deb(archive.root, "extra", "1.0-1", size=999)
    assert admin.data("build", "--update")["changed"] is False
    assert admin.lock.read_bytes() == lock
    for file in (admin.cache / "repo/packages").rglob("*"):
        if file.is_file():
            file.unlink()
    assert f"{name}: its SHA-256 is" in admin.staddle("build", code=1).stderr
