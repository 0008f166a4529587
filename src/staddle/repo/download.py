"""Fetching package files: several at once, resumed where they broke off, hashed while they come in.

A file gets its name in the cache only when its hash is the one of the lock, so whatever is there is whole, whenever a run was
interrupted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from threading import Event, Lock
from typing import TYPE_CHECKING, Protocol

from urllib3.exceptions import HTTPError

from staddle.repo.model import RepoError
from staddle.repo.web import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO

    from staddle.repo.cache import Cache
    from staddle.repo.model import LockedPackage, Upstream
    from staddle.repo.web import Web

    Told = Callable[[str, int, int], None]

PARALLEL = 8
_CHUNK = 256 * 1024
_SPARE = 64 * 1024 * 1024


class Watch(Protocol):
    """Who wants to know how far a build is. Called by several threads, one at a time."""

    def step(self, text: str) -> None:
        """Something begins."""

    def total(self, files: int, size: int) -> None:
        """So many files and bytes are to be downloaded now."""

    def received(self, file: str, received: int, size: int) -> None:
        """`received` of a file's bytes are here; all of them when it is verified."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where files come from: mirrors by upstream's name, and the URLs of files that belong to none."""

    upstreams: Mapping[str, Upstream]
    files: Mapping[str, str]

    def urls(self, package: LockedPackage) -> list[str]:
        """All places that have it. Raises RepoError if the definitions don't name its upstream any more."""
        if package.origin in self.upstreams:
            return [f"{url}/{package.path}" for url in self.upstreams[package.origin].urls]
        if package.file in self.files:
            return [self.files[package.file]]
        raise RepoError(f"{package.file} comes from {package.origin}, which is no upstream any more",
                        hint="`staddle repo build --update` looks for it elsewhere")  # fmt: skip

    def proxy(self, package: LockedPackage) -> str | None:
        """The proxy that its upstream is reached by, if it has one of its own."""
        upstream = self.upstreams.get(package.origin)
        return upstream.proxy if upstream else None


def missing(packages: Iterable[LockedPackage], cache: Cache) -> list[LockedPackage]:
    """The packages that have to be fetched, each content once."""
    wanted = {package.sha256: package for package in packages}
    return sorted(package for package in wanted.values() if not _have(cache.package(package.sha256), package.size))


def download(
    packages: Iterable[LockedPackage],
    sources: Sources,
    cache: Cache,
    web: Web,
    watch: Watch,
    *,
    parallel: int = PARALLEL,
) -> int:
    """Have all these packages in the cache; returns how many bytes were missing. Raises RepoError with all that failed.

    Large files begin first, so that none of them is left alone at the end.
    """  # fmt: skip
    todo = sorted(missing(packages, cache), key=lambda package: -package.size)
    total = sum(package.size for package in todo)
    _require_space(cache.root, total)
    watch.total(len(todo), total)
    one_at_a_time, stop = Lock(), Event()

    def told(file: str, received: int, size: int) -> None:
        with one_at_a_time:
            watch.received(file, received, size)

    def fetch(package: LockedPackage) -> None:
        Transfer(package, cache.package(package.sha256), web, told, stop).run(
            sources.urls(package), sources.proxy(package)
        )

    pool = ThreadPoolExecutor(parallel, thread_name_prefix="download")
    futures = [pool.submit(fetch, package) for package in todo]
    try:
        wait(futures)
    except BaseException:
        stop.set()
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()
    errors = [error for future in futures if (error := future.exception()) is not None]
    for error in errors:
        if not isinstance(error, RepoError):
            raise error
    if errors:
        messages = sorted({error.message for error in errors if isinstance(error, RepoError)})
        hint = next((error.hint for error in errors if isinstance(error, RepoError) and error.hint), None)
        raise RepoError(
            f"{len(errors)} of {len(todo)} files could not be downloaded:\n"
            + "\n".join(f"  {text}" for text in messages),
            hint=hint or "what was downloaded is kept: the same command goes on from here",
        )
    return total


