"""Trees: directories of files that come as one archive and are never changed afterwards, such as unpacked programs.

A tree is addressed by its listing, which says of every file what it is; so two archives of the same files are the same tree.
Archives come before the run that needs them (`incoming.py`); one that the host has already is never sent. Each version has a
path of its own: new ones are made before the first block, old ones go after the last.

What was put there is remembered with what the file system says of it (size, times, mode), so that looking whether all
is as it was reads no file that nobody touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
import subprocess
import tarfile
from typing import IO, TYPE_CHECKING, Any

from .facts import Obstacle, explain, open_directory
from .files import TEMPORARY, sync_directory, write_atomically
from .report import CHANGED, FAILED, OK, ResourceResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .ledger import Store
    from .model import Block, Tree

RECORDS = "trees"
"""Where, in the state directory, it is remembered what was unpacked."""
ROOT = "/opt/staddle"
"""Directories up to this one are ours, and go when nothing is left in them."""
_SHOWN = 3
_CACHES = "__pycache__"


class TreeError(Exception):
    """Why a tree can't be made; the message is for people."""


class Trees:
    """Those of all blocks. `ensure` makes what is missing or was tampered with; `results` and `failures` tell each
    block how that went, `wants` which archives it takes.

    `coming` are the components of which a tree is not there yet, `mended` those whose tree was there and is another now.
    """

    def __init__(self, blocks: Iterable[Block], store: Store) -> None:
        self._store = store
        self._owners: dict[str, list[str]] = {}
        self._trees: dict[str, Tree] = {}
        for block in blocks:
            for tree in block.trees:
                self._trees[tree.path] = tree
                self._owners.setdefault(tree.path, []).append(block.component)
        self.results: dict[str, list[ResourceResult]] = {}
        self.failures: dict[str, str] = {}
        self.wants: list[str] = []
        self.coming: set[str] = set()
        self.mended: set[str] = set()

    def ensure(self, *, check: bool) -> None:
        """Brings them about (or, with `check`, says what that would be). Never raises: see `failures`."""
        for path, tree in sorted(self._trees.items()):
            owners = self._owners[path]
            result = ResourceResult("tree", path)
            try:
                self._one(tree, result, check=check)
            except (TreeError, Obstacle) as error:
                result.note = str(error)
            except OSError as error:
                result.note = explain(error, path)
            else:
                self._tell(result, owners)
                continue
            result.outcome = FAILED
            self.failures.update(dict.fromkeys(owners, result.note))
            self._tell(result, owners)

    def _tell(self, result: ResourceResult, owners: list[str]) -> None:
        for component in owners:
            first = component == owners[0] or result.outcome == FAILED
            shown = result if first else ResourceResult("tree", result.path, OK)
            self.results.setdefault(component, []).append(shown)

    def _one(self, tree: Tree, result: ResourceResult, *, check: bool) -> None:
        there = os.path.lexists(tree.path)
        wrong = differences(self._store, tree.path, tree.sha256) if there else []
        if there and not wrong:
            return
        result.action, result.outcome = ("update" if there else "create"), CHANGED
        result.note = describe(wrong) if there else tree.origin
        (self.mended if there else self.coming).update(self._owners[tree.path])
        archive = incoming(self._store, tree.sha256)
        if not os.path.exists(archive):
            self.wants.append(tree.sha256)
            if not check:
                raise TreeError(f"{tree.path}: what belongs there ({tree.origin}) was not sent to this host")
        if not check:
            unpack(self._store, tree, archive)
            os.unlink(archive)


def incoming(store: Store, name: str) -> str:
    """Where the archive called `name` is, once it was sent."""
    return store.at("incoming", name)


def unpack(store: Store, tree: Tree, archive: str) -> None:
    """Puts the tree in its place, all of it or nothing. Raises TreeError, Obstacle, OSError."""
    umask = os.umask(0o022)
    try:
        _unpack(store, tree, archive)
    finally:
        os.umask(umask)


