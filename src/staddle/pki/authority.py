"""The certificate authority: made once on the ADMIN node, keeps its key to itself, issues leaf certificates.

Keys are ECDSA P-256 (RFC 5480), certificates X.509 v3 (RFC 5280). The store is one directory, 0700:

    ca/ca.key (0600)  ca/ca.crt  <node>/<name>.key (0600)  <node>/<name>.crt

An existing ca.key and ca.crt are used as they are: that's how to bring your own CA.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from staddle.components.base import CertificateRequest, KeyPair
from staddle.errors import PkiError

if TYPE_CHECKING:
    from pathlib import Path

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

CA_DAYS = 3650
CLOCK_SKEW = dt.timedelta(hours=1)
RENEW_BELOW = 1 / 3
"""A leaf is issued anew when less than this share of its life is left."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA that can sign."""

    certificate: x509.Certificate
    key: SigningKey
    directory: Path

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def ensure(self, node: str, request: CertificateRequest, now: dt.datetime) -> tuple[KeyPair, str | None]:
        """The node's certificate for `request`: the one there is if it still serves, else a new one.

        Returns it and, if it was issued just now, the reason why. Raises PkiError.
        """
        folder = self.directory / node
        certificate_file, key_file = folder / f"{request.name}.crt", folder / f"{request.name}.key"
        reason = self._why_renew(certificate_file, key_file, request, now)
        if reason:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            pair = self._issue(request, now)
            _write_private(key_file, pair.key)
            certificate_file.write_bytes(pair.certificate)
            return pair, reason
        return KeyPair(certificate_file.read_bytes(), key_file.read_bytes()), None

    def _why_renew(
        self, certificate_file: Path, key_file: Path, request: CertificateRequest, now: dt.datetime
    ) -> str | None:
        if not certificate_file.exists() or not key_file.exists():
            return "there was none"
        certificate = load_certificate(certificate_file)
        if certificate.public_key() != _load_key(key_file).public_key():
            return "key and certificate did not belong together"
        try:
            certificate.verify_directly_issued_by(self.certificate)
        except (ValueError, TypeError, InvalidSignature):
            return "it was issued by another CA"
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        had = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
        missing = [name for name in (*request.dns_names, *request.addresses) if name not in had]
        if missing:
            return f"it did not cover {', '.join(missing)}"
        whole = certificate.not_valid_after_utc - certificate.not_valid_before_utc
        if certificate.not_valid_after_utc - now < whole * RENEW_BELOW:
            return "less than a third of its life was left"
        return None

    def _issue(self, request: CertificateRequest, now: dt.datetime) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in request.dns_names]
        names += [x509.IPAddress(ipaddress.ip_address(address)) for address in request.addresses]
        # A leaf can't outlive its CA: verifiers would reject the chain.
        until = min(now + dt.timedelta(days=request.days), self.certificate.not_valid_after_utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, request.common_name)]))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - CLOCK_SKEW)
            .not_valid_after(until)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                critical=False,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return KeyPair(certificate.public_bytes(serialization.Encoding.PEM), _private_pem(key))


def open_authority(directory: Path, common_name: str, *, create: bool, now: dt.datetime) -> Authority:
    """The CA kept in `directory`; a new one if there is none and `create` allows it. Raises PkiError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_file, certificate_file = directory / "ca" / "ca.key", directory / "ca" / "ca.crt"
    if not key_file.exists() and not certificate_file.exists():
        if not create:
            raise PkiError(
                f"there is no CA in {directory}/ca and ca_create is false", hint="put ca.key and ca.crt there"
            )
        key_file.parent.mkdir(mode=0o700, exist_ok=True)
        certificate_pem, key_pem = _create(common_name, now)
        _write_private(key_file, key_pem)
        certificate_file.write_bytes(certificate_pem)
    for file in (key_file, certificate_file):
        if not file.exists():
            raise PkiError(f"{file} is missing while its counterpart is there", hint="restore it from your backup")
    certificate, key = load_certificate(certificate_file), _load_key(key_file)
    if certificate.public_key() != key.public_key():
        raise PkiError(f"{key_file} and {certificate_file} do not belong together")
    return Authority(certificate, key, directory)


def load_certificate(path: Path) -> x509.Certificate:
    """Read a PEM certificate. Raises PkiError."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise PkiError(f"can't read the certificate {path}: {error}") from error


def _load_key(path: Path) -> SigningKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise PkiError(f"can't read the key {path}: {error}") from error
    if not isinstance(key, SigningKey):
        raise PkiError(f"{path} holds a key that is neither ECDSA nor RSA")
    return key


def _create(common_name: str, now: dt.datetime) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + dt.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(digital_signature=True, key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM), _private_pem(key)


def _key_usage(*, digital_signature: bool, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write_private(path: Path, content: bytes) -> None:
    scratch = path.with_name(f".{path.name}.new")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(content)
    scratch.replace(path)
