"""Packages that the ADMIN node sends: how apt is told of them, without a source being set up for that.

A plan needs no more than their index; the files come for the run, and are used only if they are what the index was made of.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from typing import TYPE_CHECKING

from .stage import PREFIX
from .trees import incoming

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .ledger import Store
    from .model import Offers

ALONE = ("-o", "Dir::Etc::sourcelist=/dev/null", "-o", "Dir::Etc::sourceparts=/dev/null")
"""The host's own sources are left out of it."""
_LOCAL = ("-o", "APT::Sandbox::User=root")


@contextlib.contextmanager
def index(offers: Offers | None) -> Iterator[list[str]]:
    """Apt's options with which it knows of them. Nothing is offered: none."""
    if offers is None:
        yield []
        return
    with tempfile.TemporaryDirectory(prefix="staddle-") as directory:
        path = os.path.join(directory, "Packages")
        with open(path, "w", encoding="utf-8") as file:
            file.write(offers.index)
        yield [*_LOCAL, *(ALONE if offers.only else ()), "--with-source", path]


def absent(files: Mapping[str, str], store: Store) -> list[str]:
    """Those that were not sent yet."""
    return sorted(sha256 for sha256 in files.values() if not os.path.exists(incoming(store, sha256)))


@contextlib.contextmanager
def placed(files: Mapping[str, str], store: Store) -> Iterator[list[str]]:
    """Apt's options with which it installs from these files (package → SHA-256), which are gone afterwards.

    Raises OSError if one of them is not what it should be.
    """
    if not files:
        yield []
        return
    directory = tempfile.mkdtemp(prefix=PREFIX, dir=store.path)
    try:
        options = list(_LOCAL)
        for name, sha256 in sorted(files.items()):
            path = os.path.join(directory, f"{name}.deb")
            os.rename(incoming(store, sha256), path)
            _verify(path, sha256)
            options += ["--with-source", path]
        yield options
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _verify(path: str, sha256: str) -> None:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    if digest.hexdigest() != sha256:
        raise OSError(errno.EBADMSG, "is not the package that was announced: run again", os.path.basename(path))
