"""The repository's signing key: made once on the ADMIN node, kept beside the CA, used for indexes and bundles.

The key is Ed25519 in OpenPGP's v4 form, with SHA-512, which the gpgv of Debian 12 and the Sequoia of Debian 13 both
accept. Its store:

    <pki>/repo/repo.key (PKCS #8, 0600)    <pki>/repo/repo.asc (what clients trust)

The cryptography is `cryptography`'s; only the packets around it are ours. That way a signature needs no agent and no home
directory, and signing the same bytes at the same time gives the same signature.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from staddle.errors import PkiError
from staddle.pki.files import write_file
from staddle.repo.offline import openpgp
from staddle.repo.offline.openpgp import PublicKey, SignatureError

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER = "repo"
_CERTIFY_AND_SIGN = 0x03


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that can sign. `public` is the armoured key for clients, `key` what it says."""

    private: Ed25519PrivateKey
    key: PublicKey
    public: str

    @property
    def fingerprint(self) -> str:
        """Upper-case hex."""
        return self.key.fingerprint

    def detached(self, chunks: Iterable[bytes], now: int) -> str:
        """An armoured signature over the chunks, made at `now` (Unix time)."""
        digest = hashlib.sha512()
        for chunk in chunks:
            digest.update(chunk)
        return self.over(digest, now)

    def over(self, digest: hashlib._Hash, now: int) -> str:
        """The same over what a SHA-512 or SHA-256 was fed with; it is used up."""
        return openpgp.armor("SIGNATURE", self._sign(openpgp.BINARY, digest, now))

    def clear(self, text: str, now: int) -> str:
        """`text`, which ends with a newline, signed in clear, as in InRelease."""
        digest = hashlib.sha512(openpgp.clear_text(text))
        signature = openpgp.armor("SIGNATURE", self._sign(openpgp.TEXT, digest, now))
        return f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{openpgp.escape(text)}{signature}"

    def _sign(self, kind: int, digest: hashlib._Hash, now: int) -> bytes:
        return openpgp.packet(openpgp.SIGNATURE, signature_body(self.private, self.key, kind, digest, now))


def open_signer(pki: Path, owner: str, now: int) -> Signer:
    """The key kept in `pki`, a new one in the name of `owner` if there is none. Raises PkiError."""
    folder = pki / FOLDER
    key_file, public_file = folder / "repo.key", folder / "repo.asc"
    try:
        if not folder.exists():
            pki.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create(pki, folder, owner, now)
        key_file.chmod(0o600)
        public = public_file.read_text(encoding="ascii")
        key = openpgp.read_key(public)
        private = load_pem_private_key(key_file.read_bytes(), password=None)
    except SignatureError as error:
        raise PkiError(f"can't read {public_file}: {error}") from error
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        hint = "restore both from your backup, or move both away to have a new key made"
        raise PkiError(f"can't read the repository's key in {folder}: {error}", hint=hint) from error
    if not isinstance(private, Ed25519PrivateKey) or _point(private) != key.point:
        raise PkiError(f"{key_file} and {public_file} do not belong together")
    return Signer(private, key, public)


def known_key(pki: Path) -> PublicKey | None:
    """The public key kept in `pki`; None where the repository came in a bundle, which brings its own. Raises PkiError."""
    file = pki / FOLDER / "repo.asc"
    try:
        return openpgp.read_key(file.read_text(encoding="ascii")) if file.exists() else None
    except (OSError, UnicodeDecodeError, SignatureError) as error:
        raise PkiError(f"can't read {file}: {error}") from error


def signature_body(
    private: Ed25519PrivateKey, key: PublicKey, kind: int, digest: hashlib._Hash, now: int, more: bytes = b""
) -> bytes:
    """The content of a signature packet over what `digest` was fed; `more` are further subpackets."""
    issuer = bytes.fromhex(key.fingerprint)
    subpackets = _subpacket(33, b"\x04" + issuer) + _subpacket(2, now.to_bytes(4, "big")) + more
    number = next(number for number, name in openpgp.HASHES.items() if name == digest.name)
    hashed = bytes([4, kind, openpgp.EDDSA, number]) + len(subpackets).to_bytes(2, "big") + subpackets
    digest.update(openpgp.trailer(hashed))
    value = digest.digest()
    raw = private.sign(value)
    unhashed = _subpacket(16, issuer[-8:])
    numbers = openpgp.mpi(raw[:32]) + openpgp.mpi(raw[32:])
    return hashed + len(unhashed).to_bytes(2, "big") + unhashed + value[:2] + numbers


def _create(pki: Path, folder: Path, owner: str, now: int) -> None:
    """Both files appear together or not at all."""
    private = Ed25519PrivateKey.generate()
    key = PublicKey(now, _point(private))
    scratch = Path(tempfile.mkdtemp(prefix=".repo.", dir=pki))
    try:
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_file(scratch / "repo.key", pem, 0o600)
        write_file(scratch / "repo.asc", _certificate(private, key, owner, now).encode(), 0o644)
        scratch.replace(folder)
    except OSError:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _certificate(private: Ed25519PrivateKey, key: PublicKey, owner: str, now: int) -> str:
    """The key, whose it is, and its own word for it: what it may be used for, and which hashes it likes."""
    name = owner.encode()
    more = _subpacket(27, bytes([_CERTIFY_AND_SIGN])) + _subpacket(21, bytes([10, 8])) + _subpacket(25, b"\x01")
    digest = hashlib.sha512(key.hashed + b"\xb4" + len(name).to_bytes(4, "big") + name)
    body = signature_body(private, key, openpgp.CERTIFICATION, digest, now, more)
    packets = ((openpgp.PUBLIC_KEY, key.body), (openpgp.USER_ID, name), (openpgp.SIGNATURE, body))
    return openpgp.armor("PUBLIC KEY BLOCK", b"".join(openpgp.packet(tag, content) for tag, content in packets))


def _subpacket(kind: int, data: bytes) -> bytes:
    return bytes([len(data) + 1, kind]) + data


def _point(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
