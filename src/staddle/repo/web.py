"""HTTP to upstreams: kept connections, time limits, and another try where that may help."""

from __future__ import annotations

import email.utils
import random
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import urllib3
from urllib3.exceptions import (
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    TimeoutError as HttpTimeoutError,
)

from staddle import __version__
from staddle.repo.model import RepoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from urllib3.response import BaseHTTPResponse

T = TypeVar("T")

TRIES = 5
_TRANSIENT = {408, 425, 429, 500, 502, 503, 504}
_PAUSE_LIMIT = 20.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, in whole. `status` is 200, 304 or 404."""

    status: int
    body: bytes
    validators: Mapping[str, str]


class TransferError(RepoError):
    """A transfer broke off, or the server can't serve now. The next try may succeed, unless it is `final`."""

    def __init__(self, message: str, *, final: bool = False, after: float = 0.0) -> None:
        super().__init__(message)
        self.final = final
        self.after = after


class Web:
    """Connections to any number of servers; safe to be used by several threads at once."""

    def __init__(self, connections: int = 8, *, pause: float = 0.4) -> None:
        self._connections, self._pause = connections, pause
        self._pools: dict[str | None, urllib3.PoolManager] = {}

    def get(self, url: str, validators: Mapping[str, str] | None = None, proxy: str | None = None) -> Answer:
        """Fetch something small. `validators` are those of what is at hand: 304 says that it's still the same.

        Raises TransferError after some tries; 404 and 410 are answers.
        """
        return self.trying(lambda: self._get(url, validators or {}, proxy))

    def _get(self, url: str, validators: Mapping[str, str], proxy: str | None) -> Answer:
        with self.open(url, validators, proxy) as response:
            if response.status in {404, 410}:
                return Answer(404, b"", {})
            kept = {"If-None-Match": "ETag", "If-Modified-Since": "Last-Modified"}
            fresh = {name: response.headers[source] for name, source in kept.items() if source in response.headers}
            return Answer(response.status, response.data, fresh)

    @contextmanager
    def open(self, url: str, headers: Mapping[str, str], proxy: str | None = None) -> Iterator[BaseHTTPResponse]:
        """One request, its body not read yet. Raises TransferError unless the status is 2xx, 304, 404, 410 or 416."""
        try:
            response = self._pool(url, proxy).request(
                "GET", url, headers=dict(headers), preload_content=False, decode_content=False,
                retries=urllib3.Retry(None, connect=0, read=0, redirect=5, status=0, other=0),
            )  # fmt: skip
            try:
                if response.status not in {200, 206, 304, 404, 410, 416}:
                    transient = response.status in _TRANSIENT
                    after = _seconds(response.headers.get("Retry-After", ""))
                    raise TransferError(f"{url}: HTTP status {response.status}", final=not transient, after=after)
                yield response
                response.drain_conn()
            finally:
                response.release_conn()
        except LocationValueError as error:
            raise TransferError(f"{url}: {error}", final=True) from error
        except (HTTPError, OSError) as error:
            text, final = _reason(error)
            raise TransferError(f"{url}: {text}", final=final) from error

    def trying(self, attempt: Callable[[], T]) -> T:
        """Call until it doesn't raise a TransferError that another try may mend; pauses grow between the tries."""
        for number in range(1, TRIES + 1):
            try:
                return attempt()
            except TransferError as error:
                if error.final or number == TRIES:
                    raise
                pause = self._pause * 2 ** (number - 1) * random.uniform(0.75, 1.25)  # noqa: S311 - spreads the load
                time.sleep(min(max(pause, error.after), _PAUSE_LIMIT))
        raise AssertionError

    def _pool(self, url: str, proxy: str | None) -> urllib3.PoolManager:
        parts = urllib.parse.urlsplit(url)
        if proxy is None and not urllib.request.proxy_bypass(parts.hostname or ""):
            proxy = urllib.request.getproxies().get(parts.scheme)
        if proxy == "DIRECT":  # as apt writes it
            proxy = None
        if proxy not in self._pools:
            limit = urllib3.Timeout(connect=15, read=30)
            agent = {"User-Agent": f"staddle/{__version__}"}
            if proxy:
                who = urllib.parse.urlsplit(proxy).netloc.rpartition("@")[0]
                pass_on = urllib3.make_headers(proxy_basic_auth=urllib.parse.unquote(who)) if who else None
                self._pools[proxy] = urllib3.ProxyManager(
                    proxy, maxsize=self._connections, timeout=limit, headers=agent, proxy_headers=pass_on
                )
            else:
                self._pools[proxy] = urllib3.PoolManager(maxsize=self._connections, timeout=limit, headers=agent)
        return self._pools[proxy]


def _seconds(value: str) -> float:
    """Retry-After, which is a number of seconds or a date."""
    if value.isdigit():
        return float(value)
    date = email.utils.parsedate_to_datetime(value) if value else None
    return max(0.0, date.timestamp() - time.time()) if date else 0.0


def _reason(error: Exception) -> tuple[str, bool]:
    """What went wrong, in words; and whether it will be no different in a moment."""
    cause = getattr(error, "reason", None) or error
    if isinstance(cause, NameResolutionError):
        return "the server's name can't be resolved", "Temporary failure" not in str(cause)
    if isinstance(cause, NewConnectionError):
        return f"can't connect: {str(cause).rpartition(': ')[2]}", False
    if isinstance(cause, (HttpTimeoutError, TimeoutError)):
        return "no answer in time", False
    return f"{type(cause).__name__}: {cause}", False
