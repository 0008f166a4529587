"""SSH keys by which administrators log in from node to node: one per node, vouched for by an SSH CA of the fleet.

So each node needs to know one key only, the CA's, however many nodes there are. A certificate is for one user name, and good
from its own node's address only. What is kept, below a folder of the ADMIN node's files:

    ca (0600)  ca.pub    <ip>/id (0600)  <ip>/id.pub  <ip>/id-cert.pub
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHCertificate,
    SSHCertificateBuilder,
    SSHCertificateType,
    load_ssh_private_key,
    load_ssh_public_identity,
)

from staddle.errors import PkiError
from staddle.pki.files import write_file

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

_EARLY = 3600
"""Seconds by which clocks may differ."""


@dataclass(frozen=True, slots=True)
class SshIdentity:
    """A private key in OpenSSH's form, and the certificate for it (one line)."""

    key: bytes = field(repr=False)
    certificate: bytes


class SshAuthority:
    """The CA kept in `folder`, made if it's missing. Raises PkiError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = _ensure_key(folder, "ca")

    @property
    def public(self) -> str:
        """What nodes know it by: one line, as in `authorized_keys`."""
        return _public(self._key)

    def ensure(self, ip: str, user: str, life: float, now: dt.datetime) -> SshIdentity:
        """The key of the node, and a certificate that is good for `user` from there. Made anew if less than a third of its
        `life` (in seconds) is left, or if it is for somebody else. Raises PkiError.
        """
        key = _ensure_key(self._folder / ip, "id")
        file = self._folder / ip / "id-cert.pub"
        start = int(now.timestamp())
        known = self._read(file)
        if not (known and self._will_do(known, key, ip, user) and known.valid_before - start > life / 3):
            write_file(file, self._sign(key, ip, user, start, int(life)), 0o644)
        # As it was written: the same key has many forms.
        return SshIdentity((self._folder / ip / "id").read_bytes(), file.read_bytes())

    def _sign(self, key: Ed25519PrivateKey, ip: str, user: str, start: int, life: int) -> bytes:
        builder = SSHCertificateBuilder().public_key(key.public_key()).type(SSHCertificateType.USER).serial(start)
        builder = builder.key_id(f"staddle {ip}".encode()).valid_principals([user.encode()])
        builder = builder.valid_after(start - _EARLY).valid_before(start + life)
        builder = builder.add_critical_option(b"source-address", _network(ip)).add_extension(b"permit-pty", b"")
        return builder.sign(self._key).public_bytes() + b"\n"

    def _will_do(self, known: SSHCertificate, key: Ed25519PrivateKey, ip: str, user: str) -> bool:
        ours = known.signature_key().public_bytes_raw() == self._key.public_key().public_bytes_raw()  # type: ignore[union-attr]
        same = known.public_key().public_bytes_raw() == key.public_key().public_bytes_raw()  # type: ignore[union-attr]
        return (
            ours
            and same
            and known.valid_principals == [user.encode()]
            and known.critical_options == {b"source-address": _network(ip)}
        )

    @staticmethod
    def _read(file: Path) -> SSHCertificate | None:
        """None if there is none, or it can't be read: then there will be another."""
        try:
            found = load_ssh_public_identity(file.read_bytes())
        except (OSError, ValueError, UnsupportedAlgorithm):
            return None
        return found if isinstance(found, SSHCertificate) else None


def _network(ip: str) -> bytes:
    return f"{ip}/{128 if ':' in ip else 32}".encode()


def _ensure_key(folder: Path, name: str) -> Ed25519PrivateKey:
    file = folder / name
    try:
        if not file.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            made = Ed25519PrivateKey.generate()
            write_file(folder / f"{name}.pub", f"{_public(made)}\n".encode(), 0o644)
            write_file(file, _private(made), 0o600)
        key = load_ssh_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        hint = "restore it from your backup, or move it away to have a new one made"
        raise PkiError(f"can't read the SSH key {file}: {error}", hint=hint) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise PkiError(f"{file} is not an Ed25519 key")
    return key


def _private(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
