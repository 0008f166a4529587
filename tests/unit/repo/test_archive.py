"""Release archives become Debian packages: the same ones every time, and dpkg reads them."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.repo.upstreams import NOW, serve, session
from tests.unit.repo_publish.packages import need

from staddle.repo.archive import package_of
from staddle.repo.files import acquire, known_files
from staddle.repo.model import RepoError, Target, Trust, Upstream
from staddle.repo.request import Request, UrlFile
from staddle.repo.resolution import resolve

if TYPE_CHECKING:
    from pathlib import Path

TARGET = Target("debian", "12", "x86_64")
FILE = "victoria-logs_1.36.1_amd64.deb"
PROGRAMS = {"victoria-logs-prod": "victoria-logs"}


def archive(path: Path, content: bytes = b"#!/bin/sh\necho logs\n") -> Path:
    """As makers publish them: compressed, with times and owners, and other files."""
    with tarfile.open(path, "w:gz") as tar:
        for name, data in {"release/victoria-logs-prod": content, "release/LICENSE": b"text"}.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uid, info.uname = len(data), 1_700_000_000, 1000, "builder"
            tar.addfile(info, io.BytesIO(data))
    return path


def test_dpkg_reads_it(tmp_path: Path) -> None:
    need("dpkg-deb")
    content = package_of(archive(tmp_path / "a.tar.gz"), FILE, PROGRAMS, "https://example.org/a.tar.gz")
    package = tmp_path / FILE
    package.write_bytes(content)
    fields = subprocess.run(["dpkg-deb", "--field", package], check=True, capture_output=True, text=True).stdout
    assert "Package: victoria-logs\nVersion: 1.36.1\nArchitecture: amd64\n" in fields
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path / "root"], check=True)
    program = tmp_path / "root/usr/bin/victoria-logs"
    assert subprocess.run([program], check=True, capture_output=True, text=True).stdout == "logs\n"
    listing = subprocess.run(["dpkg-deb", "--contents", package], check=True, capture_output=True, text=True).stdout
    assert [line.split()[:2] for line in listing.splitlines()][-1] == ["-rwxr-xr-x", "root/root"]
    assert len(listing.splitlines()) == 4


def test_the_same_archive_gives_the_same_bytes(tmp_path: Path) -> None:
    one, other = archive(tmp_path / "a.tar.gz"), archive(tmp_path / "b.tar.gz")
    made = [package_of(path, FILE, PROGRAMS, "https://example.org/a") for path in (one, other)]
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("file", "programs", "message"),
    [
        (FILE, {"victoria-log": "x"}, "has no victoria-log"),
        ("victoria-logs.deb", PROGRAMS, "does not say what package it is"),
    ],
)
def test_what_can_not_be_made_is_told(tmp_path: Path, file: str, programs: dict[str, str], message: str) -> None:
    with pytest.raises(RepoError, match=message):
        package_of(archive(tmp_path / "a.tar.gz"), file, programs, "https://example.org/a")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"<html>not found</html>")
    with pytest.raises(RepoError, match="no archive that can be read"):
        package_of(tmp_path / "a", FILE, PROGRAMS, "https://example.org/a")


def test_it_is_locked_as_it_was_the_first_time(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    source = archive(tmp_path / "www/a.tar.gz")
    fetching = session(tmp_path / "cache")
    with serve(tmp_path / "www") as server:
        file = UrlFile(FILE, f"{server.url}/a.tar.gz", hashlib.sha256(source.read_bytes()).hexdigest(), PROGRAMS)
        nothing = Upstream("none", "x", "deb", (), "./", (), Trust("off"))
        request = Request(TARGET, (), (file,), (nothing,), optional=frozenset({"none"}))
        assert known_files(request, None, fetching.cache, tmp_path)[1] == [file]
        got = acquire(file, request, fetching.cache, fetching.web)
        assert (got.package.name, got.package.version, got.package.arch) == ("victoria-logs", "1.36.1", "amd64")
        lock = resolve(request, [got], {}, fetching, NOW, lambda text: None).lock
        assert [package.sha256 for package in lock.packages] == [got.package.sha256]
        assert known_files(request, lock, fetching.cache, tmp_path) == ([got], [])
        archive(source, b"something else")
        elsewhere = session(tmp_path / "elsewhere")
        unpinned = replace(request, files=(replace(file, sha256=None),))
        (unknown,) = known_files(unpinned, lock, elsewhere.cache, tmp_path)[1]
        with pytest.raises(RepoError, match="is not what it was"):
            acquire(unknown, unpinned, elsewhere.cache, elsewhere.web)
        with pytest.raises(RepoError, match="its SHA-256 is"):
            acquire(file, request, elsewhere.cache, elsewhere.web)
