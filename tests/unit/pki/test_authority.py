"""The CA: what it signs holds, is renewed when it's due and only then, and keys are never anybody else's to read."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import stat
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from staddle.components.material import CertificateRequest, KeyPair
from staddle.errors import PkiError
from staddle.pki.authority import Authority, open_authority

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
NODE = "10.10.10.10"
REQUEST = CertificateRequest(
    name="nginx",
    common_name="i.staddle",
    dns_names=("*.apps.example", "i.staddle", "localhost"),
    addresses=("10.10.10.10", "127.0.0.1", "::1"),
    days=90,
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "pki"


@pytest.fixture
def authority(directory: Path) -> Authority:
    return open_authority(directory, "staddle-ca", create=True, now=NOW)


def test_a_certificate_covers_every_name_and_address_and_nothing_else(authority: Authority) -> None:
    leaf = x509.load_pem_x509_certificate(authority.ensure(NODE, REQUEST, NOW)[0].certificate)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["*.apps.example", "i.staddle", "localhost"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["10.10.10.10", "127.0.0.1", "::1"]
    assert leaf.not_valid_after_utc == NOW + dt.timedelta(days=90)
    assert leaf.not_valid_before_utc < NOW, "clocks of other hosts may be behind"
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_openssl_accepts_it_for_each_of_its_names(authority: Authority, tmp_path: Path) -> None:
    pair, _ = authority.ensure(NODE, REQUEST, NOW)
    for option, value in (
        ("-verify_hostname", "i.staddle"), ("-verify_hostname", "wiki.apps.example"), ("-verify_ip", "::1"),
    ):  # fmt: skip
        assert openssl_verify(authority.pem, pair.certificate, tmp_path, option, value) == ""
    assert "mismatch" in openssl_verify(authority.pem, pair.certificate, tmp_path, "-verify_hostname", "other.example")


def test_asked_again_it_gives_the_same_one(authority: Authority, directory: Path) -> None:
    first, reason = authority.ensure(NODE, REQUEST, NOW)
    assert reason == "there was none"
    before = snapshot(directory)
    again = open_authority(directory, "staddle-ca", create=True, now=NOW + dt.timedelta(days=1))
    assert again.ensure(NODE, REQUEST, NOW + dt.timedelta(days=59)) == (first, None)
    assert snapshot(directory) == before


def test_it_is_renewed_when_less_than_a_third_of_its_life_is_left(authority: Authority) -> None:
    first, _ = authority.ensure(NODE, REQUEST, NOW)
    # The clock skew that every certificate allows for is part of its life: an hour of 90 days, so 20 minutes of a third.
    due = NOW + dt.timedelta(days=60, minutes=-20)
    assert authority.ensure(NODE, REQUEST, due)[1] is None
    second, reason = authority.ensure(NODE, REQUEST, due + dt.timedelta(seconds=1))
    assert reason == "less than a third of its life was left"
    assert second.key != first.key
    assert x509.load_pem_x509_certificate(second.certificate).not_valid_after_utc > NOW + dt.timedelta(days=149)


def test_a_new_name_or_address_is_covered_at_once(authority: Authority) -> None:
    authority.ensure(NODE, REQUEST, NOW)
    wider = replace(REQUEST, dns_names=(*REQUEST.dns_names, "wiki.example"), addresses=(*REQUEST.addresses, "10.0.0.9"))
    assert authority.ensure(NODE, wider, NOW)[1] == "it did not cover wiki.example, 10.0.0.9"
    assert authority.ensure(NODE, wider, NOW)[1] is None


def test_a_name_less_is_no_reason(authority: Authority) -> None:
    authority.ensure(NODE, REQUEST, NOW)
    assert authority.ensure(NODE, replace(REQUEST, dns_names=("i.staddle",)), NOW)[1] is None


def test_an_ipv6_address_is_the_same_however_it_is_written(authority: Authority) -> None:
    request = replace(REQUEST, addresses=("FD00:0:0::0001",))
    assert authority.ensure("fd00::1", request, NOW)[1] == "there was none"
    assert authority.ensure("fd00::1", request, NOW)[1] is None


def test_a_new_ca_issues_everything_anew(authority: Authority, directory: Path, tmp_path: Path) -> None:
    old, _ = authority.ensure(NODE, REQUEST, NOW)
    (directory / "ca").rename(tmp_path / "retired")
    other = open_authority(directory, "staddle-ca", create=True, now=NOW)
    new, reason = other.ensure(NODE, REQUEST, NOW)
    assert reason == "it was issued by another CA"
    assert openssl_verify(other.pem, new.certificate, tmp_path) == ""
    assert openssl_verify(other.pem, old.certificate, tmp_path) != ""


@pytest.mark.parametrize(("file", "reason"), [
    ("nginx.key", "key and certificate did not belong together"), ("nginx.crt", "it could not be read"),
])  # fmt: skip
def test_a_pair_that_cannot_serve_is_replaced(
    authority: Authority, directory: Path, file: str, reason: str, tmp_path: Path
) -> None:
    authority.ensure(NODE, REQUEST, NOW)
    damaged = directory / NODE / file
    damaged.write_bytes(pem_of(ec.generate_private_key(ec.SECP256R1())))
    pair, why = authority.ensure(NODE, REQUEST, NOW)
    assert why == reason
    assert belong_together(pair)


def test_nobody_else_can_read_a_key_at_any_moment(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is looked at as soon as it is opened, before anything is written to it; the umask allows everything."""
    modes: list[tuple[str, int]] = []
    real = os.open

    def watched(path: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = real(path, flags, mode)
        if flags & os.O_WRONLY:
            modes.append((os.path.basename(path), stat.S_IMODE(os.fstat(descriptor).st_mode)))  # noqa: PTH119
        return descriptor

    monkeypatch.setattr(os, "open", watched)
    before = os.umask(0)
    try:
        open_authority(directory, "staddle-ca", create=True, now=NOW).ensure(NODE, REQUEST, NOW)
    finally:
        os.umask(before)
    keys = {name: mode for name, mode in modes if ".key" in name}
    assert keys == {".ca.key.new": 0o600, ".nginx.key.new": 0o600}
    for key in directory.rglob("*.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in (directory, *directory.glob("*/")))


def test_a_ca_of_ones_own_is_closed_to_others_and_used_as_it_is(directory: Path) -> None:
    own_ca(directory, ec.generate_private_key(ec.SECP384R1()))
    (directory / "ca/ca.key").chmod(0o644)
    before = (directory / "ca/ca.key").read_bytes(), (directory / "ca/ca.crt").read_bytes()
    open_authority(directory, "ignored", create=True, now=NOW).ensure(NODE, REQUEST, NOW)
    assert stat.S_IMODE((directory / "ca/ca.key").stat().st_mode) == 0o600
    assert ((directory / "ca/ca.key").read_bytes(), (directory / "ca/ca.crt").read_bytes()) == before


@pytest.mark.parametrize(
    "key",
    [
        lambda: rsa.generate_private_key(65537, 2048),
        lambda: ec.generate_private_key(ec.SECP256R1()),
        lambda: ec.generate_private_key(ec.SECP521R1()),
    ],
    ids=["RSA", "P-256", "P-521"],
)
def test_a_ca_of_ones_own_can_be_rsa_or_ecdsa(directory: Path, tmp_path: Path, key: Callable[[], Key]) -> None:
    # Its key identifier isn't the one that we'd compute: openssl insists that the leaf's matches.
    own_ca(directory, key(), identifier=b"any bytes will do")
    authority = open_authority(directory, "ignored", create=False, now=NOW)
    pair, _ = authority.ensure(NODE, REQUEST, NOW)
    assert openssl_verify(authority.pem, pair.certificate, tmp_path) == ""


def test_an_intermediate_ca_sends_its_chain_along(directory: Path, tmp_path: Path) -> None:
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = certificate_of(root_key, "root")
    intermediate = certificate_of(key, "intermediate", issuer=root, issuer_key=root_key)
    own_ca(directory, key, pem=pem(intermediate) + pem(root))
    authority = open_authority(directory, "ignored", create=False, now=NOW)
    pair, _ = authority.ensure(NODE, REQUEST, NOW)
    assert [c.subject for c in x509.load_pem_x509_certificates(pair.certificate)][1:] == [intermediate.subject]
    assert openssl_verify(pem(root), pair.certificate, tmp_path) == "", "trusting the root is enough"
    assert authority.ensure(NODE, REQUEST, NOW) == (pair, None)


def test_a_leaf_does_not_outlive_its_ca(directory: Path) -> None:
    own_ca(directory, ec.generate_private_key(ec.SECP256R1()), days=10)
    authority = open_authority(directory, "ignored", create=False, now=NOW)
    leaf = x509.load_pem_x509_certificate(authority.ensure(NODE, REQUEST, NOW)[0].certificate)
    assert leaf.not_valid_after_utc == authority.certificate.not_valid_after_utc


def test_without_a_ca_and_without_leave_to_make_one_it_says_what_to_do(directory: Path) -> None:
    with pytest.raises(PkiError, match=r"no CA in .* and ca_create is false") as caught:
        open_authority(directory, "staddle-ca", create=False, now=NOW)
    assert caught.value.hint == "put ca.key and ca.crt there"
    assert not (directory / "ca").exists()


@pytest.mark.parametrize("file", ["ca.key", "ca.crt"])
def test_half_a_ca_is_not_completed(authority: Authority, directory: Path, file: str) -> None:
    (directory / "ca" / file).unlink()
    with pytest.raises(PkiError, match=rf"{file} is missing while its counterpart is there"):
        open_authority(directory, "staddle-ca", create=True, now=NOW)
    assert not (directory / "ca" / file).exists()


def test_a_ca_whose_halves_do_not_match_is_refused(authority: Authority, directory: Path) -> None:
    (directory / "ca/ca.key").write_bytes(pem_of(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(PkiError, match="do not belong together"):
        open_authority(directory, "staddle-ca", create=True, now=NOW)


def test_an_expired_ca_is_refused_with_its_date(authority: Authority, directory: Path) -> None:
    with pytest.raises(PkiError, match="expired on 2039-12-30"):
        open_authority(directory, "staddle-ca", create=True, now=NOW + dt.timedelta(days=3650))


def test_a_certificate_that_is_no_ca_is_refused(directory: Path) -> None:
    own_ca(directory, ec.generate_private_key(ec.SECP256R1()), is_ca=False)
    with pytest.raises(PkiError, match="not the certificate of a CA"):
        open_authority(directory, "ignored", create=False, now=NOW)


def test_an_encrypted_key_is_refused_by_name(directory: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    own_ca(directory, key)
    secret = serialization.BestAvailableEncryption(b"pass")
    pkcs8 = serialization.PrivateFormat.PKCS8
    (directory / "ca/ca.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, secret))
    with pytest.raises(PkiError, match=r"ca\.key.*encrypted"):
        open_authority(directory, "ignored", create=False, now=NOW)


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_a_name_that_no_ca_can_have_is_refused(directory: Path, name: str) -> None:
    with pytest.raises(PkiError, match="ca_cn must have 1 to 64 characters"):
        open_authority(directory, name, create=True, now=NOW)


def test_a_domain_longer_than_a_common_name_can_be_is_fine(authority: Authority, tmp_path: Path) -> None:
    domain = ".".join(["a" * 60] * 3)
    pair, _ = authority.ensure(NODE, replace(REQUEST, common_name=domain, dns_names=(domain,)), NOW)
    assert openssl_verify(authority.pem, pair.certificate, tmp_path, "-verify_hostname", domain) == ""


def own_ca(
    directory: Path, key: Key, *, pem: bytes | None = None, days: int = 365, is_ca: bool = True, identifier: bytes = b""
) -> None:
    """What a user would put there."""
    (directory / "ca").mkdir(parents=True)
    (directory / "ca/ca.key").write_bytes(pem_of(key))
    certificate = certificate_of(key, "own", days=days, is_ca=is_ca, identifier=identifier)
    (directory / "ca/ca.crt").write_bytes(pem or certificate.public_bytes(serialization.Encoding.PEM))


def certificate_of(
    key: Key,
    name: str,
    *,
    days: int = 365,
    is_ca: bool = True,
    identifier: bytes = b"",
    issuer: x509.Certificate | None = None,
    issuer_key: Key | None = None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=is_ca, crl_sign=is_ca, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    own = (
        x509.SubjectKeyIdentifier(identifier)
        if identifier
        else x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    )
    builder = x509.CertificateBuilder()
    if issuer and issuer_key:
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        builder = builder.add_extension(above, critical=False)
    return (
        builder.subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - dt.timedelta(days=1))
        .not_valid_after(NOW + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(own, critical=False)
        .add_extension(usage, critical=True)
        .sign(issuer_key or key, hashes.SHA256())
    )


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def pem_of(key: Key) -> bytes:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)


def belong_together(pair: KeyPair) -> bool:
    key = serialization.load_pem_private_key(pair.key, password=None)
    return x509.load_pem_x509_certificate(pair.certificate).public_key() == key.public_key()


def snapshot(directory: Path) -> dict[str, tuple[bytes, int]]:
    return {str(f): (f.read_bytes(), f.stat().st_mtime_ns) for f in directory.rglob("*") if f.is_file()}


def openssl_verify(trusted: bytes, chain: bytes, folder: Path, *options: str) -> str:
    """What an independent implementation says about the first certificate of a chain: nothing if it accepts it."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    (folder / "trusted.pem").write_bytes(trusted)
    (folder / "chain.pem").write_bytes(chain)
    argv = ["openssl", "verify", "-x509_strict", "-attime", str(int(NOW.timestamp())), "-purpose", "sslserver"]
    files = ["-CAfile", str(folder / "trusted.pem"), "-untrusted", str(folder / "chain.pem"), str(folder / "chain.pem")]
    result = subprocess.run([*argv, *options, *files], capture_output=True, text=True, check=False)
    return "" if result.returncode == 0 else result.stderr + result.stdout
