"""Debian's indexes are believed only if this very upstream has signed them, and only as they were signed."""

from __future__ import annotations

import datetime as dt
import email.utils
import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.unit.repo.upstreams import NOW, AptUpstream, Gpg, Server, session
from tests.unit.repo_publish.packages import make_deb

from staddle.repo.metadata import deb
from staddle.repo.model import RepoError, Target, Trust
from staddle.repo.request import Request
from staddle.repo.resolution import resolve
from staddle.repo.solver.report import Wish

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from staddle.repo.metadata.deb import Packages

TARGET = Target("debian", "12", "x86_64")


@pytest.fixture
def filled(archive: AptUpstream) -> AptUpstream:
    make_deb(archive.pool, "tool", "1.0-1", Depends="libtool1 (>= 1), mta")
    make_deb(archive.pool, "libtool1", "1:1.0-1", arch="amd64", Provides="tool-abi (= 1), tool-any")
    archive.index()
    return archive


def fetch(archive: AptUpstream, server: Server, cache: Path, **more: object) -> Packages:
    return deb.fetch(session(cache), archive.upstream(server.url, **more), TARGET, NOW)


def refused(archive: AptUpstream, server: Server, cache: Path, **more: object) -> RepoError:
    with pytest.raises(RepoError) as caught:
        fetch(archive, server, cache, **more)
    return caught.value


def test_what_is_signed_is_read(filled: AptUpstream, server: Server, tmp_path: Path) -> None:
    packages = fetch(filled, server, tmp_path)
    (tool,) = packages.named("tool")
    record = tool.record()
    file = filled.root / record.path
    assert (record.name, record.version, record.arch, record.origin) == ("tool", "1.0-1", "all", "vendor")
    assert (record.size, record.sha256) == (file.stat().st_size, hashlib.sha256(file.read_bytes()).hexdigest())
    assert record.control.startswith("Package: tool\n")
    assert [stanza.name for stanza in packages.providing("tool-abi")] == ["libtool1"]
    assert [stanza.name for stanza in packages.providing("tool-any")] == ["libtool1"]
    assert "by-hash/SHA256" in "".join(path for path, *_ in server.requests)


def test_what_did_not_change_is_not_fetched_again(filled: AptUpstream, server: Server, tmp_path: Path) -> None:
    fetch(filled, server, tmp_path)
    server.requests.clear()
    fetch(filled, server, tmp_path)
    assert [(path.rpartition("/")[2], status) for path, status, _ in server.requests] == [("InRelease", 304)]
    make_deb(filled.pool, "third", "1.0-1")
    filled.index()
    assert list(fetch(filled, server, tmp_path).named("third"))


def edited(file: Path, pattern: str, text: str) -> None:
    before = file.read_text(encoding="utf-8")
    after = re.sub(pattern, text, before, count=1)
    assert before != after
    file.write_text(after, encoding="utf-8")


def tamper_in_release(archive: AptUpstream, stranger: Gpg) -> None:
    edited(archive.dist / "InRelease", r"\n( [0-9a-f]{64} )", r"\n \1")


def swap_signature(archive: AptUpstream, stranger: Gpg) -> None:
    stranger.clearsign(archive.dist / "Release", archive.dist / "InRelease")


def no_signature(archive: AptUpstream, stranger: Gpg) -> None:
    (archive.dist / "InRelease").write_bytes((archive.dist / "Release").read_bytes())


def text_before(archive: AptUpstream, stranger: Gpg) -> None:
    file = archive.dist / "InRelease"
    file.write_text(f"Suite: bookworm\n\n{file.read_text(encoding='utf-8')}", encoding="utf-8")


def text_after(archive: AptUpstream, stranger: Gpg) -> None:
    file = archive.dist / "InRelease"
    file.write_text(f"{file.read_text(encoding='utf-8')}\nSuite: bookworm\n", encoding="utf-8")


