"""From locked, downloaded packages to a repository that is served: indexed, signed, and exchanged in one step.

See `offline/tree.py` for what makes the exchange safe. If packages, wheels and key are those of the repository that is
served, it is left as it is.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from staddle.repo import apt_index, listing, rpm_index, wheels
from staddle.repo.index_cache import IndexCache
from staddle.repo.model import RepoError
from staddle.repo.offline import tree
from staddle.repo.offline.tree import Complete, TreeError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from staddle.repo.index_cache import Entry
    from staddle.repo.model import LockedPackage, Target, TargetLock
    from staddle.repo.signing import Signer

LAYOUT = "1"
"""To be changed with anything that makes other files of the same packages."""
CACHE = "index-cache.json"
HOME, WHEELS = "repo/www", "repo/wheels"
"""Below the ADMIN node's files: what is served, and Staddle's own wheels."""
_NAMED_BY_CONTENT = re.compile(r"^pool/|/by-hash/|/Packages/|/repodata/[0-9a-f]{64}-")


@dataclass(frozen=True, slots=True)
class Part:
    """One target's packages: `directory` has `package.file` for each package of the lock.

    `fresh` are the SHA-256 of files that came in, and were hashed, a moment ago.
    """

    lock: TargetLock
    directory: Path
    fresh: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Published:
    """A repository that is served. `changed` tells whether it is another one than before."""

    tree: Path
    complete: Complete
    changed: bool


@dataclass(slots=True)
class _Draft:
    """A tree to be: files that exist elsewhere, and files to be written."""

    sources: dict[str, tuple[str, Entry]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)

    def files(self) -> dict[str, tuple[int, str]]:
        known = {path: (entry.size, entry.sha256) for path, (_, entry) in self.sources.items()}
        written = {path: (len(data), hashlib.sha256(data).hexdigest()) for path, data in self.contents.items()}
        return {**known, **written}


def publish(
    parts: Sequence[Part], home: Path, name: str, signer: Signer, *, work: Path, wheel_files: Sequence[Path], now: int
) -> Published:
    """Serve these packages as `home/name`; `work` is where what is known of files is kept.

    Raises RepoError: with every file that is not what its lock says, or when the tree can't be made. What was served before is
    then served still.
    """
    try:
        for folder in (work, home):
            folder.mkdir(parents=True, exist_ok=True)
        cache = IndexCache(work / CACHE)
        known = _entries(parts, cache)
        python = _wheel_entries(wheel_files, cache)
        cache.save()
        binding = _binding(parts, signer, name, python)
        if served := _still_served(home, name, binding, signer):
            os.utime(served.tree / tree.COMPLETE)  # its age, which is watched, begins anew
            return served
        draft = _draft(parts, known, python, signer, name, now)
        return Published(*_switch(home, name, draft, parts, binding, signer, now), changed=True)
    except TreeError as error:
        raise RepoError(str(error)) from error
    except OSError as error:
        what = error.filename or home
        raise RepoError(f"can't publish the repository {home / name}: {what}: {error.strerror}") from error


def target_path(target: Target) -> str:
    """Where a target's indexes are, below the repository's URL: its suite, or its own repository."""
    return f"dists/{target.codename}/" if target.format == "deb" else f"rpm/{target.codename}/{target.arch}/"


def _entries(parts: Sequence[Part], cache: IndexCache) -> list[dict[LockedPackage, Entry]]:
    """What is known of every package, by part. Raises RepoError with all that differ from their lock."""
    wrong: list[str] = []
    found = []
    for part in parts:
        files = [f"{part.directory}/{package.file}" for package in part.lock.packages]
        reader = apt_index.read if part.lock.target.format == "deb" else rpm_index.read
        hashed = {path: package.sha256 for path, package in zip(files, part.lock.packages, strict=True)
                  if package.sha256 in part.fresh}  # fmt: skip
        entries = cache.entries(files, reader, hashed)
        for package, entry in zip(part.lock.packages, entries, strict=True):
            if (entry.size, entry.sha256) != (package.size, package.sha256):
                wrong.append(f"{part.directory / package.file}: its content is not what the lock says (SHA-256)")
        found.append(dict(zip(part.lock.packages, entries, strict=True)))
    if wrong:
        raise RepoError("\n".join(wrong), hint="remove it, and build again: it is then downloaded anew")
    return found


def _wheel_entries(files: Sequence[Path], cache: IndexCache) -> dict[str, tuple[str, Entry]]:
    paths = [str(file) for file in sorted(files)]
    entries = cache.entries(paths, wheels.read)
    return {path.rpartition("/")[2]: (path, entry) for path, entry in zip(paths, entries, strict=True)}


def _binding(parts: Sequence[Part], signer: Signer, name: str, python: Mapping[str, tuple[str, Entry]]) -> str:
    """The digest of all that a tree is made from."""
    lines = [LAYOUT, listing.VERSION, name, signer.fingerprint]
    lines += sorted(f"{part.lock.target.key} {part.lock.digest}" for part in parts)
    lines += [f"{file} {entry.sha256}" for file, (_, entry) in sorted(python.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _still_served(home: Path, name: str, binding: str, signer: Signer) -> Published | None:
    """What is served, if it was made from the same and all its files are there, as large as they were."""
    at = tree.current(home, name)
    if at is None:
        return None
    try:
        complete = tree.read(at)
    except TreeError:
        return None
    if complete is None or (complete.binding, complete.key) != (binding, signer.fingerprint):
        return None
    root = f"{at}/"
    try:
        if any(os.lstat(root + path).st_size != size for path, (size, _) in complete.files.items()):
            return None
    except OSError:
        return None
    return Published(at, complete, changed=False)


def _draft(
    parts: Sequence[Part],
    known: Sequence[Mapping[LockedPackage, Entry]],
    python: Mapping[str, tuple[str, Entry]],
    signer: Signer,
    name: str,
    now: int,
) -> _Draft:
    draft = _Draft()
    suites: dict[str, dict[str, bytes]] = {}
    places: list[tuple[LockedPackage, Target, str]] = []
    for part, entries in zip(parts, known, strict=True):
        target = part.lock.target
        located = dict(_located(target, entries))
        draft.sources |= {path: (f"{part.directory}/{p.file}", entries[p]) for path, p in located.items()}
        places += [(package, target, path) for path, package in located.items()]
        by_path = {path: entries[package] for path, package in located.items()}
        if target.format == "deb":
            suites.setdefault(target.codename, {})[target.package_arch] = apt_index.packages(by_path)
        else:
            root = target_path(target)
            below = {path.removeprefix(root): entry for path, entry in by_path.items()}
            draft.contents |= {root + path: data for path, data in rpm_index.repodata(below, signer, now).items()}
    for codename, indexes in suites.items():
        draft.contents |= apt_index.distribution(codename, indexes, signer, now, label=name)
    draft.sources |= {f"wheels/{file}": found for file, found in python.items()}
    draft.contents |= wheels.simple_index({file: entry for file, (_, entry) in python.items()})
    draft.contents[tree.KEY] = signer.public.encode()
    draft.contents |= listing.pages(
        name, places, {file: entry for file, (_, entry) in python.items()}, signer.fingerprint, now
    )
    return draft


def _located(target: Target, entries: Mapping[LockedPackage, Entry]) -> Iterator[tuple[str, LockedPackage]]:
    """Every package's path in the tree. Raises RepoError if two would have the same."""
    taken: dict[str, LockedPackage] = {}
    for package, entry in entries.items():
        if target.format == "deb":
            path = apt_index.pool_path(target.codename, entry.data, apt_index.file_name(entry.data))
        else:
            path = f"{target_path(target)}Packages/{package.file}"
        if path in taken:
            raise RepoError(f"{package.file} and {taken[path].file} would both be {path}")
        taken[path] = package
        yield path, package


