"""A published repository on disk: complete trees side by side, and one link that says which of them is served.

    <home>/<name>                 → .<name>/trees/<id>, exchanged by one rename
    <home>/.<name>/trees/<id>/    repo_complete names every file in it, and is signed (repo_complete.asc)
    <home>/.<name>/new-…          a tree that is being made; the next one to come removes what was left of it
    <home>/.<name>/lock           held by who makes one

A tree is made aside, `repo_complete` is written to it last, and only then it gets its name and the link. Whatever
happens at whatever moment, the link leads to a whole tree, the old one or the new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import openpgp
from .openpgp import PublicKey, SignatureError

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPLETE = "repo_complete"
SEAL = "repo_complete.asc"
KEY = "repo.asc"
FORMAT = 1
_CHUNK = 1024 * 1024

Files = dict[str, tuple[int, str]]
"""Path below the tree → size and SHA-256."""


class TreeError(Exception):
    """A tree that is not what it should be; says which file, and why."""


@dataclass(frozen=True)
class Complete:
    """What `repo_complete` says. `binding` is the digest of all that the tree was made from, `key` the signer's fingerprint.

    `targets` maps releases to the digests of their locks; `retained` are files of the tree before this one that clients who
    read its indexes may still ask for.
    """

    name: str
    binding: str
    key: str
    targets: dict[str, str]
    files: Files
    retained: Files = field(default_factory=dict)

    def text(self) -> str:
        """The file's content, the same for the same tree."""
        data: dict[str, Any] = {"format": FORMAT, **vars(self)}
        return json.dumps(data, sort_keys=True) + "\n"

    @property
    def everything(self) -> Files:
        return {**self.retained, **self.files}

    @property
    def id(self) -> str:
        """The name of the tree."""
        return hashlib.sha256(self.text().encode()).hexdigest()[:16]


def parse(text: str) -> Complete:
    """The inverse of `Complete.text`. Raises TreeError."""
    try:
        data = json.loads(text)
        if data.pop("format") != FORMAT:
            raise TreeError(f"{COMPLETE} was written by another version of Staddle")
        for part in ("files", "retained"):
            data[part] = {_plain(path): (int(size), str(sha256)) for path, (size, sha256) in data[part].items()}
        return Complete(**data)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise TreeError(f"{COMPLETE} can't be read: {error}") from error


def read(tree: Path) -> Complete | None:
    """What the tree says of itself; None if it says nothing, and so isn't complete. Raises TreeError."""
    try:
        return parse((tree / COMPLETE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise TreeError(f"{COMPLETE}: {error.strerror}") from error


def verify(tree: Path, key: PublicKey | None = None) -> list[str]:
    """All that is wrong with a tree, each with the name of the file; nothing if it is as it was signed.

    `key` is who must have signed it; without one, whoever the tree itself names.
    """
    try:
        signer = key or openpgp.read_key((tree / KEY).read_text(encoding="ascii"))
        content = (tree / COMPLETE).read_bytes()
        openpgp.verify_detached(signer, [content], (tree / SEAL).read_text(encoding="ascii"))
        complete = parse(content.decode())
    except OSError as error:
        return [f"{Path(error.filename).name}: {error.strerror}"]
    except SignatureError as error:
        return [f"{SEAL}: {error}"]
    except (TreeError, UnicodeDecodeError) as error:
        return [f"{COMPLETE}: {error}"]
    # A bundle leaves out what is only kept for clients of the tree before this one.
    expected = {**complete.files, **{p: known for p, known in complete.retained.items() if (tree / p).exists()}}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        paths = sorted(expected)
        found = pool.map(lambda path: judge(tree / path, *expected[path]), paths)
        problems = [f"{path}: {what}" for path, what in zip(paths, found) if what]
    known = {*expected, COMPLETE, SEAL}
    problems += [f"{path}: it is not part of the repository" for path in sorted(_listed(tree) - known)]
    return problems


def judge(file: Path, size: int, sha256: str) -> str | None:
    """What is wrong with a file that should have this content, if anything is."""
    try:
        status = file.lstat()
        if not os.path.isfile(file) or os.path.islink(file):
            return "it is no regular file"
        if status.st_size != size:
            return f"it has {status.st_size} bytes, and should have {size}"
        if digest(file) != sha256:
            return "its content is not what it should be (SHA-256)"
    except FileNotFoundError:
        return "it is missing"
    except OSError as error:
        return f"it can't be read: {error.strerror}"
    return None


def digest(file: Path) -> str:
    """Its SHA-256. Raises OSError."""
    state = hashlib.sha256()
    with open(file, "rb", buffering=0) as opened:
        while chunk := opened.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()


def link_of(home: Path, name: str) -> Path:
    """What is served."""
    return home / name


def current(home: Path, name: str) -> Path | None:
    """The tree that is served; None if none is."""
    link = link_of(home, name)
    return Path(os.path.realpath(link)) if link.is_symlink() and (link / COMPLETE).exists() else None


@contextlib.contextmanager
def staging(home: Path, name: str) -> Iterator[Path]:
    """An empty directory for a tree, while nobody else makes one; gone afterwards unless `switch` was called."""
    inside = home / f".{name}"
    (inside / "trees").mkdir(parents=True, exist_ok=True)
    with open(inside / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in inside.glob("new-*"):
            shutil.rmtree(left, ignore_errors=True)
        scratch = Path(tempfile.mkdtemp(prefix="new-", dir=str(inside)))
        scratch.chmod(0o755)
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def switch(home: Path, name: str, staged: Path, complete: Complete) -> Path:
    """Serve the staged tree, which must be whole, from now on. Returns where it is. Older ones but the last are removed."""
    trees = home / f".{name}" / "trees"
    before = current(home, name)
    target = trees / complete.id
    if before == target:
        return target
    if target.exists():  # left by one who was interrupted before the link
        shutil.rmtree(target)
    staged.rename(target)
    link, new = link_of(home, name), home / f".{name}" / "link"
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    new.symlink_to(Path(f".{name}") / "trees" / complete.id)
    if link.is_dir() and not link.is_symlink():
        raise TreeError(f"{link} is a directory, and no repository of ours: move it away")
    new.replace(link)
    for old in trees.iterdir():
        if old not in (target, before):
            shutil.rmtree(old, ignore_errors=True)
    return target


def place(source: str, target: str) -> None:
    """`source` as a file of a tree: a second name for it where that works, else a copy; readable for everybody."""
    try:
        if os.stat(source).st_mode & 0o444 == 0o444:
            os.link(source, target)
            return
    except OSError:
        pass  # another file system, or one without hard links
    shutil.copyfile(source, target)
    os.chmod(target, 0o644)


def write(target: str, content: bytes) -> None:
    """A file of a tree."""
    with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644), "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), 0o644)


def _plain(path: str) -> str:
    """Raises ValueError for a path that leads out of the tree."""
    if path.startswith("/") or any(part in ("", ".", "..") for part in path.split("/")) or "\0" in path:
        raise ValueError(f"{path!r} is no path below a repository")
    return path


def _listed(tree: Path) -> set[str]:
    found: set[str] = set()
    for folder, _, names in os.walk(tree):
        below = os.path.relpath(folder, tree)
        found.update(name if below == "." else f"{below}/{name}" for name in names)
    return found