def _unpack(store: Store, tree: Tree, archive: str) -> None:
    parent = os.path.dirname(tree.path)
    os.makedirs(parent, exist_ok=True)
    os.close(open_directory(parent))  # nobody else's link leads elsewhere
    aside = _aside(tree.path)
    shutil.rmtree(aside, ignore_errors=True)
    os.mkdir(aside)
    try:
        listing = _extract(archive, aside, tree.sha256)
        if tree.python:
            _compile(tree, aside)
        files = _observe(aside)
        _check_complete(listing, files)
        for name in files:
            _sync(os.path.join(aside, name))
        os.makedirs(store.at(RECORDS), 0o700, exist_ok=True)
        known = {name: [*seen, _digest(aside, name, listing)] for name, seen in files.items()}
        record = {"sha256": tree.sha256, "files": known}
        if os.path.lexists(tree.path):
            discard(tree.path)
        os.rename(aside, tree.path)
        sync_directory(parent)
        write_atomically(_record(store, tree.path), json.dumps(record, separators=(",", ":")).encode())
    except (tarfile.TarError, EOFError, ValueError, KeyError) as error:
        with contextlib.suppress(OSError):
            os.unlink(archive)
        raise TreeError(f"{tree.path}: its archive was damaged on the way ({error}): run again") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def discard(path: str) -> None:
    """Removes a tree: out of its place at once, then bit by bit. Raises OSError."""
    old = f"{_aside(path)}.old"
    shutil.rmtree(old, ignore_errors=True)
    if os.path.isdir(path) and not os.path.islink(path):
        os.rename(path, old)
        shutil.rmtree(old)
    else:
        os.unlink(path)


def remove(store: Store, path: str, *, check: bool) -> ResourceResult:
    """A tree that nothing needs any more, with directories above it that are empty then."""
    result = ResourceResult("tree", path, CHANGED, "remove")
    if not os.path.lexists(path):
        result.outcome, result.action, result.note = OK, "forget", "was already gone"
    if check:
        return result
    try:
        if result.outcome == CHANGED:
            discard(path)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(_record(store, path))
        above = os.path.dirname(path)
        with contextlib.suppress(OSError):
            while above == ROOT or above.startswith(f"{ROOT}/"):
                os.rmdir(above)
                above = os.path.dirname(above)
    except OSError as error:
        result.outcome, result.note = FAILED, explain(error, path)
    return result


def clean(paths: Iterable[str]) -> None:
    """Removes what a killed run was unpacking, or removing, beside these paths."""
    for parent in sorted({os.path.dirname(path) for path in paths}):
        with contextlib.suppress(OSError):
            for name in os.listdir(parent):
                if name.startswith(".") and TEMPORARY in name:
                    shutil.rmtree(os.path.join(parent, name), ignore_errors=True)


def differences(store: Store, path: str, sha256: str) -> list[tuple[str, str]]:
    """What is not as it was unpacked: (path within the tree, what). Raises OSError if it can't be looked at."""
    try:
        with open(_record(store, path), "rb") as file:
            record = json.load(file)
        known: dict[str, list[Any]] = record["files"]
        if record["sha256"] != sha256:
            return [("", "was made from something else")]
    except (FileNotFoundError, ValueError, KeyError):
        return [("", "it is not known what was put there")]
    if os.path.islink(path) or not os.path.isdir(path):
        return [("", "is not a directory any more")]
    now = _observe(path)
    found = [(name, _compare(path, name, known[name], now[name])) for name in known.keys() & now.keys()]
    found += [(name, "is gone") for name in known.keys() - now.keys()]
    # Whoever runs something from here as root may leave caches: those are nobody's edit.
    found += [(name, "was added") for name in now.keys() - known.keys() if f"/{_CACHES}/" not in f"/{name}"]
    return sorted((name, what) for name, what in found if what)