def _switch(
    home: Path, name: str, draft: _Draft, parts: Sequence[Part], binding: str, signer: Signer, now: int
) -> tuple[Path, Complete]:
    files = draft.files()
    with tree.staging(home, name) as scratch:
        retained = _retained(home, name, files)
        complete = Complete(
            name=name,
            binding=binding,
            key=signer.fingerprint,
            targets={part.lock.target.key: part.lock.digest for part in parts},
            files=files,
            retained={path: before for path, (_, before) in retained.items()},
        )
        for folder in sorted({path.rpartition("/")[0] for path in complete.everything}):
            (scratch / folder).mkdir(parents=True, exist_ok=True)
        for path, (source, _) in draft.sources.items():
            tree.place(source, f"{scratch}/{path}")
        for path, (source, _) in retained.items():
            tree.place(source, f"{scratch}/{path}")
        for path, content in draft.contents.items():
            tree.write(f"{scratch}/{path}", content)
        text = complete.text().encode()
        tree.write(f"{scratch}/{tree.SEAL}", signer.detached([text], now).encode())
        tree.write(f"{scratch}/{tree.COMPLETE}", text)
        return tree.switch(home, name, scratch, complete), complete


def _retained(home: Path, name: str, files: Mapping[str, object]) -> dict[str, tuple[str, tuple[int, str]]]:
    """What clients who have read the indexes of the tree that is served now may ask for after it is replaced."""
    at = tree.current(home, name)
    before = tree.read(at) if at else None
    if at is None or before is None:
        return {}
    return {
        path: (f"{at}/{path}", known)
        for path, known in before.files.items()
        if path not in files and _NAMED_BY_CONTENT.search(path)
    }