class Transfer:
    """One file on its way into the cache."""

    def __init__(
        self, package: LockedPackage, final: Path, web: Web, told: Callable[[str, int, int], None], stop: Event
    ) -> None:
        self._package, self._final, self._web = package, final, web
        self._told, self._stop = told, stop

    def run(self, urls: Sequence[str], proxy: str | None) -> None:
        """Try the mirrors, each several times. Raises RepoError with what the last one said."""
        self._final.parent.mkdir(parents=True, exist_ok=True)
        part = self._final.with_name(f"{self._final.name}.part")
        # Another run may be fetching the same file: the second waits, and then has it.
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _have(self._final, self._package.size):
                part.unlink(missing_ok=True)
                return
            problems: list[TransferError] = []
            for url in urls:
                try:
                    self._web.trying(partial(self._attempt, url, file, proxy))
                    break
                except TransferError as error:
                    problems.append(error)
            else:
                raise RepoError("; ".join(error.message for error in problems), hint=problems[-1].hint)
            part.replace(self._final)
        self._told(self._package.file, self._package.size, self._package.size)

    def _attempt(self, url: str, file: BinaryIO, proxy: str | None) -> None:
        digest, have = _digest(file, self._package.size)
        resumed = have > 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        if have < self._package.size:
            with self._web.open(url, headers, proxy) as response:
                if response.status in {404, 410}:
                    raise TransferError(f"{url} is not there any more", final=True)
                if response.status != 206 and have:
                    digest, have = hashlib.sha256(), 0  # it sends the whole file, or nothing from here on
                    file.seek(0)
                    file.truncate()
                if response.status == 416:
                    raise TransferError(f"{url}: HTTP status 416")
                if response.status == 206 and not _continues(response.headers.get("Content-Range", ""), have):
                    raise TransferError(f"{url}: answered with another range than was asked for", final=True)
                self._receive(url, response.stream(_CHUNK), file, digest, have)
        self._check(url, file, digest, resumed=resumed)

    def _receive(self, url: str, chunks: Iterable[bytes], file: BinaryIO, digest: hashlib._Hash, have: int) -> None:
        try:
            for chunk in chunks:
                if self._stop.is_set():
                    raise TransferError(f"{url}: interrupted", final=True)
                have += len(chunk)
                if have > self._package.size:
                    break
                file.write(chunk)
                digest.update(chunk)
                self._told(self._package.file, have, self._package.size)
        except HTTPError as error:
            raise TransferError(f"{url}: broke off after {have} of {self._package.size} bytes ({error})") from error
        finally:
            file.flush()
        if have > self._package.size:
            self._discard(file)
            raise TransferError(f"{url} is larger than the {self._package.size} bytes that its index says", final=True)
        if have < self._package.size:
            raise TransferError(f"{url}: broke off after {have} of {self._package.size} bytes")

    def _check(self, url: str, file: BinaryIO, digest: hashlib._Hash, *, resumed: bool) -> None:
        """What was put together from pieces is fetched once more in whole before it is given up."""
        if digest.hexdigest() == self._package.sha256:
            return
        self._discard(file)
        message = f"{url}: its SHA-256 is {digest.hexdigest()}, not {self._package.sha256} as its index says"
        raise TransferError(message, final=not resumed)

    def _discard(self, file: BinaryIO) -> None:
        file.seek(0)
        file.truncate()
        self._told(self._package.file, 0, self._package.size)


def place(packages: Iterable[LockedPackage], cache: Cache, directory: Path) -> None:
    """Make `directory` hold exactly these files, linked to the cache; copied where links can't be. Raises RepoError."""
    directory.mkdir(parents=True, exist_ok=True)
    wanted = {package.file: package for package in packages}
    try:
        for file in directory.iterdir():
            if file.name not in wanted:
                file.unlink()
        for name, package in wanted.items():
            source, file = cache.package(package.sha256), directory / name
            if file.exists() and os.path.samestat(file.stat(), source.stat()):
                continue
            scratch = directory / f".{name}.new"
            scratch.unlink(missing_ok=True)
            _link(source, scratch)
            scratch.replace(file)
    except OSError as error:
        raise RepoError(f"can't put the packages into {directory}: {error.strerror}") from error


def _link(source: Path, to: Path) -> None:
    try:
        to.hardlink_to(source)
    except OSError:  # another file system, or too many links
        shutil.copyfile(source, to)


def _have(path: Path, size: int) -> bool:
    """Whether a file is in the cache. It was verified before it got its name."""
    try:
        return path.stat().st_size == size
    except FileNotFoundError:
        return False


def _digest(file: BinaryIO, size: int) -> tuple[hashlib._Hash, int]:
    """The hash so far of a file that broke off, and how much of it is here; it is read to where it ends."""
    digest, have = hashlib.sha256(), 0
    file.seek(0)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        have += len(chunk)
    if have > size:
        file.seek(0)
        file.truncate()
        return hashlib.sha256(), 0
    return digest, have


def _continues(content_range: str, have: int) -> bool:
    return content_range.startswith(f"bytes {have}-")


def _require_space(root: Path, needed: int) -> None:
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    if needed and free < needed + _SPARE:
        raise RepoError(f"{root} has {free // 2**20} MiB free, {needed // 2**20} MiB are to be downloaded",
                        hint="make room, or set STADDLE_CACHE to a directory that has some")  # fmt: skip
