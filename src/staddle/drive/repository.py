"""The repository on its way from the ADMIN node to INFRA nodes: as it is for a sandbox, as trees for real hosts."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from staddle.components.material import Repository
from staddle.errors import StaddleError
from staddle.programs.shelf import Shelf
from staddle.repo.offline import tree
from staddle.repo.publish import HOME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from staddle.programs.shelf import Packed, Parcel

SHARDS = 8
"""Into how many trees the packages go. The more, the less has to be sent for a new one, and the more is to be looked after."""
_HEAVY = (".deb", ".rpm", ".whl")
_STORED = 0
"""How packages are packed: they are compressed already."""


def served(admin: Path, name: str) -> Repository | None:
    """What the ADMIN node has, if anything. Raises StaddleError."""
    at = tree.current(admin / HOME, name)
    try:
        complete = tree.read(at) if at else None
        if at is None or complete is None:
            return None
        key = (at / tree.KEY).read_text(encoding="ascii")
    except (tree.TreeError, OSError, UnicodeDecodeError) as error:
        raise StaddleError(f"can't read the repository {admin / HOME / name}: {error}") from error
    return Repository(id=complete.id, key=key, link=str(tree.link_of(admin / HOME, name)))


def packed(admin: Path, repository: Repository, name: str) -> tuple[Repository, list[Parcel]]:
    """The repository with the addresses of its trees, and the files to be sent to hosts that lack them.

    Raises StaddleError.
    """
    at = tree.current(admin / HOME, name)
    try:
        complete = tree.read(at) if at else None
        if at is None or complete is None or complete.id != repository.id:
            raise StaddleError(f"the repository {name} was exchanged just now", hint="run the same command again")
        shelf = Shelf(admin / "repo/shelf")
        heavy: list[dict[str, str]] = [{} for _ in range(SHARDS)]
        for path, (_, sha256) in complete.everything.items():
            if path.endswith(_HEAVY):
                heavy[int(hashlib.sha256(path.encode()).hexdigest(), 16) % SHARDS][path] = sha256
        shards = [shelf.make(_key(shard), _linker(at, shard), level=_STORED) for shard in heavy if shard]
        parts = [shard for shard in heavy if shard]
        where = {path: packed.sha256[:16] for packed, shard in zip(shards, parts, strict=True) for path in shard}
        light = [path for path in complete.everything if path not in where]
        main = shelf.make(f"main-{complete.id}", _indexes(at, light, where))
    except (tree.TreeError, OSError) as error:
        raise StaddleError(f"can't pack the repository {name}: {error}") from error
    everything: list[Packed] = [*shards, main]
    found = replace(repository, shards=tuple(shard.sha256 for shard in shards), main=main.sha256)
    return found, [item.parcel for item in everything]


def _key(shard: dict[str, str]) -> str:
    """What a shard is made from."""
    return "shard-" + hashlib.sha256(repr(sorted(shard.items())).encode()).hexdigest()


def _linker(at: Path, shard: dict[str, str]) -> Callable[[Path], None]:
    """Fills a directory with the packages of a shard."""

    def fill(directory: Path) -> None:
        for path in shard:
            _parent(directory, path)
            tree.place(f"{at}/{path}", f"{directory}/{path}")

    return fill


def _indexes(at: Path, light: list[str], where: dict[str, str]) -> Callable[[Path], None]:
    """Fills a directory with all that is no package, and a link for each package."""

    def fill(directory: Path) -> None:
        for path in [*light, tree.COMPLETE, tree.SEAL]:
            _parent(directory, path)
            tree.place(f"{at}/{path}", f"{directory}/{path}")
        for path, shard in where.items():
            link = _parent(directory, path)
            up = "../" * (path.count("/") + 2)  # out of this tree, and out of the directory of trees
            link.symlink_to(f"{up}parts/{shard}/{path}")

    return fill


def _parent(directory: Path, path: str) -> Path:
    target = directory / path
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
