"""Packages that come from a URL, or that were added as files: they have no index, so they are looked into."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from urllib3.exceptions import HTTPError

from staddle.repo import deb, rpm
from staddle.repo.archive import package_of
from staddle.repo.cache import write_cached
from staddle.repo.model import LockedPackage, RepoError, safe_path
from staddle.repo.offline.tree import digest
from staddle.repo.request import UrlFile
from staddle.repo.resolution import FILES, FetchedFile
from staddle.repo.web import TransferError

if TYPE_CHECKING:
    from staddle.repo.cache import Cache
    from staddle.repo.model import TargetLock
    from staddle.repo.request import Request
    from staddle.repo.web import Web

_LOCAL = "local:"
_CHUNK = 256 * 1024


def local_files(directory: Path) -> list[UrlFile]:
    """The packages that were added as files."""
    found = sorted(file for pattern in ("*.deb", "*.rpm") for file in directory.glob(pattern))
    return [UrlFile(file.name, f"{_LOCAL}{file.name}", digest(file)) for file in found]


def known_files(
    request: Request, lock: TargetLock | None, cache: Cache, local: Path
) -> tuple[list[FetchedFile], list[UrlFile]]:
    """The request's files as far as their content is known, and those that have to be downloaded to know it.

    A file is what it was the first time: what its URL gives later counts only after the lock has forgotten it.
    """
    locked = {package.path: package for package in lock.packages if package.origin == FILES} if lock else {}
    found, unknown = [], []
    for file in request.files:
        before = locked.get(_path(file))
        pinned = None if file.programs else file.sha256
        sha256 = pinned or (before.sha256 if before else None)
        source = local / file.name if file.url.startswith(_LOCAL) else None
        if source is not None and sha256 is not None:
            _keep(source, cache.package(sha256))
        there = sha256 is not None and cache.package(sha256).is_file()
        if sha256 is not None and there:
            found.append(_looked_into(file, sha256, cache.package(sha256), request))
        else:
            unknown.append(replace(file, made=sha256) if file.programs else replace(file, sha256=sha256))
    return found, unknown


def acquire(file: UrlFile, request: Request, cache: Cache, web: Web) -> FetchedFile:
    """Download a file of which nothing but perhaps the hash is known. Raises RepoError."""
    folder = cache.root / "packages"
    folder.mkdir(parents=True, exist_ok=True)

    def attempt() -> str:
        with web.open(file.url, {}) as response:
            if response.status != 200:
                raise TransferError(f"{file.url} is not there (HTTP status {response.status})", final=True)
            hashed, scratch = hashlib.sha256(), tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False)  # noqa: SIM115
            try:
                with scratch:
                    for chunk in response.stream(_CHUNK):
                        scratch.write(chunk)
                        hashed.update(chunk)
            except (HTTPError, OSError) as error:
                Path(scratch.name).unlink(missing_ok=True)
                raise TransferError(f"{file.url} broke off: {error}") from error
            sha256 = hashed.hexdigest()
            if file.sha256 not in {None, sha256}:
                Path(scratch.name).unlink()
                raise TransferError(f"{file.url}: its SHA-256 is {sha256}, and should be {file.sha256}", final=True)
            Path(scratch.name).chmod(0o644)
            final = cache.package(sha256)
            final.parent.mkdir(exist_ok=True)
            Path(scratch.name).replace(final)
            return sha256

    sha256 = web.trying(attempt)
    if file.programs:
        sha256 = _made_of(file, cache.package(sha256), cache)
    return _looked_into(file, sha256, cache.package(sha256), request)


def _made_of(file: UrlFile, archive: Path, cache: Cache) -> str:
    """Make a package of a release archive and put it into the cache; its hash."""
    content = package_of(archive, file.name, file.programs, file.url)
    sha256 = hashlib.sha256(content).hexdigest()
    if file.made not in {None, sha256}:
        raise RepoError(
            f"{file.url}: {file.name} made of it is not what it was (SHA-256)",
            hint="its maker has changed the archive; give its `sha256` under another `name`, if that is right",
        )
    final = cache.package(sha256)
    final.parent.mkdir(exist_ok=True)
    write_cached(final, content)
    return sha256


def _keep(source: Path, final: Path) -> None:
    if not final.exists():
        final.parent.mkdir(parents=True, exist_ok=True)
        scratch = final.with_name(f"{final.name}.part")
        scratch.write_bytes(source.read_bytes())
        scratch.chmod(0o644)
        scratch.replace(final)


def _looked_into(file: UrlFile, sha256: str, path: Path, request: Request) -> FetchedFile:
    """What a package says of itself. Raises RepoError if it is none, or is for other machines."""
    target = request.target
    try:
        if target.format == "deb":
            control = deb.control_of(path)
            fields = deb.fields_of(control)
            name, version, arch = (fields.get(key, "") for key in ("package", "version", "architecture"))
        else:
            control = ""
            with path.open("rb") as opened:
                header = rpm.header_of(file.name, opened.fileno())
            name, version, arch = rpm.identity(header)
    except RepoError as error:
        raise RepoError(f"{file.url}: {file.name} is no package: {error.message}") from error
    if arch not in {target.package_arch, "all", "noarch"}:
        raise RepoError(f"{file.url}: {file.name} is for {arch}, the target {target.key} is {target.package_arch}")
    package = LockedPackage(name, version, arch, sha256, path.stat().st_size, FILES, file.name, _path(file))
    if not safe_path(package.path):
        raise RepoError(f"{file.name!r} can't be a file's name in a repository", hint="give it a plain `name`")
    return FetchedFile(package, control)


def _path(file: UrlFile) -> str:
    """Names its URL in the lock without telling it: a lock is committed, and URLs may have passwords."""
    return f"{hashlib.sha256(file.url.encode()).hexdigest()[:16]}/{file.name}"