def _compare(path: str, name: str, known: list[Any], now: list[Any]) -> str:
    """What is different about one file. Its content is read only if it was touched since."""
    if now == known[:-1]:
        return ""
    words = ("is a {} now", "has another mode: {:04o}", "belongs to {} now", "has group {} now")
    for index, what in enumerate(words):
        if now[index] != known[index]:
            return what.format(now[index])
    if now[0] == "symlink":
        return "leads elsewhere"
    return "was changed" if now[0] == "file" and _hash(os.path.join(path, name)) != known[-1] else ""


def describe(differing: list[tuple[str, str]]) -> str:
    """For people, in one line."""
    shown = [f"{name} {what}".strip() for name, what in differing[:_SHOWN]]
    more = len(differing) - _SHOWN
    return "; ".join([*shown, *([f"and {more} more"] if more > 0 else [])])


def _extract(archive: str, aside: str, sha256: str) -> dict[str, list[Any]]:
    """The listing, once everything in it is there. Only what it names is written, and only below `aside`."""
    with tarfile.open(archive, "r|gz") as tar:
        first = tar.next()
        source = tar.extractfile(first) if first else None
        if source is None:
            raise ValueError("it has no listing")
        text = source.read()
        if hashlib.sha256(text).hexdigest() != sha256:
            raise ValueError("its listing is another")
        listing: dict[str, list[Any]] = {item[0]: item[1:] for item in json.loads(text)}
        while (member := tar.next()) is not None:
            kind, mode, *rest = listing[member.name]
            target = os.path.join(aside, member.name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if kind == "symlink":
                os.symlink(rest[0], target)
                continue
            content = tar.extractfile(member)
            if content is None:
                raise ValueError(f"{member.name} has no content")
            _write(content, target, mode, rest[1])
    return listing


def _write(source: IO[bytes], target: str, mode: int, sha256: str) -> None:
    digest = hashlib.sha256()
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(target, flags, 0o600), "wb") as file:
        while chunk := source.read(1 << 20):
            digest.update(chunk)
            file.write(chunk)
        os.fchmod(file.fileno(), mode)
    if digest.hexdigest() != sha256:
        raise ValueError(f"{target} has another content")


def _compile(tree: Tree, aside: str) -> None:
    """Byte code for the Python that will run it: it may not write any itself."""
    argv = [tree.python or "", "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    argv += ["-s", aside, "-p", tree.path, aside]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise TreeError(f"{tree.path}: {tree.python} does not take it: {(done.stdout + done.stderr).strip()[-400:]}")


def _check_complete(listing: Mapping[str, list[Any]], files: Mapping[str, list[Any]]) -> None:
    missing = sorted(listing.keys() - files.keys())
    if missing:
        raise ValueError(f"{missing[0]} is not in it")


def _observe(path: str) -> dict[str, list[Any]]:
    """All that is not a directory: kind, mode, owner, and for files size and times."""
    found: dict[str, list[Any]] = {}
    waiting = [""]
    while waiting:
        relative = waiting.pop()
        with os.scandir(os.path.join(path, relative)) as entries:
            for entry in entries:
                name = os.path.join(relative, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(name)
                    continue
                info = entry.stat(follow_symlinks=False)
                kind = {stat.S_IFREG: "file", stat.S_IFLNK: "symlink"}.get(stat.S_IFMT(info.st_mode), "other")
                seen: list[Any] = [kind, stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid]
                if kind == "file":
                    seen += [info.st_size, info.st_mtime_ns, info.st_ctime_ns]
                elif kind == "symlink":
                    seen.append(os.readlink(entry.path))
                found[name] = seen
    return found


def _digest(aside: str, name: str, listing: Mapping[str, list[Any]]) -> str:
    """The content's SHA-256, or where a link leads."""
    if name in listing:
        return str(listing[name][-1])
    return _hash(os.path.join(aside, name))


def _hash(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _sync(path: str) -> None:
    if os.path.islink(path):
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _aside(path: str) -> str:
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}{TEMPORARY}")


def _record(store: Store, path: str) -> str:
    return store.at(RECORDS, f"{path.strip('/').replace('/', '_')}.json")
