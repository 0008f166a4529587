"""What is read out of packages is what dpkg and rpm read out of them."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.unit.repo_publish.packages import EL9, make_deb, make_rpm, need

from staddle.repo import rpm_index
from staddle.repo.deb import control_of, fields_of
from staddle.repo.model import RepoError
from staddle.repo.rpm import header_of

if TYPE_CHECKING:
    from pathlib import Path

RELATIONS = ("Epoch: 1", "Requires: hello-b >= 2.0", "Requires(post): /bin/sh", "Recommends: hello-c", "Conflicts: old < 0.9",
             "Provides: virtual = 7")  # fmt: skip


@pytest.mark.parametrize("pack", ["xz", "gzip", "zstd", "none"])
def test_control_data_are_as_dpkg_prints_them(tmp_path: Path, pack: str) -> None:
    file = make_deb(tmp_path, "hello", "2:1.0~rc1-1", arch="amd64", pack=pack, Depends="libc6 (>= 2.36), a | b")
    told = subprocess.run(["dpkg-deb", "--field", file], capture_output=True, text=True, check=True).stdout
    assert control_of(file) == told.rstrip("\n")
    fields = fields_of(control_of(file))
    assert (fields["package"], fields["version"], fields["depends"]) == (
        "hello",
        "2:1.0~rc1-1",
        "libc6 (>= 2.36), a | b",
    )
    assert fields["description"].startswith("the package hello\n It has\n .\n")


def test_every_package_of_this_machines_cache_is_read_as_dpkg_reads_it() -> None:
    from pathlib import Path

    files = sorted(Path("/var/cache/apt/archives").glob("*.deb"))[::40][:40]
    if not files:
        pytest.skip("apt of this machine keeps no packages")
    for file in files:
        told = subprocess.run(["dpkg-deb", "--field", file], capture_output=True, text=True, check=True).stdout
        assert fields_of(control_of(file)) == fields_of(told.rstrip("\n")), file


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda data: b"", "does not begin like an ar archive"),
        (lambda data: b"<html>" + data, "does not begin like an ar archive"),
        (lambda data: data[:100], "control data"),
        (lambda data: data.replace(b"control.tar.xz", b"control.tar.rar", 1), "control data"),
        (lambda data: data.replace(b"control.tar.xz", b"control.tar.gz", 1), ""),
        (lambda data: data[:140] + os.urandom(60) + data[200:], ""),
    ],
)
def test_what_is_no_package_is_refused_by_name(tmp_path: Path, damage: object, why: str) -> None:
    file = make_deb(tmp_path, "hello")
    assert callable(damage)
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(RepoError, match=r"hello_1\.0-1_all\.deb is not a Debian package") as caught:
        control_of(file)
    assert why in caught.value.message


def test_a_header_is_as_rpm_prints_it(tmp_path: Path) -> None:
    file = make_rpm(tmp_path, "hello-a", "1.2", *RELATIONS)
    with file.open("rb") as opened:
        header = header_of(str(file), opened.fileno())
    query = "%{NAME}|%{EPOCH}|%{VERSION}|%{RELEASE}|%{ARCH}|%{SUMMARY}|%{SIZE}|%{SOURCERPM}"
    told = subprocess.run(["rpm", "-qp", "--qf", query, file], capture_output=True, text=True, check=True).stdout
    index = rpm_index
    texts = [header.text(tag) for tag in (index.NAME, index.VERSION, index.RELEASE, index.ARCH, index.SUMMARY)]
    numbers = [str(header.number(tag)) for tag in (index.EPOCH, index.SIZE)]
    assert told.split("|") == [texts[0], numbers[0], *texts[1:], numbers[1], header.text(index.SOURCE_RPM)]
    listed = subprocess.run(["rpm", "-qpl", file], capture_output=True, text=True, check=True).stdout.split()
    found = rpm_index.read(str(file), os.open(file, os.O_RDONLY))["filelists"]
    assert all(f">{path}</file>" in found for path in listed)
    assert "<file>/usr/bin/hello-a</file>" in found
    assert '<file type="ghost">/var/log/hello-a.log</file>' in found
    assert '<file type="dir">/usr/share/hello-a</file>' in found


@pytest.mark.parametrize("size", [0, 50, 200, 400])
def test_what_is_no_rpm_is_refused_by_name(tmp_path: Path, size: int) -> None:
    need("rpmbuild")
    file = make_rpm(tmp_path, "hello-a")
    file.write_bytes(file.read_bytes()[:size])
    with (
        file.open("rb") as opened,
        pytest.raises(RepoError, match=r"hello-a-1\.2-3\.noarch\.rpm is not an RPM package"),
    ):
        header_of(str(file), opened.fileno())
    assert EL9.format == "rpm"