def message_of_another(archive: AptUpstream, stranger: Gpg) -> None:
    """One message that a stranger signed, followed by the vendor's."""
    file, other = archive.dist / "InRelease", archive.dist / "Other"
    stranger.clearsign(archive.dist / "Release", other)
    file.write_bytes(other.read_bytes() + file.read_bytes())


def only_release(archive: AptUpstream, stranger: Gpg) -> None:
    (archive.dist / "InRelease").unlink()
    (archive.dist / "Release.gpg").unlink()


def wrong_detached(archive: AptUpstream, stranger: Gpg) -> None:
    (archive.dist / "InRelease").unlink()
    stranger.detach(archive.dist / "Release", archive.dist / "Release.gpg")


def tamper_packages(archive: AptUpstream, stranger: Gpg) -> None:
    for file in (archive.dist / "main").rglob("*"):
        if file.is_file() and file.parent.name != "SHA256":
            file.write_bytes(file.read_bytes() + b"\0")
    for file in (archive.dist / "main").rglob("by-hash/SHA256/*"):
        file.write_bytes(b"x" * file.stat().st_size)


def another_suite(archive: AptUpstream, stranger: Gpg) -> None:
    archive.fields = {"Codename": "buster", "Suite": "oldstable"}
    archive.release()


def expired(archive: AptUpstream, stranger: Gpg) -> None:
    archive.fields = {"Valid-Until": email.utils.format_datetime(NOW - dt.timedelta(days=1), usegmt=True)}
    archive.release()


def without_hashes(archive: AptUpstream, stranger: Gpg) -> None:
    edited(archive.dist / "Release", r"(?s)SHA256:.*?(?=\nSHA512|\Z)", "SHA256:")
    archive.sign()


ATTACKS: list[tuple[Callable[[AptUpstream, Gpg], None], str]] = [
    (tamper_in_release, "InRelease has a bad signature"),
    (swap_signature, "which is not its key"),
    (no_signature, "InRelease is not signed"),
    (text_before, "InRelease has text beside what is signed"),
    (text_after, "InRelease has text beside what is signed"),
    (message_of_another, "InRelease has text beside what is signed"),
    (only_release, "Release is not signed"),
    (wrong_detached, "Release is signed by"),
    (tamper_packages, "main/binary-amd64/Packages.xz"),
    (another_suite, "signed index is that of buster / oldstable"),
    (expired, "has expired"),
    (without_hashes, "lists no SHA-256 hashes"),
]


@pytest.mark.parametrize(("attack", "message"), ATTACKS, ids=[attack.__name__ for attack, _ in ATTACKS])
def test_what_is_not_as_it_was_signed_is_refused_by_name(
    filled: AptUpstream, server: Server, stranger: Gpg, tmp_path: Path, attack: Callable[[AptUpstream, Gpg], None],
    message: str,
) -> None:  # fmt: skip
    attack(filled, stranger)
    error = refused(filled, server, tmp_path)
    assert "vendor" in error.message
    assert message in error.message
    # Nothing of it is remembered.
    filled.fields = {}
    filled.index()
    assert list(fetch(filled, server, tmp_path).named("tool"))


def test_a_detached_signature_is_as_good(filled: AptUpstream, server: Server, tmp_path: Path) -> None:
    (filled.dist / "InRelease").unlink()
    assert list(fetch(filled, server, tmp_path).named("tool"))


@pytest.mark.parametrize("gone", ["by-hash/", ".xz"])
def test_a_mirror_may_lack_by_hash_but_not_both(filled: AptUpstream, server: Server, tmp_path: Path, gone: str) -> None:
    server.faults.refuse = {gone: 404}
    assert list(fetch(filled, server, tmp_path).named("tool"))
    server.faults.refuse = {"binary-amd64": 404}
    assert "is not there" in refused(filled, server, tmp_path / "other").message


