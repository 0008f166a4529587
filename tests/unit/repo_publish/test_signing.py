"""The repository's key and its signatures, as gpg and our own verification see them."""

from __future__ import annotations

import stat
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings, strategies as st
from tests.unit.repo_publish.packages import need

from staddle.errors import PkiError
from staddle.repo.offline import ed25519, openpgp
from staddle.repo.offline.openpgp import SignatureError
from staddle.repo.signing import Signer, known_key, open_signer

if TYPE_CHECKING:
    from pathlib import Path

NOW = int(time.time())
TEXT = "Origin: pkgs\n- a dash\nblanks at the end  \t\n\n-----BEGIN\nlast\n"


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return open_signer(tmp_path / "pki", "Test repository <repo@example.org>", NOW - 5)


def gpgv(folder: Path, signer: Signer, *arguments: str) -> subprocess.CompletedProcess[str]:
    need("gpg", "gpgv")
    (folder / "key.asc").write_text(signer.public, encoding="ascii")
    argv = ["gpg", "--homedir", ".", "--batch", "--yes", "--dearmor", "-o", "key.gpg", "key.asc"]
    subprocess.run(argv, cwd=folder, check=True, capture_output=True)
    argv = ["gpgv", "--keyring", "./key.gpg", *arguments]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)


def test_gpg_accepts_a_text_signed_in_clear(tmp_path: Path, signer: Signer) -> None:
    (tmp_path / "InRelease").write_text(signer.clear(TEXT, NOW), encoding="ascii")
    told = gpgv(tmp_path, signer, "InRelease")
    assert told.returncode == 0, told.stderr
    assert 'Good signature from "Test repository <repo@example.org>"' in told.stderr
    assert signer.fingerprint in told.stderr


def test_gpg_accepts_a_detached_signature_and_no_other_file(tmp_path: Path, signer: Signer) -> None:
    (tmp_path / "file").write_bytes(b"a" * 100_000)
    (tmp_path / "file.asc").write_text(signer.detached([b"a" * 60_000, b"a" * 40_000], NOW), encoding="ascii")
    assert gpgv(tmp_path, signer, "file.asc", "file").returncode == 0
    (tmp_path / "file").write_bytes(b"a" * 99_999 + b"b")
    assert "BAD signature" in gpgv(tmp_path, signer, "file.asc", "file").stderr


def test_our_own_verification_agrees(signer: Signer, tmp_path: Path) -> None:
    other = open_signer(tmp_path / "other", "Somebody else", NOW)
    clear, detached = signer.clear(TEXT, NOW), signer.detached([b"content"], NOW)
    # Blanks at line ends are not part of what is signed, and so not of what is believed.
    assert openpgp.verify_clear(signer.key, clear).splitlines() == TEXT.splitlines()
    assert openpgp.verify_detached(signer.key, [b"con", b"tent"], detached).created == NOW
    for wrong in (
        lambda: openpgp.verify_clear(signer.key, clear.replace("pkgs", "evil")),
        lambda: openpgp.verify_clear(signer.key, "Origin: evil\n" + clear),
        lambda: openpgp.verify_clear(other.key, clear),
        lambda: openpgp.verify_detached(signer.key, [b"contend"], detached),
        lambda: openpgp.verify_detached(other.key, [b"content"], detached),
        lambda: openpgp.verify_detached(signer.key, [b"content"], "nothing"),
        lambda: openpgp.verify_detached(signer.key, [b"content"], detached.replace("\n=", "AAAA\n=")),
        lambda: openpgp.verify_detached(
            signer.key, [b"content"], signer.public.replace("PUBLIC KEY BLOCK", "SIGNATURE")
        ),
    ):
        with pytest.raises(SignatureError):
            wrong()


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 511))
def test_ed25519_accepts_what_cryptography_signs_and_nothing_else(message: bytes, bit: int) -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = private.sign(message)
    assert ed25519.verify(public, signature, message)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not ed25519.verify(public, bytes(flipped), message)
    assert not ed25519.verify(public, signature, message + b"x")


def test_looking_for_the_key_makes_none(tmp_path: Path, signer: Signer) -> None:
    assert known_key(tmp_path / "pki") == signer.key
    assert known_key(tmp_path / "elsewhere") is None
    assert not (tmp_path / "elsewhere").exists()


def test_the_key_is_made_once_and_nobody_else_can_read_it(tmp_path: Path, signer: Signer) -> None:
    again = open_signer(tmp_path / "pki", "another name", NOW + 100)
    assert (again.fingerprint, again.public) == (signer.fingerprint, signer.public)
    key = tmp_path / "pki/repo/repo.key"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (key, key.parent, key.parent.parent)] == [0o600, 0o700, 0o700]
    assert "PRIVATE" not in repr(signer) + signer.public
    assert signer.detached([b"x"], NOW) == again.detached([b"x"], NOW), (
        "the same bytes at the same time: the same signature"
    )


@pytest.mark.parametrize("damage", ["no key", "no public key", "another key", "garbage"])
def test_half_a_key_is_refused(tmp_path: Path, signer: Signer, damage: str) -> None:
    folder = tmp_path / "pki/repo"
    if damage == "no key":
        (folder / "repo.key").unlink()
    elif damage == "no public key":
        (folder / "repo.asc").unlink()
    elif damage == "another key":
        (folder / "repo.asc").write_text(open_signer(tmp_path / "other", "x", NOW).public, encoding="ascii")
    else:
        (folder / "repo.key").write_text("garbage", encoding="ascii")
    with pytest.raises(PkiError, match="repo"):
        open_signer(tmp_path / "pki", "x", NOW)
    assert signer.fingerprint
