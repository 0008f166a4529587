"""Building the repository of an inventory: resolve, lock, download, publish; and looking after what was built.

Everything is on the ADMIN node, and nobody needs to be root. Beside the inventory are `repo.lock` and `repo.packages`, which
are committed with it; the rest is below `files/repo/`:

| where | what |
|---|---|
| `www/<repo_name>` | the repository that is served; `publish.py` says how it is exchanged |
| `staging/<target>/` | the packages of the lock, as second names of the files in the cache |
| `local/` | packages that were added as files |
| `work/` | what is known of files, to index them quickly |
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from staddle.repo import rpm_signature
from staddle.repo.cache import Cache
from staddle.repo.changes import Changes, changes
from staddle.repo.download import Sources, download, missing, place
from staddle.repo.files import acquire, known_files, local_files
from staddle.repo.lock import read_lock, write_lock
from staddle.repo.metadata.fetch import Session
from staddle.repo.model import LOCK_NAME, Lock, RepoError
from staddle.repo.offline import tree
from staddle.repo.publish import WHEELS, Part, Published, publish
from staddle.repo.resolution import resolve
from staddle.repo.signatures import Keys
from staddle.repo.signing import known_key, open_signer
from staddle.repo.solver.report import ResolutionError
from staddle.repo.upstreams.host import Host
from staddle.repo.wanted import ADDED, read_added, wanted
from staddle.repo.web import Web

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from staddle.inventory.fleet import Fleet
    from staddle.repo.download import Watch
    from staddle.repo.model import Target, TargetLock
    from staddle.repo.request import Request

PKI = "pki"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build would do: the lock that it would write, and how that differs, target by target."""

    lock: Lock
    changes: tuple[Changes, ...]
    requests: tuple[Request, ...]
    warnings: tuple[str, ...]
    unseen: tuple[str, ...]
    """Files by URL whose content is not known before they are downloaded."""
    built: bool
    """Whether the repository that is served is that of the lock."""

    def __bool__(self) -> bool:
        return any(self.changes) or bool(self.unseen) or not self.built


@dataclass(frozen=True, slots=True)
class Built:
    """A repository that was built, or was there already."""

    published: Published
    plan: Plan
    downloaded: int


