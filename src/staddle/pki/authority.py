"""The certificate authority: made once on the ADMIN node, keeps its key to itself, issues leaf certificates.

Keys are ECDSA P-256 (RFC 5480), certificates X.509 v3 (RFC 5280). The store is one directory, 0700:

    ca/ca.key (0600)  ca/ca.crt  <node>/<name>.key (0600)  <node>/<name>.crt

An existing ca.key and ca.crt (ECDSA or RSA) are used as they are: that's how to bring your own CA. If it is not a root, ca.crt
goes on with the certificates above it, up to the root.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from staddle.components.material import CertificateRequest, KeyPair
from staddle.errors import PkiError
from staddle.pki.files import write_file

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

CA_DAYS = 3650
CLOCK_SKEW = dt.timedelta(hours=1)
NAME_LIMIT = 64
"""Characters of a common name (RFC 5280, appendix A). Nobody compares host names with it: that's what SANs are for."""
RENEW_BELOW = 1 / 3
"""A leaf is issued anew when less than this share of its life is left."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA that can sign. `above` are the certificates between it and a root, and that root, if it is not one itself."""

    certificate: x509.Certificate
    key: SigningKey
    directory: Path
    above: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        """What clients must trust."""
        return b"".join(map(_pem, (self.certificate, *self.above)))

    def ensure(self, node: str, request: CertificateRequest, now: dt.datetime) -> tuple[KeyPair, str | None]:
        """The node's certificate for `request`: the one there is if it still serves, else a new one.

        Returns it, with what clients need between it and the root, and, if it was issued just now, the reason why.
        Raises PkiError.
        """
        folder = self.directory / node
        certificate_file, key_file = folder / f"{request.name}.crt", folder / f"{request.name}.key"
        try:
            reason = self._why_renew(certificate_file, key_file, request, now)
            if reason:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                certificate, key = self._issue(request, now)
                # Killed between the two, the next run finds that they don't belong together.
                write_file(key_file, key, 0o600)
                write_file(certificate_file, certificate, 0o644)
            key_file.chmod(0o600)
            return KeyPair(certificate_file.read_bytes() + self._between(), key_file.read_bytes()), reason
        except OSError as error:
            raise PkiError(f"can't keep the certificate {request.name} in {folder}: {error}") from error

    def _between(self) -> bytes:
        return b"".join(_pem(c) for c in (self.certificate, *self.above) if c.subject != c.issuer)

    def _why_renew(
        self, certificate_file: Path, key_file: Path, request: CertificateRequest, now: dt.datetime
    ) -> str | None:
        if not certificate_file.exists() or not key_file.exists():
            return "there was none"
        try:
            certificate, key = load_certificate(certificate_file), _load_key(key_file)
            certificate.verify_directly_issued_by(self.certificate)
        except PkiError:
            return "it could not be read"
        except (ValueError, TypeError, InvalidSignature):
            return "it was issued by another CA"
        if certificate.public_key() != key.public_key():
            return "key and certificate did not belong together"
        return _why_unfit(certificate, request, now)

    def _identifier(self) -> x509.AuthorityKeyIdentifier:
        """As the CA calls its own key: verifiers compare the two, and there's more than one way to compute it."""
        try:
            own = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        except x509.ExtensionNotFound:
            return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)

    def _issue(self, request: CertificateRequest, now: dt.datetime) -> tuple[bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(name) for name in request.dns_names]
        names += [x509.IPAddress(ipaddress.ip_address(address)) for address in request.addresses]
        # A leaf can't outlive its CA: verifiers would reject the chain.
        until = min(now + dt.timedelta(days=request.days), self.certificate.not_valid_after_utc)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_name(request.common_name[:NAME_LIMIT]))
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
            .add_extension(self._identifier(), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        return _pem(certificate), _private_pem(key)


def open_authority(directory: Path, common_name: str, *, create: bool, now: dt.datetime) -> Authority:
    """The CA kept in `directory`; a new one if there is none and `create` allows it. Raises PkiError."""
    folder = directory / "ca"
    key_file, certificate_file = folder / "ca.key", folder / "ca.crt"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not key_file.exists() and not certificate_file.exists():
            if not create:
                raise PkiError(f"there is no CA in {folder} and ca_create is false", hint="put ca.key and ca.crt there")
            _create(directory, folder, common_name, now)
        for file in (key_file, certificate_file):
            if not file.exists():
                raise PkiError(f"{file} is missing while its counterpart is there", hint="restore it from your backup")
        key_file.chmod(0o600)
    except OSError as error:
        raise PkiError(f"can't keep a CA in {folder}: {error}") from error
    (certificate, *above), key = load_certificates(certificate_file), _load_key(key_file)
    if certificate.public_key() != key.public_key():
        raise PkiError(f"{key_file} and {certificate_file} do not belong together")
    _refuse_unfit(certificate, certificate_file, now)
    return Authority(certificate, key, directory, tuple(above))


def load_certificates(path: Path) -> list[x509.Certificate]:
    """Read the PEM certificates of a file, one at least. Raises PkiError."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as error:
        raise PkiError(f"can't read the certificate {path}: {error}") from error


def load_certificate(path: Path) -> x509.Certificate:
    """Read the first PEM certificate of a file. Raises PkiError."""
    return load_certificates(path)[0]


def _why_unfit(certificate: x509.Certificate, request: CertificateRequest, now: dt.datetime) -> str | None:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    had = {*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))}
    wanted = (*request.dns_names, *(str(ipaddress.ip_address(address)) for address in request.addresses))
    if missing := [name for name in wanted if name not in had]:
        return f"it did not cover {', '.join(missing)}"
    whole = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    if certificate.not_valid_after_utc - now < whole * RENEW_BELOW:
        return "less than a third of its life was left"
    return None


def _refuse_unfit(certificate: x509.Certificate, file: Path, now: dt.datetime) -> None:
    try:
        is_ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_ca = False
    if not is_ca:
        raise PkiError(f"{file} is not the certificate of a CA (its basic constraints don't say CA:TRUE)")
    if certificate.not_valid_after_utc <= now:
        raise PkiError(
            f"the CA in {file} expired on {certificate.not_valid_after_utc:%Y-%m-%d}",
            hint="put a new ca.key and ca.crt there, or move both away to have a new CA made; everything is then issued anew",
        )


def _load_key(path: Path) -> SigningKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PkiError(f"can't read the key {path}: {error}") from error
    if not isinstance(key, SigningKey):
        raise PkiError(f"{path} holds a key that is neither ECDSA nor RSA")
    return key


def _create(directory: Path, folder: Path, common_name: str, now: dt.datetime) -> None:
    """Key and certificate appear together or not at all."""
    if not 1 <= len(common_name) <= NAME_LIMIT:
        raise PkiError(f"ca_cn must have 1 to {NAME_LIMIT} characters, {common_name!r} has {len(common_name)}")
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(_name(common_name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + dt.timedelta(days=CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(digital_signature=True, key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    # A directory made by mkdtemp is 0700.
    scratch = Path(tempfile.mkdtemp(prefix=".ca.", dir=directory))
    try:
        write_file(scratch / "ca.key", _private_pem(key), 0o600)
        write_file(scratch / "ca.crt", _pem(certificate), 0o644)
        scratch.replace(folder)
    except OSError:
        shutil.rmtree(scratch, ignore_errors=True)
        raise


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


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