def test_the_key_must_be_the_one_with_the_fingerprint(
    filled: AptUpstream, server: Server, stranger: Gpg, tmp_path: Path
) -> None:
    elsewhere = Trust("metadata", (filled.gpg.fingerprint,), (str(stranger.public),))
    assert stranger.fingerprint in refused(filled, server, tmp_path, trust=elsewhere).message
    nowhere = replace(elsewhere, keys=(str(tmp_path / "absent.asc"),))
    assert "absent.asc: No such file" in refused(filled, server, tmp_path, trust=nowhere).message


def test_keys_come_from_urls_and_are_kept(filled: AptUpstream, server: Server, vendor: Gpg, tmp_path: Path) -> None:
    (filled.root / "key.asc").write_bytes(vendor.public.read_bytes())
    trust = Trust("metadata", (vendor.fingerprint,), (f"{server.url}/key.asc",))
    assert list(fetch(filled, server, tmp_path, trust=trust).named("tool"))
    (filled.root / "key.asc").unlink()
    assert list(fetch(filled, server, tmp_path, trust=trust).named("tool"))
    assert (tmp_path / "keys" / f"{vendor.fingerprint}.gpg").is_file()


def test_switched_off_everything_is_taken(filled: AptUpstream, server: Server, tmp_path: Path) -> None:
    only_release(filled, filled.gpg)
    assert list(fetch(filled, server, tmp_path, trust=Trust("off")).named("tool"))


def test_the_second_mirror_helps_where_the_first_fails(filled: AptUpstream, server: Server, tmp_path: Path) -> None:
    packages = fetch(filled, server, tmp_path, urls=(f"{server.url}/nowhere", server.url))
    assert packages.base == server.url
    error = refused(filled, server, tmp_path, urls=(f"{server.url}/one", f"{server.url}/two"))
    assert "/one" in error.message
    assert "/two" in error.message


def test_a_server_that_is_overloaded_is_asked_again(filled: AptUpstream, server: Server, tmp_path: Path) -> None:
    server.faults.unavailable = {"InRelease": 2}
    server.faults.cut = {"by-hash": [10]}
    assert list(fetch(filled, server, tmp_path).named("tool"))
    assert [status for status, _ in server.asked("InRelease")] == [503, 503, 200]


def test_a_flat_archive(archive: AptUpstream, server: Server, tmp_path: Path) -> None:
    make_deb(archive.pool, "flat", "1.0-1")
    archive.suite = "../."
    archive.index()
    flat = archive.root
    for name in ("Packages", "Packages.xz"):
        (flat / name).write_bytes((flat / "main/binary-amd64" / name).read_bytes())
    archive.release()
    packages = fetch(archive, server, tmp_path, suite="./", components=())
    (stanza,) = packages.named("flat")
    assert (archive.root / stanza.record().path).is_file()


def test_all_upstreams_that_can_not_be_reached_are_told_at_once(
    filled: AptUpstream, server: Server, tmp_path: Path
) -> None:
    trust = Trust("metadata", (filled.gpg.fingerprint,), ("http://127.0.0.1:9/key.asc",))
    away, keyless = (
        filled.upstream("http://127.0.0.1:9", name="away"), filled.upstream(server.url, name="keyless", trust=trust),
    )  # fmt: skip
    request = Request(TARGET, (Wish("libtool1"),), (), (away, keyless, filled.upstream(server.url)))
    with pytest.raises(RepoError) as caught:
        resolve(request, [], {}, session(tmp_path), NOW, lambda text: None)
    assert "away: http://127.0.0.1:9/dists/bookworm/InRelease: can't connect" in caught.value.message
    assert "keyless: its key can't be fetched: http://127.0.0.1:9/key.asc: can't connect" in caught.value.message
    assert "repo_modules" in (caught.value.hint or "")
    found = resolve(
        replace(request, optional=frozenset({"away", "keyless"})), [], {}, session(tmp_path), NOW, lambda text: None
    )
    assert [package.name for package in found.lock.packages] == ["libtool1"]
    assert [warning.split(" ")[0] for warning in found.warnings] == ["away", "keyless"]