class Repository:
    """The repository of an inventory. `admin` is the directory of the ADMIN node's own files beside it."""

    def __init__(
        self, fleet: Fleet, inventory: Path, admin: Path, *, cache: Cache | None = None, web: Web | None = None,
        host: Host | None = None,
    ) -> None:  # fmt: skip
        self.inventory, self.admin, self.root = inventory, admin, admin / "repo"
        self.cache = cache or Cache.of_user()
        self._fleet, self._web, self._host = fleet, web or Web(), host or Host.this()

    @property
    def home(self) -> Path:
        """The directory that has the repository, as `<repo_name>`."""
        return self.root / "www"

    @property
    def name(self) -> str:
        return wanted(self._fleet, self.inventory, self.admin, ()).params.repo_name

    @property
    def lock_file(self) -> Path:
        return self.inventory.with_name(LOCK_NAME)

    def lock(self) -> Lock:
        """The lock as it is; an empty one if there is none. Raises RepoError."""
        return read_lock(self.lock_file) if self.lock_file.exists() else Lock(())

    def plan(self, watch: Watch, *, only: Sequence[Target] = (), update: bool = False) -> Plan:
        """What a build would do. Nothing is downloaded but indexes, and nothing is changed. Raises RepoError.

        A target whose lists and upstreams are those of its lock keeps that, unless `update` asks for what is newest. Where
        they have changed, versions that may stay do.
        """
        return self._plan(self._requests(only), watch, only=only, update=update, fetch=False)

    def build(
        self,
        watch: Watch,
        *,
        only: Sequence[Target] = (),
        update: bool = False,
        wheels: Sequence[Path] | None = None,
    ) -> Built:
        """Bring the repository to what the inventory wants. Raises RepoError; what was served before is then served still.

        The lock is written as soon as it is known, so that an interrupted build goes on with the same packages.
        """  # fmt: skip
        with self._alone():
            requests = self._requests(only)
            plan = self._plan(requests, watch, only=only, update=update, fetch=False)
            if plan.unseen:  # only now that all else is known to be fine
                plan = self._plan(requests, watch, only=only, update=update, fetch=True)
            write_lock(self.lock_file, plan.lock)
            fresh = frozenset(p.sha256 for part in plan.lock.targets for p in missing(part.packages, self.cache))
            downloaded = self._download(plan, watch)
            try:
                published = self._publish(plan.lock, watch, wheels, fresh)
            except RepoError:
                if not (spoilt := self._forget_spoilt(plan.lock)):
                    raise
                watch.step(
                    f"downloading {', '.join(spoilt.values())} anew: the cache had something else under that hash"
                )
                downloaded += self._download(plan, watch)
                self._mend_served(spoilt)
                published = self._publish(plan.lock, watch, wheels, frozenset())
            return Built(published, plan, downloaded)

    def _publish(self, lock: Lock, watch: Watch, wheels: Sequence[Path] | None, fresh: frozenset[str]) -> Published:
        parts = []
        for part in lock.targets:
            place(part.packages, self.cache, self.root / "staging" / part.target.key)
            parts.append(Part(part, self.root / "staging" / part.target.key, fresh))
        watch.step("indexing and signing")
        now = int(dt.datetime.now(dt.UTC).timestamp())
        signer = open_signer(self.admin / PKI, self.name, now)
        own = sorted((self.admin / WHEELS).glob("*.whl")) if wheels is None else wheels
        return publish(parts, self.home, self.name, signer, work=self.root / "work", wheel_files=own, now=now)

    def _forget_spoilt(self, lock: Lock) -> dict[str, str]:
        """Remove from the cache what isn't what it was when it came there (disks forget, people edit): hashes and names."""
        files = {package.sha256: package.file for part in lock.targets for package in part.packages}
        spoilt = {sha256: name for sha256, name in sorted(files.items())
                  if tree.digest(self.cache.package(sha256)) != sha256}  # fmt: skip
        for sha256 in spoilt:
            self.cache.package(sha256).unlink()
        return spoilt

    def _mend_served(self, spoilt: Mapping[str, str]) -> None:
        """What is served are second names of the files in the cache: where these were spoilt, so was that."""
        served = tree.current(self.home, self.name)
        complete = tree.read(served) if served else None
        if served is None or complete is None:
            return
        for path, (_, sha256) in complete.everything.items():
            if sha256 in spoilt:
                scratch = self.root / "work" / f"{sha256}.new"
                scratch.unlink(missing_ok=True)
                tree.place(str(self.cache.package(sha256)), str(scratch))
                scratch.replace(served / path)

    def add(self, items: Sequence[str], watch: Watch) -> Built:
        """Add names to `repo.packages`, and files to `local/`, and build. If that fails, they're not added."""
        names = [item for item in items if not item.endswith((".deb", ".rpm"))]
        files = [Path(item) for item in items if item.endswith((".deb", ".rpm"))]
        if absent := [str(file) for file in files if not file.is_file()]:
            raise RepoError(f"there is no file {', '.join(absent)}")
        listing, local = self.inventory.with_name(ADDED), self.root / "local"
        before, lock = listing.read_text(encoding="utf-8") if listing.exists() else None, self.lock()
        fresh = [name for name in dict.fromkeys(names) if name not in read_added(self.inventory)]
        local.mkdir(parents=True, exist_ok=True)
        new = [file for file in files if not (local / file.name).exists()]
        try:
            for file in new:
                shutil.copyfile(file, local / file.name)
            if fresh:
                head = before if before is not None else "# Packages that were added with `staddle repo add`.\n"
                listing.write_text(head + "".join(f"{name}\n" for name in fresh), encoding="utf-8")
            return self.build(watch)
        except BaseException:
            for file in new:
                (local / file.name).unlink(missing_ok=True)
            if before is None:
                listing.unlink(missing_ok=True)
            else:
                listing.write_text(before, encoding="utf-8")
            if self.lock_file.exists():
                write_lock(self.lock_file, lock)
            raise

    def verify(self, watch: Watch) -> list[str]:
        """All that is wrong with what is locked and served, each with the file's name. Everything is read and hashed."""
        lock = self.lock()
        problems: list[str] = []
        watch.step("hashing what is locked")
        for part in lock.targets:
            for package in part.packages:
                file = self.root / "staging" / part.target.key / package.file
                what = tree.judge(file, package.size, package.sha256)
                problems += [f"{part.target.key}: {package.file}: {what}"] if what else []
        served = tree.current(self.home, self.name)
        if served is None:
            return [*problems, f"{self.home / self.name}: there is no complete repository"]
        watch.step("hashing what is served")
        problems += tree.verify(served, known_key(self.admin / PKI))
        bound = self._served_targets()
        for part in lock.targets:
            if bound.get(part.target.key) != part.digest:
                problems.append(f"{part.target.key}: what is served is not what {LOCK_NAME} says: build it")
        return problems

    def prune(self, *, everything: bool = False) -> tuple[int, int]:
        """Remove from the cache what no repository on this machine uses; returns how many files and bytes that was.

        A file that a repository uses has a second name there. `everything` also removes indexes and keys: they will be
        fetched anew.
        """
        with self._alone():
            wanted_here = {package.sha256 for part in self.lock().targets for package in part.packages}
            for folder in (self.root / "staging").glob("*"):
                if folder.name not in {part.target.key for part in self.lock().targets}:
                    shutil.rmtree(folder)
            files = size = 0
            stale = [file for name in ("indexes", "documents", "keys") if everything
                     for file in (self.cache.root / name).rglob("*") if file.is_file()]  # fmt: skip
            for file in (self.cache.root / "packages").rglob("*"):
                used = file.is_file() and (file.stat().st_nlink > 1 or file.name.partition(".")[0] in wanted_here)
                stale += [file] if file.is_file() and not used else []
            for file in stale:
                files, size = files + 1, size + file.stat().st_size
                file.unlink()
            return files, size

    def _requests(self, only: Sequence[Target]) -> list[Request]:
        want = wanted(self._fleet, self.inventory, self.admin, local_files(self.root / "local"))
        targets = want.targets
        if unknown := [target.key for target in only if target not in targets]:
            raise RepoError(f"{', '.join(unknown)} is not among the targets of this inventory",
                            hint=f"those are {', '.join(target.key for target in targets)}; see `repo_targets`")  # fmt: skip
        problems: list[RepoError] = []
        requests = []
        for target in only or targets:
            try:
                requests.append(want.request(target, self._host))
            except RepoError as error:
                problems.append(error)
        _raise_all(problems)
        return requests

    def _plan(
        self, requests: Sequence[Request], watch: Watch, *, only: Sequence[Target], update: bool, fetch: bool
    ) -> Plan:
        session = Session(self._web, self.cache, Keys(self.cache.keys, self._web))
        now = dt.datetime.now(dt.UTC)
        before = self.lock()
        targets = [request.target for request in requests]
        # What the inventory doesn't want any more goes, unless only a part of it was asked about.
        lock = Lock(tuple(part for part in before.targets if only or part.target in targets))
        problems: list[RepoError] = []
        warnings = [warning for request in requests for warning in request.warnings]
        unseen: list[str] = []
        for request in requests:
            old = before.of(request.target)
            files, unknown = known_files(request, old, self.cache, self.root / "local")
            if old is not None and old.request == request.digest and not update and not unknown:
                continue
            try:
                if fetch and unknown:
                    watch.step(f"downloading {len(unknown)} files from their URLs")
                    files += [acquire(file, request, self.cache, self._web) for file in unknown]
                keep = {package.name: package.version for package in old.packages} if old and not update else {}
                resolved = resolve(request, files, keep, session, now, watch.step)
            except RepoError as error:
                problems.append(error)
                continue
            unseen += [file.name for file in unknown]
            warnings += resolved.warnings
            lock = lock.with_part(resolved.lock)
        _raise_all(problems)
        touched = [part.target for part in (*lock.targets, *before.targets) if not only or part.target in targets]
        found = tuple(self._changes(target, before, lock) for target in dict.fromkeys(touched))
        built = self._served_targets() == {part.target.key: part.digest for part in lock.targets}
        return Plan(lock, found, tuple(requests), tuple(dict.fromkeys(warnings)), tuple(unseen), built)

    def _served_targets(self) -> Mapping[str, str]:
        """The locks' digests by target, of what is served."""
        served = tree.current(self.home, self.name)
        complete = tree.read(served) if served else None
        return complete.targets if complete else {}

    def _changes(self, target: Target, before: Lock, after: Lock) -> Changes:
        part = after.of(target)
        to_fetch = sum(package.size for package in missing(part.packages, self.cache)) if part else 0
        return changes(target, before.of(target), part, to_fetch)

    def _download(self, plan: Plan, watch: Watch) -> int:
        requests = {request.target: request for request in plan.requests}
        downloaded = 0
        for part in plan.lock.targets:
            request = requests.get(part.target)
            if request is None:
                if missing(part.packages, self.cache):
                    raise RepoError(
                        f"packages of {part.target.key} are not here", hint="build it, too: without --target"
                    )
                continue
            if missing(part.packages, self.cache):
                watch.step(f"downloading the packages for {part.target.key}")
            upstreams = {upstream.name: upstream for upstream in request.upstreams}
            sources = Sources(upstreams, {file.name: file.url for file in request.files})
            downloaded += download(part.packages, sources, self.cache, self._web, watch)
            self._check_signatures(part, request)
        return downloaded

    def _check_signatures(self, part: TargetLock, request: Request) -> None:
        """Those of single packages, where an upstream signs these. What was found good is noted beside the file."""
        keys = Keys(self.cache.keys, self._web)
        for upstream in request.upstreams:
            own = [package for package in part.packages if package.origin == upstream.name]
            if upstream.trust.verify != "packages" or not own:
                continue
            verifier = keys.verifier(upstream)
            by = "".join(f"{key.fingerprint}\n" for key in verifier.keys)
            for package in own:
                file = self.cache.package(package.sha256)
                note = file.with_name(f"{file.name}.signed")
                if not note.exists() or note.read_text(encoding="ascii") != by:
                    rpm_signature.verify(file, package, verifier)
                    note.write_text(by, encoding="ascii")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Alone among all builds of this inventory."""
        self.root.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _raise_all(problems: Sequence[RepoError]) -> None:
    """Whatever went wrong for several targets, as one error."""
    if not problems:
        return
    if len(problems) == 1:
        raise problems[0]
    if all(isinstance(error, ResolutionError) for error in problems):
        raise ResolutionError([trouble for e in problems if isinstance(e, ResolutionError) for trouble in e.troubles])
    messages = dict.fromkeys(error.message for error in problems)
    hints = dict.fromkeys(error.hint for error in problems if error.hint)
    raise RepoError("\n".join(messages), hint="; ".join(hints) or None)
