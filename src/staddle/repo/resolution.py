"""From a request to a lock: the upstreams' indexes are fetched, and the solver is asked. No package is downloaded."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from staddle.repo.metadata import deb, rpm
from staddle.repo.metadata.deb import Packages
from staddle.repo.metadata.rpm import Repodata
from staddle.repo.model import LockedPackage, RepoError, TargetLock, Trust, Upstream
from staddle.repo.solver.report import Wish
from staddle.repo.web import TransferError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping, Sequence

    from staddle.repo.metadata.fetch import Session
    from staddle.repo.model import PackageRecord
    from staddle.repo.request import Request

FILES = "url"
"""The origin of packages that come from a URL, or were added as files, and from no upstream."""


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A package that comes from a URL: where it is in the lock's terms, its hash, and its control stanza (deb)."""

    package: LockedPackage
    control: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """A target's new lock, and what went on that should be known."""

    lock: TargetLock
    warnings: tuple[str, ...]


def resolve(
    request: Request,
    files: Sequence[FetchedFile],
    keep: Mapping[str, str],
    session: Session,
    now: dt.datetime,
    step: Callable[[str], None],
) -> Resolved:
    """What the request amounts to today. Raises RepoError, of which ResolutionError has all that is wrong with it.

    `keep` are versions that stay as they are, as long as that is possible.
    """  # fmt: skip
    # solv is an extra: only who builds a repository needs it.
    from staddle.repo.solver import deb as deb_solver, rpm as rpm_solver  # noqa: PLC0415

    step(f"reading the indexes of {len(request.upstreams)} upstreams for {request.target.key}")
    sources, warnings = _indexes(request, session, now)
    step(f"resolving {len(request.wishes)} packages for {request.target.key}")
    records: list[PackageRecord]
    if request.target.format == "deb":
        deb_sources = [source for source in sources if isinstance(source, Packages)]
        own = _as_source(files)
        wishes = [*request.wishes, *(Wish(f.package.name, "=", f.package.version, f.package.file) for f in files)]
        records = deb_solver.resolve(request.target, [*own, *deb_sources], wishes, keep)
        packages = [record.locked() for record in records]
    else:
        rpm_sources = [source for source in sources if isinstance(source, Repodata)]
        load = lambda source, kind: source.load(session, kind)  # noqa: E731
        records = rpm_solver.resolve(request.target, rpm_sources, request.wishes, keep, load)
        packages = [record.locked() for record in records] + [file.package for file in files]
    _refuse_twice(packages)
    return Resolved(TargetLock(request.target, request.digest, tuple(sorted(packages))), tuple(warnings))


def _indexes(request: Request, session: Session, now: dt.datetime) -> tuple[list[Packages | Repodata], list[str]]:
    """The indexes of all upstreams, in their order. Raises RepoError with all that failed."""

    def fetch(upstream: Upstream) -> Packages | Repodata:
        if upstream.format == "deb":
            return deb.fetch(session, upstream, request.target, now)
        return rpm.fetch(session, upstream)

    with ThreadPoolExecutor(8) as pool:
        futures = [(upstream, pool.submit(fetch, upstream)) for upstream in request.upstreams]
    found, warnings, failed = list[Packages | Repodata](), list[str](), list[tuple[str, RepoError]]()
    for upstream, future in futures:
        error = future.exception()
        if error is None:
            found.append(future.result())
        elif isinstance(error, TransferError) and upstream.name in request.optional:
            warnings.append(f"{upstream.name} is left out, it can't be reached: {error.message}")
        elif isinstance(error, RepoError):
            failed.append((upstream.name, error))
        else:
            raise error
    if failed:
        raise _all_of(failed)
    return found, warnings


def _all_of(failed: Sequence[tuple[str, RepoError]]) -> RepoError:
    """What went wrong with several upstreams, as one error."""
    hints = [error.hint for _, error in failed if error.hint]
    if any(isinstance(error, TransferError) for _, error in failed):
        hints.append("`repo_modules` decides which upstreams are used, `region` which mirrors; one with "
                     "`meta: {skip_if_unavailable: 1}` may be missing")  # fmt: skip
    messages = [error.message if error.message.startswith(f"{name}: ") else f"{name}: {error.message}"
                for name, error in failed]  # fmt: skip
    return RepoError("\n".join(messages), hint="; ".join(dict.fromkeys(hints)) or None)


def _as_source(files: Sequence[FetchedFile]) -> list[Packages]:
    """Packages from URLs, as an upstream of their own that comes first."""
    if not files:
        return []
    stanzas = [f"{file.control}\nFilename: {file.package.path}\nSize: {file.package.size}\nSHA256: {file.package.sha256}"
               for file in files]  # fmt: skip
    upstream = Upstream(FILES, FILES, "deb", (), "./", (), Trust("off"), priority=1000)
    return [Packages.of(upstream, "", ("\n\n".join(stanzas) + "\n").encode())]


def _refuse_twice(packages: Sequence[LockedPackage]) -> None:
    """Two packages that have the same file name can't be in one repository."""
    seen: dict[str, LockedPackage] = {}
    for package in packages:
        other = seen.setdefault(package.file, package)
        if other != package:
            raise RepoError(f"{package.file} comes from {other.origin} and, with other content, from {package.origin}",
                            hint="exclude it from one of them: `meta: {excludepkgs: …}`")  # fmt: skip
