"""Real packages, made with dpkg-deb and rpmbuild, and repositories of them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from staddle.repo.deb import control_of, fields_of
from staddle.repo.model import LockedPackage, Target, TargetLock
from staddle.repo.publish import Part, Published, publish
from staddle.repo.rpm import header_of
from staddle.repo.rpm_index import NAME, RELEASE, VERSION
from staddle.repo.signing import Signer, open_signer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

BOOKWORM, TRIXIE = Target("debian", "12", "x86_64"), Target("debian", "13", "x86_64")
EL9 = Target("el", "9", "x86_64")
NOW = int(time.time()) - 60

SPEC = """\
Name: {name}
Version: {version}
Release: 3
{more}
Summary: A <test> & package
License: MIT
URL: https://example.org/?a=1&b=2
BuildArch: noarch
%description
Ümläut <b>.
%install
mkdir -p %{{buildroot}}/etc/{name} %{{buildroot}}/usr/bin %{{buildroot}}/usr/share/{name}
echo x > %{{buildroot}}/usr/bin/{name}
echo y > %{{buildroot}}/etc/{name}/main.conf
echo z > %{{buildroot}}/usr/share/{name}/data
%post
echo done
%files
/usr/bin/{name}
%config(noreplace) /etc/{name}/main.conf
%dir /usr/share/{name}
/usr/share/{name}/data
%ghost /var/log/{name}.log
%changelog
* Mon Nov 02 2026 Ann <ann@example.org> - 2
- Three & <more>
* Sun Nov 01 2026 Bob <bob@example.org> - 1
- Two
"""


def need(*programs: str) -> None:
    """Skips a test whose programs this machine lacks."""
    if missing := [program for program in programs if not shutil.which(program)]:
        pytest.skip(f"this machine has no {', '.join(missing)}")


def make_deb(
    folder: Path,
    name: str,
    version: str = "1.0-1",
    *,
    arch: str = "all",
    pack: str = "xz",
    size: int = 100,
    **fields: str,
) -> Path:
    """A package with one file of `size` bytes. `pack` is how dpkg-deb compresses it; `fields` go into its control data."""
    need("dpkg-deb")
    root = folder / f".build-{name}-{version}"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "usr/share" / name).mkdir(parents=True)
    (root / "usr/share" / name / "data").write_bytes(bytes(range(256)) * (size // 256 + 1))
    control = {
        "Package": name,
        "Version": version,
        "Architecture": arch,
        "Maintainer": "Ann <ann@example.org>",
        **{key.replace("_", "-"): value for key, value in fields.items()},
        "Description": f"the package {name}\n It has\n .\n two paragraphs: ä.",
    }
    text = "".join(f"{key}: {value}\n" for key, value in control.items())
    (root / "DEBIAN/control").write_text(text, encoding="utf-8")
    file = folder / f"{name}_{version.replace(':', '%3a')}_{arch}.deb"
    subprocess.run(
        ["dpkg-deb", "-Z" + pack, "--root-owner-group", "--build", root, file], check=True, capture_output=True
    )
    shutil.rmtree(root)
    return file


def make_rpm(folder: Path, name: str, version: str = "1.2", *more: str) -> Path:
    """A package with a program, a configuration file, a directory, a ghost, scripts and a changelog."""
    need("rpmbuild")
    spec = folder / f"{name}.spec"
    spec.write_text(SPEC.format(name=name, version=version, more="\n".join(more)), encoding="utf-8")
    argv = ["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {folder}/.rpm", str(spec)]
    subprocess.run(argv, check=True, capture_output=True)
    spec.unlink()
    built = folder / f".rpm/RPMS/noarch/{name}-{version}-3.noarch.rpm"
    return built.replace(folder / built.name)


def locked(target: Target, files: Sequence[Path]) -> TargetLock:
    """A lock of these packages, as a solver would have written it."""
    return TargetLock(target, "request", tuple(sorted(_locked(target, file) for file in files)))


def _locked(target: Target, file: Path) -> LockedPackage:
    content = file.read_bytes()
    if target.format == "deb":
        fields = fields_of(control_of(file))
        name, version, arch = fields["package"], fields["version"], fields["architecture"]
    else:
        with file.open("rb") as opened:
            header = header_of(str(file), opened.fileno())
        name, version, arch = header.text(NAME), f"{header.text(VERSION)}-{header.text(RELEASE)}", "noarch"
    sha256 = hashlib.sha256(content).hexdigest()
    return LockedPackage(name, version, arch, sha256, len(content), "test", file.name, f"pool/{file.name}")


@dataclass
class Shelf:
    """Where packages lie, and the repository that is published from them."""

    root: Path
    name: str = "pkgs"

    def folder(self, target: Target) -> Path:
        path = self.root / "downloads" / target.key
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def home(self) -> Path:
        return self.root / "www"

    @property
    def url(self) -> Path:
        """Its directory: what a URL would lead to."""
        return self.home / self.name

    @property
    def signer(self) -> Signer:
        return open_signer(self.root / "pki", "Test repository", NOW - 100)

    def publish(
        self, packages: Mapping[Target, Sequence[Path]], *, wheels: Sequence[Path] = (), now: int = NOW
    ) -> Published:
        parts = [Part(locked(target, files), self.folder(target)) for target, files in packages.items()]
        work = self.root / "work"
        return publish(parts, self.home, self.name, self.signer, work=work, wheel_files=wheels, now=now)


class PrivateApt:
    """apt with a root of its own, which installs nothing."""

    def __init__(self, root: Path, shelf: Shelf, codename: str) -> None:
        need("apt-get")
        self.root = root
        for folder in ("state/lists/partial", "cache/archives/partial", "etc/sources.list.d", "etc/preferences.d"):
            (root / folder).mkdir(parents=True)
        (root / "status").touch()
        (root / "apt.conf").touch()
        stanza = (
            f"Types: deb\nURIs: file:{shelf.url}\nSuites: {codename}\nComponents: main\nSigned-By: {root}/key.asc\n"
        )
        (root / "etc/sources.list.d/own.sources").write_text(stanza, encoding="utf-8")
        (root / "key.asc").write_text(shelf.signer.public, encoding="ascii")

    def run(self, *arguments: str, program: str = "apt-get") -> subprocess.CompletedProcess[str]:
        settings = {
            "Dir::State": self.root / "state",
            "Dir::State::status": self.root / "status",
            "Dir::Cache": self.root / "cache",
            "Dir::Etc": self.root / "etc",
            "APT::Architecture": "amd64",
            "APT::Architectures": "amd64",
            "APT::Sandbox::User": "",
        }
        argv = [program, *(f"-o{key}={value}" for key, value in settings.items()), *arguments]
        # A file of settings would be read before these: none of the machine's are wanted.
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "APT_CONFIG": str(self.root / "apt.conf"),
        }
        return subprocess.run(argv, env=environment, cwd=self.root, capture_output=True, text=True, check=False)
