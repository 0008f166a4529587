"""APT's indexes: Packages, by-hash, Release, InRelease, in the layout of Debian's own archive (sources.list(5))."""

from __future__ import annotations

import hashlib
import lzma
import re
import zlib
from email.utils import formatdate
from typing import TYPE_CHECKING

from staddle.repo.deb import control_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from staddle.repo.index_cache import Entry
    from staddle.repo.signing import Signer

COMPONENT = "main"
_OURS = re.compile(r"^(?:Filename|Size|MD5sum|SHA1|SHA256|SHA512):.*\n?(?:[ \t].*\n?)*", re.MULTILINE | re.IGNORECASE)


def read(path: str, descriptor: int) -> str:
    """What an index says of a package apart from where it is: its control stanza. Raises RepoError."""
    return control_of(path, descriptor)


def pool_path(codename: str, stanza: str, file: str) -> str:
    """Where a package lies: `pool/bookworm/main/libp/libpq/libpq5_15.8-1_amd64.deb`."""
    source = _field(stanza, "Source").partition(" ")[0] or _field(stanza, "Package")
    prefix = source[:4] if source.startswith("lib") else source[:1]
    return f"pool/{codename}/{COMPONENT}/{prefix}/{source}/{file}"


def file_name(stanza: str) -> str:
    """The name that a package has in Debian's archive: without its epoch."""
    version = _field(stanza, "Version")
    return f"{_field(stanza, 'Package')}_{version.partition(':')[2] or version}_{_field(stanza, 'Architecture')}.deb"


def packages(located: Mapping[str, Entry]) -> bytes:
    """The index `Packages` of these packages, by their paths below the repository."""
    stanzas = sorted((_field(entry.data, "Package"), path) for path, entry in located.items())
    parts = []
    for _, path in stanzas:
        entry = located[path]
        stanza = _OURS.sub("", entry.data).rstrip("\n") if _OURS.search(entry.data) else entry.data
        parts.append(f"{stanza}\nFilename: {path}\nSize: {entry.size}\nSHA256: {entry.sha256}\n")
    return "\n".join(parts).encode()


def distribution(
    codename: str, indexes: Mapping[str, bytes], signer: Signer, now: int, *, label: str
) -> dict[str, bytes]:
    """Everything below `dists/<codename>/`, signed, by path below the repository. `indexes` has `Packages` by architecture.

    The compressed forms come with a second name under their own hash, so that a client never gets an index of another moment
    than the Release it has read.
    """
    files: dict[str, bytes] = {}
    for arch, plain in sorted(indexes.items()):
        folder = f"{COMPONENT}/binary-{arch}"
        # Higher levels gain a few percent of what is small already, and take longer than reading all packages does.
        files[f"{folder}/Packages"] = plain
        files[f"{folder}/Packages.gz"] = _gzip(plain)
        files[f"{folder}/Packages.xz"] = lzma.compress(plain, preset=2)
    sums = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    release = _release(codename, sorted(indexes), [(sums[path], len(files[path]), path) for path in files], now, label)
    named = {f"{path.rpartition('/')[0]}/by-hash/SHA256/{sums[path]}": content for path, content in files.items()}
    signed = {
        "Release": release.encode(),
        "Release.gpg": signer.detached([release.encode()], now).encode(),
        "InRelease": signer.clear(release, now).encode(),
    }
    return {f"dists/{codename}/{path}": content for path, content in {**files, **named, **signed}.items()}


def _release(codename: str, arches: Iterable[str], files: Iterable[tuple[str, int, str]], now: int, label: str) -> str:
    lines = [
        f"Origin: {label}",
        f"Label: {label}",
        f"Suite: {codename}",
        f"Codename: {codename}",
        f"Date: {formatdate(now, usegmt=True)}",
        "Acquire-By-Hash: yes",
        "No-Support-for-Architecture-all: Packages",
        f"Architectures: {' '.join(arches)}",
        f"Components: {COMPONENT}",
        "SHA256:",
        *(f" {sha256} {size:>10} {path}" for sha256, size, path in sorted(files, key=lambda row: row[2])),
    ]
    return "\n".join(lines) + "\n"


def _gzip(data: bytes) -> bytes:
    """Without a time in it: the same bytes for the same data."""
    packer = zlib.compressobj(6, wbits=31)
    return packer.compress(data) + packer.flush()


def _field(stanza: str, name: str) -> str:
    found = re.search(rf"^{name}:[ \t]*(.*)$", stanza, re.MULTILINE)
    return found[1].strip() if found else ""
