"""Fetching an upstream's indexes: signed documents with their signatures checked, and what they vouch for by hash."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import zstandard

from staddle.repo.model import RepoError
from staddle.repo.web import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from staddle.repo.cache import Cache
    from staddle.repo.model import Upstream
    from staddle.repo.signatures import Keys
    from staddle.repo.web import Web


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that a signed document names: below which path, how large, and with which hash."""

    path: str
    size: int | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Session:
    """What fetching needs. One for a run, shared by all its threads."""

    web: Web
    cache: Cache
    keys: Keys

    def document(
        self,
        upstream: Upstream,
        base: str,
        path: str,
        check: Callable[[bytes, bytes | None], bytes],
        detached: str = "",
    ) -> bytes | None:
        """A document of an upstream, as `check` returns it; None if the server has none.

        `check` gets the document and, if `detached` names where it is, its signature. It raises RepoError unless they're good;
        what is good is remembered, and asked for again only if it has changed. What is remembered is checked again, too: keys
        may have been withdrawn.
        """
        url = f"{base}/{path}"
        known = self.cache.document(url)
        answer = self.web.get(url, known[1] if known else None, upstream.proxy)
        if answer.status == 404:
            return None
        unchanged = answer.status == 304 and known is not None
        body = known[0] if unchanged and known else answer.body
        signature = self._signature(upstream, f"{base}/{detached}") if detached else None
        checked = check(body, signature)
        if not unchanged:
            self.cache.keep_document(url, body, answer.validators)
        return checked

    def _signature(self, upstream: Upstream, url: str) -> bytes | None:
        answer = self.web.get(url, proxy=upstream.proxy)
        return answer.body if answer.status == 200 else None

    def plain(self, upstream: Upstream, base: str, listed: Listed, places: Sequence[str]) -> bytes:
        """`listed`, decompressed. What was unpacked before is kept in a form that is unpacked ten times faster."""
        known = self.cache.plain(listed.sha256)
        if known is not None:
            return known
        content = decompress(self.listed(upstream, base, listed, places), listed.path)
        self.cache.keep_plain(listed.sha256, content)
        return content

    def listed(self, upstream: Upstream, base: str, listed: Listed, places: Sequence[str]) -> bytes:
        """A file that a document vouches for, from the first of `places` that has it as it should be.

        A mirror that is just being updated may have the right file at one of them only.
        """
        problems = []
        for place in places:
            try:
                answer = self.web.get(f"{base}/{place}", proxy=upstream.proxy)
            except TransferError as error:
                problems.append(str(error))
                continue
            problem = "is not there" if answer.status == 404 else wrong(answer.body, listed)
            if problem is None:
                return answer.body
            problems.append(f"{place} {problem}")
        raise RepoError(
            f"{upstream.name}: can't get {listed.path}: {'; '.join(problems)}",
            hint="the mirror is being updated, or was tampered with; try again later, or another mirror",
        )


def first_that_works(upstream: Upstream, attempt: Callable[[str], T]) -> T:
    """What an upstream's mirrors give, from the first that works. Raises RepoError with what all of them said."""
    problems: list[RepoError] = []
    for url in upstream.urls:
        try:
            return attempt(url.rstrip("/"))
        except RepoError as error:
            problems.append(error)
    if len(problems) == 1:
        raise problems[0]
    kind = TransferError if all(isinstance(problem, TransferError) for problem in problems) else RepoError
    raise kind("; ".join(problem.message for problem in problems))


def wrong(content: bytes, listed: Listed) -> str | None:
    """What is wrong with a file, compared with what a signed document says of it."""
    if listed.size is not None and len(content) != listed.size:
        return f"has {len(content)} bytes, not {listed.size} as the signed index says"
    if hashlib.sha256(content).hexdigest() != listed.sha256:
        return "has another SHA-256 than the signed index says"
    return None


COMPRESSIONS = ("xz", "zst", "gz", "bz2")


def decompress(content: bytes, name: str) -> bytes:
    """The plain content of a file, by the end of its name. Raises RepoError."""
    try:
        if name.endswith(".xz"):
            return lzma.decompress(content)
        if name.endswith(".zst"):
            return zstandard.ZstdDecompressor().decompressobj().decompress(content)
        if name.endswith(".gz"):
            return gzip.decompress(content)
        if name.endswith(".bz2"):
            return bz2.decompress(content)
    except (lzma.LZMAError, zstandard.ZstdError, OSError, EOFError) as error:
        raise RepoError(f"can't decompress {name}: {error}") from error
    return content
