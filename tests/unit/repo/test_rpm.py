"""RPMs: indexes as createrepo_c makes them, packages as rpmbuild and rpmsign do."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.repo.upstreams import Gpg, Server, serve, session
from tests.unit.repo_publish.packages import make_rpm, need

from staddle.repo import rpm_signature
from staddle.repo.metadata import rpm
from staddle.repo.model import RepoError, Target, Trust, Upstream
from staddle.repo.openpgp import certificates
from staddle.repo.signatures import Verifier
from staddle.repo.solver.report import ResolutionError, Wish
from staddle.repo.solver.rpm import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from staddle.repo.metadata.rpm import Repodata
    from staddle.repo.model import PackageRecord
    from staddle.repo.openpgp import Certificate

EL9 = Target("el", "9", "x86_64")

MODULES = """\
---
document: modulemd
version: 2
data: {name: tool, stream: "1", artifacts: {rpms: ["tool-0:1.2-3.noarch"]}}
---
document: modulemd
version: 2
data: {name: tool, stream: "9", artifacts: {rpms: ["tool-0:9.0-3.noarch"]}}
---
document: modulemd-defaults
version: 1
data: {module: tool, stream: "1"}
...
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of packages, made once."""
    need("createrepo_c")
    folder = tmp_path_factory.mktemp("rpms")
    make_rpm(folder, "bash", "5.1", "Provides: /bin/sh")  # what the scripts of all others need
    make_rpm(folder, "libtool", "1.0")
    make_rpm(folder, "tool", "1.2", "Requires: libtool >= 1.0", "Requires: (shell or dash)")
    make_rpm(folder, "tool", "9.0", "Requires: libtool")
    make_rpm(folder, "dash", "1.0", "Provides: shell = 2", "Conflicts: zsh")
    make_rpm(folder, "zsh", "1.0")
    make_rpm(folder, "needy", "1.0", "Requires: /usr/share/dash/data")
    make_rpm(folder, "broken", "1.0", "Requires: libgone >= 3")
    index(folder)
    return folder


def index(folder: Path) -> None:
    subprocess.run(["createrepo_c", "--quiet", str(folder)], check=True, capture_output=True)


@pytest.fixture
def server(built: Path) -> Iterator[Server]:
    with serve(built) as running:
        yield running


def upstream(url: str, *, trust: Trust = Trust("off"), exclude: tuple[str, ...] = ()) -> Upstream:  # noqa: B008
    return Upstream("vendor", "infra", "rpm", (url,), "", (), trust, exclude=exclude)


def resolved(
    source: Upstream, cache: Path, *wishes: str | Wish, keep: dict[str, str] | None = None
) -> list[PackageRecord]:
    fetching = session(cache)

    def load(repodata: Repodata, kind: str) -> bytes | None:
        return repodata.load(fetching, kind)

    asked = [wish if isinstance(wish, Wish) else Wish(wish) for wish in wishes]
    return resolve(EL9, [rpm.fetch(fetching, source)], asked, keep or {}, load)


def names(records: list[PackageRecord]) -> list[str]:
    """What was found besides the shell, which comes with everything."""
    assert "bash" in {record.name for record in records}
    return [f"{record.name} {record.version}" for record in records if record.name != "bash"]


def test_dependencies_come_along(server: Server, built: Path, tmp_path: Path) -> None:
    found = resolved(upstream(server.url), tmp_path, Wish("tool", "<<", "9"))
    assert names(found) == ["dash 1.0-3", "libtool 1.0-3", "tool 1.2-3"]
    tool = found[-1]
    assert (tool.arch, tool.origin, tool.file) == ("noarch", "vendor", "tool-1.2-3.noarch.rpm")
    assert tool.size == (built / tool.path).stat().st_size


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ("tool", ["libtool 1.0-3", "tool 9.0-3"]),
        ("shell", ["dash 1.0-3"]),
        ("lib*", ["libtool 1.0-3"]),
        # A file outside /usr/bin and /etc: only the list of all files has it.
        ("needy", ["dash 1.0-3", "needy 1.0-3"]),
    ],
)
def test_names_provides_globs_and_files(server: Server, tmp_path: Path, wish: str, expected: list[str]) -> None:
    assert names(resolved(upstream(server.url), tmp_path, wish)) == expected


def test_what_is_locked_stays_and_exclusions_hold(server: Server, tmp_path: Path) -> None:
    assert "tool 1.2-3" in names(resolved(upstream(server.url), tmp_path, "tool", keep={"tool": "1.2-3"}))
    with pytest.raises(ResolutionError):
        resolved(upstream(server.url, exclude=("to*",)), tmp_path, "tool")


def test_everything_that_is_wrong_is_told_at_once(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ResolutionError) as caught:
        resolved(upstream(server.url), tmp_path, "tol", "broken", "dash", "zsh", Wish("libtool", ">=", "7"))
    by_kind = {trouble.kind: trouble for trouble in caught.value.troubles}
    assert sorted(trouble.kind for trouble in caught.value.troubles) == ["broken", "conflict", "unknown", "version"]
    assert by_kind["unknown"].near == ("tool",)
    assert by_kind["broken"].details == ("broken 1.0-3 needs libgone >= 3, which no upstream has",)
    assert by_kind["conflict"].what == "dash, zsh"
    assert by_kind["version"].message == "is there as 1.0-3"


def test_only_default_streams_of_modules_count(built: Path, tmp_path: Path) -> None:
    folder = tmp_path / "modular"
    folder.mkdir()
    for file in built.glob("[a-z]*.rpm"):
        (folder / file.name).write_bytes(file.read_bytes())
    index(folder)
    (tmp_path / "modules.yaml").write_text(MODULES, encoding="utf-8")
    argv = ["modifyrepo_c", "--mdtype", "modules", str(tmp_path / "modules.yaml"), str(folder / "repodata")]
    subprocess.run(argv, check=True, capture_output=True)
    with serve(folder) as server:
        assert "tool 1.2-3" in names(resolved(upstream(server.url), tmp_path / "cache", "tool"))


def test_a_signed_index(server: Server, built: Path, vendor: Gpg, stranger: Gpg, tmp_path: Path) -> None:
    source = upstream(server.url, trust=Trust("metadata", (vendor.fingerprint,), (str(vendor.public),)))
    repomd, signature = built / "repodata/repomd.xml", built / "repodata/repomd.xml.asc"

    def refused() -> str:
        with pytest.raises(RepoError) as caught:
            resolved(source, tmp_path / "cache", "zsh")
        return caught.value.message

    assert "repomd.xml is not signed" in refused()
    stranger.detach(repomd, signature)
    assert "which is not its key" in refused()
    vendor.detach(repomd, signature)
    assert names(resolved(source, tmp_path / "cache", "zsh")) == ["zsh 1.0-3"]
    before = repomd.read_bytes()
    repomd.write_bytes(before.replace(b"<revision>", b"<revision>9"))
    assert "has a bad signature" in refused()
    repomd.write_bytes(before)
    primary = next(built.glob("repodata/*primary.xml*"))
    content = primary.read_bytes()
    primary.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(RepoError, match="another SHA-256 than the signed index says"):
        resolved(source, tmp_path / "fresh", "zsh")
    primary.write_bytes(content)
    signature.unlink()


def test_signatures_of_packages(built: Path, vendor: Gpg, stranger: Gpg, tmp_path: Path) -> None:
    record = next(r for r in _records(built) if r.name == "zsh")
    file = tmp_path / record.file
    file.write_bytes((built / record.path).read_bytes())
    package = record.locked()
    by_vendor = Verifier("vendor", _certificates(vendor))
    with pytest.raises(RepoError, match=r"zsh-1.0-3.noarch.rpm is not signed"):
        rpm_signature.verify(file, package, by_vendor)
    vendor.sign_rpm(file)
    rpm_signature.verify(file, package, by_vendor)
    with pytest.raises(RepoError, match="which is not its key"):
        rpm_signature.verify(file, package, Verifier("vendor", _certificates(stranger)))
    with pytest.raises(RepoError, match="not what its index says"):
        rpm_signature.verify(file, replace(package, name="bash"), by_vendor)
    content = file.read_bytes()
    file.write_bytes(content[:-20] + bytes(20))
    with pytest.raises(RepoError, match="was changed after it was signed"):
        rpm_signature.verify(file, package, by_vendor)
    at = content.rfind(b"A <test>")
    file.write_bytes(content[:at] + b"B" + content[at + 1 :])
    with pytest.raises(RepoError, match="bad signature"):
        rpm_signature.verify(file, package, by_vendor)


def _records(folder: Path) -> list[PackageRecord]:
    with serve(folder) as server:
        return resolved(upstream(server.url), folder.parent / "records", "zsh")


def _certificates(gpg: Gpg) -> tuple[Certificate, ...]:
    return tuple(certificates(gpg.public.read_bytes()))
